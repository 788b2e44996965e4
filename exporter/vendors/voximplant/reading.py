"""The older engine's payloads, turned into the model."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET

from exporter.errors import Reason, Unreadable
from exporter.model import (
    Agent,
    Dropped,
    Measure,
    Queue,
    Snapshot,
    State,
    Status,
    Total,
    count_by_status,
    count_online,
)
from exporter.vendors.pages import unique
from exporter.vendors.voximplant.names import abbreviated
from exporter.vendors.voximplant.payloads import (
    OPERATOR_FIELDS,
    QUEUE_DAY,
    QUEUE_FIELDS,
    QUEUES,
    USERS,
    AcdStateReply,
    Call,
    Item,
    OperatorRecord,
    OperatorReply,
    QueueDayReply,
    QueueInfo,
    QueueRecord,
    QueuesReply,
    QueueState,
    StatusReply,
    User,
    UsersReply,
)
from exporter.vendors.voximplant.rows import all_rows, dropped, lost_rows, waits
from exporter.vendors.voximplant.words import Words
from exporter.wire.decode import Decoded, decode, drift_of
from exporter.wire.http import Reply

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the vendor's dates are without a zone, and mean UTC
_QUEUES = "result.acd_queues[]"
_ENGAGED = frozenset(
    {_QUEUES}
    | {
        f"{_QUEUES}.{name}{part}"
        for name in ("locked_operators", "servicing_calls", "waiting_calls")
        for part in ("", "[]", "[].user_id")
    }
)
"""Where something is wrong in one of these, nobody knows who is on a call."""


def read_state(reply: Reply) -> Snapshot:
    """Read who waits and who serves, queue by queue; a list that lost a row is not counted."""
    answer = reply.decoded(AcdStateReply)
    rows = unique(answer.value.result.acd_queues, "acd_queue_id")
    engaged = _engaged(rows.values()) if _ENGAGED.isdisjoint(answer.drift) else None
    lost = {name for name in ("servicing_calls", "waiting_calls") if f"{_QUEUES}.{name}[]" in answer.drift}
    queues = []
    for key, row in rows.items():
        agents = _agents(row, engaged)
        served = None if "servicing_calls" in lost else row.servicing_calls
        waiting = None if "waiting_calls" in lost else row.waiting_calls
        queues.append(
            Queue(
                key,
                in_progress=None if served is None else len(served),
                agents=agents or None,
                told=tuple(agents),
                **({} if waiting is None else waits([call.waiting_time for call in waiting])),
            )
        )
    return Snapshot(
        queues=tuple(queues),
        dropped=dropped(answer.invalid_rows, len(answer.value.result.acd_queues) - len(rows)),
        drift=answer.drift,
    )


def _engaged(rows: Iterable[QueueState]) -> Mapping[str, Status] | None:
    """Return who is on a call or being rung for one, in whatever queue; None where a queue does not tell."""
    found: dict[str, Status] = {}
    for row in rows:
        if row.waiting_calls is None or row.servicing_calls is None:
            return None
        found |= dict.fromkeys(_ids(row.waiting_calls), Status.RINGING)
    for row in rows:
        found |= dict.fromkeys(_ids(row.servicing_calls or ()), Status.ON_CONTACT)
    return found


def _ids(calls: Iterable[Call]) -> Iterable[str]:
    return (str(call.user_id) for call in calls if call.user_id is not None)


def _agents(row: QueueState, engaged: Mapping[str, Status] | None) -> dict[Status, int]:
    """Count the agents of a queue, by the statuses that it tells: those who are away or offline are not listed.

    Who is locked without a call is banned, which only the list of users tells in so many words.
    """
    counts = {Status.AVAILABLE: row.ready_operators_count, Status.WRAP_UP: row.after_service_operator_count}
    if engaged is not None and row.locked_operators is not None:
        locked = [engaged.get(str(agent.user_id)) for agent in row.locked_operators]
        counts |= {status: locked.count(status) for status in (Status.RINGING, Status.ON_CONTACT)}
    return {status: count for status, count in counts.items() if count is not None}


def read_users(replies: Sequence[Reply], words: Words) -> Snapshot:
    """Read the users of the application: those with a status are its agents.

    Where a user is lost, or none of them has a status, nobody can tell how many agents there are.
    """
    answers = [reply.decoded(UsersReply) for reply in replies]
    rows = all_rows(answers, USERS, "user_id")
    agents = tuple(_user(key, row, words) for key, row in rows.items())
    serving = [one for one in agents if one.status]
    lost = "result[].acd_status" in drift_of(answers) or any(answer.invalid_rows for answer in answers)
    by_status = None if lost or (agents and not serving) else count_by_status(serving)
    return Snapshot(
        agents=agents,
        agents_online=count_online(by_status),
        agents_by_status=by_status,
        dropped=lost_rows(answers, rows),
        drift=drift_of(answers),
        unknown_statuses=words.unknown(row.acd_status for row in rows.values() if row.acd_status),
    )


def _user(key: str, row: User, words: Words) -> Agent:
    word = None if row.acd_status is UNSET else row.acd_status
    return Agent(
        key,
        name=row.user_display_name or row.user_name,
        status=words.status(word) if word else None,
        vendor_status=word or "",
        since=instant(row.acd_status_change_time) if word else None,
    )


def instant(text: str | None) -> float | None:
    """Return the instant of a date in UTC, in seconds since the Unix epoch; None where it is empty or none."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return (moment - _EPOCH).total_seconds() if moment.tzinfo is None and moment.isoformat(" ") == text else None


