from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import msgspec
import pytest

from exporter.model import Status
from exporter.simulator import demo, truth
from exporter.simulator.demo import demo_plan
from exporter.simulator.floor import Floor
from exporter.simulator.history import VOICEMAILS, Direction, Outcome, Response, Source, Span, Window
from exporter.simulator.plan import AgentPlan, FloorPlan, Habits, QueuePlan, Rush, Shift

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 3, 9, tzinfo=BERLIN)


def demo_floor(start: datetime = MONDAY, hours: float = 0, seed: int = 0, agents: int = 40) -> Floor:
    floor = Floor(demo_plan(BERLIN, agents), start, seed)
    floor.advance(start.astimezone(UTC) + timedelta(hours=hours))
    return floor


@pytest.fixture(scope="module")
def lived_day() -> Floor:
    return demo_floor(hours=20)


def everything(floor: Floor) -> object:
    agents = {agent: (truth.spells(floor, agent), truth.agent_day(floor, agent)) for agent in floor.desks}
    return str(
        (floor.now, agents, msgspec.to_builtins(floor.calls), truth.queue_now(floor), truth.calls_day(floor))
    )


def small_floor(*agents: AgentPlan, habits: Habits | None = None, **queue: object) -> Floor:
    fields: dict[str, object] = {"calls_per_hour": 60.0, **queue}
    line = msgspec.convert({"id": 1, "name": "sales", "phone_numbers": [11], **fields}, QueuePlan)
    return Floor(FloorPlan(BERLIN, (line,), agents, habits=habits or Habits()), MONDAY)


def test_one_step_or_many_lead_to_the_same_life() -> None:
    at_once = demo_floor(hours=26, agents=12)
    by_steps = demo_floor(agents=12)
    dice = Random(1)
    moment, end = MONDAY.astimezone(UTC), MONDAY.astimezone(UTC) + timedelta(hours=26)
    while moment < end:
        moment = min(end, moment + timedelta(seconds=dice.uniform(0, 900)))
        by_steps.advance(moment)
        truth.queue_now(by_steps)
    assert everything(by_steps) == everything(at_once)


def test_another_seed_is_another_life() -> None:
    assert everything(demo_floor(hours=2, agents=12, seed=1)) != everything(demo_floor(hours=2, agents=12, seed=2))


def test_time_does_not_go_back() -> None:
    floor = demo_floor(hours=1)
    with pytest.raises(ValueError, match="does not go back"):
        floor.advance(MONDAY)


@pytest.mark.parametrize("hours", [0.5, 7.75, 23.5])
def test_the_stays_of_an_agent_partition_the_day_to_the_tick(hours: float) -> None:
    floor = demo_floor(MONDAY - timedelta(hours=3), hours=hours + 3)
    for agent in floor.desks:
        history = truth.spells(floor, agent)
        assert all(one.end == other.start for one, other in pairwise(history))
        assert all(spell.end is not None and spell.end > spell.start for spell in history[:-1])
        assert history[-1].end is None
        assert sum(truth.agent_day(floor, agent).stays.values()) == hours * 3600


def test_an_agent_is_at_one_thing_at_a_time_and_the_calls_say_the_same(lived_day: Floor) -> None:
    floor = lived_day
    talked = 0.0
    for agent, desk in floor.desks.items():
        day = truth.agent_day(floor, agent)
        assert day.seconds(status={Status.ON_CONTACT}) == day.contact.seconds
        assert day.seconds(status={Status.WRAP_UP}) == day.wrap_up.seconds
        assert day.seconds(status={Status.RINGING}) == sum(
            offer.span.within(truth.today(floor)) for offer in desk.offers
        )
        assert day.talk.seconds + day.hold.seconds <= day.contact.seconds
        talked += day.talk.seconds
    assert talked > 0


def test_every_inbound_call_is_somewhere() -> None:
    floor = demo_floor()
    seen: Counter[str] = Counter()
    for minute in range(0, 9 * 60, 7):
        floor.advance(MONDAY + timedelta(minutes=minute))
        day, now = truth.calls_day(floor), truth.queue_now(floor)
        inbound = [call for call in floor.calls.values() if call.direction is Direction.INBOUND]
        undecided = [call for call in inbound if call.outcome is None]
        greeted = [call for call in undecided if not call.waits and not call.callback]
        dialled = [call for call in undecided if call.callback and call.legs]
        waiting_first = [c for line in floor.lines.values() for c in line.waiting.values() if c.outcome is None]
        assert day.inbound == len(inbound)
        assert day.inbound == day.outcomes.total() + len(greeted) + len(dialled) + len(waiting_first)
        assert now.waits.count + now.callbacks.total() == sum(len(ln.waiting) for ln in floor.lines.values())
        seen.update(
            greeted=len(greeted), dialled=len(dialled), waiting=now.waits.count, back=now.callbacks.total()
        )
    assert min(seen.values()) > 0
    assert set(day.callbacks) == set(Source)
    assert set(day.outcomes) >= {Outcome.ANSWERED, Outcome.ABANDONED, Outcome.TEXTBACK, Outcome.OUTSIDE_HOURS}


