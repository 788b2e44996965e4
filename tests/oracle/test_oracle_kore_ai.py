"""The floor's truth against /metrics, told by Kore.ai.

Written from the vendor's page and docs/vendors/kore_ai.md, not from the code that it judges.
"""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import jwt
import pytest
from accounts import BERLIN, kore_ai
from scene import NEVER_IN, SLEEPER, Scene, Span, Told, differences, fact, open_floor, series
from sockets import connected

from exporter.model import Status
from exporter.simulator import truth
from exporter.simulator.floor import Floor
from exporter.simulator.history import Direction, Outcome
from exporter.simulator.kore_ai import KoreAccount
from exporter.simulator.kore_ai import KoreAi as Dialect
from exporter.simulator.server import serve
from exporter.vendors.contract import Site
from exporter.vendors.kore_ai import KoreAi
from exporter.vendors.kore_ai.options import KoreCredentials, KoreOptions
from exporter.wire.secret import Secret

ACCOUNT = KoreAccount(per_minute=10_000)
MILLISECOND: Span = 0.0, 0.0011
UNSEEN = str.maketrans({"\n": "\ufffd"})
SET_BY_AGENTS = (Status.AVAILABLE, Status.BUSY, Status.AWAY, Status.OFFLINE)


def scene(floor: Floor, **options: object) -> Scene:
    claims = {"sub": "oracle", "appId": ACCOUNT.client_id}
    token = jwt.encode(claims, ACCOUNT.client_secret, "HS256")
    vendor = kore_ai(**{"queues": (), "wait_unit": "milliseconds"} | options)  # type: ignore[arg-type]
    return Scene(floor, "kore_ai", vendor, Dialect(floor, ACCOUNT), headers={"auth": token})


def window_start(floor: Floor) -> float:
    """Midnight, or where the day begins at the offset of this moment, if that is later."""
    local = datetime.fromtimestamp(floor.now, BERLIN)
    offset = local.utcoffset() or timedelta()
    fixed = datetime(local.year, local.month, local.day, tzinfo=timezone(offset))
    return max(floor.today, fixed.timestamp())


def stays(floor: Floor, agent: int) -> list[tuple[str, str, int, int | None]]:
    """What an agent has set since the first login: status, word, and from when to when in whole seconds."""
    found: list[tuple[str, str, int, int | None]] = []
    for spell in truth.spells(floor, agent):
        word = spell.reason or spell.presence.upper()
        end = None if spell.end is None else int(spell.end)
        if found and found[-1][:2] == (spell.presence, word):
            found[-1] = (*found[-1][:3], end)
        elif found or spell.presence is not Status.OFFLINE or spell.start > floor.start:
            found.append((str(spell.presence), word, int(spell.start), end))
    return found


def agents(floor: Floor) -> Told:
    start = window_start(floor)
    yield fact("window_start_timestamp_seconds", start)
    for agent, desk in floor.desks.items():
        name = desk.plan.name.translate(UNSEEN)
        yield fact("agent_info", 1, agent=agent, agent_name=name, via="")
        yield fact("agent_slots", 1, agent=agent)
        yield fact("agent_contacts", desk.status is Status.ON_CONTACT, agent=agent)
        mine = stays(floor, agent)
        if mine:
            status, word, since, _ = mine[-1]
            yield fact("agent_status", 1, agent=agent, status=status, vendor_status=word)
            yield fact("agent_status_since_timestamp_seconds", since, agent=agent)
        today = [(s, w, b, floor.now if e is None else e) for s, w, b, e in mine if e is None or e > start]
        for state in {(status, word) for status, word, _, _ in today}:
            labels: dict[str, Any] = {"agent": agent, "status": state[0], "vendor_status": state[1]}
            lengths = [end - max(begin, start) for s, w, begin, end in today if (s, w) == state]
            begun = [begin for s, w, begin, _ in today if (s, w) == state and begin >= start]
            yield fact("seconds_in_state", sum(lengths), **labels)
            yield fact("longest_seconds_in_state", max(lengths), **labels)
            yield fact("state_entries_today", len(begun), **labels)
    at_work = [Status.BUSY if desk.engaged else desk.presence for desk in floor.desks.values()]
    yield fact("agents_online", sum(status is not Status.OFFLINE for status in at_work))
    for status in Status:
        yield fact("agents", at_work.count(status), status=status)


def ongoing(floor: Floor, queue: int) -> int:
    return sum(leg.span.end is None for call in floor.calls.values() if call.queue == queue for leg in call.legs)


def queues(floor: Floor, channel: str) -> Told:
    for queue, line in floor.lines.items():
        now = truth.queue_now(floor, line.plan.phone_numbers)
        yield fact("queue_info", 1, queue=queue, queue_name=line.plan.name)
        yield fact("calls_waiting", now.waits.count, queue=queue, channel=channel)
        yield fact("calls_in_progress", ongoing(floor, queue), queue=queue, channel=channel)
        at_work = [Status.BUSY if desk.engaged else desk.presence for desk in line.desks]
        for status in SET_BY_AGENTS:
            yield fact("queue_agents", at_work.count(status), queue=queue, status=status)
        if channel == "other":
            yield fact("longest_wait_seconds", now.waits.longest, MILLISECOND, queue=queue, channel=channel)
            yield fact("average_wait_seconds", now.waits.mean, MILLISECOND, queue=queue, channel=channel)


