"""The status audit's list of changes, turned into the model: who was in which status, for how long.

Why today's seconds come from `list` and not from the sums of `overview`: those count each stay whole on the day on
which it ended, so that a night offline falls into the morning, and they leave out the stay that lasts. The single
changes can be clipped at midnight, and carried on to the moment of the poll.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from operator import itemgetter

from msgspec import Raw, Struct
from msgspec.structs import astuple, replace

from exporter.errors import Reason, Unreadable
from exporter.model import Agent, Dropped, Snapshot, State
from exporter.vendors.remembered import Recall, Remembered
from exporter.vendors.zoho_voice.pages import ListPage
from exporter.vendors.zoho_voice.payloads import AgentAudit, Change, ListReply
from exporter.vendors.zoho_voice.words import NO_WORD, Words
from exporter.wire.decode import Decoded, decode_row, drift_of
from exporter.wire.http import Reply

_ROUNDING = 1000  # milliseconds by which two stays may miss or overlap each other


_Ended = tuple[int, int, str, str]
"""A stay that a change ended: its end, its begin and its word; and the word of the next."""


class Stay(Struct, frozen=True, gc=False):
    """An unbroken time in one status, in milliseconds since the Unix epoch: whole ones add up without noise."""

    word: str
    start: int
    end: int


class Today(Struct, frozen=True):
    """The day so far, in milliseconds since the Unix epoch."""

    start: int
    now: int


class Lasting(Struct, frozen=True, gc=False):
    """The stay that goes on, and what its state has of the day without it, in milliseconds."""

    state: State
    counts_from: int
    before: int


class Record(Struct, frozen=True, gc=False):
    """What one agent's changes say."""

    key: str
    agent: Agent | None = None
    """At the moment for which they were read; None where they say nothing, or contradict each other."""
    stay: Stay | None = None
    """The one that lasts."""
    lasting: Lasting | None = None
    unknown: frozenset[str] = frozenset()
    """Status words that nobody has mapped."""
    contradicts_itself: bool = False
    settled: bool = True
    """Whether they say the same for the rest of the day, but for how long the last stay lasts."""

    def at(self, now: int) -> Agent | None:
        """Return the agent at a moment: what lasts counts up to it."""
        if self.agent is None or self.lasting is None:
            return self.agent
        state, spent = self.lasting.state, self.lasting.before + now - self.lasting.counts_from
        return replace(self.agent, seconds_in_state={**self.agent.seconds_in_state, state: spent / 1000})


class Since(Struct, frozen=True):
    """What the audit remembers: since when each agent has been in the present status."""

    at: float
    """When the audit was asked, in seconds since the Unix epoch."""
    stays: Mapping[str, Stay]
    rows: Remembered[Record] = Remembered()


def read_list(replies: Iterable[Reply], words: Words, start: float, at: float, before: object) -> Snapshot:
    """Read the changes of the day: seconds in each status up to the moment of the poll, and how often entered.

    `before` is the memory of the poll before, if there was one.
    """
    today = Today(round(start * 1000), round(at * 1000))
    known = before.rows if isinstance(before, Since) else Remembered[Record]()
    recall = Recall[Record](known, (today.start, words), at)
    pages = [_records(reply, recall, today, words) for reply in replies]
    drift = drift_of(pages)
    if any(path.endswith(("hits[]", "dates[]")) for path in drift):
        raise Unreadable(Reason.SCHEMA, "list holds a change of status that is none: no agent's day is whole")
    rows = [row for page in pages for row in page.value]
    records = {row.key: row for row in reversed(rows)}
    agents = [one.at(today.now) for one in records.values()]
    return Snapshot(
        agents=tuple([agent for agent in agents if agent]),
        window_start=start,
        dropped={
            Dropped.INVALID: sum(page.invalid_rows for page in pages),
            Dropped.DUPLICATE: len(rows) - len(records),
            Dropped.INCONSISTENT: sum(one.contradicts_itself for one in records.values()),
        },
        drift=drift,
        unknown_statuses=frozenset().union(*(one.unknown for one in records.values())),
        memory=Since(at, {key: one.stay for key, one in records.items() if one.stay}, recall.memory),
    )


