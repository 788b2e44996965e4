"""How many of a vendor's own status words become label values: an account may invent them without end."""

from collections.abc import Mapping
from itertools import chain
from operator import attrgetter
from typing import Any

from msgspec.structs import replace

from exporter.model import Agent, Snapshot, State

MOST_WORDS = 100
"""Of one account, in the order in which they are first seen; more than any roster of break reasons has."""
THE_REST = "(more)"
"""The `vendor_status` of all the words beyond."""

_BY_STATE = ("seconds_in_state", "longest_stays", "entries", "engaged_seconds", "full_seconds")
_STATES = tuple(map(attrgetter, _BY_STATE))


class Vocabulary:
    """The words of one account that are shown."""

    def __init__(self, most: int = MOST_WORDS) -> None:
        self._most = most
        self._shown: set[str] = set()

    def bounded(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with what bears any further word put together as `THE_REST`: nothing is lost."""
        agents = snapshot.agents
        if not agents:
            return snapshot
        told = chain.from_iterable(map(states, agents) for states in _STATES)
        states: set[State] = set(chain.from_iterable(filter(None, told)))
        words = {agent.vendor_status for agent in agents} | {word for _, word in states}
        if words <= self._shown:
            return snapshot
        self._shown.update(sorted(words - self._shown)[: self._most - len(self._shown)])
        if words <= self._shown:
            return snapshot
        return replace(snapshot, agents=tuple(map(self._bounded, agents)))

    def _bounded(self, agent: Agent) -> Agent:
        changed: dict[str, Any] = {
            name: self._merged(getattr(agent, name), longest=name == "longest_stays") for name in _BY_STATE
        }
        return replace(agent, vendor_status=self._word(agent.vendor_status), **changed)

    def _merged(self, states: Mapping[State, float], *, longest: bool) -> Mapping[State, float]:
        found: dict[State, float] = {}
        for (status, word), value in states.items():
            state = status, self._word(word)
            if state in found:
                value = max(found[state], value) if longest else found[state] + value  # noqa: PLW2901 - one of two
            found[state] = value
        return found

    def _word(self, word: str) -> str:
        return word if word in self._shown else THE_REST