def read_queues(replies: Sequence[Reply]) -> Snapshot:
    """Read the names of the queues."""
    answers = [reply.decoded(QueuesReply) for reply in replies]
    rows = all_rows(answers, QUEUES, "acd_queue_id")
    return Snapshot(
        queues=tuple(Queue(key, name=row.acd_queue_name) for key, row in live_queues(rows).items()),
        dropped=lost_rows(answers, rows),
        drift=drift_of(answers),
    )


def live_queues(rows: Mapping[str, QueueInfo]) -> dict[str, QueueInfo]:
    """Return the queues that are not deleted."""
    return {key: row for key, row in rows.items() if row.deleted in (None, "")}


def read_statuses(reply: Reply, words: Words) -> Snapshot:
    """Read how long each agent was in each status today; what lasts may be missing in it until it ends."""
    answer = reply.decoded(StatusReply)
    people, twice = _by_agent(answer)
    days = {
        key: _together([part for record in records for part in record.parts]) for key, records in people.items()
    }
    states = words.states({word for items in days.values() for word in items})
    return Snapshot(
        agents=tuple(_status_day(key, items, states) for key, items in days.items()),
        dropped=dropped(answer.invalid_rows, twice),
        drift=answer.drift,
        unknown_statuses=words.unknown(states),
    )


def _together(parts: Sequence[Mapping[str, Item]]) -> Mapping[str, Item]:
    """Return the parts of a day as one; there is only one as a rule."""
    if len(parts) == 1:
        return parts[0]
    found: dict[str, list[Item]] = {}
    for part in parts:
        for word, item in part.items():
            found.setdefault(word, []).append(item)
    return {
        word: Item(
            max=joined(max, (item.max for item in items)),
            count=joined(sum, (item.count for item in items)),
            sum=joined(sum, (item.sum for item in items)),
        )
        for word, items in found.items()
    }


def _status_day(key: str, items: Mapping[str, Item], states: Mapping[str, State]) -> Agent:
    return Agent(
        key,
        seconds_in_state={states[word]: item.sum for word, item in items.items() if item.sum is not None},
        longest_stays={states[word]: item.max for word, item in items.items() if item.max is not None},
        entries={states[word]: item.count for word, item in items.items() if item.count is not None},
    )


def read_operators(reply: Reply) -> Snapshot:
    """Read what each agent has done with calls today."""
    answer = decode(abbreviated(reply.body), OperatorReply)
    people, twice = _by_agent(answer)
    return Snapshot(
        agents=tuple(_call_day(key, records) for key, records in people.items()),
        dropped=dropped(answer.invalid_rows, twice),
        drift=answer.drift,
    )


def _call_day(key: str, records: Sequence[OperatorRecord]) -> Agent:
    told: dict[str, Any]
    if len(records) == 1:  # as a rule
        told = {field: read(records[0]) for field, read in OPERATOR_FIELDS.items()}
    else:
        told = {field: joined(sum, map(read, records)) for field, read in OPERATOR_FIELDS.items()}
    return Agent(key, **told)


def _by_agent(answer: Decoded[Any]) -> tuple[dict[str, list[Any]], int]:
    """Return each agent's records, whichever level tells the agent and which the time, and how many came twice.

    Raises:
        Unreadable: of several records that are one agent's day, some are lost.
    """
    found: dict[str, dict[tuple[str | None, int | None], Any]] = {}
    came, parted = 0, False
    for group in answer.value.result:
        for record in group.statistics:
            agent = group.user_id if record.user_id is None else record.user_id
            if agent is None:
                raise Unreadable(Reason.SCHEMA, "a record tells neither by itself nor by its group whose it is")
            came += 1
            time = (record.date or group.date, group.hour if record.hour is None else record.hour)
            parted = parted or time != (None, None)
            found.setdefault(str(agent), {}).setdefault(time, record)
    if parted and answer.invalid_rows:
        raise Unreadable(Reason.SCHEMA, "a part of the day is not as documented, so nobody's day is whole")
    people = {agent: list(records.values()) for agent, records in found.items()}
    return people, came - sum(map(len, people.values()))


def read_queue_day(replies: Sequence[Reply]) -> Snapshot:
    """Read the day of each queue; the pages of the list that they were asked for by come first."""
    pages = [reply.decoded(QueuesReply) for reply in replies if reply.request.endpoint == QUEUES]
    days = [reply for reply in replies if reply.request.endpoint == QUEUE_DAY]
    answers = [(reply.request.about, decode(abbreviated(reply.body), QueueDayReply)) for reply in days]
    refused = len(live_queues(all_rows(pages, QUEUES, "acd_queue_id"))) - len(days)
    whole = [(queue, answer.value.result) for queue, answer in answers if not answer.invalid_rows]
    lost = dropped(sum(answer.invalid_rows for _, answer in answers), 0)
    return Snapshot(
        totals=tuple(total for queue, records in whole for total in _queue_totals(queue, records)),
        dropped={**lost, Dropped.REFUSED: refused},
        drift=drift_of(answer for _, answer in answers),
    )


def _queue_totals(queue: str, records: Sequence[QueueRecord]) -> Iterable[Total]:
    for field in QUEUE_FIELDS:
        value = joined(field.together, map(field.read, records))
        if value is not None:
            yield Total(field.measure, value, field.kind, queue)
    levels = [{one.acceptable_waiting_time: one.call_count for one in record.SL or ()} for record in records]
    for bound in sorted({bound for level in levels for bound in level}):
        value = joined(sum, (level.get(bound) for level in levels))
        if value is not None:
            yield Total(Measure.ANSWERED_WITHIN, value, f"{bound:g}", queue)


def joined(together: Callable[[Iterable[Any]], Any], values: Iterable[float | None]) -> Any:
    """Return the values as one, whole where they are; None where there is none, or any is not told."""
    several = list(values)
    if len(several) == 1:
        return several[0]
    known = [value for value in several if value is not None]
    return together(known) if known and len(known) == len(several) else None
