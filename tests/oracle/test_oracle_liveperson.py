"""The floor's truth against /metrics, told by LivePerson.

Written from the vendor's pages and docs/vendors/liveperson.md, not from the code that it judges.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zlib import crc32

import pytest
from accounts import BERLIN, liveperson
from scene import (
    AGENTS,
    NEVER_IN,
    SLEEPER,
    WHOLE,
    Scene,
    Series,
    Span,
    Told,
    differences,
    fact,
    open_floor,
    series,
)
from sockets import connected

from exporter.model import Status
from exporter.simulator import truth
from exporter.simulator.floor import Floor
from exporter.simulator.history import Call, Direction, Outcome, Window
from exporter.simulator.liveperson import LivePerson as Dialect
from exporter.simulator.liveperson import LivePersonAccount
from exporter.simulator.liveperson_doors import LivePersonKeys
from exporter.simulator.server import serve
from exporter.vendors.contract import Site
from exporter.vendors.liveperson import LivePerson
from exporter.vendors.liveperson.options import LivePersonCredentials, LivePersonOptions
from exporter.wire.secret import Secret

MILLI: Span = 0.0, 0.001
PARTS: Span = 0.0, 2.0
"""The larger of a sum that was cut, which may be missing, and of two parts that were cut."""
REST: Span = -4.0, 2.0
"""Such a number, less some others."""

LOGGED_IN = {
    Status.AVAILABLE: ("available", "Online"),
    Status.BUSY: ("busy", "Back soon"),
    Status.AWAY: ("away", "Away"),
}
MESSAGING = {Status.AVAILABLE: "ONLINE", Status.BUSY: "BACK_SOON", Status.AWAY: "AWAY"}
BOUNDS = (10, 20, 30, 45, 60, 90, 120, 180, 300)


def scene(floor: Floor, **options: Any) -> Scene:
    dialect = Dialect(floor, LivePersonAccount(LivePersonKeys(bearer="token")))
    vendor = liveperson(Site(floor.plan.zone), **options)
    return Scene(floor, "liveperson", vendor, dialect, headers={"authorization": "Bearer token"})


def reason_id(word: str) -> str:
    return str(crc32(word.encode()))


def minutes(floor: Floor) -> int:
    """Return the whole minutes of the day so far, of which LivePerson tells 24 hours at most."""
    return min(int((floor.now - floor.today) // 60), 1440)


def chat(floor: Floor, interval: int = 1) -> Told:
    """Tell every series of a chat account."""
    for line in floor.lines.values():
        waits = waits_now(floor, line.plan.id)
        queue = {"queue": line.plan.id, "channel": "chat"}
        yield fact("calls_waiting", len(waits), **queue)
        yield fact("longest_wait_seconds", max(waits, default=0), MILLI, **queue)
        yield fact("free_slots", sum(desk.status is Status.AVAILABLE for desk in line.desks), **queue)
    whole = minutes(floor)
    if whole:
        yield from agents(floor, Window(floor.now - 60 * (whole - whole % interval), floor.now))
        yield from day(floor, Window(in_bucket(floor.now - 60 * whole), floor.now))


def in_bucket(start: float) -> float:
    return start - start % 300


def waits_now(floor: Floor, queue: int) -> list[float]:
    waiting = floor.lines[queue].waiting.values()
    return [floor.now - call.waits[-1].start for call in waiting if not call.awaits_callback]


def agents(floor: Floor, window: Window) -> Told:
    yield fact("window_start_timestamp_seconds", window.start)
    for agent in floor.desks:
        times: defaultdict[tuple[Status, str], Counter[bool]] = defaultdict(Counter)
        for spell in truth.spells(floor, agent):
            if spell.presence in LOGGED_IN and spell.within(window):
                reason = spell.reason if spell.presence is Status.AWAY else ""
                times[spell.presence, reason][spell.status is Status.ON_CONTACT] += spell.within(window)  # type: ignore[assignment]
        if times:
            yield from agent_day(agent, times)


def agent_day(agent: int, times: Mapping[tuple[Status, str], Counter[bool]]) -> Told:
    everything = sum(one.total() for one in times.values())
    yield fact("agent_logged_in_seconds_today", everything, WHOLE, agent=agent)
    rows = {
        (presence, ""): (LOGGED_IN[presence], PARTS if presence is not Status.AWAY else REST)
        for presence in LOGGED_IN
    }
    rows |= {(presence, word): (("away", reason_id(word)), WHOLE) for presence, word in times if word}
    for key, ((status, word), below) in rows.items():
        time = times.get(key, Counter())
        labels = {"agent": agent, "status": status, "vendor_status": word}
        yield fact("seconds_in_state", time.total(), below, **labels)
        yield fact("agent_engaged_seconds_today", time[True], REST if below is REST else WHOLE, **labels)
        yield fact("agent_full_seconds_today", time[True], REST if below is REST else WHOLE, **labels)


def day(floor: Floor, window: Window) -> Told:
    calls = floor.calls.values()
    for queue in floor.lines:
        yield from queue_day(queue, [call for call in calls if call.queue == queue], window)
    waits = [wait for call in calls for wait in settled(call, window, Outcome.ANSWERED)]
    for bound in BOUNDS:
        within = sum(wait < bound for wait in waits)
        yield fact("answered_within_seconds_today", within, queue="all", threshold=bound)
    for agent, desk in floor.desks.items():
        legs = [leg for leg in desk.legs if leg.span.within(window)]
        if legs:
            handled = sum(leg.span.within(window) for leg in legs)
            started = sum(window.holds(leg.span.start) for leg in legs)
            yield fact("agent_calls_today", started, agent=agent, outcome="accepted")
            yield fact("agent_handling_seconds_today", handled, PARTS, agent=agent)


def settled(call: Call, window: Window, outcome: Outcome) -> Iterator[float]:
    """Yield the wait of an inbound call that was settled so in the window, not by a callback."""
    inbound = call.direction is Direction.INBOUND
    if inbound and call.outcome is outcome and not call.callback and call.waits and window.holds(call.decided):
        yield (call.waits[0].end or window.end) - call.waits[0].start


def queue_day(queue: int, calls: list[Call], window: Window) -> Told:
    answered = [wait for call in calls for wait in settled(call, window, Outcome.ANSWERED)]
    abandoned = [wait for call in calls for wait in settled(call, window, Outcome.ABANDONED)]
    spans = [wait for call in calls for wait in call.waits if wait.within(window)]
    inbound = [call for call in calls if call.direction is Direction.INBOUND and call.waits]
    entered = sum(window.holds(call.waits[0].start) for call in inbound)
    steps = sorted(
        step
        for span in spans
        for step in ((max(span.start, window.start), 1), (window.end + 1 if span.end is None else span.end, -1))
    )
    levels = [sum(step for at, step in steps if at <= moment) for moment, _ in steps]
    if entered or spans:
        yield fact("calls_offered_today", entered, queue=queue)
        yield fact("calls_answered_today", len(answered), queue=queue)
        yield fact("call_outcomes_today", len(abandoned), queue=queue, outcome="abandoned")
        yield fact("answer_seconds_today", sum(answered), WHOLE, queue=queue)
        yield fact("abandon_seconds_today", sum(abandoned), WHOLE, queue=queue)
        yield fact("most_waiting_today", max(levels), queue=queue)
    legs = [leg for call in calls for leg in call.legs if leg.span.within(window)]
    if legs:
        for kind, talked in (("interactive", True), ("non_interactive", False)):
            ended = sum(window.holds(leg.span.end) for leg in legs if (leg.talk is not None) is talked)
            yield fact("calls_closed_today", ended, queue=queue, kind=kind)
        handled = sum(leg.span.within(window) for leg in legs)
        yield fact("handling_seconds_today", handled, PARTS, queue=queue)


def messaging(floor: Floor) -> Told:
    """Tell every series of a messaging account."""
    desks = [desk for desk in floor.desks.values() if desk.presence in LOGGED_IN]
    yield fact("agents_online", len(desks))
    yield fact(
        "calls_in_progress", sum(d.status is Status.ON_CONTACT for d in desks), queue="all", channel="messaging"
    )
    for status in Status:
        yield fact("agents", sum(desk.presence is status for desk in desks), status=status)
    for line in floor.lines.values():
        queue = {"queue": line.plan.id, "channel": "messaging"}
        waits = waits_now(floor, line.plan.id)
        overdue = sum(wait > line.plan.target_seconds for wait in waits)
        members = [desk.presence for desk in line.desks if desk.presence in LOGGED_IN]
        if desks:
            yield fact("calls_waiting", len(waits), **queue)
            yield fact("longest_wait_seconds", max(waits, default=0), MILLI, **queue)
            kinds = {
                "actionable": len(waits),
                "not_actionable": 0,
                "overdue_waiting": overdue,
                "overdue_with_agent": 0,
            }
            for kind, count in kinds.items():
                yield fact("queue_contacts", count, kind=kind, **queue)
        if members:
            yield fact("queue_info", 1, queue=line.plan.id, queue_name=line.plan.name)
            for status in Status:
                yield fact("queue_agents", members.count(status), queue=line.plan.id, status=status)
    for desk in desks:
        spells = truth.spells(floor, desk.plan.id)
        reason = spells[-1].reason if desk.presence is Status.AWAY else ""
        word = reason_id(reason) if reason else MESSAGING[desk.presence]
        agent = {"agent": desk.plan.id}
        busy = desk.status is Status.ON_CONTACT
        others = [one.end for one in spells if (one.presence, one.reason) != (desk.presence, spells[-1].reason)]
        yield fact("agent_status", 1, status=desk.presence, vendor_status=word, **agent)
        since = others[-1] if others else spells[0].start
        assert since is not None
        yield fact("agent_status_since_timestamp_seconds", since, MILLI, **agent)
        yield fact("agent_info", 1, agent_name=desk.plan.name.translate({10: "\ufffd"}), via="", **agent)
        yield fact("agent_contacts", busy, **agent)
        yield fact("agent_slots", 1, **agent)
        yield fact("agent_load_ratio", busy, **agent)


def check_partition(shown: Mapping[Series, float]) -> None:
    parts: Counter[str] = Counter()
    for (name, labels), value in shown.items():
        if name == "seconds_in_state":
            parts[dict(labels)["agent"]] += value  # type: ignore[assignment]
    for agent, seconds in parts.items():
        logged_in = shown["agent_logged_in_seconds_today", (("agent", agent),)]
        assert seconds == pytest.approx(logged_in, abs=6)


async def check(floor: Floor, scenes: Mapping[str, Scene]) -> None:
    for family, one in scenes.items():
        shown = series(await one.page())
        assert differences(shown, chat(floor) if family == "chat" else messaging(floor)) == []
        check_partition(shown)


def both(floor: Floor) -> dict[str, Scene]:
    return {family: scene(floor, family=family) for family in ("chat", "messaging")}


async def test_the_page_tells_the_truth_around_the_clock() -> None:
    floor = open_floor("2026-03-09")
    scenes = both(floor)
    midnight = datetime(2026, 3, 9, tzinfo=BERLIN)
    for seconds in (
        -0.25,
        0,
        59.75,
        60.25,
        601,
        3 * 3600,
        9.5 * 3600,
        16 * 3600 + 0.5,
        24 * 3600 - 0.25,
        24 * 3600,
    ):
        floor.advance(midnight + timedelta(seconds=seconds))
        await check(floor, scenes)


@pytest.mark.parametrize("date", ["2026-03-29", "2026-10-25"])
async def test_the_page_tells_the_truth_on_days_of_23_and_25_hours(date: str) -> None:
    floor = open_floor(date)
    scenes = both(floor)
    midnight = floor.now + 7200
    length = 23 if date == "2026-03-29" else 25
    for hours in (0.02, 1.99, 2.01, 2.99, 3.01, 12, 23.51, length - 0.001, length + 0.02):
        if hours < length + 1:
            floor.advance(datetime.fromtimestamp(max(floor.now, midnight + hours * 3600), UTC))
            await check(floor, scenes)
    assert floor.today == midnight + length * 3600


@pytest.fixture(scope="module")
def noon() -> Floor:
    floor = open_floor("2026-03-09")
    floor.advance(datetime(2026, 3, 9, 12, 33, 20, tzinfo=BERLIN))
    return floor


@pytest.mark.parametrize("interval", [5, 60, 1440])
async def test_slices_add_up_to_the_truth(noon: Floor, interval: int) -> None:
    shown = series(await scene(noon, interval=interval).page())
    told = dict(chat(noon, interval if interval <= minutes(noon) else 1))
    start = ("window_start_timestamp_seconds", ())
    assert shown[start] == told[start].value
    for (name, labels), value in shown.items():
        if name in {"seconds_in_state", "agent_logged_in_seconds_today"}:
            assert value == pytest.approx(told[name, labels].value, abs=minutes(noon) / interval * 2 + 4)


async def test_a_long_list_of_agents_is_posted_and_tells_the_same(noon: Floor) -> None:
    ids = tuple(noon.desks) + tuple(range(1, 500))
    shown = series(await scene(noon, agent_ids=ids).page())
    assert differences(shown, chat(noon)) == []


async def test_the_oracle_sees_the_people_it_is_meant_to_see(noon: Floor) -> None:
    page = series(await scene(noon).page())
    ids = [str(agent.id) for agent in noon.plan.agents]
    assert not any(("agent", ids[NEVER_IN]) in labels for _, labels in page)
    labels = (("agent", ids[SLEEPER]), ("status", "available"), ("vendor_status", "Online"))
    engaged = page["agent_engaged_seconds_today", labels]
    assert page["seconds_in_state", labels] - engaged > 3600  # it sleeps, and chats with nobody
    reasons = {dict(labels)["vendor_status"] for name, labels in page if name == "seconds_in_state"}
    assert {reason_id("Break"), reason_id("Lunch")} <= reasons
    assert sum(value > 1 for value in page.values()) > 120


@pytest.mark.parametrize("family", ["chat", "messaging"])
def test_nothing_of_the_vendors_is_left_unchecked(noon: Floor, family: str) -> None:
    given = {name for endpoint in liveperson(family=family).endpoints for name in endpoint.gives}
    assert {name for name, _ in dict(chat(noon) if family == "chat" else messaging(noon))} == given


async def test_the_days_numbers_fall_at_the_accounts_midnight() -> None:
    floor = open_floor("2026-03-09")
    account = scene(floor)
    midnight = datetime(2026, 3, 10, tzinfo=BERLIN)
    largest = []
    for seconds in (-1, 1, 601):
        floor.advance(midnight + timedelta(seconds=seconds))
        page = series(await account.page())
        of_today = [n for (name, _), n in page.items() if name.endswith("_today") or name == "seconds_in_state"]
        largest.append(max(of_today, default=0.0))
    before, first_minute, after = largest
    assert before > 36_000
    assert first_minute == 0
    assert 0 < after < AGENTS * 1201  # a wait counts whole where it ends


@pytest.mark.parametrize(
    "keys",
    [
        {
            name: Secret(partial(str, value), "a test") if name != "app_key" else value
            for name, value in (
                ("app_key", "app-key"),
                ("app_secret", "app-secret"),
                ("access_token", "access-token"),
                ("access_token_secret", "access-token-secret"),
            )
        },
        {"client_id": "exporter", "client_secret": Secret(partial(str, "client-secret"), "a test")},
    ],
    ids=["api key", "client"],
)
@pytest.mark.parametrize("family", ["chat", "messaging"])
async def test_the_page_tells_the_truth_through_real_sockets(
    noon: Floor, keys: dict[str, Any], family: Any
) -> None:
    account = scene(noon, family=family)
    async with serve({"acme": account.dialect}) as urls:
        options = LivePersonOptions(
            account_id="12345678", family=family, domain_api_url=urls["acme"], skill_ids=(101, 102, 103, 104)
        )
        vendor = LivePerson(LivePersonCredentials(**keys), options, Site(BERLIN))
        async with connected(vendor) as client:
            account.start(vendor, client)
            shown = series(await account.page())
    told = chat(noon) if family == "chat" else messaging(noon)
    by_skill = "answered_within_seconds_today"
    wrong = differences(
        {key: value for key, value in shown.items() if key[0] != by_skill},
        ((key, value) for key, value in told if key[0] != by_skill),
    )
    assert wrong == []
    if family == "chat":
        total = sum(value for (name, _), value in shown.items() if name == by_skill)
        assert total == sum(one.value for (name, _), one in chat(noon) if name == by_skill)
