"""The config file to a Config, or to a report of everything that is wrong with it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from exporter.config.models import Account, Config, Pace, Polling, VendorShapes
from exporter.config.nodes import MAX_BYTES, Malformed, Node, Rows, Table, at, parse
from exporter.config.problems import ConfigError, Problem
from exporter.config.scalars import choose
from exporter.config.types import Place
from exporter.config.walk import BAD, Walk

_INTERVALS_SHOWN: Final = 3  # two polls may fail before their numbers leave

Vendors = Mapping[str, type[VendorShapes]]


def load(path: Path, vendors: Vendors, environ: Mapping[str, str]) -> Config:
    """Return the config in a file: complete and valid but for names of endpoints, which are the caller's to check.

    Secrets are read once, so that a missing one is told now. Blocks; run it off the event loop.

    Raises:
        ConfigError: with all problems of the file.
    """
    problems: list[Problem] = []
    config = BAD
    try:
        root = parse(content(path))
    except Malformed as error:
        problems.append(Problem(error.line, "", error.wrong, error.write))
    else:
        config = _config(Walk(Place(path.parent, environ), problems), root, vendors)
    if problems:
        raise ConfigError(str(path), problems)
    return config  # type: ignore[no-any-return]  # a Config, since BAD never comes without a problem


def content(path: Path) -> bytes:
    """Return what a config's file holds, and not much more than a config may be long.

    Raises:
        Malformed: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Malformed(None, f"cannot be read: {(error.strerror or 'no reason given').lower()}") from None


def _config(walk: Walk, root: Node, vendors: Vendors) -> Any:
    found = walk.fields(root, Config, "", raw=frozenset({"polling", "accounts"}))
    if found is None:
        return BAD
    common = walk.fields(found["polling"], Polling, "polling")
    found["polling"] = _pace(walk, found["polling"], Polling, "polling", common)
    sound = {name: value for name, value in (common or {}).items() if value is not BAD}
    found["accounts"] = _accounts(walk, found["accounts"], vendors, sound)
    return walk.build(root, Config, found, "")


def _pace(walk: Walk, node: Node, shape: type[Polling], path: str, said: Mapping[str, Any] | None) -> Any:
    """Return the pace that was said: a max_age must fit the interval, and where none was said it does."""
    pace = walk.build(node, shape, said, path)
    if pace is BAD or said is None:
        return BAD
    if "max_age" not in said:
        return replace(pace, max_age=max(pace.max_age, _INTERVALS_SHOWN * pace.interval))
    own = at(node, "max_age") or at(node, "interval")
    if own and pace.max_age < pace.interval:
        wrong = f"max_age ({pace.max_age:g}s) is shorter than interval ({pace.interval:g}s)"
        return walk.note(own.line, path, wrong, f"a max_age of {pace.interval:g}s or more")
    return pace


def _accounts(walk: Walk, node: Node, vendors: Vendors, common: Mapping[str, Any]) -> Any:
    if node in (Table(node.line), Rows(node.line)):
        return walk.note(node.line, "accounts", "there is none", "at least one account")
    names: dict[str, str] = {}

    def account(row: Node, path: str) -> Any:
        found = walk.fields(row, Account, path, raw=frozenset({"polling", "credentials", "options"}))
        if found is None:
            return BAD
        name, name_node = found["name"], at(row, "name")
        if name is not BAD and name_node and names.setdefault(name, path) != path:
            walk.note(name_node.line, f"{path}.name", f"{names[name]} has the same name", "a name of its own")
        said = walk.fields(found["polling"], Pace, f"{path}.polling")
        said = None if said is None else {**common, **said}
        found["polling"] = _pace(walk, found["polling"], Pace, f"{path}.polling", said)
        return walk.build(row, Account, found | _access(walk, row, found, vendors, path), path)

    return walk.rows(node, "accounts", account)


def _access(walk: Walk, row: Node, found: Mapping[str, Any], vendors: Vendors, path: str) -> dict[str, Any]:
    """Return the credentials and options, in the shapes of the account's vendor; nothing where that is unknown."""
    node = at(row, "vendor")
    if node is None or found["vendor"] is BAD:
        return {}
    vendor = walk.scalar(node, f"{path}.vendor", lambda scalar: choose(scalar, vendors, "vendor", walk.place))
    if vendor is BAD:
        return {}
    # Where the permission itself is wrong, its own problem is enough: the URLs are not judged.
    place = replace(walk.place, allow_insecure_url=bool(found.get("allow_insecure_url")))
    inside = Walk(place, walk.problems)
    return {
        "credentials": inside.read(found["credentials"], vendor.Credentials, f"{path}.credentials"),
        "options": inside.read(found["options"], vendor.Options, f"{path}.options"),
    }
