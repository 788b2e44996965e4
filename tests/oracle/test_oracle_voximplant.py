"""The floor's truth against /metrics, told by Voximplant.

Written from the vendor's page and docs/vendors/voximplant.md, not from the code that it judges.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from accounts import BERLIN, voximplant
from msgspec.structs import replace
from scene import AGENTS, NEVER_IN, SLEEPER, WHOLE, Scene, Told, differences, fact, open_floor, series

from exporter.model import Status
from exporter.simulator import truth
from exporter.simulator.floor import Floor
from exporter.simulator.history import Outcome, Response, Window
from exporter.simulator.voximplant import Voximplant as Dialect
from exporter.simulator.voximplant import VoximplantAccount, VoximplantKeys
from exporter.wire.http import Reply, Request

NAMES = str.maketrans({"\n": "�"})
WORDS = {
    Status.AVAILABLE: "READY",
    Status.RINGING: "READY",
    Status.ON_CONTACT: "IN_SERVICE",
    Status.WRAP_UP: "AFTER_SERVICE",
    Status.AWAY: "TIMEOUT",
    Status.BUSY: "DND",
    Status.OFFLINE: "OFFLINE",
}
MEANINGS = {
    "READY": "available",
    "IN_SERVICE": "on_contact",
    "AFTER_SERVICE": "wrap_up",
    "TIMEOUT": "away",
    "DND": "busy",
    "OFFLINE": "offline",
}


def scene(floor: Floor, engine: Literal["acd", "smartqueue"] = "acd") -> Scene:
    dialect = Dialect(floor, VoximplantAccount(VoximplantKeys(account_id=1, api_key="key"), engine=engine))
    return WithKey(floor, "voximplant", voximplant(engine=engine), dialect)


class WithKey(Scene):
    """A scene that puts the API key into each form, as the transport does."""

    def answer(self, request: Request) -> Reply:
        return super().answer(replace(request, body=(request.body or b"") + b"&account_id=1&api_key=key"))


def word(status: Status, presence: Status) -> str:
    return WORDS[presence if status is Status.RINGING else status]


def runs(floor: Floor, agent: int) -> list[tuple[str, float, float | None]]:
    """Return an agent's life as stays in one word each: being rung does not end READY."""
    found: list[tuple[str, float, float | None]] = []
    for spell in truth.spells(floor, agent):
        name = word(spell.status, spell.presence)
        start = found.pop()[1] if found and found[-1][0] == name else spell.start
        found.append((name, start, spell.end))
    return found


def agents_now(floor: Floor) -> Told:
    desks = floor.desks.values()
    words = [word(desk.status, desk.presence) for desk in desks]
    yield fact("agents_online", sum(MEANINGS[one] != Status.OFFLINE for one in words))
    for status in Status:
        yield fact("agents", sum(MEANINGS[one] == status for one in words), status=status)
    for desk, one in zip(desks, words, strict=True):
        yield fact("agent_status", 1, agent=desk.plan.id, status=MEANINGS[one], vendor_status=one)
        yield fact("agent_info", 1, agent=desk.plan.id, agent_name=desk.plan.name.translate(NAMES), via="")
        since = runs(floor, desk.plan.id)[-1][1]
        yield fact("agent_status_since_timestamp_seconds", since, WHOLE, agent=desk.plan.id)


def agents_today(floor: Floor) -> Told:
    for agent, desk in floor.desks.items():
        stays: dict[str, list[float]] = {}
        for name, start, end in runs(floor, agent):
            if end is not None and end > floor.today:
                stays.setdefault(name, []).append(end - max(start, floor.today))
        for name, seconds in stays.items():
            labels: dict[str, Any] = {"agent": agent, "status": MEANINGS[name], "vendor_status": name}
            yield fact("seconds_in_state", sum(seconds), WHOLE, **labels)
            yield fact("longest_seconds_in_state", max(seconds), WHOLE, **labels)
            yield fact("state_entries_today", len(seconds), **labels)
        day = truth.agent_day(floor, agent)
        yield fact("agent_calls_today", day.responses[Response.ACCEPTED], agent=agent, outcome="accepted")
        missed = day.responses[Response.MISSED] + day.responses[Response.DECLINED]
        yield fact("agent_calls_today", missed, agent=agent, outcome="missed")
        yield fact("agent_contact_seconds_today", day.contact.seconds, WHOLE, agent=agent)
        yield fact("agent_wrap_up_seconds_today", day.wrap_up.seconds, WHOLE, agent=agent)
        yield fact("agent_handling_seconds_today", day.contact.seconds + day.wrap_up.seconds, WHOLE, agent=agent)
        accepted = [offer for offer in desk.offers if offer.response is Response.ACCEPTED]
        rung = sum(o.span.within(truth.today(floor)) for o in accepted if truth.today(floor).holds(o.span.end))
        yield fact("agent_answer_seconds_today", rung, WHOLE, agent=agent)


