"""What `make bench` writes, and that its centres are what the vendors send."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from bench import many, peers, plain, poll, vendor
from bench.__main__ import PARTS
from bench.account import Line, Polled, Tape
from bench.centres import CENTRES
from bench.report import PAGE, Row, digits, missed, span, table, times, with_part
from exporter.metrics.exposition import Exposition
from exporter.store import Store
from exporter.wire.http import Request

ROWS = [
    Row("a scrape", "1.2 ms CPU", "at most 1 ms", kept=False),
    Row("another", "0.9 ms CPU", "at most 1 ms", kept=True),
    Row("a peer", "left out: nginx is not there"),
]
TABLE = """\
`make bench PART=scrape`, on 2 cores:

| What | Measured | Goal | |
|---|---|---|---|
| a scrape | 1.2 ms CPU | at most 1 ms | **missed** |
| another | 0.9 ms CPU | at most 1 ms | kept |
| a peer | left out: nginx is not there |  |  |
"""


def test_a_part_is_a_table_under_its_command() -> None:
    assert table("scrape", "2 cores", ROWS) == TABLE
    assert list(missed(ROWS)) == ["a scrape: 1.2 ms CPU, and should be at most 1 ms"]


def test_a_part_replaces_itself_alone() -> None:
    page = "a\n<!-- bench: one -->\nold\n<!-- /bench: one -->\nb\n<!-- bench: two -->\n<!-- /bench: two -->\n"
    once = with_part(page, "one", r"new \1" + "\n")
    assert once == page.replace("old", r"new \1")
    assert with_part(once, "one", "old\n") == page
    with pytest.raises(ValueError, match="markers of three"):
        with_part(page, "three", "")


def test_every_part_has_its_place_on_the_page() -> None:
    page = PAGE.read_text()
    assert [with_part(page, part, "here") == page for part in PARTS] == [False] * len(PARTS)


@pytest.mark.parametrize(
    ("write", "number", "told"),
    [
        (span, 2.5, "2.5 s"),
        (span, 0.0123, "12 ms"),
        (span, 1.234e-6, "1.2 µs"),
        (span, 5e-8, "50 ns"),
        (digits, 1234.4, "1,234"),
        (digits, 0.456, "0.46"),
        (times, 3.04, "3.0 times"),
    ],
)
def test_numbers_have_as_many_digits_as_they_deserve(
    write: Callable[[float], str], number: float, told: str
) -> None:
    assert write(number) == told


SERIES = {
    "Zendesk Talk": 8 + 18 * 4,
    "Zoho Voice": 10 + 12 * 4,
    "Voximplant": 10 + 20 * 4,
    "Kore.ai": 9 + 6 * 4,
    "LivePerson chat": 1 + 10 * 4,
    "LivePerson messaging": 8 + 5 * 4,
}
"""At least so many, of four agents: what an agent has, and what the account has."""


async def polled(name: str, line: Line) -> str:
    """Poll a centre twice, and return the page."""
    store = Store()
    with ThreadPoolExecutor(1) as worker:
        account = Polled(CENTRES[name], line, store, worker)
        await account.turn()
        await account.turn()
    states = store.world.accounts["acme"].endpoints
    assert {key: state.trouble for key, state in states.items()} == dict.fromkeys(states)
    held = [state.held.snapshot for state in states.values() if state.held]
    assert len(held) == len(CENTRES[name].endpoints)
    assert not any(any(one.dropped.values()) or one.drift or one.unknown_statuses for one in held)
    assert all(len(one.agents or ()) == 4 for one in held)
    return b"".join(Exposition(CollectorRegistry()).render(store.world).text).decode()


@pytest.mark.parametrize("name", CENTRES)
async def test_the_exporter_reads_a_centre_without_losing_a_row(name: str) -> None:
    page = await polled(name, Line(CENTRES[name], 4))
    series = [line for line in page.splitlines() if not line.startswith("#")]
    assert len(series) > SERIES[name]


async def test_a_tape_says_again_what_was_said() -> None:
    centre = CENTRES["Zendesk Talk"]
    tape, first = Tape(centre, 4), Request("agents_activity", "u")
    said = []
    for _ in range(6):
        tape.turn()
        (reply,) = await tape.collect((first,), lambda _reply, _before: (), 1.0)
        said.append(reply.body)
    assert said[:3] == said[3:]
    assert len(set(said)) == 3


@pytest.mark.parametrize("name", [name for name, centre in CENTRES.items() if centre.plain])
async def test_the_plain_way_finds_every_number(name: str) -> None:
    line = Line(CENTRES[name], 60)
    line.turn()
    with ThreadPoolExecutor(1) as worker:
        await Polled(CENTRES[name], line, Store(), worker).turn()
    everyone = {len(one.values) for lists in CENTRES[name].plain.values() for one in lists[1:]}
    whole = sum(len(lists[0].values) for lists in CENTRES[name].plain.values())
    assert poll.PlainWay(CENTRES[name]).publish(line.bodies) == 60 * whole
    assert everyone <= {whole}  # several lists of one answer part the agents among them


def test_json_exporter_is_told_the_same_ways() -> None:
    config: Any = peers.json_modules(CENTRES["Voximplant"])
    (told,) = config["modules"]["GetACDOperatorStatistics"]["metrics"]
    assert told["path"] == "{.result[*]}"
    assert told["labels"] == {"agent": "{.user_id}"}
    assert told["values"]["ac"] == "{.statistics[0].AC}"


async def test_the_peers_read_the_page_that_the_exporter_leaves() -> None:
    page = await polled("Zendesk Talk", Line(CENTRES["Zendesk Talk"], 4))
    found = plain.read(page)
    lines = [line for line in page.splitlines() if line.startswith("contact_center_")]
    assert sum(len(one.rows) for one in found.values()) == len(lines)
    assert found["contact_center_agents"].labels == ("vendor", "account", "status")


def test_the_busiest_second_is_told_against_the_mean() -> None:
    assert many.busiest([0.0, 0.5, 1.0, 1.2, 1.4, 1.6, 2.1, 2.9, 3.0]) == 4 / (8 / 3)


def test_the_vendor_answers_each_request_of_a_connection() -> None:
    written: list[bytes] = []

    class Wire:
        def write(self, data: bytes) -> None:
            written.append(data)

    arrivals: list[float] = []
    connection = vendor.Connection(vendor.answers(2), arrivals)
    connection.connection_made(Wire())  # type: ignore[arg-type]  # all that is used of a transport
    head = b"GET /api/v2/channels/voice/stats/%s.json HTTP/1.1\r\nHost: x\r\n\r\n"
    heard = head % b"agents_activity" + head % b"account_overview"
    connection.data_received(heard[:90])
    connection.data_received(heard[90:])
    assert [b'"agents_activity"' in one for one in written] == [True, False]
    assert len(arrivals) == 2
    connection.data_received(b"GET /arrivals HTTP/1.1\r\n\r\n")
    assert written[-1].startswith(b"HTTP/1.1 200 OK\r\n")
    assert arrivals == []
