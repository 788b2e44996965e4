"""YAML text to a tree that knows its lines. Nothing is constructed, and the tree cannot be deep or looped.

YAML reads some texts as something else (`0123`, `12:30`, `yes`). A scalar keeps its text as it was written, and
remembers what YAML would take it for, so that a field of text can refuse it instead of changing it.
"""

import re
from typing import Any, Final

import yaml
from msgspec import Struct

MAX_BYTES: Final = 2**20
MAX_DEPTH: Final = 32

NUMBER: Final = "a number"
TRUTH: Final = "true or false"
NOTHING: Final = "nothing"

_TAKEN_FOR: Final = {
    "bool": TRUTH,
    "float": NUMBER,
    "int": NUMBER,
    "merge": "a merge",
    "null": NOTHING,
    "timestamp": "a date",
    "value": "a default",
}
# What other readers of YAML take for something else, so that a file means the same to all of them.
_NUMBER_ELSEWHERE: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+", re.ASCII)
_TRUTH_ELSEWHERE: Final = frozenset("yYnN")

_PLAIN: Final = {"'<document start>'": "the end of the file", "<block end>": "the end of this block"}
_ADVICE: Final = "spaces for indentation, and quotes around text that holds any of : # [ ] { } , & * ! | > % @ `"


class Malformed(Exception):
    """The file cannot be read as one document of plain YAML."""

    def __init__(self, line: int | None, wrong: str, write: str = "") -> None:
        super().__init__(wrong)
        self.line = line
        self.wrong = wrong
        self.write = write


class Scalar(Struct, frozen=True):
    """A single value, as written."""

    line: int
    text: str
    taken_for: str = ""
    """What YAML would make of it; empty where that is text."""


class Rows(Struct, frozen=True):
    """A list."""

    line: int
    items: tuple["Node", ...] = ()


class Table(Struct, frozen=True):
    """A mapping; its keys are not checked yet."""

    line: int
    pairs: tuple[tuple["Node", "Node"], ...] = ()


class Broken(Struct, frozen=True):
    """A place where stands what a config must not hold."""

    line: int
    wrong: str
    write: str


Node = Scalar | Rows | Table | Broken


def at(node: Node, name: str) -> Node | None:
    """Return the value of a key; None where the node lacks it."""
    pairs = node.pairs if isinstance(node, Table) else ()
    return next((value for key, value in pairs if isinstance(key, Scalar) and key.text == name), None)


def parse(data: bytes) -> Node:
    """Return the tree of the one document in `data`.

    Raises:
        Malformed: it is no UTF-8, no YAML, empty, too large, too deep, or more than one document.
    """
    if len(data) > MAX_BYTES:
        raise Malformed(None, "larger than 1 MiB, which is no config")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(
            data[: error.start].count(b"\n") + 1, "not UTF-8", "the file anew, saved as UTF-8"
        ) from None
    try:
        loader: Any = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Malformed(line, "a control character, which YAML does not allow") from None
    try:
        return _document(loader)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise _malformed(error, loader.line + 1) from None
    finally:
        loader.dispose()


def _malformed(error: Exception, line: int) -> Malformed:
    mark = getattr(error, "problem_mark", None)
    told = getattr(error, "problem", None) or "a character that does not exist"
    for jargon, plain in _PLAIN.items():
        told = told.replace(jargon, plain)
    # What the parser found it quotes, and that may be a secret which looks like a tag.
    told = re.sub(r" '[^']{3,}'", "", told.partition(", but")[0])
    return Malformed(mark.line + 1 if mark else line, f"not YAML: {told}", _ADVICE)


def _document(loader: Any) -> Node:
    loader.get_event()  # the start of the stream
    if loader.check_event(yaml.StreamEndEvent):
        raise Malformed(None, "empty", "at least one account")
    loader.get_event()  # the start of the document
    tree = _node(loader, 1)
    loader.get_event()  # the end of the document
    if not loader.check_event(yaml.StreamEndEvent):
        line = loader.peek_event().start_mark.line + 1
        raise Malformed(line, "a second document begins here", "one document, without ---")
    return tree


def _node(loader: Any, depth: int) -> Node:
    event = loader.get_event()
    line = event.start_mark.line + 1
    if depth > MAX_DEPTH:
        raise Malformed(line, f"nested deeper than {MAX_DEPTH} levels, which no config needs")
    node: Node
    if isinstance(event, yaml.AliasEvent):
        return Broken(line, "aliases (*) are not allowed", "the value itself, in quotes if it is text")
    if isinstance(event, yaml.SequenceStartEvent):
        node = Rows(line, tuple(_until(loader, yaml.SequenceEndEvent, depth)))
    elif isinstance(event, yaml.MappingStartEvent):
        both = iter(tuple(_until(loader, yaml.MappingEndEvent, depth)))
        node = Table(line, tuple(zip(both, both, strict=True)))
    else:
        node = Scalar(line, event.value, _taken_for(loader, event))
    if event.anchor is not None:
        return Broken(line, "anchors (&) are not allowed", "the value alone, in quotes if it is text")
    if event.tag is not None:
        return Broken(line, "tags (!) are not allowed", "the value alone, in quotes if it is text")
    return node


def _until(loader: Any, end: type[yaml.Event], depth: int) -> list[Node]:
    nodes = []
    while not loader.check_event(end):
        nodes.append(_node(loader, depth + 1))
    loader.get_event()
    return nodes


def _taken_for(loader: Any, event: yaml.ScalarEvent) -> str:
    if event.style is not None:
        return ""
    tag = loader.resolve(yaml.ScalarNode, event.value, (True, False))
    word = tag.rpartition(":")[2]
    if word in _TAKEN_FOR:
        return _TAKEN_FOR[word]
    if event.value in _TRUTH_ELSEWHERE:
        return TRUTH
    return NUMBER if _NUMBER_ELSEWHERE.fullmatch(event.value) else ""
