"""One value of the YAML text to one typed value."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, Literal, get_args, get_origin

from exporter.config.nodes import NUMBER, TRUTH, Scalar
from exporter.config.problems import Misfit, cut, either, quoted
from exporter.config.secrets import file_secret, known_secret
from exporter.config.types import Form, Place
from exporter.wire.secret import Secret

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)
_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})", re.ASCII)
_DECIMAL: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?", re.ASCII)
_TRUE: Final = frozenset({"true", "yes", "on", "y"})


def read_scalar(node: Scalar, shape: Any, place: Place) -> Any:
    """Return the scalar as a value of `shape`, which is a Form or a bare type.

    Raises:
        Misfit: it is none.
        TypeError: the shape is of a kind that configs do not have.
    """
    if isinstance(shape, Form):
        return shape.read(read_text(node, place, bare=shape.bare, secret=shape.secret), place)
    if (choices := _choices(shape)) is not None:
        return choose(node, choices, "value", place)
    if shape not in _READ:
        raise TypeError(f"a config has no fields of {shape}")
    return _READ[shape](node, place)


def read_text(node: Scalar, place: Place, *, bare: bool = False, secret: bool = False) -> str:
    """Return the text, or that of the environment variable which it names.

    Raises:
        Misfit: it is empty, is more than one line of text, or is something else than text to YAML.
    """
    if node.taken_for and not bare:
        hidden = secret or cut(node.text) != node.text
        value = "this value" if hidden else node.text
        write = "it between double quotes" if hidden else quoted(node.text)
        raise Misfit(f"YAML takes {value} for {node.taken_for}: quote it", write)
    text = _resolved(node.text, place)
    if not text.strip():
        raise Misfit("empty", "a value, or leave the key out")
    if any(unicodedata.category(char) == "Cs" for char in text):
        raise Misfit("not UTF-8 text")
    if not secret and any(unicodedata.category(char) in {"Cc", "Zl", "Zp"} for char in text):
        raise Misfit("more than one line of plain text", "one line, without control characters")
    return text


def _resolved(text: str, place: Place) -> str:
    match = _VARIABLE.fullmatch(text)
    if match is None:
        if "${" in text:
            raise Misfit("${...} stands for a whole value, not for a part of one", "the value, or ${NAME} alone")
        return text
    value = place.environ.get(match[1], "")
    if not value:
        raise Misfit(f"the environment variable {cut(match[1])} is empty or not set: set it first")
    return value


def choose(node: Scalar, choices: Mapping[str, Any], noun: str, place: Place) -> Any:
    """Return what the text stands for.

    Raises:
        Misfit: it is none of the choices; `noun` says of what.
    """
    text = read_text(node, place)
    if text not in choices:
        raise Misfit(f"unknown {noun} {quoted(node.text)}", either(choices))
    return choices[text]


def _choices(shape: Any) -> Mapping[str, Any] | None:
    if get_origin(shape) is Literal:
        return {word: word for word in get_args(shape)}
    if isinstance(shape, type) and issubclass(shape, Enum):
        return {member.value: member for member in shape}
    return None


def _secret(node: Scalar, place: Place) -> Secret:
    match = _VARIABLE.fullmatch(node.text)
    where = f"environment variable {match[1]}" if match else "the config file"
    return known_secret(read_text(node, place, secret=True), where)


def read_secret_file(node: Scalar, place: Place) -> Secret:
    """Return the secret in the file that the text names.

    Raises:
        Misfit: there is no such file, or no secret in it. The name is not told: it may be a misplaced secret.
    """
    return file_secret(place.directory / read_text(node, place, secret=True))


def _whole(node: Scalar, _: Place) -> int:
    if node.taken_for != NUMBER or not _WHOLE.fullmatch(node.text):
        raise Misfit("not a whole number", "digits alone, without quotes")
    return int(node.text)


def _decimal(node: Scalar, _: Place) -> float:
    if node.taken_for != NUMBER or not _DECIMAL.fullmatch(node.text):
        raise Misfit("not a number", "digits like 12 or 0.5, without quotes")
    return float(node.text)


def _truth(node: Scalar, _: Place) -> bool:
    if node.taken_for != TRUTH:
        raise Misfit("neither true nor false", "true or false, without quotes")
    if node.text not in {"true", "false"}:
        raise Misfit(f"{node.text} is not clear to every reader of YAML", str(node.text.lower() in _TRUE).lower())
    return node.text == "true"


_READ: Final[Mapping[type, Callable[[Scalar, Place], Any]]] = {
    str: read_text,
    int: _whole,
    float: _decimal,
    bool: _truth,
    Secret: _secret,
}
