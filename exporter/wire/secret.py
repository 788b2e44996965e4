"""A text that never shows itself."""

from collections.abc import Callable


class Secret:
    """A password, key or token. It prints as `***`; only the transport reveals it, for one request at a time."""

    __slots__ = ("_read", "where")

    def __init__(self, read: Callable[[], str], where: str) -> None:
        """Keep the way to the text, and the place in words (`file /run/secrets/zendesk`) for error lines."""
        self._read = read
        self.where = where

    def reveal(self) -> str:
        """Return the text as it is now, which is never empty.

        Raises:
            OSError: the file behind it cannot be read and was never read before.
        """
        return self._read()

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        """Two secrets are equal when they come from the same place and say the same."""
        if not isinstance(other, Secret):
            return NotImplemented
        return self.where == other.where and self.reveal() == other.reveal()

    def __hash__(self) -> int:
        return hash(self.where)
