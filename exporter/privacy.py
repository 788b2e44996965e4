"""What of a person may leave the poll: the one place where names and ids are let through, replaced or removed."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Literal

from msgspec.structs import replace

from exporter.model import Agent, Dropped, Snapshot

AgentLabel = Literal["id", "pseudonym", "name", "none"]

MOST_AGENTS = 20_000
"""Agents of one account that are shown one by one; the counts by status are always of all."""
MOST_QUEUES, MOST_TOTALS = 20_000, 200_000
"""Queues, and numbers of their day, that one answer may bring: far more than any account has, and few enough that
neither the page nor the loop feels them."""


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
        return agent if agent.name is agent.via is None else replace(agent, name=None, via=None)

    shown = {"id": nameless, "pseudonym": pseudonym, "name": lambda agent: agent}

    def veiled(told: Snapshot) -> Snapshot:
        snapshot = _bounded(told)
        if snapshot.agents is None:
            return snapshot
        if mode == "none":
            return replace(snapshot, agents=None)
        agents = tuple(map(shown[mode], snapshot.agents[:MOST_AGENTS]))
        over = len(snapshot.agents) - len(agents)
        return replace(snapshot, agents=agents, dropped=_with_over(snapshot.dropped, over))

    return veiled


def _bounded(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot without the queues and totals beyond their caps, which are counted."""
    queues, totals = snapshot.queues, snapshot.totals
    over = max(0, len(queues or ()) - MOST_QUEUES) + max(0, len(totals or ()) - MOST_TOTALS)
    if not over:
        return snapshot
    return replace(
        snapshot,
        queues=queues and queues[:MOST_QUEUES],
        totals=totals and totals[:MOST_TOTALS],
        dropped=_with_over(snapshot.dropped, over),
    )


def _with_over(dropped: Mapping[Dropped, int], over: int) -> Mapping[Dropped, int]:
    return {**dropped, Dropped.OVER_CAP: dropped.get(Dropped.OVER_CAP, 0) + over} if over else dropped