def queues_now(floor: Floor, *, newer: bool) -> Told:
    for queue, line in floor.lines.items():
        yield fact("queue_info", 1, queue=queue, queue_name=line.plan.name)
        callers = [call for call in line.waiting.values() if not call.awaits_callback]
        calls = [call for call in callers if not (newer and call.ringing)]
        waits = [floor.now - call.waits[-1].start for call in calls]
        labels: dict[str, Any] = {"queue": queue, "channel": "voice"}
        yield fact("calls_waiting", len(waits), **labels)
        yield fact("longest_wait_seconds", max(waits, default=0), WHOLE, **labels)
        yield fact("average_wait_seconds", sum(waits) / len(waits) if waits else 0, WHOLE, **labels)
        legs = [leg for call in floor.calls.values() if call.queue == queue for leg in call.legs]
        yield fact("calls_in_progress", sum(leg.span.end is None for leg in legs), **labels)
        statuses = [desk.status for desk in line.desks]
        if newer:
            yield fact("queue_contacts", len(callers) - len(calls), kind="ringing", **labels)
            yield fact("queue_contacts", 0, kind="other", **labels)
            yield from no_chats(queue)
            told = set(Status) - {Status.OFFLINE}
            for status in told:
                yield fact("queue_agents", statuses.count(status), queue=queue, status=status)
            continue
        rung = {
            call.offers[-1].agent
            for one in floor.lines.values()
            for call in one.waiting.values()
            if call.ringing and not call.awaits_callback
        }
        yield fact("queue_agents", sum(d.plan.id in rung for d in line.desks), queue=queue, status="ringing")
        for status in (Status.AVAILABLE, Status.ON_CONTACT, Status.WRAP_UP):
            yield fact("queue_agents", statuses.count(status), queue=queue, status=status)


def no_chats(queue: int) -> Told:
    for name in ("calls_waiting", "longest_wait_seconds", "average_wait_seconds", "calls_in_progress"):
        yield fact(name, 0, queue=queue, channel="chat")
    for kind in ("ringing", "other"):
        yield fact("queue_contacts", 0, queue=queue, channel="chat", kind=kind)


def queues_today(floor: Floor) -> Told:
    for queue, line in floor.lines.items():
        day = truth.calls_day(floor, line.plan.phone_numbers)
        yield fact("calls_offered_today", day.inbound, queue=queue)
        yield fact("calls_answered_today", day.answers.count, queue=queue)
        threshold = f"{line.plan.target_seconds:g}"
        yield fact("answered_within_seconds_today", day.answered_in_target, queue=queue, threshold=threshold)
        gone = day.outcomes[Outcome.ABANDONED]
        for outcome, count in (
            ("abandoned", gone),
            ("unanswered", gone + day.outcomes[Outcome.EXCEEDED_WAIT] + day.outcomes[Outcome.REQUESTED_VOICEMAIL]),
            ("rejected", day.outcomes[Outcome.OUTSIDE_HOURS] + day.outcomes[Outcome.UNATTENDED]),
        ):
            yield fact("call_outcomes_today", count, queue=queue, outcome=outcome)
        yield fact("wait_seconds_today", day.waits.seconds, WHOLE, queue=queue)
        yield fact("longest_queue_wait_seconds_today", day.waits.longest, WHOLE, queue=queue)
        yield fact("talk_seconds_today", day.contacts.seconds, WHOLE, queue=queue)
        yield fact("wrap_up_seconds_today", day.wrap_ups.seconds, WHOLE, queue=queue)
        yield fact("handling_seconds_today", day.contacts.seconds + day.wrap_ups.seconds, WHOLE, queue=queue)
        yield fact("most_waiting_today", day.most_waiting, queue=queue)
        window, calls = truth.today(floor), [call for call in floor.calls.values() if call.queue == queue]
        given_up = [c for c in calls if c.outcome is Outcome.ABANDONED and window.holds(c.decided)]
        yield fact("abandon_seconds_today", sum(c.waits[0].within(window) for c in given_up), WHOLE, queue=queue)
        taken = [
            o for c in calls for o in c.offers if o.response is Response.ACCEPTED and window.holds(o.span.end)
        ]
        yield fact("ring_seconds_today", sum(o.span.within(window) for o in taken), WHOLE, queue=queue)


