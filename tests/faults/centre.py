"""A Zendesk account that writes into all its numbers which of its answers they come from."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from fake_vendor import Asked, Said, answer, vendor

QUEUES, AGENTS = "current_queue_activity", "agents_activity"
ACCOUNT, TEAM = "account_overview", "agents_overview"
FIRST_ID = 360_000_000_000
TOKEN = "canary-7f3a-token"  # what no sink may ever show

_STEP = 1_000
"""Between the numbers of two answers: what is below it tells the agent."""

Spoil = Callable[[Asked, dict[str, Any]], Said]
"""What a fault makes of the document that would have been sent."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong, at which endpoints, and whether what is sent all the same is meant seriously."""

    spoil: Spoil
    endpoint: str
    lawful: bool
    silent: frozenset[str]


@dataclass
class Centre:
    """One account: `agents` people and one queue."""

    name: str
    agents: int = 5
    url: str = ""
    sent: dict[str, dict[int, float]] = field(default_factory=dict)
    """By endpoint, the number of each answer that went out whole and valid, and when."""
    asked: list[Asked] = field(default_factory=list)
    struck: int = 0
    """How many answers the present fault, or the last, has spoilt."""
    person: str = "Canary Person{}"  # whom no sink shows by default
    """What each agent is called, told apart by a number."""
    door: Callable[[Asked], Said | Awaitable[Said] | None] = field(default=lambda _: None)
    """What is said to who may not come in, and by the token endpoint; None lets in."""
    _silent: dict[tuple[str, int], frozenset[str]] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)
    _fault: Fault | None = None

    def ids(self, endpoint: str = "", numbers: Iterable[int] = ()) -> frozenset[str]:
        """Return the agents that belong on a page made of these answers."""
        silent = (self._silent.get((endpoint, number), frozenset[str]()) for number in numbers)
        return frozenset(str(FIRST_ID + index) for index in range(self.agents)).difference(*silent)

    def polls(self, endpoint: str) -> int:
        """Return how many first pages of an endpoint were asked for."""
        return sum(_endpoint(one) == endpoint and "page=" not in one.target for one in self.asked)

    def answer(self, asked: Asked) -> Said | Awaitable[Said]:
        """Answer as Zendesk does, or as the fault wants it."""
        self.asked.append(asked)
        if (said := self.door(asked)) is not None:
            return said
        endpoint = _endpoint(asked)
        number = self._numbers.get(endpoint, 0) + ("page=" not in asked.target)  # all pages are one answer
        self._numbers[endpoint] = number
        document = self._document(endpoint, number)
        fault = self._fault
        if fault and fnmatchcase(endpoint, fault.endpoint):
            self.struck += 1
            said = fault.spoil(asked, document)
            if fault.lawful or said == answer(document):  # some faults strike only now and then
                self.sent.setdefault(endpoint, {})[number] = time.monotonic()
                self._silent[endpoint, number] = fault.silent
            return said
        self.sent.setdefault(endpoint, {})[number] = time.monotonic()
        return answer(document)

    @contextmanager
    def fault(
        self, spoil: Spoil, endpoint: str = "*", *, lawful: bool = False, silent: Iterable[int] = ()
    ) -> Iterator[None]:
        """Let it go wrong until the end of the block; that it never happened is an error.

        `lawful`: what is sent is whole and valid all the same, and may be shown; `silent` are the agents, by
        their place in the list, of whom it says nothing that may be.
        """
        quiet = frozenset(str(FIRST_ID + index) for index in silent)
        self.struck, self._fault = 0, Fault(spoil, endpoint, lawful, quiet)
        try:
            yield
        finally:
            self._fault = None
        assert self.struck, "the fault was never injected"

    def _document(self, endpoint: str, number: int) -> dict[str, Any]:
        base = number * _STEP
        match endpoint:
            case "current_queue_activity":
                return {endpoint: _queue(base)}
            case "agents_activity":
                rows = [_agent(base, index, self.person.format(index)) for index in range(self.agents)]
                return {endpoint: rows, "count": len(rows), "next_page": None, "previous_page": None}
            case "account_overview":
                return {endpoint: dict.fromkeys(_ACCOUNT_FIELDS, base)}
            case _:
                return {endpoint: dict.fromkeys(_TEAM_FIELDS, base)}


_ACCOUNT_FIELDS = (
    *("average_call_duration", "average_queue_wait_time", "average_wrap_up_time", "max_calls_waiting"),
    *("max_queue_wait_time", "total_call_duration", "total_calls", "total_voicemails", "total_wrap_up_time"),
)
_TEAM_FIELDS = (
    *("average_wrap_up_time", "total_calls_accepted", "total_calls_denied", "total_calls_missed"),
    *("total_talk_time", "total_wrap_up_time"),
)


def _queue(base: int) -> dict[str, Any]:
    names = ("agents_online", "average_wait_time", "callbacks_waiting", "calls_waiting")
    return dict.fromkeys((*names, "embeddable_callbacks_waiting", "longest_wait_time"), base)


def _agent(base: int, index: int, name: str) -> dict[str, Any]:
    counted = ("calls_accepted", "calls_denied", "calls_missed")
    timed = ("total_call_duration", "total_talk_time", "total_wrap_up_time", "available_time")
    return {
        "agent_id": FIRST_ID + index,
        "name": name,
        "agent_state": "online",
        "call_status": None,
        "away_time": 0,
        "transfers_only_time": 0,
        "online_time": base + index,
        **dict.fromkeys((*counted, *timed), base + index),
        "via": "client",
    }


@dataclass(frozen=True)
class Told:
    """What a number on the page tells of the answer that it comes from."""

    endpoint: str
    number: int
    agent: str | None


def told(metric: str, labels: dict[str, str], value: float) -> Told | None:
    """Read which answer a sample comes from; None where it does not tell.

    Raises:
        AssertionError: it comes from none: nobody ever sent this number.
    """
    endpoint = _TELLING.get(metric)
    if endpoint is None or (metric == "seconds_in_state" and labels["status"] != "available"):
        return None
    number, index = divmod(value, _STEP)
    agent = labels.get("agent")
    assert number >= 1, f"{metric} {labels} {value}: nobody sent that"
    assert agent is None or int(agent) - FIRST_ID == index, f"{metric} {labels} {value}: another agent's number"
    return Told(endpoint, int(number), agent)


_TELLING = {
    **dict.fromkeys(("calls_waiting", "longest_wait_seconds", "average_wait_seconds", "agents_online"), QUEUES),
    **dict.fromkeys(("agent_talk_seconds_today", "agent_wrap_up_seconds_today", "agent_calls_today"), AGENTS),
    **dict.fromkeys(("seconds_in_state", "agent_contact_seconds_today"), AGENTS),
    **dict.fromkeys(("most_waiting_today", "contact_seconds_today", "longest_queue_wait_seconds_today"), ACCOUNT),
    **dict.fromkeys(("team_calls_today", "team_talk_seconds_today"), TEAM),
}


def _endpoint(asked: Asked) -> str:
    return asked.target.partition("?")[0].rsplit("/", 1)[-1].removesuffix(".json")


@asynccontextmanager
async def served(centre: Centre) -> AsyncIterator[Centre]:
    """Serve it on the loopback until the end of the block."""
    async with vendor(centre.answer) as site:
        centre.url = site.url
        yield centre