def _records(reply: Reply, recall: Recall[Record], today: Today, words: Words) -> Decoded[list[Record]]:
    """Read the rows of a page one by one; where one is not as documented, read all of them field by field."""
    read = partial(_row, today=today, words=words)
    page = reply.decoded(ListPage)
    rows = [recall.meaning(raw, read) for raw in page.value.list.agent_status]
    sound = [row for row in rows if row]
    if len(sound) == len(rows):
        return Decoded(sound)
    answer = reply.decoded(ListReply)
    audits = answer.value.list.agent_status
    return Decoded([_record(audit, today, words) for audit in audits], answer.drift, answer.invalid_rows)


def _row(raw: Raw, today: Today, words: Words) -> Record | None:
    """Read one row; None where it is not as documented."""
    try:
        row = decode_row(raw, AgentAudit)
    except Unreadable:
        return None
    return None if row.drift else _record(row.value, today, words)


def _record(audit: AgentAudit, today: Today, words: Words) -> Record:
    told, key = stays(audit, today.now), str(audit.agent_id)
    if not told:
        silent = not _before(audit) and not any(day.hits for day in audit.dates or ())
        return Record(key, contradicts_itself=not silent)
    unknown, last = words.unknown(stay.word for stay in told), told[-1]
    agent, spent = _day(key, told, words, today)
    if last.end > today.now or today.now == today.start:  # some of it is still ahead: not all of it counts yet
        return Record(key, agent, last, unknown=unknown, settled=False)
    state, counts_from = words.state(last.word), max(last.start, today.start)
    lasting = Lasting(state, counts_from, spent[state] - (today.now - counts_from))
    return Record(key, agent, last, lasting, unknown)


def stays(audit: AgentAudit, until: int) -> list[Stay] | None:
    """Return an agent's stays, oldest first, of which the last one lasts until `until`.

    None where they are not told, or leave a gap, or overlap. A check-in that changes nothing ends no stay.
    """
    days = [audit.hits] if audit.dates is None else [day.hits for day in audit.dates]
    changes = dict.fromkeys(chain(_before(audit), *(day or () for day in days)))  # one may be filed under two days
    ended = [_ended(change) for change in changes]
    return _merged([one for one in ended if one], until) if ended and None not in (*days, *ended) else None


def _before(audit: AgentAudit) -> list[Change]:
    """Return the last change before the window, if there was one: an empty object says that there was none."""
    last = audit.previous_result
    return [last] if last and any(word not in NO_WORD for word in astuple(last)) else []


def _ended(change: Change) -> _Ended | None:
    """Return the stay that a change ended, and the word of the next; None where neither can be told.

    Of an agent's first change only the next is known: what it ended is a stay of no length.
    """
    at, after, start = change.current_action_time, change.current_status, change.previous_action_time
    if at is None or after is None or after in NO_WORD:
        return None
    if start is None and change.duration is not None:
        start = at - round(change.duration)
    before = change.previous_status
    return (
        (at, at, after, after)
        if start is None or before is None or before in NO_WORD
        else (at, start, before, after)
    )


def _merged(ended: Iterable[_Ended], until: int) -> list[Stay] | None:
    """Return the stays one after the other and the one that lasts; None where they contradict each other."""
    line = sorted(ended, key=itemgetter(0, 1))
    last, _, _, after = line[-1]
    line.append((max(until, last), last, after, after))
    found: list[Stay] = []
    reached = line[0][1]
    for end, start, word, _ in line:
        if abs(start - reached) > _ROUNDING or end < start:
            return None
        began = found.pop().start if found and found[-1].word == word else reached
        found.append(Stay(word, began, end))
        reached = end
    return found


def _day(key: str, told: Sequence[Stay], words: Words, today: Today) -> tuple[Agent, Mapping[State, int]]:
    """Clip the stays at the beginning of the day; what was never entered is zero where the whole day is told.

    Return the agent, and the milliseconds in each state.
    """
    whole = told[0].start <= today.start
    spent: dict[State, int] = dict.fromkeys(words.states, 0) if whole else {}
    entries = spent.copy()
    within = [
        (stay, words.state(stay.word)) for stay in told if stay.end > today.start and stay.start <= today.now
    ]
    for stay, state in within:
        spent[state] = spent.get(state, 0) + stay.end - stay.start
        entries[state] = entries.get(state, 0) + (stay.start > today.start)
    if (
        within
    ):  # one begins where another ends: only the first began before midnight, only the last goes beyond now
        (first, began_in), (last, ends_in) = within[0], within[-1]
        spent[began_in] -= max(0, today.start - first.start)
        spent[ends_in] -= max(0, last.end - today.now)
    seconds = {state: ms / 1000 for state, ms in spent.items()}
    return Agent(key, seconds_in_state=seconds, entries=entries), spent
