"""Bytes to the structure that the vendor documents: a wrong field costs itself, a wrong row costs itself.

The structures are msgspec Structs that read like the vendor's page. An answer that fits is decoded in one pass
in C. Only one that does not is walked a second time, field by field, to save what is sound in it.
"""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, NoReturn, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from exporter.errors import Reason, Unreadable

EXACT = 2**53
"""Beyond this a float no longer holds every integer, so a larger number would not be what the vendor sent."""

Count = Annotated[int, Meta(ge=0, le=EXACT)]
"""A number of things: whole, not negative."""

Seconds = Annotated[int, Meta(ge=0, le=EXACT)] | Annotated[float, Meta(ge=0, le=float(EXACT))]
"""A duration: finite, not negative. What comes whole stays whole: it is read and written eight times as fast."""

Mean = Annotated[float, Meta(ge=0, le=float(EXACT))]
"""A mean of counts: finite, not negative."""

_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?", re.ASCII)
_NO_NUMBER = frozenset({"", "--", "-", "N/A"})  # the vendors' words for "there is no number here"
_FAULTS_NAMED = 20  # a thousand broken rows are told by their number, not by a thousand paths

T = TypeVar("T")


class Decoded(Struct, Generic[T], frozen=True):
    """The value, and what had to be left out of it."""

    value: T
    drift: tuple[str, ...] = ()
    """Paths of the fields that were not as documented, each path once."""
    invalid_rows: int = 0
    """Rows of lists, and Structs among the values of a mapping, that could not be saved for want of their key."""


def drift_of(answers: Iterable[Decoded[Any]]) -> tuple[str, ...]:
    """Return the paths of what was not as documented in any of the answers, each path once."""
    return tuple(dict.fromkeys(path for answer in answers for path in answer.drift))


def decode(body: bytes, shape: type[T]) -> Decoded[T]:
    """Decode a JSON body into `shape`, dropping the fields and rows that do not fit it.

    Raises:
        Unreadable: the body is empty, is no JSON in UTF-8, or lacks a field without which it means nothing.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    if not body.strip():
        raise Unreadable(Reason.EMPTY_BODY, "the answer is empty")
    if not body.isascii():
        _text(body)
    try:
        return Decoded(_decoder(shape).decode(body))  # type: ignore[arg-type]  # every type is hashable
    except (msgspec.MsgspecError, RecursionError):
        return _salvage(_loads(_text(body)), shape)


def decode_row(row: msgspec.Raw, shape: type[T]) -> Decoded[T]:
    """Decode one row of an answer whose text was looked at when the answer was decoded.

    Raises:
        Unreadable: the row lacks a field without which it means nothing.
    """
    try:
        return Decoded(_decoder(shape).decode(row))  # type: ignore[arg-type]  # every type is hashable
    except (msgspec.MsgspecError, RecursionError):
        return _salvage(_loads(bytes(row).decode("utf-8")), shape)


@cache
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


def _text(body: bytes) -> str:
    """Return the body as text: msgspec does not look into what the shape leaves out."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable(Reason.DECODE, "the answer is not JSON in UTF-8") from None


def _loads(text: str) -> object:
    try:
        return json.loads(text)
    except RecursionError:
        raise Unreadable(Reason.DECODE, "the answer is nested too deeply") from None
    except ValueError:
        raise Unreadable(Reason.DECODE, "the answer is not JSON in UTF-8") from None


class _Misfit(Exception):
    """A value that does not fit its place."""


