"""Worlds for the tests of the metrics: one in which every family has samples, and any that can be thought of."""

from collections.abc import Mapping
from itertools import count
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import fields

from exporter.errors import Reason
from exporter.model import Agent, Channel, Histogram, Measure, Queue, Snapshot, Status, Total
from exporter.store import AccountState, EndpointState, Held, Trouble, World
from exporter.tally import Event, Span, Tally
from exporter.wire.http import Budget

EVER = 1e12
HOSTILE = (
    "",
    " ",
    "|",
    "a|b",
    'a"b',
    "a\\",
    '\\"',
    r"\n",
    "a\nb",
    "\r\n",
    '"} 1\nup 1',
    "{a=b,c}",
    "# EOF",
    "\x00",
    "\x7f",
    "\ud800",
    "a\udfffb",
    "\u202eevil",
    "\u2028",
    "\u2029",
    "\ufeff",
    "\ufffd",
    "\U0001f600",
    "Zoë",
    "x" * 5_000,
    "x" * 5_000 + "y",
)

Snapshots = Mapping[str, Snapshot | None]


def account(
    snapshots: Snapshots, vendor: str = "zendesk_talk", name: str = "acme", expires: float = EVER, **rest: Any
) -> AccountState:
    """Return an account with these snapshots; an endpoint whose snapshot is None failed and holds nothing."""
    trouble = Trouble(Reason.TIMEOUT, "took too long", 90.0)
    states = {
        endpoint: EndpointState(Held(one, 100.0, expires), 100.0, tried=True, max_age=90.0)
        if one
        else EndpointState(trouble=trouble, tried=True)
        for endpoint, one in snapshots.items()
    }
    return AccountState(vendor, name, states, **rest)


def world(*accounts: AccountState) -> World:
    return World({one.name: one for one in accounts})


def full_snapshot(numbers: "count[int]") -> Snapshot:
    """Return a snapshot in which everything is told, and every number is another."""

    def numbered(shape: Any, **rest: Any) -> Any:
        told = {field.name for field in fields(shape) if field.type in (int | None, float | None)}
        told -= {"window_end"}  # it is not shown: it ends the showing
        return shape(**rest, **{name: next(numbers) for name in sorted(told)})

    def value(measure: Measure) -> float | Histogram:
        if measure is Measure.FINISHED_WAITS:
            return Histogram((15.0, 60.0), (next(numbers), next(numbers)), next(numbers), next(numbers))
        return next(numbers)

    agent = numbered(
        Agent,
        id='Ann "A" \\ Ärmel',
        name="Ann",
        via="phone",
        status=Status.AWAY,
        vendor_status="On Break",
        seconds_in_state={(Status.AWAY, "On Break"): next(numbers)},
        longest_stays={(Status.AWAY, "On Break"): next(numbers)},
        entries={(Status.AWAY, "On Break"): next(numbers)},
        engaged_seconds={(Status.AWAY, "On Break"): next(numbers)},
        full_seconds={(Status.AWAY, "On Break"): next(numbers)},
    )
    queue = numbered(
        Queue,
        id="sales",
        name="Sales",
        channel=Channel.CHAT,
        callbacks={"phone": next(numbers)},
        agents={status: next(numbers) for status in Status},
        contacts={"overdue": next(numbers)},
    )
    snapshot: Snapshot = numbered(
        Snapshot,
        agents=(agent,),
        queues=(queue,),
        totals=tuple(Total(measure, value(measure), "kind", "sales") for measure in Measure),
        agents_by_status={status: next(numbers) for status in Status},
    )
    return snapshot


def full_account(vendor: str = "zendesk_talk", name: str = "acme", first: int = 1_000) -> AccountState:
    """Return an account that fills every family."""
    tally = Tally()
    for event in (Event.POLL, Event.POLL_SKIPPED, Event.DRIFT):
        tally.add(event, "agents")
    tally.add(Event.POLL_FAILED, "agents", Reason.TIMEOUT)
    tally.add(Event.REQUEST, "agents", "200", by=7)
    tally.add(Event.THROTTLED_SECONDS, by=0.25)
    tally.add(Event.TOKEN_REFRESH)
    tally.add(Event.ROW_DROPPED, "invalid")
    tally.add(Event.UNKNOWN_STATUS)
    for span in Span:
        for seconds in (0.05, 3.0, 1e9):
            tally.time(span, "agents", seconds=seconds)
    return account(
        {"agents": full_snapshot(count(first)), "queues": None},
        vendor,
        name,
        budget=Budget(700.0, 699.0),
        counts=tally.counts(),
    )


FINITE = (0, 1, 2, 0.5, 7, -1, -0.0, 5e-324, 1.7e308, 1e16, 1e22, 2**53 + 1, 10**30, 10**308)
UNSOUND = (None, True, False, float("nan"), float("inf"), float("-inf"), 2 * 10**308, 10**400, -(10**400))
NUMBERS: st.SearchStrategy[Any] = st.sampled_from((*FINITE, *UNSOUND))
TEXTS = st.sampled_from(HOSTILE)
STATUSES = st.sampled_from(list(Status))
STATES = st.dictionaries(st.tuples(STATUSES, TEXTS), NUMBERS, max_size=3)
AGENTS = st.builds(
    Agent,
    id=TEXTS,
    name=st.none() | TEXTS,
    via=st.none() | TEXTS,
    status=st.none() | STATUSES,
    vendor_status=TEXTS,
    since=NUMBERS,
    seconds_in_state=STATES,
    accepted=NUMBERS,
    declined=NUMBERS,
)
QUEUES = st.builds(
    Queue,
    id=TEXTS,
    name=st.none() | TEXTS,
    channel=st.sampled_from(list(Channel)),
    waiting=NUMBERS,
    callbacks=st.dictionaries(TEXTS, NUMBERS, max_size=2),
    agents=st.none() | st.dictionaries(STATUSES, NUMBERS, max_size=2),
)
TOTALS = st.builds(
    Total, measure=st.sampled_from(list(Measure)), value=NUMBERS, kind=TEXTS, queue=st.none() | TEXTS
)


def tuples(rows: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.lists(rows, max_size=4).map(tuple)


SNAPSHOTS = st.builds(
    Snapshot,
    agents=tuples(AGENTS),
    queues=tuples(QUEUES),
    totals=tuples(TOTALS),
    agents_online=NUMBERS,
    agents_by_status=st.none() | st.dictionaries(STATUSES, NUMBERS, max_size=3),
    window_start=NUMBERS,
)
"""Whatever a vendor might say, and what none may."""