def test_agents_are_rung_for_their_own_queues_only_and_only_when_logged_in(lived_day: Floor) -> None:
    floor = lived_day
    responses: Counter[Response] = Counter()
    for call in floor.calls.values():
        for offer in call.offers:
            desk = floor.desks[offer.agent]
            assert call.queue in desk.plan.queues
            at = next(
                s for s in desk.spells if s.start <= offer.span.start and (s.end or floor.now) > offer.span.start
            )
            assert at.status is Status.RINGING
            assert at.presence is Status.AVAILABLE or (at.presence is Status.BUSY and len(call.legs) > 0)
            if offer.response:
                responses[offer.response] += 1
        answered = [offer for offer in call.offers if offer.response is Response.ACCEPTED]
        assert len(answered) == len(call.legs) - (call.direction is Direction.OUTBOUND)
    assert set(responses) == set(Response)


def test_a_missed_call_rings_at_the_next_agent() -> None:
    deaf = AgentPlan(1, "deaf", (1,), shift=Shift(time(0), 20), misses=1.0)
    awake = AgentPlan(2, "awake", (1,), shift=Shift(time(0), 20), misses=0.0, declines=0.0)
    floor = small_floor(deaf, awake, calls_per_hour=6.0)
    floor.advance(MONDAY + timedelta(hours=10))
    assert truth.agent_day(floor, 1).responses[Response.MISSED] > 0
    assert truth.agent_day(floor, 1).responses[Response.ACCEPTED] == 0
    orders = [[offer.agent for offer in call.offers] for call in floor.calls.values()]
    assert [1, 2] in orders
    rung_out = [o for c in floor.calls.values() for o in c.offers if o.response is Response.MISSED]
    assert {o.span.end - o.span.start for o in rung_out if o.span.end} == {25.0}


def test_an_agent_may_be_away_and_still_be_on_a_call(lived_day: Floor) -> None:
    floor = lived_day
    both = sum(
        truth.agent_day(floor, agent).seconds(presence={Status.AWAY}, status={Status.ON_CONTACT})
        for agent in floor.desks
    )
    assert both > 0
    reasons = {spell.reason for agent in floor.desks for spell in truth.spells(floor, agent)}
    assert reasons == {"", "Break", "Lunch", "Coaching"}


def test_one_never_logs_in_and_one_sleeps_in_wrap_up(lived_day: Floor) -> None:
    floor = lived_day
    days = {agent: truth.agent_day(floor, agent) for agent in floor.desks}
    absent = next(agent for agent, desk in floor.desks.items() if desk.plan.shift is None)
    assert days[absent].stays == {(Status.OFFLINE, Status.OFFLINE): 20 * 3600}
    sleeper = next(agent for agent, desk in floor.desks.items() if desk.plan.wrap_up_factor > 1)
    others = [day.wrap_up.longest for agent, day in days.items() if agent != sleeper]
    assert days[sleeper].wrap_up.longest > 3 * max(others)


def test_a_shift_that_began_yesterday_is_under_way_at_the_start() -> None:
    night = AgentPlan(1, "night", (1,), shift=Shift(time(22), 8))
    floor = small_floor(night, calls_per_hour=0.0)
    floor.advance(MONDAY + timedelta(hours=5))
    assert truth.agent_day(floor, 1).seconds(presence={Status.AVAILABLE}) > 5 * 3600 - 600
    floor.advance(MONDAY + timedelta(hours=7))
    day = truth.agent_day(floor, 1)
    assert day.presence is Status.OFFLINE
    assert day.since == (MONDAY + timedelta(hours=6)).timestamp()


def test_who_is_on_a_call_when_the_shift_ends_finishes_it() -> None:
    agent = AgentPlan(1, "late", (1,), shift=Shift(time(0), 1), misses=0.0, declines=0.0)
    floor = small_floor(agent, calls_per_hour=600.0, habits=Habits(textbacks=0, widget_callbacks=0))
    floor.advance(MONDAY + timedelta(hours=3))
    offline = truth.spells(floor, 1)[-1]
    assert offline.status is Status.OFFLINE
    assert offline.start > (MONDAY + timedelta(hours=1)).timestamp()
    last = floor.desks[1].legs[-1]
    assert last.wrap_up is not None
    assert last.wrap_up.end == offline.start


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 3, 9), 24)])
def test_a_day_has_the_hours_that_its_zone_gives_it(day: tuple[int, int, int], hours: int) -> None:
    midnight = datetime.combine(date(*day), time(), BERLIN)
    tomorrow = (midnight + timedelta(days=1)).astimezone(UTC)
    floor = Floor(demo_plan(BERLIN, agents=6), midnight - timedelta(hours=2))
    floor.advance(tomorrow - timedelta(seconds=1))
    assert floor.today == midnight.timestamp()
    agent = next(iter(floor.desks))
    assert sum(truth.agent_day(floor, agent).stays.values()) == hours * 3600 - 1
    floor.advance(tomorrow)
    assert floor.today == tomorrow.timestamp()


