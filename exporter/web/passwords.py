"""Who may come in by name and password: bcrypt, in a thread of its own, and as seldom as can be."""

import asyncio
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address, ip_network
from secrets import token_bytes

import bcrypt
from msgspec import Struct
from structlog.typing import FilteringBoundLogger

from exporter.web.buckets import Buckets

_LONGEST = 72  # bytes of a password that bcrypt reads
_KNOWN = 256  # good pairs that are remembered
_WAITING = 16  # pairs that wait for bcrypt; beyond this the answer is 503
_WRONG, _PARDON = 30, 2.0  # wrong passwords a peer may send at once, and seconds until it may send one more


class Refusal(Struct, frozen=True):
    """An answer in place of the page."""

    status: int
    text: str
    headers: Mapping[str, str] = {}


_WHO = Refusal(401, "unauthorized", {"WWW-Authenticate": 'Basic realm="contact-center-exporter", charset="UTF-8"'})
_BUSY = Refusal(503, "too many passwords at once", {"Retry-After": "1"})


class Passwords:
    """Checks them. Each pair costs the same, whether its user exists or not; a good one costs bcrypt only once."""

    def __init__(self, clock: Callable[[], float], log: FilteringBoundLogger) -> None:
        """Begin with no pair known; `clock` is monotonic."""
        self._log = log
        self._worker = ThreadPoolExecutor(1, "passwords")
        self._key = token_bytes(32)
        self._good: set[bytes] = set()
        self._checking: dict[bytes, asyncio.Future[bool]] = {}
        self._wrong = Buckets(_WRONG, _PARDON, clock)

    async def check(self, users: Mapping[bytes, bytes], fields: Sequence[str], remote: str) -> Refusal | None:
        """Return why the sender of these Authorization fields may not come in; None where it may."""
        pair = _pair(fields)
        if pair is None:
            return _WHO
        user, password = pair
        hashed = users.get(user) or self._stand_in(users, user)
        seal = self._seal(b"%d " % len(user) + user + hashed + password)
        possible = user in users and len(password) <= _LONGEST
        if possible and seal in self._good:
            return None
        checking = self._checking.get(seal)
        if checking is None:
            peer = _peer(remote)
            if wait := self._wrong.take(peer):
                self._log.warning(
                    "passwords_limited", peer=peer, detail="too many wrong ones; known good ones pass"
                )
                return Refusal(429, "too many wrong passwords", {"Retry-After": f"{wait + 1:.0f}"})
            if len(self._checking) >= _WAITING:
                self._wrong.give_back(peer)
                return _BUSY
            run = asyncio.get_running_loop().run_in_executor
            checking = run(self._worker, bcrypt.checkpw, password[:_LONGEST], hashed)
            self._checking[seal] = checking
            checking.add_done_callback(partial(self._checked, seal, peer, possible=possible))
        right = await asyncio.shield(checking)
        return None if right and possible else _WHO

    def _checked(self, seal: bytes, peer: str, checking: asyncio.Future[bool], *, possible: bool) -> None:
        del self._checking[seal]
        if not checking.cancelled() and not checking.exception() and checking.result() and possible:
            self._wrong.give_back(peer)
            if len(self._good) >= _KNOWN:
                self._good.clear()
            self._good.add(seal)

    def _stand_in(self, users: Mapping[bytes, bytes], user: bytes) -> bytes:
        """Return the hash of somebody else, always the same for a name: so that unknown ones take as long."""
        return tuple(users.values())[int.from_bytes(self._seal(user)[:4], "big") % len(users)]

    def _seal(self, data: bytes) -> bytes:
        return blake2b(data, key=self._key, digest_size=32).digest()

    def close(self) -> None:
        """End the thread."""
        self._worker.shutdown(wait=False, cancel_futures=True)


def _pair(fields: Sequence[str]) -> tuple[bytes, bytes] | None:
    """Return user and password; None where there is not exactly one sound pair."""
    if len(fields) != 1:
        return None
    scheme, _, data = fields[0].partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = b64decode(data.strip().encode("ascii"), validate=True).partition(b":")
    except ValueError:
        return None
    return (user, password) if colon else None


def _peer(remote: str) -> str:
    """Return whom an address stands for: an IPv6 network counts as one."""
    try:
        address = ip_address(remote.partition("%")[0])
    except ValueError:
        return remote
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
    return str(address)
