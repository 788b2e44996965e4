"""The floor's truth against /metrics, told by Zoho Voice.

Written from the vendor's page and docs/vendors/zoho_voice.md, not from the code that it judges.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from accounts import BERLIN, zoho_voice
from scene import AGENTS, NEVER_IN, SLEEPER, Scene, Series, Span, Told, differences, fact, open_floor, series
from sockets import connected

from exporter.model import Status
from exporter.simulator import truth
from exporter.simulator.floor import Floor
from exporter.simulator.history import VOICEMAILS, Call, Direction, Outcome, Response
from exporter.simulator.server import serve
from exporter.simulator.zoho_oauth import ZohoKeys
from exporter.simulator.zoho_voice import ZohoAccount
from exporter.simulator.zoho_voice import ZohoVoice as Dialect
from exporter.vendors.contract import Site
from exporter.vendors.zoho_voice import ZohoVoice
from exporter.vendors.zoho_voice.options import ZohoCredentials, ZohoOptions
from exporter.wire.http import Request
from exporter.wire.secret import Secret

CLOSE: Span = -0.5, 0.5
"""Zoho tells milliseconds; a day has a few hundred stays."""
NAMES = str.maketrans({"\n": "\ufffd"})
MEANINGS = {
    "Available": "available",
    "On Break": "away",
    "Offline": "offline",
    "On Call": "on_contact",
    "Busy": "busy",
}
PRESENCES = {
    Status.AVAILABLE: "Available",
    Status.AWAY: "On Break",
    Status.BUSY: "Busy",
    Status.OFFLINE: "Offline",
}
CAUSES = {
    Response.ACCEPTED: "answered",
    Response.DECLINED: "CALL_REJECTED",
    Response.MISSED: "NO_ANSWER",
    Response.WITHDRAWN: "ORIGINATOR_CANCEL",
}
BOUNDS = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600)
READY = 20.0
"""Seconds after a call in which the simulated vendor does not know yet how it rang."""

Stay = tuple[str, float, float | None]


def scene(floor: Floor) -> Scene:
    dialect = Dialect(floor, ZohoAccount(ZohoKeys(token_life=1e9), logs_a_minute=100_000))
    form = b"grant_type=refresh_token&client_id=1000.EXPORTER&client_secret=zoho-secret&refresh_token=1000.refresh"
    asked = Request("token", "https://voice.zoho.com/oauth/v2/token", method="POST", body=form)
    vendor = zoho_voice()
    body = Scene(floor, "zoho_voice", vendor, dialect).answer(asked).body.decode()
    token = body.split('"access_token": "')[1].split('"')[0]
    return Scene(floor, "zoho_voice", vendor, dialect, headers={"authorization": f"Zoho-oauthtoken {token}"})


def word(status: Status, presence: Status) -> str:
    if status is Status.ON_CONTACT:
        return "On Call"
    return "Busy" if status is Status.WRAP_UP else PRESENCES[presence]


def stays(floor: Floor, agent: int) -> list[Stay]:
    found: list[Stay] = []
    for spell in truth.spells(floor, agent):
        now = word(spell.status, spell.presence)
        start = found.pop()[1] if found and found[-1][0] == now else spell.start
        found.append((now, start, spell.end))
    return found


def ended(floor: Floor, agent: int, start: float, end: float) -> list[tuple[str, float]]:
    """Return the words and lengths of the stays that ended in a time, whole."""
    line = stays(floor, agent)
    return [(one[0], other[1] - one[1]) for one, other in pairwise(line) if start < other[1] <= end]


def agents_now(floor: Floor) -> Told:
    words = {agent: stays(floor, agent)[-1][0] for agent in floor.desks}
    for status in Status:
        yield fact("agents", sum(MEANINGS[one] == status for one in words.values()), status=status)
    yield fact("agents_online", sum(one != "Offline" for one in words.values()))
    for agent, one in words.items():
        desk = floor.desks[agent]
        yield fact("agent_status", 1, agent=agent, status=MEANINGS[one], vendor_status=one)
        yield fact("agent_info", 1, agent=agent, agent_name=desk.plan.name.translate(NAMES), via="")
        yield fact("agent_last_active_timestamp_seconds", desk.spells[-1].start, CLOSE, agent=agent)


def agents_today(floor: Floor) -> Told:
    day, now = floor.today, floor.now
    yield fact("window_start_timestamp_seconds", day)
    for agent in floor.desks:
        line = stays(floor, agent)
        if len(line) == 1:
            continue  # nobody has seen a change of this agent
        whole = line[0][1] <= day
        for one, status in MEANINGS.items():
            mine = [(start, end or now) for name, start, end in line if name == one and (end or now) > day]
            labels: Any = {"agent": agent, "status": status, "vendor_status": one}
            if mine or whole:
                seconds = sum(end - max(start, day) for start, end in mine)
                yield fact("seconds_in_state", seconds, CLOSE, **labels)
                yield fact("state_entries_today", sum(start > day for start, _ in mine), **labels)
            lengths = [length for name, length in ended(floor, agent, day, now) if name == one]
            if lengths and max(lengths) >= 0.001:
                yield fact("longest_seconds_in_state", max(lengths), CLOSE, **labels)


def team(floor: Floor) -> Told:
    day = floor.today
    yesterday = (datetime.fromtimestamp(day, BERLIN) - timedelta(days=1)).timestamp()
    for name, start, end in (("today", day, floor.now), ("yesterday", yesterday, day)):
        lines = [ended(floor, agent, start, end) for agent in floor.desks]
        sums = Counter[str]()
        for one, length in (stay for line in lines for stay in line):
            sums[one] += length  # type: ignore[assignment]
        for one in MEANINGS if any(lines) else ():
            yield fact(f"team_state_seconds_{name}", sums[one], CLOSE, state=one.lower().replace(" ", "_"))
        if name == "today" and any(lines):
            sums["Working Time"] = sums["Available"] + sums["On Call"]
            had = {one for line in lines for one, _ in line} | {"Working Time"}
            for one in had:
                mean = sums[one] / sum(map(bool, lines))
                state = one.lower().replace(" ", "_")
                yield fact("average_agent_state_seconds_today", mean, CLOSE, state=state)


def kind(call: Call) -> str:
    if call.callback:
        return "bridged"
    if call.direction is Direction.OUTBOUND:
        return "outgoing"
    return "incoming" if call.outcome is Outcome.ANSWERED else "missed"


def calls_today(floor: Floor) -> Told:
    calls = [call for call in floor.calls.values() if call.ended is not None and call.arrived >= floor.today]
    kinds = Counter(map(kind, calls))
    yield fact("calls_today", kinds["incoming"] + kinds["missed"], queue="all", direction="inbound")
    yield fact("calls_today", kinds["outgoing"], queue="all", direction="outbound")
    if kinds["bridged"]:
        yield fact("calls_today", kinds["bridged"], queue="all", direction="bridged")
    yield fact("call_outcomes_today", kinds["missed"], queue="all", outcome="missed")
    voicemails = sum(call.outcome in VOICEMAILS for call in calls)
    yield fact("call_outcomes_today", voicemails, queue="all", outcome="voicemail")
    talks = [(call, leg.talk) for call in calls for leg in call.legs[:1] if leg.talk]
    later = [(call, leg.talk) for call in calls for leg in call.legs[1:2] if leg.talk and not call.legs[0].talk]
    seconds = sum(int((call.ended or 0.0) - talk.start) for call, talk in (*talks, *later))
    yield fact("contact_seconds_today", seconds, queue="all")
    told = [
        call
        for call in calls
        if kind(call) in ("incoming", "missed") and call.waits and floor.now - (call.ended or 0.0) >= READY
    ]
    yield from queues_today(floor, told)
    did = Counter((offer.agent, offer.response) for call in told for offer in call.offers)
    for agent in floor.desks:
        for outcome in (Response.ACCEPTED, Response.DECLINED, Response.MISSED):
            yield fact("agent_calls_today", did[agent, outcome], agent=agent, outcome=outcome)


def queues_today(floor: Floor, told: list[Call]) -> Told:
    for queue, line in floor.lines.items():
        yield fact("queue_info", 1, queue=queue, queue_name=line.plan.name)
        mine = [call for call in told if call.queue == queue]
        waits = [wait_of(floor, call) for call in mine]
        yield fact("calls_offered_today", len(mine), queue=queue)
        answered = sum(call.outcome is Outcome.ANSWERED for call in mine)
        yield fact("calls_answered_today", answered, queue=queue)
        lengths = [round(end * 1000) / 1000 - round(start * 1000) / 1000 for start, end in waits]
        for bound in (*BOUNDS, float("inf")):
            le = "+Inf" if bound == float("inf") else str(bound)
            yield fact("queue_wait_seconds_bucket", sum(one <= bound for one in lengths), queue=queue, le=le)
        yield fact("queue_wait_seconds_count", len(lengths), queue=queue)
        yield fact("queue_wait_seconds_sum", sum(lengths), CLOSE, queue=queue)
        missed = [call for call in mine if call.outcome is not Outcome.ANSWERED]
        sure, most = (sum(somebody_was_free(floor, call, sure=sure) for call in missed) for sure in (True, False))
        yield fact("calls_missed_while_available_today", most, (0, most - sure + 1), queue=queue)
        rings = Counter(CAUSES[offer.response] for call in mine for offer in call.offers if offer.response)
        for cause, count in rings.items():
            yield fact("rings_today", count, queue=queue, cause=cause)


def wait_of(floor: Floor, call: Call) -> tuple[float, float]:
    wait = call.waits[0]
    return wait.start, floor.now if wait.end is None else wait.end


def somebody_was_free(floor: Floor, call: Call, *, sure: bool) -> bool:
    """Whether somebody was available in the queue meanwhile; `sure` where a change in the hour before tells so."""
    came, left = wait_of(floor, call)
    for desk in floor.lines[call.queue].desks:
        line = stays(floor, desk.plan.id)
        changes = [start for _, start, _ in line[1:]]
        known = any(call.arrived - 3600 < at <= left for at in changes)
        if (known or not sure) and any(
            name == "Available" and start < left - 0.002 * sure and (end or floor.now) > came + 0.002 * sure
            for name, start, end in line
        ):
            return True
    return False


def facts(floor: Floor, *, calls: bool = True) -> Told:
    return [*agents_now(floor), *agents_today(floor), *team(floor), *(calls_today(floor) if calls else ())]


async def catch_up(one: Scene) -> None:
    """Ask for the log until nothing more is to be learned from it at this moment."""
    waiting: object = None
    for _ in range(60):
        assert await one.poll.poll("logs") is None
        memory = one.poll._seen["logs"].snapshot.memory
        if memory.waiting == waiting and len(memory.waiting) <= 20:
            return
        waiting = memory.waiting
    raise AssertionError("the log has no end")


async def shown(one: Scene) -> dict[Series, float]:
    await one.page()
    await catch_up(one)
    return without_dates(series(one.rendered()))


def without_dates(page: Mapping[Series, float]) -> dict[Series, float]:
    return {key: value for key, value in page.items() if key[0] != "agent_status_since_timestamp_seconds"}


async def check(one: Scene) -> dict[Series, float]:
    page = await shown(one)
    assert differences(page, facts(one.floor)) == []
    return page


async def walk(one: Scene, until: float) -> None:
    """Let time pass, with a look at the log now and then, as between two polls."""
    while one.floor.now + 3600 < until:
        one.floor.advance(datetime.fromtimestamp(one.floor.now + 3600, UTC))
        await catch_up(one)
    one.floor.advance(datetime.fromtimestamp(until, UTC))


async def test_the_page_tells_the_truth_around_the_clock() -> None:
    one = scene(open_floor("2026-03-09"))
    midnight = one.floor.now + 7200
    for seconds in (-0.25, 0, 601, 9.5 * 3600, 24 * 3600 - 0.25, 24 * 3600):
        await walk(one, midnight + seconds)
        await check(one)


@pytest.mark.parametrize(("day", "length"), [("2026-03-29", 23), ("2026-10-25", 25)])
async def test_the_page_tells_the_truth_on_days_of_23_and_25_hours(day: str, length: int) -> None:
    one = scene(open_floor(day))
    midnight = one.floor.now + 7200
    for hours in (0.001, 1.99, 2.01, 2.99, 3.01, 12, length - 0.001, length):
        one.floor.advance(datetime.fromtimestamp(midnight + hours * 3600, UTC))
        assert one.floor.today == midnight + (hours == length) * length * 3600
        for endpoint in ("users", "list", "overview", "calendarSummary"):
            assert await one.poll.poll(endpoint) is None
        page = without_dates(series(one.rendered()))
        assert differences(page, facts(one.floor, calls=False)) == []
        for agent in one.floor.plan.agents:
            mine = [
                value
                for (name, labels), value in page.items()
                if name == "seconds_in_state" and ("agent", str(agent.id)) in labels
            ]
            assert not mine or sum(mine) == pytest.approx(one.floor.now - one.floor.today, abs=0.1)


async def test_the_oracle_sees_the_people_it_is_meant_to_see() -> None:
    one = scene(open_floor("2026-03-09"))
    await walk(one, one.floor.now + 7200 + 12.5 * 3600)
    page = await check(one)
    ids = [str(agent.id) for agent in one.floor.plan.agents]
    busy = {agent: page.get(("seconds_in_state", labels(agent, "busy", "Busy")), 0.0) for agent in ids}
    assert max(busy.values()) == busy[ids[SLEEPER]] > 3600
    never_in = {key for key in page if ("agent", ids[NEVER_IN]) in key[1]}
    assert sorted({name for name, _ in never_in}) == [
        "agent_calls_today",
        "agent_info",
        "agent_last_active_timestamp_seconds",
        "agent_status",
    ]
    assert sum(page[key] for key in never_in if key[0] == "agent_calls_today") == 0
    given = {name for endpoint in one.vendor.endpoints for name in endpoint.gives}
    told = {
        name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
        for (name, _), _ in facts(one.floor)
    }
    assert told == given - {"agent_status_since_timestamp_seconds", "team_state_seconds_yesterday"}
    assert sum(one_.value > 1 for _, one_ in facts(one.floor)) > 100


def labels(agent: str, status: str, vendor_status: str) -> tuple[tuple[str, str], ...]:
    return (("agent", agent), ("status", status), ("vendor_status", vendor_status))


async def test_a_status_is_dated_to_the_moment_at_which_it_began() -> None:
    one = scene(open_floor("2026-03-09"))
    one.floor.advance(datetime.fromtimestamp(one.floor.now + 7200 + 9 * 3600, UTC))
    for _ in range(20):
        one.floor.advance(datetime.fromtimestamp(one.floor.now + 15, UTC))
        assert await one.poll.poll("list") is None
        assert await one.poll.poll("users") is None
        page = series(one.rendered())
        name = "agent_status_since_timestamp_seconds"
        since = {dict(labels)["agent"]: value for (of, labels), value in page.items() if of == name}
        began = {str(agent): stays(one.floor, agent)[-1][1] for agent in one.floor.desks}
        began = {agent: at for agent, at in began.items() if len(stays(one.floor, int(agent))) > 1}
        assert since == pytest.approx(began, abs=0.001)
        assert len(since) > AGENTS / 2


async def test_the_page_tells_the_truth_through_real_sockets() -> None:
    one = scene(open_floor("2026-03-09"))
    one.floor.advance(datetime.fromtimestamp(one.floor.now + 7200 + 4000, UTC))
    dialect = Dialect(one.floor, ZohoAccount(logs_a_minute=1000))
    async with serve({"acme": dialect}, clock=lambda: one.floor.now) as urls:
        keys = ZohoKeys()
        vendor = ZohoVoice(
            ZohoCredentials(
                client_id=keys.client_id,
                client_secret=Secret(lambda: keys.client_secret, "a test"),
                refresh_token=Secret(lambda: keys.refresh_token, "a test"),
            ),
            ZohoOptions(base_url=urls["acme"], accounts_url=urls["acme"]),
            Site(BERLIN),
        )
        async with connected(vendor) as client:
            one.start(vendor, client)
            page = await shown(one)
            dialect.expire_tokens()
            assert await one.poll.poll("users") is None
    assert differences(page, facts(one.floor)) == []
