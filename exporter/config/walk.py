"""A tree of nodes to frozen structures, guided by their annotations. Problems are noted, none ends the walk."""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from msgspec import Struct, ValidationError, convert
from msgspec.structs import FieldInfo, fields

from exporter.config.nodes import NOTHING, Broken, Node, Rows, Scalar, Table
from exporter.config.problems import Misfit, Problem, cut, either
from exporter.config.scalars import read_scalar, read_secret_file
from exporter.config.types import Form, Place
from exporter.wire.secret import Secret

BAD: Final[Any] = object()
"""Stands for a value that could not be had; its problem is noted."""

_KINDS: Final = {Scalar: "a single value", Rows: "a list", Table: "keys"}

Keys = Mapping[str, tuple[int, Node]]
"""What a table holds: by key, the key's line and the value."""


class Walk:
    """One reading of a tree, and the problems that it met."""

    def __init__(self, place: Place, problems: list[Problem]) -> None:
        """Read as `place` demands; add problems to the given list."""
        self.place = place
        self.problems = problems

    def note(self, line: int, path: str, wrong: str, write: str = "") -> Any:
        """Note a problem, and return BAD."""
        self.problems.append(Problem(line, path, wrong, write))
        return BAD

    def read(self, node: Node, shape: Any, path: str) -> Any:
        """Return the node as a value of `shape`, or BAD."""
        shape = _required(shape)
        if get_origin(shape) is not Annotated:
            return self._bare(node, shape, path)
        bare, *marks = get_args(shape)
        value = self._bare(node, next((mark for mark in marks if isinstance(mark, Form)), bare), path)
        try:
            return value if value is BAD else convert(value, shape)
        except ValidationError as error:  # it names the bound, never the value
            return self.note(node.line, path, f"out of bounds: {_bound(error)}")

    def _bare(self, node: Node, shape: Any, path: str) -> Any:
        if isinstance(shape, type) and issubclass(shape, Struct):
            return self.build(node, shape, self.fields(node, shape, path), path)
        if get_origin(shape) is tuple:
            item = get_args(shape)[0]
            return self.rows(node, path, lambda row, place: self.read(row, item, place))
        if get_origin(shape) is Mapping:
            return self._mapping(node, get_args(shape)[1], path)
        return self.scalar(node, path, lambda scalar: read_scalar(scalar, shape, self.place))

    def scalar(self, node: Node, path: str, read: Callable[[Scalar], Any]) -> Any:
        """Return what a function makes of a single value, or BAD."""
        if not isinstance(node, Scalar) or _is_empty(node):
            return self._unlike(node, path, "a single value", "one value, in quotes if it is text")
        try:
            return read(node)
        except Misfit as misfit:
            return self.note(node.line, path, misfit.wrong, misfit.write)

    def rows(self, node: Node, path: str, read: Callable[[Node, str], Any]) -> Any:
        """Return what a function makes of each item of a list, or BAD."""
        if not isinstance(node, Rows):
            return self._unlike(node, path, "a list", "it between [ and ]")
        items = tuple(read(item, f"{path}[{index}]") for index, item in enumerate(node.items))
        return BAD if _any_bad(items) else items

    def fields(
        self, node: Node, shape: type[Struct], path: str, raw: frozenset[str] = frozenset()
    ) -> dict[str, Any] | None:
        """Return the fields that the node gives, BAD where one is wrong or missing; None where it has no keys.

        A field in `raw` stays a node, an empty Table where it is absent.
        """
        known = tuple(name for field in fields(shape) for name in _names(field))
        keys = self._keys(node, path, known)
        if keys is None:
            return None
        for name in (name for name in keys if name not in known):
            close = get_close_matches(name, known, n=1) or known
            self.note(keys[name][0], _join(path, name), "unknown key", either(close) if close else "nothing here")
        found = {}
        for field in fields(shape):
            if field.name in raw:
                found[field.name] = keys[field.name][1] if field.name in keys else Table(node.line)
            elif any(name in keys for name in _names(field)):
                found[field.name] = self._field(field, keys, path)
            elif field.required:
                write = either(_names(field)) if len(_names(field)) > 1 else ""
                found[field.name] = self.note(node.line, _join(path, field.encode_name), "missing", write)
        return found

    def build(self, node: Node, shape: type[Struct], found: Mapping[str, Any] | None, path: str) -> Any:
        """Return an instance of `shape` made of what was found, or BAD where that is bad or refused."""
        if found is None or _any_bad(found.values()):
            return BAD
        try:
            return shape(**found)
        except ValueError as error:
            return self.note(node.line, path, str(error), getattr(error, "write", ""))

    def _field(self, field: FieldInfo, keys: Keys, path: str) -> Any:
        name, *others = [name for name in _names(field) if name in keys]
        line, node = keys[name]
        place = f"{path}.{name}".lstrip(".")  # a name of ours: it may be told, however it looks
        if others:
            return self.note(line, place, f"given beside {others[0]}", "only one of the two")
        if name == field.encode_name:
            return self.read(node, field.type, place)
        return self.scalar(node, place, lambda scalar: read_secret_file(scalar, self.place))

    def _mapping(self, node: Node, shape: Any, path: str) -> Any:
        keys = self._keys(node, path, ())
        if keys is None:
            return BAD
        found = {name: self.read(value, shape, _join(path, name)) for name, (_, value) in keys.items()}
        return BAD if _any_bad(found.values()) else found

    def _keys(self, node: Node, path: str, known: tuple[str, ...]) -> Keys | None:
        if not isinstance(node, Table):
            self._unlike(
                node, path, "keys", f"{either(known)}, each with its value" if known else "keys with values"
            )
            return None
        keys: dict[str, tuple[int, Node]] = {}
        for key, value in node.pairs:
            name = self.scalar(key, path, _key)
            if name in keys:
                self.note(key.line, _join(path, name), f"given twice, first in line {keys[name][0]}")
            elif name is not BAD:
                keys[name] = key.line, value
        return keys

    def _unlike(self, node: Node, path: str, due: str, write: str) -> Any:
        if isinstance(node, Broken):
            return self.note(node.line, path, node.wrong, node.write)
        if _is_empty(node):
            return self.note(node.line, path, "empty", "a value, or leave the key out")
        return self.note(node.line, path, f"{_KINDS[type(node)]} where {due} must be", write)


def _key(node: Scalar) -> str:
    if node.taken_for:
        raise Misfit(f"YAML takes the key {cut(node.text)} for {node.taken_for}: quote it", f'"{cut(node.text)}"')
    return node.text


def _bound(error: ValidationError) -> str:
    return str(error).replace("`", "").replace("array", "list").lower()


def _is_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.taken_for == NOTHING and node.text in {"", "~"}


def _any_bad(values: Iterable[Any]) -> bool:
    return any(value is BAD for value in values)


def _required(shape: Any) -> Any:
    """Return X for `X | None`: an absent key is None, an empty one a mistake."""
    if get_origin(shape) in (Union, UnionType):
        (shape,) = (part for part in get_args(shape) if part is not NoneType)
    return shape


def _names(field: FieldInfo) -> tuple[str, ...]:
    """Return the keys that give a field: its own, which may be spelt otherwise than the field, and its file's."""
    name = field.encode_name
    return (name, f"{name}_file") if _required(field.type) is Secret else (name,)


def _join(path: str, name: str) -> str:
    key = cut(name.partition(":")[0])  # where the space after the colon was forgotten, the value stays untold
    return f"{path}.{key}" if path else key