def queues_today(floor: Floor) -> Told:
    for queue, line in floor.lines.items():
        waits = [floor.now - call.waits[-1].start for call in line.waiting.values() if not call.awaits_callback]
        late = sum(wait > line.plan.target_seconds for wait in waits)
        for kind, count in (("idle", 0), ("expired", 0), ("overdue", late)):
            yield fact("queue_contacts", count, queue=queue, channel="voice", kind=kind)
        if floor.now >= floor.today + 24 * 3600:
            continue  # the vendor's longest window ends before a day of 25 hours does
        day = truth.calls_day(floor, line.plan.phone_numbers)
        yield fact("calls_today", day.inbound, queue=queue, direction="inbound")
        yield fact("calls_today", day.outbound, queue=queue, direction="outbound")
        for outcome, count in (
            ("abandoned", day.outcomes[Outcome.ABANDONED]),
            ("outside_hours", day.outcomes[Outcome.OUTSIDE_HOURS]),
            ("no_agents", day.outcomes[Outcome.UNATTENDED]),
            ("network_failure", 0),
            ("gateway_failure", 0),
            ("other", day.outcomes[Outcome.EXCEEDED_WAIT]),
        ):
            yield fact("call_outcomes_today", count, queue=queue, outcome=outcome)
        legs = [leg for call in floor.calls.values() if call.queue == queue for leg in call.legs]
        handed_on = sum(leg.transferred_on and truth.today(floor).holds(leg.span.end) for leg in legs)
        yield fact("queue_transfers_today", handed_on, queue=queue)
        yield fact("calls_answered_today", day.answers.count, queue=queue)
        if day.inbound:
            percent = round(100 * day.answered_in_target / max(1, day.answers.count))
            yield fact("service_level_ratio_today", percent / 100, queue=queue, channel="voice")
        if day.answers.count:
            yield fact("average_answer_seconds_today", day.answers.mean, MILLISECOND, queue=queue)
            yield fact("average_handling_seconds_today", handling(floor, queue), MILLISECOND, queue=queue)


def handling(floor: Floor, queue: int) -> float:
    today = truth.today(floor)
    legs = [
        leg
        for call in floor.calls.values()
        if call.queue == queue and call.direction is Direction.INBOUND
        for leg in call.legs
    ]
    seconds = [leg.span.within(today) + (leg.wrap_up.within(today) if leg.wrap_up else 0) for leg in legs]
    some = [one for one in seconds if one > 0]
    return sum(some) / len(some)


async def check(floor: Floor) -> None:
    by_queue = scene(floor, queue_source="queue_stats", version="v3")
    for account, facts in (
        (scene(floor), [*agents(floor), *queues(floor, "voice"), *queues_today(floor)]),
        (by_queue, [*agents(floor), *queues(floor, "other")]),
    ):
        assert differences(series(await account.page()), facts) == []


async def test_the_page_tells_the_truth_around_the_clock() -> None:
    floor = open_floor("2026-03-09")
    midnight = datetime(2026, 3, 9, tzinfo=BERLIN)
    for seconds in (-0.25, 0, 0.25, 601, 3 * 3600, 9.5 * 3600, 16 * 3600 + 0.5, 24 * 3600 - 0.25, 24 * 3600):
        floor.advance(midnight + timedelta(seconds=seconds))
        await check(floor)


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
async def test_the_page_tells_the_truth_on_days_of_23_and_25_hours(day: str) -> None:
    floor = open_floor(day)
    midnight = floor.now + 7200
    length = 23 if day == "2026-03-29" else 25
    for hours in (0.001, 0.99, 1.01, 1.99, 2.01, 3.01, 12, length - 0.001, length):
        floor.advance(datetime.fromtimestamp(midnight + hours * 3600, UTC))
        await check(floor)


async def test_the_oracle_sees_the_people_it_is_meant_to_see() -> None:
    floor = open_floor("2026-03-09")
    floor.advance(datetime(2026, 3, 9, 12, 30, tzinfo=BERLIN))
    page = series(await scene(floor).page())
    ids = [str(agent.id) for agent in floor.plan.agents]
    of_never_in = {name for name, labels in page if ("agent", ids[NEVER_IN]) in labels}
    assert of_never_in == {"agent_info", "agent_slots", "agent_contacts"}
    asleep = floor.desks[int(ids[SLEEPER])]
    assert sum(leg.wrap_up.within(truth.today(floor)) for leg in asleep.legs if leg.wrap_up) > 3600
    words = {dict(labels)["vendor_status"] for name, labels in page if name == "seconds_in_state"}
    assert {"AVAILABLE", "OFFLINE", "Break", "Lunch", "Coaching"} <= words


async def test_the_page_tells_the_truth_through_real_sockets() -> None:
    floor = open_floor("2026-03-09")
    floor.advance(datetime(2026, 3, 9, 12, 30, tzinfo=BERLIN))
    account = scene(floor)
    async with serve({"acme": Dialect(floor, KoreAccount(per_minute=10_000, enforces_jti=True))}) as urls:
        keys = KoreCredentials(
            client_id=ACCOUNT.client_id, client_secret=Secret(lambda: ACCOUNT.client_secret, "a test")
        )
        options = KoreOptions(
            base_url=urls["acme"],
            account_id=ACCOUNT.account_id,
            stream_id=ACCOUNT.stream_id,
            wait_unit="milliseconds",
            token_life=600.0,
            enforce_jti=True,
        )
        vendor = KoreAi(keys, options, Site(BERLIN))
        async with connected(vendor) as client:
            account.start(vendor, client)
            shown = series(await account.page())
    told = [*agents(floor), *queues(floor, "voice"), *queues_today(floor)]
    assert differences(shown, told) == []
