"""What has happened on the floor, as it is written down: the floor writes here, the truth reads.

All instants are seconds since the Unix epoch. Each lies on a tick of 1/1024 s, which a float holds exactly:
sums of durations are therefore exact, in whatever order they are added.
"""

from enum import StrEnum

from msgspec import Struct, field

from exporter.model import Channel, Status


class Window(Struct, frozen=True):
    """A time of interest. It holds the instants after `start` and up to `end`: what happens now is told."""

    start: float
    end: float

    def holds(self, instant: float | None) -> bool:
        """Return whether the instant lies in the window; None, which has not come yet, does not."""
        return instant is not None and self.start < instant <= self.end


class Span(Struct, gc=False):
    """Something that lasts, [start, end); `end` is None while it does."""

    start: float
    end: float | None = None

    def within(self, window: Window) -> float:
        """Return how many of its seconds lie in the window, which must not reach into the future."""
        end = window.end if self.end is None or self.end > window.end else self.end
        return max(0.0, end - max(self.start, window.start))


class Spell(Span, gc=False, kw_only=True):
    """An unbroken time that one agent spends in one status."""

    status: Status
    presence: Status
    """What the agent has set: AVAILABLE, AWAY, BUSY (transfers only) or OFFLINE, also while on a call."""
    reason: str = ""
    """The agent's own word for being away, such as Lunch."""


class Response(StrEnum):
    """What came of ringing an agent."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    MISSED = "missed"
    WITHDRAWN = "withdrawn"
    """The caller was gone before the agent could choose."""


class Offer(Struct):
    """A call rings at one agent."""

    call: int
    agent: int
    span: Span
    response: Response | None = None


class Leg(Struct):
    """The part of a call that one agent takes."""

    call: int
    agent: int
    span: Span
    """All the time that the agent spends on it, before wrap-up."""
    talk: Span | None = None
    """From the moment when agent and caller can hear each other, holds included; None where they never could."""
    holds: list[Span] = field(default_factory=list)
    wrap_up: Span | None = None
    transferred_to_agent: bool = False
    """Whether the call came from another agent."""
    transferred_on: bool = False
    """Whether it ended by handing the call to another agent."""
    conference: float | None = None
    """When somebody from outside was asked to join."""
    conference_joined: bool = False


class Direction(StrEnum):
    """Who called whom."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Source(StrEnum):
    """Where a callback was asked for."""

    PHONE = "phone"
    WEB_WIDGET = "web_widget"


class Outcome(StrEnum):
    """What became of a call, decided once."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    TEXTBACK = "textback"
    """The caller chose to be sent a text message instead."""
    UNREACHED = "unreached"
    """The other side of an outbound call or callback did not pick up, or the callback lapsed."""
    OUTSIDE_HOURS = "outside_hours"
    UNATTENDED = "unattended"
    """Nobody was logged in."""
    EXCEEDED_WAIT = "exceeded_wait"
    REQUESTED_VOICEMAIL = "requested_voicemail"


VOICEMAILS = frozenset(
    {Outcome.OUTSIDE_HOURS, Outcome.UNATTENDED, Outcome.EXCEEDED_WAIT, Outcome.REQUESTED_VOICEMAIL}
)
"""The outcomes that end in voicemail."""


class Call(Struct):
    """One call from its first ring to its end. A callback is a part of the call that asked for it."""

    id: int
    queue: int
    number: int
    """The telephone number of ours that it came in on, or that an agent called from."""
    channel: Channel
    direction: Direction
    arrived: float
    customer: str
    """The telephone number of the other side."""
    callback: Source | None = None
    on_line: list[Span] = field(default_factory=list)
    """While the customer was on the line: twice where there was a callback."""
    waits: list[Span] = field(default_factory=list)
    """In the queue, on the line: once, and once more for each transfer."""
    callback_wait: Span | None = None
    offers: list[Offer] = field(default_factory=list)
    """In the order in which agents were rung."""
    legs: list[Leg] = field(default_factory=list)
    outcome: Outcome | None = None
    decided: float | None = None
    ended: float | None = None

    @property
    def ringing(self) -> bool:
        """Whether an agent is being rung for it now."""
        return bool(self.offers) and self.offers[-1].response is None

    @property
    def awaits_callback(self) -> bool:
        """Whether the customer is off the line and waits to be called."""
        return self.callback_wait is not None and self.callback_wait.end is None
