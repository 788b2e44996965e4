"""What of a person may leave the poll: the one place where names and ids are let through, replaced or removed."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace

from exporter.model import Agent, Dropped, Snapshot

AgentLabel = Literal["id", "pseudonym", "name", "none"]

MOST_AGENTS = 20_000
"""Agents of one account that are shown one by one; the counts by status are always of all."""


def veil(mode: AgentLabel, account: str, key: bytes = b"") -> Callable[[Snapshot], Snapshot]:
    """Return the function that prepares an account's snapshots for the store.

    `id` keeps the vendor's ids and drops names; `pseudonym` also replaces the ids by a keyed hash that differs
    from account to account; `name` keeps both; `none` drops the agents and keeps the counts.
    """
    scope = account.encode() + b"\x00"

    def pseudonym(agent: Agent) -> Agent:
        digest = hmac.digest(key, scope + agent.id.encode("utf-8", "replace"), hashlib.sha256)
        return replace(agent, id=f"p:{digest.hex()[:16]}", name=None, via=None)

    def nameless(agent: Agent) -> Agent:
        return replace(agent, name=None, via=None)

    shown = {"id": nameless, "pseudonym": pseudonym, "name": lambda agent: agent}

    def veiled(snapshot: Snapshot) -> Snapshot:
        if snapshot.agents is None:
            return snapshot
        if mode == "none":
            return replace(snapshot, agents=None)
        agents = tuple(map(shown[mode], snapshot.agents[:MOST_AGENTS]))
        over = len(snapshot.agents) - len(agents)
        dropped = {**snapshot.dropped, Dropped.OVER_CAP: over} if over else snapshot.dropped
        return replace(snapshot, agents=agents, dropped=dropped)

    return veiled