def recent(floor: Floor) -> Told:
    for queue, line in floor.lines.items():
        day = truth.calls_day(floor, line.plan.phone_numbers, Window(floor.now - 1800, floor.now))
        for outcome, count in {
            "assigned": day.inbound,
            "assigned_chats": 0,
            "handled": day.answers.count,
            "abandoned": day.outcomes[Outcome.ABANDONED],
            "blocked": day.outcomes[Outcome.OUTSIDE_HOURS] + day.outcomes[Outcome.UNATTENDED],
        }.items():
            yield fact("recent_calls", count, queue=queue, outcome=outcome)


def older(floor: Floor) -> Told:
    now = [*agents_now(floor), *queues_now(floor, newer=False)]
    today = [*agents_today(floor), *queues_today(floor), fact("window_start_timestamp_seconds", floor.today)]
    return now + today


def newer(floor: Floor) -> Told:
    return [*agents_of_the_newer_engine(floor), *queues_now(floor, newer=True), *recent(floor)]


def agents_of_the_newer_engine(floor: Floor) -> Told:
    words = WORDS | {Status.RINGING: "DIALING", Status.AWAY: "ONLINE"}
    statuses = {agent: desk.status for agent, desk in floor.desks.items()}
    yield fact("agents_online", sum(status is not Status.OFFLINE for status in statuses.values()))
    for status in Status:
        yield fact("agents", list(statuses.values()).count(status), status=status)
    for agent, status in statuses.items():
        yield fact("agent_status", 1, agent=agent, status=status, vendor_status=words[status])
        name = floor.desks[agent].plan.name.translate(NAMES)
        yield fact("agent_info", 1, agent=agent, agent_name=name, via="")


async def check(floor: Floor, old: Scene, new: Scene) -> None:
    assert differences(series(await old.page()), older(floor)) == []
    shown = series(await new.page())
    shown = {key: value for key, value in shown.items() if key[0] != "agent_status_since_timestamp_seconds"}
    assert differences(shown, newer(floor)) == []


async def test_the_page_tells_the_truth_around_the_clock() -> None:
    floor = open_floor("2026-03-09")
    scenes = scene(floor), scene(floor, "smartqueue")
    midnight = datetime(2026, 3, 9, tzinfo=BERLIN)
    for seconds in (-0.25, 0, 0.25, 601, 3 * 3600, 9.5 * 3600, 16 * 3600 + 0.5, 24 * 3600 - 0.25, 24 * 3600):
        floor.advance(midnight + timedelta(seconds=seconds))
        await check(floor, *scenes)


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
async def test_the_page_tells_the_truth_on_days_of_23_and_25_hours(day: str) -> None:
    floor = open_floor(day)
    scenes = scene(floor), scene(floor, "smartqueue")
    midnight = floor.now + 7200
    length = 23 if day == "2026-03-29" else 25
    for hours in (0.001, 1.99, 2.01, 3.01, 12, length - 0.001, length):
        floor.advance(datetime.fromtimestamp(midnight + hours * 3600, UTC))
        await check(floor, *scenes)
    assert floor.today == midnight + length * 3600


async def test_the_oracle_sees_the_people_it_is_meant_to_see() -> None:
    floor = open_floor("2026-03-09")
    floor.advance(datetime(2026, 3, 9, 12, 30, tzinfo=BERLIN))
    page = series(await scene(floor).page())
    ids = [str(agent.id) for agent in floor.plan.agents]
    wrap_up = {agent: page["agent_wrap_up_seconds_today", (("agent", agent),)] for agent in ids}
    assert max(wrap_up.values()) == wrap_up[ids[SLEEPER]] > 3600
    of_never_in = {key: value for key, value in page.items() if ("agent", ids[NEVER_IN]) in key[1]}
    assert {name for (name, _), value in of_never_in.items() if value} == {
        *("agent_status", "agent_info", "agent_status_since_timestamp_seconds")
    }
    assert sum(name == "agent_info" for name, _ in page) == AGENTS
    assert {"Ann Smith", "two�lines"} <= {dict(labels).get("agent_name") for _, labels in page}
