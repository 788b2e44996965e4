"""Who there is, and what they do now: the users, and the names of the queues."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from exporter.model import Agent, Dropped, Queue, Snapshot, count_by_status
from exporter.vendors.pages import check_whole, unique
from exporter.vendors.zoho_voice.changes import Since, Stay
from exporter.vendors.zoho_voice.payloads import QueuesReply, User, UsersReply
from exporter.vendors.zoho_voice.words import NO_WORD, OFFLINE, Words
from exporter.wire.decode import drift_of
from exporter.wire.http import Reply

_ACTIVE = 1

Seen = Mapping[str, Stay]
"""The latest stay that is known of each agent."""


def read_users(replies: Iterable[Reply], words: Words, seen: Seen) -> Snapshot:
    """Read who is in which status now."""
    answers = [reply.decoded(UsersReply) for reply in replies]
    rows = [row for answer in answers for row in answer.value.rows]
    invalid = sum(answer.invalid_rows for answer in answers)
    total = max((answer.value.meta.total or 0 for answer in answers), default=0)
    check_whole("users", [total], len(rows) + invalid)
    listed = active(rows)
    users = unique((row for row in listed if row.agent_id is not None), "agent_id")
    nameless = sum(row.agent_id is None for row in listed)
    invalid += nameless
    agents = tuple(_agent(key, row, words, seen) for key, row in users.items())
    by_status = None if invalid else count_by_status(agents)  # whoever is lost has a status too
    return Snapshot(
        agents=agents,
        agents_online=None if by_status is None else sum(one.vendor_status != OFFLINE for one in agents),
        agents_by_status=by_status,
        dropped={Dropped.INVALID: invalid, Dropped.DUPLICATE: len(listed) - nameless - len(users)},
        drift=drift_of(answers),
        unknown_statuses=words.unknown(one.vendor_status for one in agents if one.status is not None),
    )


def active(users: Iterable[User]) -> Sequence[User]:
    """Return the users whose accounts are open; where that is told of none, all are."""
    users = list(users)
    told = any(user.status is not None for user in users)
    return [user for user in users if user.status == _ACTIVE or not told]


def _agent(key: str, row: User, words: Words, seen: Seen) -> Agent:
    word = "" if row.online_status is None or row.online_status in NO_WORD else row.online_status
    status = words.status(word) if word else None
    stay = seen.get(key)
    since = stay.start / 1000 if stay and stay.word == word else None
    last = None if row.last_active_time is None else row.last_active_time / 1000
    return Agent(key, row.name, status=status, vendor_status=word, since=since, last_active=last)


def since(users: Snapshot | None, audit: Snapshot | None) -> Seen:
    """Return the stays that last, from the latest audit.

    Not where a later change was seen among the users: they may have left that status and come back.
    """
    if audit is None or not isinstance(audit.memory, Since):
        return {}
    told = audit.memory
    changed = {agent.id: agent.since or 0.0 for agent in (users.agents if users else None) or ()}
    return {key: stay for key, stay in told.stays.items() if changed.get(key, 0.0) <= told.at}


def read_queues(replies: Iterable[Reply], only: Collection[str]) -> Snapshot:
    """Read the names of the queues, or of those in `only` where it names any."""
    answers = [reply.decoded(QueuesReply) for reply in replies]
    names = {str(row.id): row.name for answer in answers for row in answer.value.queues}
    return Snapshot(
        queues=tuple(Queue(key, name=name) for key, name in names.items() if not only or key in only),
        dropped={Dropped.INVALID: sum(answer.invalid_rows for answer in answers)},
        drift=drift_of(answers),
    )
