"""What a contact centre is meant to be: its people, its queues and the habits of its callers, as data."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from msgspec import Struct

from exporter.model import Channel, Status

_MINUTES_A_DAY = 24 * 60
_EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)


class Shift(Struct, frozen=True):
    """When an agent works, by the clock on the wall; it may end after midnight."""

    start: time
    hours: float
    days: tuple[int, ...] = _EVERY_DAY
    """Monday is 0."""


class Pause(Struct, frozen=True):
    """A part of each shift in which an agent takes no calls from the queue."""

    after_hours: float
    minutes: float
    reason: str
    status: Status = Status.AWAY
    """AWAY, or BUSY for one who takes transferred calls only."""


class AgentPlan(Struct, frozen=True):
    """One agent, with a character."""

    id: int
    name: str
    queues: tuple[int, ...]
    groups: tuple[int, ...] = ()
    shift: Shift | None = None
    """None for one who never logs in."""
    pauses: tuple[Pause, ...] = ()
    via: str = "client"
    forwarding_number: str | None = None
    misses: float = 0.04
    """The share of offered calls left ringing."""
    declines: float = 0.02
    """The share of offered calls turned away."""
    outbound_per_hour: float = 0.0
    wrap_up_factor: float = 1.0
    """How much longer than others this agent wraps up; 60 is one who falls asleep over it."""


class QueuePlan(Struct, frozen=True):
    """One queue, and the telephone numbers that lead to it."""

    id: int
    name: str
    phone_numbers: tuple[int, ...]
    calls_per_hour: float
    channel: Channel = Channel.VOICE
    target_seconds: float = 30.0
    """A call answered within this wait keeps the promise of the service level."""
    talk_seconds: float = 200.0
    opens: time = time(0)
    closes: time | None = None
    """None: the queue is open around the clock."""

    def is_open(self, local: datetime) -> bool:
        """Return whether the queue takes calls at this local time."""
        return self.closes is None or self.opens <= local.time() < self.closes


class Rush(Struct, frozen=True):
    """A part of each day in which more people call."""

    start: time
    minutes: float
    factor: float
    queues: tuple[int, ...] = ()
    """The queues it reaches; empty: all."""

    def reaches(self, queue: int) -> bool:
        """Return whether this rush is felt in the queue."""
        return not self.queues or queue in self.queues

    def is_on(self, local: datetime) -> bool:
        """Return whether it is on at this local time; it may run past midnight."""
        minute = local.hour * 60 + local.minute - (self.start.hour * 60 + self.start.minute)
        return minute % _MINUTES_A_DAY < self.minutes


class Habits(Struct, frozen=True):
    """How people behave on the telephone. Shares are of 1; durations are mean seconds unless said."""

    greeting_seconds: float = 9.0
    """Exactly so long: it is a recording."""
    ring_seconds: float = 25.0
    """Exactly so long an agent is rung before the call goes to the next."""
    pick_up_seconds: float = 4.0
    dial_seconds: float = 14.0
    patience_seconds: float = 360.0
    most_wait_seconds: float = 600.0
    """A caller who has waited exactly so long is sent to voicemail."""
    callback_life_seconds: float = 4 * 3600.0
    """A callback that nobody makes within this time lapses."""
    voicemail_seconds: float = 25.0
    hold_seconds: float = 35.0
    wrap_up_seconds: float = 40.0
    textbacks: float = 0.01
    widget_callbacks: float = 0.02
    asks_voicemail: float = 0.03
    asks_callback: float = 0.08
    reached: float = 0.75
    """Of the people who are called, those who pick up."""
    holds: float = 0.25
    transfers: float = 0.06
    conferences: float = 0.08
    """Of the calls that were on hold, those into which somebody from outside is brought."""


class FloorPlan(Struct, frozen=True):
    """The whole contact centre."""

    zone: ZoneInfo
    """Where a day begins."""
    queues: tuple[QueuePlan, ...]
    agents: tuple[AgentPlan, ...]
    curve: tuple[float, ...] = (1.0,) * 24
    """By how much `calls_per_hour` is multiplied in each hour of the local day."""
    rushes: tuple[Rush, ...] = ()
    """Where two are on at once, the stronger is felt."""
    habits: Habits = Habits()

    def calls_per_hour(self, queue: QueuePlan, local: datetime) -> float:
        """Return the rate at which a queue is called at this local time."""
        rushes = (rush.factor for rush in self.rushes if rush.reaches(queue.id) and rush.is_on(local))
        return queue.calls_per_hour * self.curve[local.hour] * max(rushes, default=1.0)

    def most_calls_per_hour(self, queue: QueuePlan) -> float:
        """Return a rate that `calls_per_hour` never exceeds."""
        rushes = (rush.factor for rush in self.rushes if rush.reaches(queue.id))
        return queue.calls_per_hour * max(self.curve) * max([1.0, *rushes])
