"""The life of a call: greeting, queue, ringing, talk, hold, transfer, wrap-up; and the ways out on the way."""

from collections.abc import Mapping
from itertools import count
from math import log
from operator import itemgetter
from random import Random

from exporter.model import Status
from exporter.simulator.agenda import Agenda
from exporter.simulator.desk import Desk, Line
from exporter.simulator.history import Call, Direction, Leg, Offer, Outcome, Response, Source, Span
from exporter.simulator.plan import Habits

_TALK_SPREAD = 0.6  # sigma of the logarithm: most talks are short, some are long


class Switchboard:
    """Brings calls and agents together."""

    def __init__(
        self, habits: Habits, agenda: Agenda, dice: Random, lines: Mapping[int, Line], desks: Mapping[int, Desk]
    ) -> None:
        self.calls: dict[int, Call] = {}
        """By id, in the order of their arrival."""
        self._habits = habits
        self._agenda = agenda
        self._dice = dice
        self._lines = lines
        self._desks = desks
        self._number = count(1)

    def forget(self, before: float) -> None:
        """Drop the calls that ended before this instant."""
        self.calls = {id_: call for id_, call in self.calls.items() if call.ended is None or call.ended > before}

    def ring_in(self, line: Line, *, is_open: bool) -> None:
        """Take one inbound call."""
        call = self._open(line, Direction.INBOUND)
        if self._happens(self._habits.widget_callbacks):
            self._wait_for_callback(call, Source.WEB_WIDGET)
            return
        call.on_line.append(Span(self._agenda.now))
        if not is_open:
            self._to_voicemail(call, Outcome.OUTSIDE_HOURS)
        elif not line.attended:
            self._to_voicemail(call, Outcome.UNATTENDED)
        elif self._happens(self._habits.textbacks):
            self._decide(call, Outcome.TEXTBACK)
            self._agenda.after(self._habits.greeting_seconds, self._hang_up, call)
        else:
            self._agenda.after(self._habits.greeting_seconds, self._enter_queue, call)

    def ring_out(self, desk: Desk) -> None:
        """Let an idle agent call a customer."""
        call = self._open(self._lines[desk.plan.queues[0]], Direction.OUTBOUND)
        self._dial(call, desk)

    def settle(self, desk: Desk) -> None:
        """Put a desk where its present state belongs, and give it the call that waits for it."""
        lines = [self._lines[queue] for queue in desk.plan.queues]
        for line in lines:
            line.place(desk)
        if desk.engaged or desk.leaving or desk.presence not in (Status.AVAILABLE, Status.BUSY):
            return
        calls = [call for line in lines if (call := line.next_for(desk))]
        if calls:
            self._ring(min(calls, key=lambda call: call.arrived), desk)

    def _open(self, line: Line, direction: Direction) -> Call:
        call = Call(
            id=next(self._number),
            queue=line.plan.id,
            number=self._dice.choice(line.plan.phone_numbers),
            channel=line.plan.channel,
            direction=direction,
            arrived=self._agenda.now,
            customer=f"+1555{self._dice.randrange(10**7):07d}",
        )
        self.calls[call.id] = call
        return call

    def _enter_queue(self, call: Call) -> None:
        habits = self._habits
        wait = self._wait(call)
        exits: list[tuple[float, Outcome | None]] = [
            (self._around(habits.patience_seconds), Outcome.ABANDONED),
            (habits.most_wait_seconds, Outcome.EXCEEDED_WAIT),
        ]
        if self._happens(habits.asks_voicemail):
            exits.append((self._dice.uniform(15, 90), Outcome.REQUESTED_VOICEMAIL))
        elif self._happens(habits.asks_callback):
            exits.append((self._dice.uniform(15, 90), None))
        seconds, outcome = min(exits, key=itemgetter(0))
        self._agenda.after(seconds, self._leave_queue, call, wait, outcome)

    def _wait(self, call: Call) -> Span:
        wait = Span(self._agenda.now)
        call.waits.append(wait)
        self._join(call)
        return wait

    def _join(self, call: Call) -> None:
        line = self._lines[call.queue]
        line.waiting[call.id] = call
        desk = line.best_for(call)
        if desk:
            self._ring(call, desk)

    def _leave_queue(self, call: Call, wait: Span, outcome: Outcome | None) -> None:
        """Let a caller go who still waits; no outcome yet is one who hangs up and wants to be called back."""
        if wait.end is not None:
            return
        wait.end = self._agenda.now
        del self._lines[call.queue].waiting[call.id]
        self._withdraw(call)
        if outcome is None:
            self._end_span(call.on_line)
            self._wait_for_callback(call, Source.PHONE)
        elif outcome is Outcome.ABANDONED:
            self._decide(call, outcome)
            self._hang_up(call)
        else:
            self._to_voicemail(call, outcome)

    def _withdraw(self, call: Call) -> None:
        if call.ringing:
            self._respond(call.offers[-1], Response.WITHDRAWN)
            self._turn_free(self._desks[call.offers[-1].agent])

    def _wait_for_callback(self, call: Call, source: Source) -> None:
        call.callback = source
        call.callback_wait = Span(self._agenda.now)
        self._agenda.after(self._habits.callback_life_seconds, self._lapse, call)
        self._join(call)

    def _lapse(self, call: Call) -> None:
        if call.callback_wait and call.awaits_callback:
            call.callback_wait.end = self._agenda.now
            del self._lines[call.queue].waiting[call.id]
            self._withdraw(call)
            self._decide(call, Outcome.UNREACHED)
            call.ended = self._agenda.now

    def _to_voicemail(self, call: Call, outcome: Outcome) -> None:
        self._decide(call, outcome)
        self._agenda.after(self._around(self._habits.voicemail_seconds), self._hang_up, call)

    def _ring(self, call: Call, desk: Desk) -> None:
        offer = Offer(call.id, desk.plan.id, Span(self._agenda.now))
        call.offers.append(offer)
        desk.offers.append(offer)
        desk.set_activity(self._agenda.now, Status.RINGING)
        self.settle(desk)
        chance = self._dice.random()
        if chance < desk.plan.misses:
            self._agenda.after(self._habits.ring_seconds, self._refuse, call, offer, Response.MISSED)
        elif chance < desk.plan.misses + desk.plan.declines:
            self._agenda.after(self._pick_up_seconds(), self._refuse, call, offer, Response.DECLINED)
        else:
            self._agenda.after(self._pick_up_seconds(), self._accept, call, offer)

    def _pick_up_seconds(self) -> float:
        return min(self._around(self._habits.pick_up_seconds), self._habits.ring_seconds)

    def _respond(self, offer: Offer, response: Response) -> None:
        offer.span.end = self._agenda.now
        offer.response = response

    def _refuse(self, call: Call, offer: Offer, response: Response) -> None:
        if offer.response is not None:
            return
        self._respond(offer, response)
        desk = self._desks[offer.agent]
        desk.set_activity(self._agenda.now, None)
        for queue in desk.plan.queues:
            self._lines[queue].place(desk)
        other = self._lines[call.queue].best_for(call)
        if other:
            self._ring(call, other)
        if other is not desk:
            self._turn_free(desk)

    def _accept(self, call: Call, offer: Offer) -> None:
        if offer.response is not None:
            return
        self._respond(offer, Response.ACCEPTED)
        del self._lines[call.queue].waiting[call.id]
        desk = self._desks[offer.agent]
        if call.callback_wait and call.awaits_callback:
            call.callback_wait.end = self._agenda.now
            self._dial(call, desk)
            return
        call.waits[-1].end = self._agenda.now
        self._decide(call, Outcome.ANSWERED)
        self._talk(self._take(call, desk))

    def _take(self, call: Call, desk: Desk) -> Leg:
        leg = Leg(call.id, desk.plan.id, Span(self._agenda.now), transferred_to_agent=bool(call.legs))
        call.legs.append(leg)
        desk.legs.append(leg)
        desk.set_activity(self._agenda.now, Status.ON_CONTACT)
        self.settle(desk)
        return leg

    def _dial(self, call: Call, desk: Desk) -> None:
        call.on_line.append(Span(self._agenda.now))
        leg = self._take(call, desk)
        act = self._reach if self._happens(self._habits.reached) else self._give_up
        self._agenda.after(self._around(self._habits.dial_seconds), act, call, leg)

    def _reach(self, call: Call, leg: Leg) -> None:
        self._decide(call, Outcome.ANSWERED)
        self._talk(leg)

    def _give_up(self, call: Call, leg: Leg) -> None:
        self._decide(call, Outcome.UNREACHED)
        self._hang_up(call)
        self._wrap_up(leg)

    def _talk(self, leg: Leg) -> None:
        leg.talk = Span(self._agenda.now)
        mean = self._lines[self.calls[leg.call].queue].plan.talk_seconds
        seconds = self._dice.lognormvariate(log(mean) - _TALK_SPREAD**2 / 2, _TALK_SPREAD)
        if self._happens(self._habits.holds):
            before = self._dice.uniform(0.2, 0.8) * seconds
            self._agenda.after(before, self._hold, leg, seconds - before)
        else:
            self._agenda.after(seconds, self._part, leg)

    def _hold(self, leg: Leg, rest: float) -> None:
        leg.holds.append(Span(self._agenda.now))
        self._agenda.after(self._around(self._habits.hold_seconds), self._resume, leg, rest)

    def _resume(self, leg: Leg, rest: float) -> None:
        self._end_span(leg.holds)
        if self._happens(self._habits.conferences):
            leg.conference = self._agenda.now
            leg.conference_joined = self._happens(self._habits.reached)
        self._agenda.after(rest, self._part, leg)

    def _part(self, leg: Leg) -> None:
        call = self.calls[leg.call]
        first = len(call.legs) == 1
        if first and self._happens(self._habits.transfers) and self._lines[call.queue].best_for(call):
            leg.transferred_on = True
            self._agenda.after(
                self._habits.most_wait_seconds, self._leave_queue, call, self._wait(call), Outcome.ABANDONED
            )
        else:
            self._hang_up(call)
        self._wrap_up(leg)

    def _wrap_up(self, leg: Leg) -> None:
        now = self._agenda.now
        leg.span.end = now
        if leg.talk:
            leg.talk.end = now
        leg.wrap_up = Span(now)
        desk = self._desks[leg.agent]
        desk.set_activity(now, Status.WRAP_UP)
        seconds = self._around(self._habits.wrap_up_seconds * desk.plan.wrap_up_factor)
        self._agenda.after(seconds, self._finish, desk, leg.wrap_up)

    def _finish(self, desk: Desk, wrap_up: Span) -> None:
        wrap_up.end = self._agenda.now
        self._turn_free(desk)

    def _turn_free(self, desk: Desk) -> None:
        desk.set_activity(self._agenda.now, None)
        if desk.leaving:
            desk.leaving = False
            desk.set_presence(self._agenda.now, Status.OFFLINE)
        self.settle(desk)

    def _decide(self, call: Call, outcome: Outcome) -> None:
        if call.outcome is None:
            call.outcome = outcome
            call.decided = self._agenda.now

    def _hang_up(self, call: Call) -> None:
        self._end_span(call.on_line)
        call.ended = self._agenda.now

    def _end_span(self, spans: list[Span]) -> None:
        spans[-1].end = self._agenda.now

    def _happens(self, share: float) -> bool:
        return self._dice.random() < share

    def _around(self, mean: float) -> float:
        return self._dice.expovariate(1 / mean)
