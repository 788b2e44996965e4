"""Agents at their desks, and the lines that lead to them."""

from itertools import chain

from exporter.model import Status
from exporter.simulator.history import Call, Leg, Offer, Spell
from exporter.simulator.plan import AgentPlan, QueuePlan


class Desk:
    """One agent at work, and the agent's history."""

    def __init__(self, plan: AgentPlan, now: float) -> None:
        self.plan = plan
        self.leaving = False
        """Whether the shift is over and only the present call keeps the agent."""
        self.spells = [Spell(now, status=Status.OFFLINE, presence=Status.OFFLINE)]
        """The last one lasts."""
        self.offers: list[Offer] = []
        self.legs: list[Leg] = []
        self._activity: Status | None = None

    @property
    def status(self) -> Status:
        """What the agent is doing: a call goes before what the agent has set."""
        return self.spells[-1].status

    @property
    def presence(self) -> Status:
        """What the agent has set: AVAILABLE, AWAY, BUSY or OFFLINE."""
        return self.spells[-1].presence

    @property
    def engaged(self) -> bool:
        """Whether the agent is being rung, on a call, or wrapping one up."""
        return self._activity is not None

    def set_presence(self, now: float, presence: Status, reason: str = "") -> None:
        """Let the agent choose a presence, which does not touch the call in progress."""
        self._turn(now, presence, reason)

    def set_activity(self, now: float, activity: Status | None) -> None:
        """Let the agent turn to a call (RINGING, ON_CONTACT, WRAP_UP), or from it (None)."""
        self._activity = activity
        self._turn(now, self.presence, self.spells[-1].reason)

    def forget(self, before: float) -> None:
        """Drop the history that ended before this instant."""
        self.spells = [spell for spell in self.spells if spell.end is None or spell.end > before]
        self.offers = [offer for offer in self.offers if offer.span.end is None or offer.span.end > before]
        self.legs = [
            leg for leg in self.legs if not leg.wrap_up or not leg.wrap_up.end or leg.wrap_up.end > before
        ]

    def _turn(self, now: float, presence: Status, reason: str) -> None:
        status = self._activity or presence
        if self.spells[-1].start == now:
            self.spells.pop()  # a state that lasted no time was none
        if self.spells:
            last = self.spells[-1]
            same = (last.status, last.presence, last.reason) == (status, presence, reason)
            last.end = None if same else now
            if same:
                return
        self.spells.append(Spell(now, status=status, presence=presence, reason=reason))


class Line:
    """One queue at work: who waits in it, and who may answer."""

    def __init__(self, plan: QueuePlan, desks: tuple[Desk, ...]) -> None:
        self.plan = plan
        self.desks = desks
        self.waiting: dict[int, Call] = {}
        """Callers and callbacks by call id, the longest waiting first, also while an agent is rung for them."""
        self.free: dict[int, Desk] = {}
        """By agent id, the longest idle first."""
        self.reserve: dict[int, Desk] = {}
        """Idle agents who take transferred calls only."""

    @property
    def attended(self) -> bool:
        """Whether anybody is logged in to take calls, now or after a pause."""
        return any(desk.presence in (Status.AVAILABLE, Status.AWAY) for desk in self.desks)

    def place(self, desk: Desk) -> None:
        """Move a desk to where its state belongs; becoming idle means to queue up behind the other idle ones."""
        agent = desk.plan.id
        idle = not desk.engaged and not desk.leaving
        for pool, presence in ((self.free, Status.AVAILABLE), (self.reserve, Status.BUSY)):
            if not idle or desk.presence is not presence:
                pool.pop(agent, None)
            else:
                pool.setdefault(agent, desk)

    def best_for(self, call: Call) -> Desk | None:
        """Return who should be rung next: the longest idle, which is never one who has just let it ring."""
        reserve = self.reserve if call.legs else {}
        return next(chain(reserve.values(), self.free.values()), None)

    def next_for(self, desk: Desk) -> Call | None:
        """Return the call that has waited longest among those this desk may take."""
        takes_all = desk.presence is Status.AVAILABLE
        calls = self.waiting.values()
        return next((call for call in calls if not call.ringing and (takes_all or call.legs)), None)
