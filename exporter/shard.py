"""Which of several replicas polls which account: each decides alone, and all decide alike."""

import hashlib
import re
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from exporter.config import Config

MOST_SHARDS = 1_000


class Shard(Struct, frozen=True):
    """One of `count` replicas, by its number from 0."""

    number: int = 0
    count: int = 1

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the shard that `2/5` names: the third of five.

        Raises:
            ValueError: it names none.
        """
        found = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text)
        number, count = map(int, found.groups()) if found else (0, 0)
        if not number < count <= MOST_SHARDS:
            raise ValueError(f"{text!r} is no shard; the first of five is 0/5, the last 4/5")
        return cls(number, count)

    def owns(self, account: str) -> bool:
        """Return whether this replica polls the account of this name.

        Rendezvous hashing: each account goes to the replica for which their common hash is highest. Where a
        replica is added, it takes its share and nothing else moves.
        """
        return max(range(self.count), key=lambda number: _weight(account, number)) == self.number

    def of(self, config: Config) -> Config:
        """Return the config with this replica's accounts alone, and with a lease of its own."""
        if self.count == 1:
            return config
        lease = replace(config.server.lease, name=f"{config.server.lease.name}-{self.number}-of-{self.count}")
        server = replace(config.server, lease=lease) if config.server.ha else config.server
        accounts = tuple(one for one in config.accounts if self.owns(one.name))
        return replace(config, server=server, accounts=accounts)


def _weight(account: str, number: int) -> bytes:
    return hashlib.blake2b(f"{number}/{account}".encode(), digest_size=8).digest()
