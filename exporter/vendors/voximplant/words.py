"""The vendor's words for what an agent does, in both engines."""

from collections.abc import Iterable, Mapping

from exporter.model import State, Status, state

# ONLINE is logged in and takes no calls; BANNED has let one ring, and is passed over for a while; TIMEOUT is a
# break. CUSTOM_n, which an account may give a name, counts as DND does.
_KNOWN = {
    "OFFLINE": Status.OFFLINE,
    "ONLINE": Status.AWAY,
    "READY": Status.AVAILABLE,
    "DIALING": Status.RINGING,
    "IN_SERVICE": Status.ON_CONTACT,
    "AFTER_SERVICE": Status.WRAP_UP,
    "BANNED": Status.AWAY,
    "TIMEOUT": Status.AWAY,
    "DND": Status.BUSY,
    **{f"CUSTOM_{number}": Status.BUSY for number in range(1, 11)},
}


class Words:
    """What each status word means; the config may teach more."""

    def __init__(self, taught: Mapping[str, Status]) -> None:
        self._known = {**_KNOWN, **taught}

    def status(self, word: str) -> Status:
        """Return what the word means; OTHER where nobody knows."""
        return self._known.get(word, Status.OTHER)

    def states(self, words: Iterable[str]) -> Mapping[str, State]:
        """Return the state of each of these words."""
        return {word: state(self.status(word), word) for word in words}

    def unknown(self, words: Iterable[str]) -> frozenset[str]:
        """Return the words that nobody has mapped yet."""
        return frozenset(words) - self._known.keys()
