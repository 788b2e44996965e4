"""What a vendor remembers of a poll makes the next one cheaper, and changes nothing that it says."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from accounts import BERLIN, kore_ai, zoho_voice
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exporter.errors import PollFailed
from exporter.model import Agent, Snapshot, Status
from exporter.vendors.contract import Moment, Site, Vendor
from exporter.wire.http import Reply

MIDNIGHT = datetime(2026, 3, 10, tzinfo=BERLIN).astimezone(UTC)
TIMES = [-7_200, -1, 0, 0.5, 60, 3_600, 3_660, 3_720, 86_399, 86_400, 86_460]
"""Seconds after a midnight: of polls and of what they tell, so that some is yet to come by our clock."""
TAUGHT = Site(BERLIN, {"Training": Status.AWAY, "LUNCH": Status.BUSY})

times = st.sampled_from(TIMES)
keys = st.sampled_from(["1", "2", "3"])
words = st.sampled_from([*["Available", "Busy", "Training", "LUNCH"] * 3, "", "--", None])
strange: st.SearchStrategy[Any] = st.sampled_from([None, 7, "text", [], {}, [7]])


def local(seconds: float) -> str:
    return (MIDNIGHT + timedelta(seconds=seconds)).astimezone(BERLIN).replace(tzinfo=None).isoformat()


@st.composite
def kore_stays(draw: st.DrawFn) -> Any:
    """Stays that mostly follow each other, as the vendor's do."""
    ends = sorted(draw(st.lists(times, min_size=1, max_size=4, unique=True)))
    told: list[Any] = [
        {"primaryStatus": draw(words), "startTime": local(start), "endTime": local(end)}
        for start, end in pairwise(ends)
    ]
    if draw(st.booleans()):
        told.append({"primaryStatus": draw(words), "startTime": local(ends[-1]), "endTime": "-", "duration": "-"})
    if told and draw(st.integers(0, 5)) == 0:
        told[-1] |= {draw(st.sampled_from(["startTime", "duration", "secondaryStatus"])): draw(strange)}
    return told


@st.composite
def zoho_changes(draw: st.DrawFn) -> Any:
    """Changes that mostly follow each other, as the vendor's do."""
    began = MIDNIGHT.timestamp() * 1000
    changed = sorted(draw(st.lists(times, max_size=4, unique=True)))
    said = [(round(began + one * 1000), draw(words)) for one in changed]
    told: list[Any] = [
        {
            "previous_action_time": start,
            "current_action_time": end,
            "previous_status": before,
            "current_status": after,
            "duration": end - start,
        }
        for (start, before), (end, after) in pairwise(said)
    ]
    if told and draw(st.integers(0, 5)) == 0:
        told[-1] |= {draw(st.sampled_from(list(told[-1]))): draw(strange)}
    return told


kore_logs = st.fixed_dictionaries(
    {"userId": keys, "status": kore_stays()}, optional={"firstName": st.sampled_from(["Ann", 7])}
) | st.sampled_from([{"userId": 7}, {"userId": "1"}, 4])
kore_available = st.fixed_dictionaries(
    {"userId": keys},
    optional={
        "channelCapacity": st.dictionaries(
            st.sampled_from(["voice", "chat"]),
            st.fixed_dictionaries(
                {},
                optional={
                    "isEnabled": st.sampled_from([True, False, None]),
                    "totalCapacity": st.sampled_from([2, "two"]),
                    "usedCapacity": st.sampled_from([0, 1]),
                },
            ),
        )
    },
) | st.sampled_from([{"userId": 7}, 4])
zoho_audits = st.builds(
    lambda key, before, changes: {"agent_id": key, "previousResult": before, "dates": [{"hits": changes}]},
    keys,
    st.just({}) | st.none() | zoho_changes().map(lambda changes: changes[0] if changes else {}),
    zoho_changes(),
) | st.sampled_from([{"agent_id": None}, {"agent_id": "1"}, {"agent_id": "2", "dates": [{"hits": [7]}]}, 4])

kore, zoho = kore_ai(), zoho_voice()
SHAPES: dict[str, tuple[tuple[Vendor, ...], st.SearchStrategy[Any], Callable[[list[Any]], Any]]] = {
    "agentstatusdetails": ((kore, kore_ai(TAUGHT)), kore_logs, lambda rows: {"data": rows, "hasMore": False}),
    "availability": (
        (kore,),
        kore_available,
        lambda rows: {"AVAILABLE": rows[::2], "BUSY": rows[1::2], "AWAY": [], "OFFLINE": []},
    ),
    "list": (
        (zoho, zoho_voice(TAUGHT)),
        zoho_audits,
        lambda rows: {"code": "200", "list": {"agentStatus": rows}},
    ),
}


@pytest.mark.parametrize("endpoint", list(SHAPES))
@settings(max_examples=200)
@given(data=st.data())
def test_with_a_memory_is_read_what_is_read_without(endpoint: str, data: st.DataObject) -> None:
    vendors, rows, page = SHAPES[endpoint]
    pool = data.draw(st.lists(rows, min_size=1, max_size=3))
    polls = st.tuples(st.sampled_from(vendors), times, st.lists(st.sampled_from(pool), min_size=1, max_size=3))
    memory: dict[str, Any] = {}
    for vendor, after, sent in data.draw(st.lists(polls, min_size=2, max_size=6)):
        at, body = MIDNIGHT + timedelta(seconds=after), json.dumps(page(sent)).encode()
        told = read(vendor, endpoint, at, body, memory)
        assert without_memory(told) == without_memory(read(vendor, endpoint, at, body, {}))
        if isinstance(told, Snapshot):
            memory = {endpoint: told.memory}


def read(vendor: Vendor, endpoint: str, at: datetime, body: bytes, memory: Any) -> Snapshot | str:
    people = {"users": Snapshot(agents=(Agent("1"),))}
    moment = Moment(at, people, memory)
    [request] = vendor.requests(endpoint, moment)
    try:
        return vendor.read(endpoint, (Reply(request, 200, body, at.timestamp()),), moment)
    except PollFailed as failed:
        return str(failed)


def without_memory(told: Snapshot | str) -> Snapshot | str:
    return replace(told, memory=None) if isinstance(told, Snapshot) else told


def test_a_field_is_missing_only_where_nobody_has_it_whoever_is_remembered() -> None:
    whole = {"primaryStatus": "BUSY", "startTime": local(60), "endTime": "-"}
    nameless = {"startTime": local(60), "endTime": "-"}
    pages = [
        {"data": [{"userId": "1", "status": [whole]}, {"userId": "2", "status": [one]}]}
        for one in (whole, nameless)
    ]
    memory: dict[str, Any] = {}
    for page in pages:
        told = read(kore, "agentstatusdetails", MIDNIGHT + timedelta(hours=1), json.dumps(page).encode(), memory)
        assert isinstance(told, Snapshot)
        assert told.drift == ()
        memory = {"agentstatusdetails": told.memory}
