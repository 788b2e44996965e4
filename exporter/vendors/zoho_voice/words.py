"""Zoho's words for what an agent does."""

from collections.abc import Iterable, Mapping

from exporter.model import State, Status, state

AVAILABLE = "Available"
OFFLINE = "Offline"
NO_WORD = frozenset({None, "", "--"})
"""What stands in place of a status where there is none."""
WORKING_TIME = "Working Time"
"""No status: the sum of Available and On Call, which stands among them."""

_KNOWN = {
    AVAILABLE: Status.AVAILABLE,
    "On Break": Status.AWAY,
    OFFLINE: Status.OFFLINE,
    "On Call": Status.ON_CONTACT,
    "Busy": Status.BUSY,
}


class Words:
    """What each status word means; the config may teach more."""

    def __init__(self, taught: Mapping[str, Status]) -> None:
        self._known = {**_KNOWN, **taught}
        self._states = {word: state(status, word) for word, status in self._known.items()}
        self.states: tuple[State, ...] = tuple(self._states[word] for word in _KNOWN)
        """The statuses that every account has."""

    def status(self, word: str) -> Status:
        """Return what the word means; OTHER where nobody knows."""
        return self._known.get(word, Status.OTHER)

    def state(self, word: str) -> State:
        """Return what the word means, and the word."""
        return self._states.get(word) or state(Status.OTHER, word)

    def unknown(self, words: Iterable[str]) -> frozenset[str]:
        """Return the words that nobody has mapped yet."""
        return frozenset(words) - self._known.keys()


def snake(word: str) -> str:
    """Return a status word as the `state` label has it."""
    return word.lower().replace(" ", "_")