class _Walk:
    """One pass over a document that did not fit, collecting what is dropped."""

    def __init__(self) -> None:
        self.drift: dict[str, None] = {}
        self.invalid_rows = 0

    def fit(self, value: object, shape: Any, path: str) -> Any:
        """Return `value` as `shape`, without the parts that do not fit; raise _Misfit where nothing is left."""
        if isinstance(shape, type) and issubclass(shape, Struct):
            return self._struct(value, shape, path)
        origin = get_origin(shape)
        if origin in (list, tuple):
            return origin(self._rows(value, get_args(shape)[0], path))
        if origin in (Union, UnionType):
            return self._union(value, get_args(shape), path)
        if origin is dict:
            return self._mapping(value, get_args(shape), path)
        return _raw(value) if shape is msgspec.Raw else _leaf(value, shape)

    def note(self, path: str) -> None:
        if len(self.drift) < _FAULTS_NAMED:
            self.drift[path] = None

    def _struct(self, value: object, shape: type[Struct], path: str) -> Struct:
        if not isinstance(value, dict):
            raise _Misfit
        found: dict[str, Any] = {}
        for field in _fields(shape):
            if field.encode_name not in value:
                continue
            place = f"{path}.{field.encode_name}" if path else field.encode_name
            try:
                found[field.name] = self.fit(value[field.encode_name], field.type, place)
            except _Misfit:
                self.note(place)
                if field.required:
                    raise
        if any(field.required and field.name not in found for field in _fields(shape)):
            self.note(path or "(the whole answer)")
            raise _Misfit
        return shape(**found)

    def _rows(self, value: object, shape: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise _Misfit
        rows = []
        for item in value:
            try:
                rows.append(self._row(item, shape, f"{path}[]"))
            except _Misfit:
                self.note(f"{path}[]")
                self.invalid_rows += 1
        return rows

    def _row(self, value: object, shape: Any, path: str) -> Any:
        """Return a row as `fit` does: most have nothing wrong, and are read as fast as an answer that fits."""
        if isinstance(shape, type) and issubclass(shape, Struct):
            with suppress(msgspec.MsgspecError, RecursionError):
                return _decoder(shape).decode(json.dumps(value))
        return self.fit(value, shape, path)

    def _mapping(self, value: object, shapes: tuple[Any, Any], path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _Misfit
        name, shape = shapes
        found = {}
        for key, item in value.items():
            try:
                found[_leaf(key, name)] = self._row(item, shape, f"{path}.*")
            except _Misfit:
                self.note(f"{path}.*")
                self.invalid_rows += isinstance(shape, type) and issubclass(shape, Struct)
        return found

    def _union(self, value: object, shapes: tuple[Any, ...], path: str) -> Any:
        if value is None and NoneType in shapes:
            return None
        # The value's own type comes first: the text "007" is an id, and only where no text is due a number.
        for shape in sorted(shapes, key=lambda shape: _bare(shape) is not type(value)):
            if shape in (NoneType, UnsetType):
                continue
            try:
                return self.fit(value, shape, path)
            except _Misfit:
                continue
        if isinstance(value, str) and value.strip() in _NO_NUMBER:
            if NoneType in shapes:
                return None
            if UnsetType in shapes:
                return UNSET
        raise _Misfit


@cache
def _fields(shape: type[Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(shape)


def _leaf(value: object, shape: Any) -> Any:
    bare = _bare(shape)
    if bare in (int, float) and isinstance(value, str):
        value = _number(value)
    if isinstance(value, float) and not isfinite(value):
        raise _Misfit  # NaN, which is no JSON and is sent all the same, or 1e999
    if bare is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str):
        value = _legal(value)
    try:
        return msgspec.convert(value, shape)
    except (msgspec.MsgspecError, OverflowError):
        raise _Misfit from None


def _raw(value: object) -> msgspec.Raw:
    try:
        return msgspec.Raw(json.dumps(value).encode())
    except RecursionError:
        raise _Misfit from None


def _bare(shape: Any) -> Any:
    return get_args(shape)[0] if get_origin(shape) is Annotated else shape


def _legal(text: str) -> str:
    """Replace lone surrogates: legal in JSON, and in no text."""
    return text.encode("utf-8", "replace").decode()


def _number(text: str) -> float | int:
    if not _NUMBER.fullmatch(text):
        raise _Misfit
    return float(text) if any(mark in text for mark in ".eE") else int(text)


def _salvage(document: object, shape: type[T]) -> Decoded[T]:
    walk = _Walk()
    try:
        value = walk.fit(document, shape, "")
    except _Misfit:
        _unlike(walk)
    return Decoded(value, tuple(walk.drift), walk.invalid_rows)


def _unlike(walk: _Walk) -> NoReturn:
    where = next(iter(walk.drift), "(the whole answer)")
    raise Unreadable(Reason.SCHEMA, f"the answer is not as documented at {where}") from None
