"""How many agents there are in each status, and what each has and could take on now."""

from collections.abc import Collection

from msgspec import Raw, Struct

from exporter.errors import Reason, Unreadable
from exporter.model import Agent, Dropped, Snapshot, count_online
from exporter.vendors.kore_ai.listing import together
from exporter.vendors.kore_ai.payloads import AVAILABILITY, Availability, AvailableRow, Capacity
from exporter.vendors.kore_ai.words import TOLD
from exporter.vendors.remembered import Recall, Remembered
from exporter.wire.decode import decode_row
from exporter.wire.http import Reply


class Available(Struct, frozen=True, gc=False):
    """What a row says, in whichever list it stands."""

    agent: Agent
    drift: tuple[str, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether nothing in it must be told again."""
        return not self.drift


def read_availability(reply: Reply, at: float, before: Remembered[Available]) -> Snapshot:
    """Read the lists of agents, one a status; who is in two of them counts in the first.

    Where somebody is lost nobody is counted: it might be one more, or one who counts already.

    Raises:
        Unreadable: the answer has none of the lists.
    """
    answer = reply.decoded(Availability)
    lists = {status: getattr(answer.value, status) for status in TOLD}
    recall = Recall[Available](before, (), at)
    came = {
        status: [recall.meaning(raw, _available) for raw in raws]
        for status, raws in lists.items()
        if raws is not None
    }
    if not came:
        raise Unreadable(Reason.SCHEMA, f"{AVAILABILITY}: the answer has no list of agents")
    agents: dict[str, Agent] = {}
    counts = {}
    drift = [*answer.drift, *(status.upper() for status in TOLD if status not in came)]
    for status, rows in came.items():
        known = len(agents)
        told: dict[str, Available] = {}
        for row in filter(None, rows):
            told.setdefault(row.agent.id, row)
            agents.setdefault(row.agent.id, row.agent)
        counts[status] = len(agents) - known
        drift += [f"{status.upper()}[].{path}" for row in told.values() for path in row.drift]
    invalid = sum(rows.count(None) for rows in came.values())
    by_status = counts if len(counts) == len(TOLD) and not invalid else None
    return Snapshot(
        agents=tuple(agents.values()),
        agents_online=count_online(by_status),
        agents_by_status=by_status,
        dropped={
            Dropped.INVALID: invalid,
            Dropped.DUPLICATE: sum(map(len, came.values())) - invalid - len(agents),
        },
        drift=tuple(dict.fromkeys(drift)),
        memory=recall.memory,
    )


def _available(raw: Raw) -> Available | None:
    """Read what the channels that an agent serves add up to; a broken or unclear one leaves no sum."""
    try:
        row = decode_row(raw, AvailableRow)
    except Unreadable:
        return None
    channels: Collection[Capacity] = (row.value.channel_capacity or {}).values()
    if row.drift or any(channel.is_enabled is None for channel in channels):
        channels = ()
    served = [channel for channel in channels if channel.is_enabled]
    agent = Agent(
        row.value.user_id,
        contacts=together(channel.used_capacity for channel in served),
        slots=together(channel.total_capacity for channel in served),
    )
    return Available(agent, row.drift)
