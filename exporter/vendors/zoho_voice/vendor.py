"""What to ask Zoho Voice, and how it answers."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from exporter.errors import PollFailed
from exporter.model import ALL_QUEUES, Snapshot, Status
from exporter.vendors.contract import Endpoint, Limit, Load, Moment, Site
from exporter.vendors.day import midnight
from exporter.vendors.zoho_voice.audit import read_calendar, read_overview
from exporter.vendors.zoho_voice.calls import DETAILS, LOG, LOGS, PAGE, Call, Day, Known, more_pages, read_calls
from exporter.vendors.zoho_voice.changes import read_list
from exporter.vendors.zoho_voice.options import ZohoCredentials, ZohoOptions, scheme
from exporter.vendors.zoho_voice.pages import rows
from exporter.vendors.zoho_voice.payloads import QueuesReply, UsersReply
from exporter.vendors.zoho_voice.people import active, read_queues, read_users, since
from exporter.vendors.zoho_voice.verdict import judged
from exporter.vendors.zoho_voice.words import Words
from exporter.wire.auth import Scheme
from exporter.wire.http import Budget, Reply, Request

USERS, QUEUES = "users", "queues"
LIST, OVERVIEW, CALENDAR = "list", "overview", "calendarSummary"

_PATHS = {
    USERS: "zv/api/users",
    QUEUES: "zv/api/queues",
    LIST: "zv/metrics/statusaudit/list",
    OVERVIEW: "zv/metrics/statusaudit/overview",
    CALENDAR: "zv/metrics/statusaudit/calendarSummary",
    LOGS: "zv/logs",
    LOG: "zv/metrics/statusaudit/list/log",
}
_PAGE = 50  # users a page, and queues: the most that Zoho gives
_BATCHES = {LIST: 50, OVERVIEW: 100, CALENDAR: 100}
"""Agents asked for at once: a hundred ids make 2,000 characters of URL, fifty lists of changes some megabytes."""
_AROUND_CALL = timedelta(hours=1)  # how far the statuses around a call reach to either side of it

_CALLS_A_MINUTE = 200  # ours: Zoho documents none for the account
_LOGS_A_MINUTE = 30  # documented; who exceeds it is locked out for ten minutes

USER_METRICS = (
    *("agents_online", "agents", "agent_status", "agent_info"),
    *("agent_status_since_timestamp_seconds", "agent_last_active_timestamp_seconds"),
)
CALL_METRICS = (
    *("calls_today", "call_outcomes_today", "contact_seconds_today"),
    *("queue_wait_seconds", "calls_offered_today", "calls_answered_today", "calls_missed_while_available_today"),
    *("agent_calls_today", "rings_today"),
)


class ZohoVoice:
    """One Zoho Voice account."""

    Credentials: ClassVar[type[Struct]] = ZohoCredentials
    Options: ClassVar[type[Struct]] = ZohoOptions

    endpoints = (
        Endpoint(USERS, USER_METRICS, at_least=30),
        Endpoint(
            LIST,
            ("seconds_in_state", "state_entries_today", "window_start_timestamp_seconds"),
            every=4,
            at_least=60,
        ),
        Endpoint(
            OVERVIEW, ("longest_seconds_in_state", "average_agent_state_seconds_today"), every=20, at_least=60
        ),
        Endpoint(CALENDAR, ("team_state_seconds_today", "team_state_seconds_yesterday"), every=60, at_least=60),
        Endpoint(QUEUES, ("queue_info",), every=60, at_least=60),
        Endpoint(LOGS, CALL_METRICS, every=2, at_least=60),
    )
    limit = Limit(_CALLS_A_MINUTE, endpoints={LOGS: _LOGS_A_MINUTE})

    def __init__(self, credentials: ZohoCredentials, options: ZohoOptions, site: Site) -> None:
        self._origin = options.voice
        self._queues = tuple(map(str, options.queues))
        self._lists = self._queues or (ALL_QUEUES,)
        self._zone = site.zone
        self._words = Words(site.statuses)
        self.scheme: Scheme = scheme(credentials, options)

    def requests(self, endpoint: str, moment: Moment) -> tuple[Request, ...]:
        """Return the first calls; the audit asks agent by agent, so where nobody has listed them it begins so."""
        match endpoint:
            case "users" | "queues":
                return (self._page(endpoint, 0),)
            case "logs":
                return (*self._logs(moment), *self._details(moment))
        users = moment.seen.get(USERS)
        if users is None or users.agents is None:
            return (self._page(USERS, 0, about=endpoint),)
        return tuple(self._audits(endpoint, (agent.id for agent in users.agents), moment))

    def follow(self, reply: Reply, before: tuple[Reply, ...], moment: Moment) -> tuple[Request, ...]:
        """Return the next page, the audits of this page's users, or the calls that the newest page leaves out."""
        if reply.status == 204:
            return ()
        match reply.request.endpoint:
            case "users":
                return (*self._more_users(reply, before), *self._of_users(reply, moment))
            case "queues":
                return self._more_queues(reply)
            case "logs" if _start(reply) == 0:
                starts = more_pages(reply, self._day(moment), self._lists)
                return tuple(_moved(reply.request, start) for start in starts)
            case "list" | "overview" | "calendarSummary":
                return _rest(reply)
        return ()

    def judge(self, reply: Reply) -> PollFailed | None:
        """Trust the envelope before the status: Zoho tells errors with HTTP 200."""
        return judged(reply, reply.request.endpoint)

    def budget(self, _reply: Reply) -> Budget | None:
        """Zoho does not say what is left."""
        return None

    def read(self, endpoint: str, replies: tuple[Reply, ...], moment: Moment) -> Snapshot:
        """Turn the replies of one poll into a snapshot; HTTP 204 has nothing in it."""
        mine = tuple(
            one
            for one in replies
            if (one.status != 204 or endpoint == LOGS) and one.request.endpoint in (endpoint, LOG)
        )
        match endpoint:
            case "users":
                return read_users(mine, self._words, since(moment.seen.get(USERS), moment.seen.get(LIST)))
            case "queues":
                return read_queues(mine, self._queues)
            case _:
                read = self._read_day(endpoint, mine, moment)
                return replace(read, window_end=self._midnight(moment, 1).timestamp())

    def _read_day(self, endpoint: str, replies: tuple[Reply, ...], moment: Moment) -> Snapshot:
        today, at = self._midnight(moment), moment.at.timestamp()
        match endpoint:
            case "list":
                return read_list(replies, self._words, today.timestamp(), at, moment.memory.get(LIST))
            case "overview":
                return read_overview(replies, self._words)
            case "calendarSummary":
                return read_calendar(replies, today, self._midnight(moment, -1))
            case _:
                return read_calls(replies, self._day(moment), self._known(moment), at, self._words)

    def _page(self, endpoint: str, start: int, about: str = "") -> Request:
        query = (("from", str(start)), ("offset", str(_PAGE)))  # `offset` is how many
        return Request(endpoint, self._url(endpoint), query, about=about)

    def _url(self, endpoint: str) -> str:
        return f"{self._origin}/rest/json/{_PATHS[endpoint]}"

    def _more_queues(self, reply: Reply) -> tuple[Request, ...]:
        """Return the next page after a full one; a row that is lost was there too."""
        page = reply.decoded(QueuesReply)
        full = len(page.value.queues) + page.invalid_rows >= _PAGE
        return (self._page(QUEUES, _start(reply) + _PAGE),) if full else ()

    def _more_users(self, reply: Reply, before: tuple[Reply, ...]) -> tuple[Request, ...]:
        """Return the next page after a full one, until all are there: the first may have index 0 or 1."""
        newest = reply.decoded(UsersReply)
        start, total = _start(reply), newest.value.meta.total
        if len(newest.value.rows) + newest.invalid_rows < _PAGE:
            return ()
        if total is not None and start + _PAGE >= total:
            pages = [one.decoded(UsersReply) for one in (*before, reply) if one.request.endpoint == USERS]
            if len({user.agent_id for page in pages for user in page.value.rows}) >= total:
                return ()
        return (self._page(USERS, start + _PAGE, reply.request.about),)

    def _of_users(self, reply: Reply, moment: Moment) -> Iterable[Request]:
        """Return the audits of the users on a page, where the page was asked for their sake."""
        if not reply.request.about:
            return ()
        users = active(reply.decoded(UsersReply).value.rows)
        ids = (str(user.agent_id) for user in users if user.agent_id is not None)
        return self._audits(reply.request.about, ids, moment)

    def _audits(self, endpoint: str, agents: Iterable[str], moment: Moment) -> Iterator[Request]:
        """Yield the calls for these agents, in batches."""
        start = self._midnight(moment, -1 if endpoint == CALENDAR else 0)
        size, ids = _BATCHES[endpoint], iter(agents)
        while batch := tuple(islice(ids, size)):
            query = (
                *_window(start, moment.at),
                ("agentIds", ",".join(batch)),
                ("from", "0"),
                ("size", str(size)),
                ("tz", self._zone.key),
            )
            yield Request(endpoint, self._url(endpoint), query)

    def _logs(self, moment: Moment) -> Iterator[Request]:
        """Ask for the newest calls of today, of each configured queue by itself."""
        today = self._midnight(moment).date().isoformat()
        page = (("from", "0"), ("size", str(PAGE)), ("fromDate", today), ("toDate", today))
        for queue in self._lists:
            only = (("queueIds", queue),) if self._queues else ()
            yield Request(LOGS, self._url(LOGS), page + only, about=queue)

    def _details(self, moment: Moment) -> Iterator[Request]:
        """Ask how the calls rang that the log has told of before."""
        for call in self._day(moment).asked:
            query = (*_window(*_around(call, moment.at)), ("logId", call.id), ("tz", self._zone.key))
            yield Request(LOG, self._url(LOG), query, about=call.id, optional=True)

    def _day(self, moment: Moment) -> Day:
        """Return what is remembered of today: at midnight everything begins anew."""
        began = self._midnight(moment).timestamp()
        day = moment.memory.get(LOGS)
        return day if isinstance(day, Day) and day.began == began else Day(began)

    def _known(self, moment: Moment) -> Known:
        """Return the agents and queues that the other endpoints tell of."""
        users, queues = moment.seen.get(USERS), moment.seen.get(QUEUES)
        return Known(
            tuple(agent.id for agent in (users.agents if users else None) or ()),
            self._queues or tuple(queue.id for queue in (queues.queues if queues else None) or ()),
        )

    def _midnight(self, moment: Moment, days: int = 0) -> datetime:
        """Return the beginning of today, or of a day so many days later."""
        return midnight(moment.at, self._zone, days)

    def load(self, endpoint: str, agents: int) -> Load:
        """Estimate one poll; an account is taken to have ten queues, where the config names none."""
        queues = len(self._queues) or 10
        match endpoint:
            case "users":
                return Load(max(1, -(-agents // _PAGE)), 1 + len(Status) + 4 * agents)
            case "list":
                return Load(max(1, -(-agents // _BATCHES[LIST])), 1 + 10 * agents)
            case "overview":
                return Load(max(1, -(-agents // _BATCHES[OVERVIEW])), 6 + 5 * agents)
            case "calendarSummary":
                return Load(max(1, -(-agents // _BATCHES[CALENDAR])), 10)
            case "queues":
                return Load(1, queues)
            case _:
                lists = len(self._lists)
                return Load(lists + DETAILS, 5 * lists + 24 * queues + 3 * agents, own=lists)


def _window(start: datetime, end: datetime) -> tuple[tuple[str, str], ...]:
    """Return both ends in milliseconds: where Zoho's samples give seconds, its text is right."""
    return (("fromEpoch", _millis(start)), ("toEpoch", _millis(end)))


def _millis(instant: datetime) -> str:
    return str(round(instant.timestamp() * 1000))


def _around(call: Call, now: datetime) -> tuple[datetime, datetime]:
    """Return the time in which the statuses of a queue's agents tell how a call found them."""
    latest = now.timestamp()  # what is told may lie in a year that no calendar has
    start, end = (
        now if ms is None else datetime.fromtimestamp(min(ms / 1000, latest), UTC) for ms in (call.start, call.end)
    )
    return min(start, end, now) - _AROUND_CALL, min(end + _AROUND_CALL, now)


def _start(reply: Reply) -> int:
    return int(dict(reply.request.query)["from"])


def _moved(request: Request, start: int) -> Request:
    """Return the same question from another place on."""
    return replace(
        request, query=tuple((key, str(start) if key == "from" else value) for key, value in request.query)
    )


def _rest(reply: Reply) -> tuple[Request, ...]:
    """Return the question for the agents that an audit leaves out: fewer may come than were asked for."""
    asked = len(dict(reply.request.query)["agentIds"].split(","))
    came, start = rows(reply), _start(reply)
    return (_moved(reply.request, start + came),) if came > 0 and start + came < asked else ()
