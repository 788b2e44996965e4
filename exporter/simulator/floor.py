"""The floor of one living contact centre. Pure and seeded: the same plan, start and seed, the same life."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from random import Random

from exporter.model import Status
from exporter.simulator.agenda import Agenda, on_tick
from exporter.simulator.desk import Desk, Line
from exporter.simulator.history import Call
from exporter.simulator.plan import AgentPlan, FloorPlan, Pause, QueuePlan
from exporter.simulator.switchboard import Switchboard

_LATENESS_SECONDS = 90.0
_DAY = timedelta(days=1)


class Floor:
    """Agents, lines and calls, as they are at `now`. Only `advance` changes them.

    The history reaches back to the beginning of the local day before today.
    """

    def __init__(self, plan: FloorPlan, start: datetime, seed: int = 0) -> None:
        """Open the floor at an instant (aware); shifts that are under way then begin then."""
        self.plan = plan
        self.start = on_tick(start.timestamp())
        self._agenda = Agenda(self.start)
        self._dice = Random(seed)
        self.desks: Mapping[int, Desk] = {agent.id: Desk(agent, self.start) for agent in plan.agents}
        self.lines: Mapping[int, Line] = {queue.id: self._line(queue) for queue in plan.queues}
        self._switchboard = Switchboard(plan.habits, self._agenda, self._dice, self.lines, self.desks)
        today = self._local(self.start).date()
        for day in (today - _DAY, today):
            self._begin_day(day)
        self._agenda.at(self._instant(today + _DAY), self._midnight, today + _DAY)
        for desk in self.desks.values():
            self._dial_later(desk)
        for line in self.lines.values():
            self._ring_later(line, plan.most_calls_per_hour(line.plan))

    @property
    def now(self) -> float:
        """The present, in seconds since the Unix epoch."""
        return self._agenda.now

    @property
    def today(self) -> float:
        """The instant at which the present local day began."""
        return self._instant(self._local(self.now).date())

    @property
    def calls(self) -> Mapping[int, Call]:
        """All calls that are remembered, by id, in the order of their arrival."""
        return self._switchboard.calls

    def advance(self, to: datetime) -> None:
        """Let time pass up to an instant (aware). One step or many make no difference.

        Raises:
            ValueError: the instant is in the past.
        """
        self._agenda.advance(to.timestamp())

    def _line(self, queue: QueuePlan) -> Line:
        return Line(queue, tuple(desk for desk in self.desks.values() if queue.id in desk.plan.queues))

    def _local(self, instant: float) -> datetime:
        return datetime.fromtimestamp(instant, self.plan.zone)

    def _instant(self, day: date, at: time = time()) -> float:
        return datetime.combine(day, at, self.plan.zone).timestamp()

    def _midnight(self, today: date) -> None:
        yesterday = self._instant(today - _DAY)
        self._switchboard.forget(yesterday)
        for desk in self.desks.values():
            desk.forget(yesterday)
        self._begin_day(today)
        self._agenda.at(self._instant(today + _DAY), self._midnight, today + _DAY)

    def _begin_day(self, day: date) -> None:
        for agent in self.plan.agents:
            if agent.shift and day.weekday() in agent.shift.days:
                self._plan_shift(agent, self._instant(day, agent.shift.start), agent.shift.hours)

    def _plan_shift(self, agent: AgentPlan, planned: float, hours: float) -> None:
        begin = planned + self._dice.expovariate(1 / _LATENESS_SECONDS)
        end = planned + hours * 3600
        if end <= self.now:
            return
        desk = self.desks[agent.id]
        self._agenda.at(begin, self._log_in, desk)
        for pause in agent.pauses:
            pause_begin = planned + pause.after_hours * 3600
            if pause_begin + pause.minutes * 60 > self.now:
                self._agenda.at(pause_begin, self._pause, desk, pause)
                self._agenda.at(pause_begin + pause.minutes * 60, self._return, desk, pause)
        self._agenda.at(end, self._log_out, desk)

    def _log_in(self, desk: Desk) -> None:
        desk.leaving = False
        self._set_presence(desk, Status.AVAILABLE)

    def _pause(self, desk: Desk, pause: Pause) -> None:
        if desk.presence is Status.AVAILABLE and not desk.leaving:
            self._set_presence(desk, pause.status, pause.reason)

    def _return(self, desk: Desk, pause: Pause) -> None:
        if desk.presence is pause.status:
            self._set_presence(desk, Status.AVAILABLE)

    def _log_out(self, desk: Desk) -> None:
        if desk.engaged:
            desk.leaving = True
        else:
            self._set_presence(desk, Status.OFFLINE)

    def _set_presence(self, desk: Desk, presence: Status, reason: str = "") -> None:
        desk.set_presence(self.now, presence, reason)
        self._switchboard.settle(desk)

    def _dial_later(self, desk: Desk) -> None:
        if desk.plan.outbound_per_hour:
            seconds = self._dice.expovariate(desk.plan.outbound_per_hour / 3600)
            self._agenda.after(seconds, self._dial, desk)

    def _dial(self, desk: Desk) -> None:
        self._dial_later(desk)
        if desk.presence is Status.AVAILABLE and not desk.engaged:
            self._switchboard.ring_out(desk)

    def _ring_later(self, line: Line, most: float) -> None:
        if most:
            self._agenda.after(self._dice.expovariate(most / 3600), self._ring, line, most)

    def _ring(self, line: Line, most: float) -> None:
        """Thin the densest possible stream of calls down to the rate of this hour."""
        self._ring_later(line, most)
        local = self._local(self.now)
        if self._dice.random() * most < self.plan.calls_per_hour(line.plan, local):
            self._switchboard.ring_in(line, is_open=line.plan.is_open(local))
