"""What an account's endpoints say of this moment, put together for a person."""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import asdict, replace

from exporter.model import ALL_QUEUES, Channel, Queue, Status
from exporter.store import AccountState


class Figures(Struct, frozen=True):
    """One account at this moment; None where nobody could tell."""

    queues: tuple[Queue, ...] = ()
    agents: Mapping[Status, int] | None = None
    online: int | None = None

    @property
    def waiting(self) -> int | None:
        """Contacts waiting: of the whole account where the vendor says so, else of its queues together."""
        rows = [queue for queue in self.queues if queue.waiting is not None or queue.agents is None]
        counts = [row.waiting for row in [row for row in rows if row.id == ALL_QUEUES] or rows]
        known = [count for count in counts if count is not None]
        return sum(known) if known and len(known) == len(counts) else None

    @property
    def longest_wait(self) -> float | None:
        """The longest wait that any queue tells, in seconds."""
        return max(
            (q.longest_wait_seconds for q in self.queues if q.longest_wait_seconds is not None), default=None
        )


def figures(account: AccountState) -> Figures:
    """Put together what the account's snapshots say; the first that tells a thing is believed."""
    snapshots = [state.held.snapshot for state in account.endpoints.values() if state.held]
    queues: dict[tuple[str, Channel], Queue] = {}
    names: dict[str, Queue] = {}
    for queue in (queue for snapshot in snapshots for queue in snapshot.queues or ()):
        if queue == Queue(queue.id, queue.name, queue.channel):
            names[queue.id] = queue  # a list of names, which knows of no channel
            continue
        known = queues.get((queue.id, queue.channel))
        queues[queue.id, queue.channel] = _merged(known, queue) if known else queue
    told = {id_ for id_, _ in queues}
    quiet = [queue for id_, queue in names.items() if id_ not in told]
    named = {key: replace(one, name=one.name or names.get(one.id, one).name) for key, one in queues.items()}
    return Figures(
        queues=(*named.values(), *quiet),
        agents=next((one.agents_by_status for one in snapshots if one.agents_by_status is not None), None),
        online=next((one.agents_online for one in snapshots if one.agents_online is not None), None),
    )


def _merged(first: Queue, second: Queue) -> Queue:
    """Fill what the first does not tell from the second."""
    told = {name: value for name, value in asdict(first).items() if value is not None}
    return Queue(**{**asdict(second), **told})
