"""Recorded answers, stored at their URL path, asked as the transport would ask them, without a network."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from exporter.errors import NotAllowed, Reason
from exporter.metrics.exposition import Exposition
from exporter.model import Snapshot
from exporter.store import AccountState, EndpointState, Held, World
from exporter.vendors.contract import Moment, Vendor
from exporter.wire.http import Reply, Request

PAYLOADS = Path(__file__).parent / "payloads"
AT = datetime(2026, 3, 29, 10, 0, tzinfo=UTC)  # a day of 23 hours in Berlin

Answers = Callable[[Request], Reply]

_FORM = "application/x-www-form-urlencoded"


def recorded(folder: Path) -> Answers:
    """Return what answers each request by the file at its path; a query, or a form, may have a file of its own.

    Such a file names, after a question mark, some of the arguments: the one that names most of them answers.
    """

    def answer(request: Request) -> Reply:
        path = folder / request.url.split("/", 3)[3]
        form = parse_qsl((request.body or b"").decode()) if request.content_type == _FORM else []
        given = {f"{key}={value}" for key, value in (*request.query, *form)}
        named = {file: set(file.name.split("?")[1].split("&")) for file in path.parent.glob(f"{path.name}?*")}
        fitting = [file for file, arguments in named.items() if arguments <= given]
        file = max(fitting, key=lambda file: len(named[file]), default=path)
        status, body = (200, file.read_bytes()) if file.exists() else (404, b"")
        return Reply(request, status, body, AT.timestamp(), {"content-type": "application/json"})

    return answer


def with_body(answers: Answers, endpoint: str, body: bytes) -> Answers:
    """Return answers of which one endpoint's body is another."""

    def answer(request: Request) -> Reply:
        reply = answers(request)
        return replace(reply, body=body) if request.endpoint == endpoint else reply

    return answer


def collect(
    vendor: Vendor, endpoint: str, answers: Answers, seen: Mapping[str, Snapshot] | None = None
) -> Snapshot:
    """Poll one endpoint, pages included."""
    moment = Moment(AT, seen or {}, {name: snapshot.memory for name, snapshot in (seen or {}).items()})

    def follow(reply: Reply, before: tuple[Reply, ...]) -> tuple[Request, ...]:
        return vendor.follow(reply, before, moment)

    replies = gather(vendor, vendor.requests(endpoint, moment), follow, answers)
    return vendor.read(endpoint, replies, moment)


def gather(
    vendor: Vendor,
    requests: Iterable[Request],
    follow: Callable[[Reply, tuple[Reply, ...]], tuple[Request, ...]],
    answers: Answers,
) -> tuple[Reply, ...]:
    """Ask all requests and what their replies lead to, round by round, as the transport does."""
    found: dict[tuple[int, ...], Reply] = {}
    wave: dict[tuple[int, ...], Request] = {(number,): request for number, request in enumerate(requests)}
    while wave:
        before = tuple(found[path] for path in sorted(found))
        replies = {path: reply for path, request in wave.items() if (reply := _good(vendor, answers(request)))}
        wave = {
            (*path, number): request
            for path, reply in replies.items()
            for number, request in enumerate(follow(reply, before))
        }
        found |= replies
    return tuple(found[path] for path in sorted(found))


def _good(vendor: Vendor, reply: Reply) -> Reply | None:
    failure = vendor.judge(reply)
    if failure is None:
        return reply
    refused = isinstance(failure, NotAllowed) or failure.reason is Reason.HTTP_4XX
    if reply.request.optional and refused:
        return None
    raise failure


def collect_all(vendor: Vendor, answers: Answers) -> dict[str, Snapshot]:
    """Poll every endpoint once."""
    seen: dict[str, Snapshot] = {}
    for endpoint in vendor.endpoints:
        seen[endpoint.name] = collect(vendor, endpoint.name, answers, seen)
    return seen


def exposed(snapshots: Mapping[str, Snapshot], vendor: str = "zendesk_talk") -> str:
    """Return what /metrics says of a contact centre with these snapshots, without what is about the polls."""
    states = {
        name: EndpointState(Held(snapshot, AT.timestamp(), 1e12), AT.timestamp(), None, tried=True)
        for name, snapshot in snapshots.items()
    }
    world = World({"acme": AccountState(vendor, "acme", states)})
    text = b"".join(Exposition(CollectorRegistry()).render(world).text).decode()
    lines = text.splitlines()
    about_polls = ("up", "endpoint_up", "last_success_timestamp_seconds", "reauth_required")
    return "\n".join(line for line in lines if not _is_of(line, about_polls)) + "\n"


def _is_of(line: str, names: Iterable[str]) -> bool:
    words = line.removeprefix("# HELP ").removeprefix("# TYPE ").split("{")[0].split(" ")
    return words[0] in {f"contact_center_{name}" for name in names}


def samples(text: str) -> dict[str, str]:
    """Return the value of each series in an exposition, as text."""
    pairs: Any = (line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")
    return dict(pairs)
