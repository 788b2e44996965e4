"""How many agents there are in each status, and what each has and could take on now."""

from collections.abc import Collection
from operator import attrgetter

from exporter.errors import Reason, Unreadable
from exporter.model import Agent, Dropped, Snapshot, count_online
from exporter.vendors.kore_ai.listing import read_rows, together
from exporter.vendors.kore_ai.payloads import AVAILABILITY, Availability, AvailableRow, Capacity
from exporter.vendors.kore_ai.words import TOLD
from exporter.wire.decode import Decoded, decode
from exporter.wire.http import Reply


def read_availability(reply: Reply) -> Snapshot:
    """Read the lists of agents, one a status; who is in two of them counts in the first.

    Where somebody is lost nobody is counted: it might be one more, or one who counts already.

    Raises:
        Unreadable: the answer has none of the lists.
    """
    answer = decode(reply.body, Availability)
    lists = {status: getattr(answer.value, status) for status in TOLD}
    told = {
        status: read_rows(raws, AvailableRow, attrgetter("user_id"))
        for status, raws in lists.items()
        if raws is not None
    }
    if not told:
        raise Unreadable(Reason.SCHEMA, f"{AVAILABILITY}: the answer has no list of agents")
    agents: dict[str, Agent] = {}
    counts = {}
    for status, listed in told.items():
        before = len(agents)
        for key, row in listed.rows.items():
            agents.setdefault(key, _agent(row))
        counts[status] = len(agents) - before
    invalid = sum(listed.invalid for listed in told.values())
    came = sum(len(listed.rows) + listed.duplicates for listed in told.values())
    absent = (status.upper() for status in TOLD if status not in told)
    drift = (f"{status.upper()}[].{path}" for status, listed in told.items() for path in listed.drift)
    by_status = counts if len(counts) == len(TOLD) and not invalid else None
    return Snapshot(
        agents=tuple(agents.values()),
        agents_online=count_online(by_status),
        agents_by_status=by_status,
        dropped={
            Dropped.INVALID: invalid,
            Dropped.DUPLICATE: came - len(agents),
        },
        drift=tuple(dict.fromkeys((*answer.drift, *absent, *drift))),
    )


def _agent(row: Decoded[AvailableRow]) -> Agent:
    """Return what the channels that the agent serves add up to; a broken or unclear one leaves no sum."""
    channels: Collection[Capacity] = (row.value.channel_capacity or {}).values()
    if row.drift or any(channel.is_enabled is None for channel in channels):
        channels = ()
    served = [channel for channel in channels if channel.is_enabled]
    return Agent(
        row.value.user_id,
        contacts=together(channel.used_capacity for channel in served),
        slots=together(channel.total_capacity for channel in served),
    )