def test_everything_of_today_starts_again_at_midnight() -> None:
    floor = demo_floor(hours=24)
    day = truth.calls_day(floor)
    assert (day.inbound, day.outbound, day.outcomes.total(), day.calls.seconds, day.wrap_ups.seconds) == (
        0,
        0,
        0,
        0,
        0,
    )
    assert all(truth.agent_day(floor, agent).contact.seconds == 0 for agent in floor.desks)
    on_call = [agent for agent, desk in floor.desks.items() if desk.status is Status.ON_CONTACT]
    assert on_call
    floor.advance(MONDAY + timedelta(days=1, seconds=1))
    assert {truth.agent_day(floor, agent).seconds() for agent in floor.desks} == {1.0}
    assert max(truth.agent_day(floor, agent).contact.seconds for agent in on_call) == 1.0


def test_two_windows_that_meet_add_up_to_one(lived_day: Floor) -> None:
    floor = lived_day
    start, middle, end = floor.today, floor.today + 35_000.0, floor.now
    whole = truth.calls_day(floor, window=Window(start, end))
    first, second = (truth.calls_day(floor, window=w) for w in (Window(start, middle), Window(middle, end)))
    assert whole.inbound == first.inbound + second.inbound
    assert whole.outcomes == first.outcomes + second.outcomes
    assert whole.calls.seconds == first.calls.seconds + second.calls.seconds
    assert whole.wrap_ups.seconds == first.wrap_ups.seconds + second.wrap_ups.seconds
    assert min(first.inbound, second.inbound) > 0


def test_the_queues_add_up_to_the_centre(lived_day: Floor) -> None:
    floor = lived_day
    whole = truth.calls_day(floor)
    parts = [truth.calls_day(floor, line.plan.phone_numbers) for line in floor.lines.values()]
    assert whole.inbound == sum(part.inbound for part in parts)
    assert whole.outcomes == sum((part.outcomes for part in parts), Counter[Outcome]())
    assert whole.waits == sum((part.waits for part in parts), truth.Sum())
    assert whole.callbacks == sum((part.callbacks for part in parts), Counter())
    assert (
        max(part.most_waiting for part in parts) <= whole.most_waiting <= sum(part.most_waiting for part in parts)
    )
    assert whole.contacts == sum((truth.agent_day(floor, agent).contact for agent in floor.desks), truth.Sum())


def test_the_most_that_waited_at_once_is_what_one_would_have_seen() -> None:
    floor = demo_floor()
    most = 0
    for second in range(0, 2 * 3600, 2):
        floor.advance(MONDAY + timedelta(seconds=second))
        now = truth.queue_now(floor)
        most = max(most, now.waits.count + now.callbacks.total())
    assert most > 1
    assert most <= truth.calls_day(floor).most_waiting <= most + 1


def test_a_queue_without_agents_and_a_closed_one_send_callers_to_voicemail() -> None:
    nobody = small_floor()
    nobody.advance(MONDAY + timedelta(hours=4))
    outcomes = truth.calls_day(nobody).outcomes
    assert set(outcomes) == {Outcome.UNATTENDED}
    shut = small_floor(opens="09:00:00", closes="10:00:00", habits=Habits(widget_callbacks=0.0))
    shut.advance(MONDAY + timedelta(hours=12))
    assert set(truth.calls_day(shut).outcomes) == {Outcome.UNATTENDED, Outcome.OUTSIDE_HOURS}
    assert set(outcomes) <= VOICEMAILS


def test_nobody_waits_longer_than_the_vendor_lets_them() -> None:
    agent = AgentPlan(1, "alone", (1,), shift=Shift(time(0), 20))
    floor = small_floor(agent, calls_per_hour=120.0, habits=Habits(patience_seconds=1e6, asks_voicemail=0.2))
    floor.advance(MONDAY + timedelta(hours=6))
    day = truth.calls_day(floor)
    assert day.waits.longest == 600.0
    assert {Outcome.EXCEEDED_WAIT, Outcome.REQUESTED_VOICEMAIL} <= set(day.outcomes)
    assert truth.queue_now(floor).waits.longest <= 600.0


def test_a_rush_brings_more_calls_and_may_run_past_midnight() -> None:
    rush = Rush(time(23, 30), minutes=60, factor=8.0, queues=(1,))
    queues = (QueuePlan(1, "rushed", (11,), 30.0), QueuePlan(2, "calm", (12,), 30.0))
    floor = Floor(FloorPlan(BERLIN, queues, (), rushes=(rush,)), MONDAY + timedelta(hours=22))
    floor.advance(MONDAY + timedelta(hours=26))

    def arrivals(number: int, hour: float) -> int:
        begin = MONDAY.timestamp() + hour * 3600
        return truth.calls_day(floor, (number,), Window(begin, begin + 3600)).inbound

    assert arrivals(11, 23.5) > 150
    assert arrivals(11, 22) < 60
    assert arrivals(12, 23.5) < 60


def test_the_rush_of_the_demo_begins_at_once_and_ends() -> None:
    floor = demo.demo_floor(MONDAY + timedelta(hours=10), BERLIN, rush_minutes=8)
    floor.advance(MONDAY + timedelta(hours=10, minutes=5))
    assert truth.queue_now(floor).waits.longest > 120
    floor.advance(MONDAY + timedelta(hours=10, minutes=30))
    assert truth.queue_now(floor).waits.longest < 120
    rush, calm = (
        truth.calls_day(floor, window=Window(floor.now - minutes * 60, floor.now - (minutes - 8) * 60)).inbound
        for minutes in (30, 22)
    )
    assert rush > 3 * calm


def test_history_older_than_yesterday_is_forgotten() -> None:
    floor = demo_floor(hours=3 * 24 + 1, agents=12)
    yesterday = (MONDAY + timedelta(days=2)).timestamp()
    assert all(call.ended is None or call.ended > yesterday for call in floor.calls.values())
    assert any(call.arrived < yesterday + 3600 for call in floor.calls.values())
    for desk in floor.desks.values():
        assert all(spell.end is None or spell.end > yesterday for spell in desk.spells)
        assert len(desk.legs) < 400
        assert all(
            leg.wrap_up is None or leg.wrap_up.end is None or leg.wrap_up.end > yesterday for leg in desk.legs
        )


def test_callbacks_are_made_when_an_agent_is_free_or_lapse() -> None:
    habits = Habits(widget_callbacks=1.0, callback_life_seconds=1800.0, reached=0.5)
    late = AgentPlan(1, "late", (1,), shift=Shift(time(3), 20))
    floor = small_floor(late, calls_per_hour=10.0, habits=habits)
    floor.advance(MONDAY + timedelta(hours=2, minutes=50))
    lapsed = truth.calls_day(floor)
    assert set(lapsed.outcomes) == {Outcome.UNREACHED}
    assert lapsed.callback_waits.longest == 1800.0
    assert truth.queue_now(floor).callbacks.total() > 0
    floor.advance(MONDAY + timedelta(hours=6))
    assert truth.calls_day(floor).outcomes[Outcome.ANSWERED] > 0
    answered = [call for call in floor.calls.values() if call.outcome is Outcome.ANSWERED]
    assert all(len(call.on_line) == 1 and call.on_line[0].start > call.arrived for call in answered)


def test_a_callback_asked_for_by_telephone_is_off_the_line_in_between(lived_day: Floor) -> None:
    asked = [call for call in lived_day.calls.values() if call.callback is Source.PHONE and len(call.on_line) == 2]
    assert asked
    for call in asked:
        (first, _), wait = call.on_line, call.callback_wait
        assert wait is not None
        assert (first.end, call.on_line[1].start) == (wait.start, wait.end)


def test_a_callback_that_is_handed_on_waits_on_the_line() -> None:
    agents = tuple(AgentPlan(n, f"{n}", (1,), shift=Shift(time(0), 20), misses=0.5) for n in (1, 2, 3))
    habits = Habits(widget_callbacks=1.0, transfers=1.0, reached=1.0)
    floor = small_floor(*agents, calls_per_hour=12.0, habits=habits)
    on_line = 0
    for second in range(0, 3 * 3600, 20):
        floor.advance(MONDAY + timedelta(seconds=second))
        now = truth.queue_now(floor)
        handed_on = [call for call in floor.lines[1].waiting.values() if call.legs]
        assert now.waits.count == len(handed_on)
        on_line += len(handed_on)
    assert on_line > 0


def test_a_span_counts_only_what_lies_in_the_window() -> None:
    window = Window(100.0, 200.0)
    assert Span(50.0, 150.0).within(window) == 50.0
    assert Span(150.0).within(window) == 50.0
    assert Span(50.0, 250.0).within(window) == 100.0
    assert Span(10.0, 20.0).within(window) == 0.0
    assert [window.holds(instant) for instant in (None, 100.0, 100.5, 200.0, 200.5)] == [
        False,
        False,
        True,
        True,
        False,
    ]
