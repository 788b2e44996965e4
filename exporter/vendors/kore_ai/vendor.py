"""What to ask Kore.ai, and how it answers."""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta, timezone
from math import inf
from typing import Any, ClassVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from exporter.errors import PollFailed, Reason, Unreadable
from exporter.model import Snapshot
from exporter.vendors.contract import Endpoint, Limit, Load, Moment, Site
from exporter.vendors.day import midnight
from exporter.vendors.kore_ai.agents import Today, read_statuses
from exporter.vendors.kore_ai.capacity import read_availability
from exporter.vendors.kore_ai.listing import has_more, read_pages, unseen
from exporter.vendors.kore_ai.options import KoreCredentials, KoreOptions, scheme
from exporter.vendors.kore_ai.payloads import (
    AVAILABILITY,
    DAY,
    LIVE,
    PERFORMANCE,
    QUEUES,
    STATS,
    STATUSES,
    QueueRow,
)
from exporter.vendors.kore_ai.queues import read_performance, read_stats
from exporter.vendors.kore_ai.verdict import judged
from exporter.vendors.kore_ai.words import Words
from exporter.vendors.remembered import Remembered
from exporter.wire.auth import Scheme
from exporter.wire.http import Budget, Reply, Request

_CALLS_PER_MINUTE = 60  # of the account, all programs together
_ROWS_A_PAGE = {STATUSES: 50, PERFORMANCE: 1_000}  # the most that the vendor allows
_MOST_PAGES = 200
_LONGEST_WINDOW = timedelta(hours=24)
_TICK = timedelta(milliseconds=1)
_RELIST = 900.0  # seconds after which the queues are listed again
_USUAL_QUEUES = 10

STATUS_METRICS = (
    "agent_status",
    "agent_status_since_timestamp_seconds",
    "agent_info",
    "seconds_in_state",
    "longest_seconds_in_state",
    "state_entries_today",
    "window_start_timestamp_seconds",
)
AVAILABILITY_METRICS = ("agents_online", "agents", "agent_contacts", "agent_slots")
QUEUE_METRICS = ("calls_waiting", "calls_in_progress", "queue_agents", "queue_info")
PERFORMANCE_METRICS = (
    *QUEUE_METRICS,
    "queue_contacts",
    "calls_today",
    "call_outcomes_today",
    "calls_answered_today",
    "queue_transfers_today",
    "service_level_ratio_today",
)
PERFORMANCE_TIMES = ("average_answer_seconds_today", "average_handling_seconds_today")
STATS_TIMES = ("longest_wait_seconds", "average_wait_seconds")


class _Queues(Struct, frozen=True):
    """The queues as they were listed last."""

    at: float
    ids: tuple[str, ...]


_NEVER = _Queues(-inf, ())


class KoreAi:
    """One Kore.ai account, seen through one of its apps."""

    Credentials: ClassVar[type[Struct]] = KoreCredentials
    Options: ClassVar[type[Struct]] = KoreOptions

    def __init__(self, credentials: KoreCredentials, options: KoreOptions, site: Site) -> None:
        self._options = options
        self._zone = site.zone
        self._words = Words(site.statuses)
        timed = options.wait_unit is not None
        self.endpoints = (
            # A page holds 50 agents: at each interval, 500 of them would take most of the calls there are.
            Endpoint(STATUSES, STATUS_METRICS, every=2),
            Endpoint(AVAILABILITY, AVAILABILITY_METRICS),
            Endpoint(PERFORMANCE, PERFORMANCE_METRICS + PERFORMANCE_TIMES * timed)
            if options.queue_source == "queue_performance"
            else Endpoint(STATS, QUEUE_METRICS + STATS_TIMES * timed, every=2),
        )
        self.limit = Limit(_CALLS_PER_MINUTE)
        self.scheme: Scheme = scheme(credentials, options)

    def requests(self, endpoint: str, moment: Moment) -> tuple[Request, ...]:
        """Ask for a first page, for everything at once, or for each queue."""
        match endpoint:
            case "agentstatusdetails" | "queue-performance":
                return (self._page(endpoint, 0, moment),)
            case "queueStatsById":
                ids = self._known_queues(moment)
                return self._each(ids) if ids else (self._queue_page(1),)
            case _:
                return (self._request(AVAILABILITY, f"{self._of_stream}/agents/availability", {}),)

    def follow(self, reply: Reply, before: tuple[Reply, ...], moment: Moment) -> tuple[Request, ...]:
        """Return the next page of a list, counted by what we asked for, and the details of the queues it lists.

        A list ends where the vendor says so, and where a page brings nobody who was not on the one before.

        Raises:
            PollFailed: this is no page, or there are too many.
        """
        endpoint = reply.request.endpoint
        if endpoint not in (STATUSES, PERFORMANCE, QUEUES):
            return ()
        pages = [one for one in before if one.request.endpoint == endpoint]
        if endpoint == QUEUES:
            new = tuple(unseen(reply, pages))
            more = has_more(reply) and bool(new)
        else:  # a hundred pages, each held against all, are 5,000
            new, more = (), has_more(reply) and any(True for _ in unseen(reply, pages[-1:]))
        number = 1 + len(pages)
        if more and number >= _MOST_PAGES:
            raise Unreadable(Reason.PAGING, f"{endpoint} has more than {_MOST_PAGES} pages, or no end")
        if endpoint == QUEUES:
            return (*self._each(new), *([self._queue_page(number + 1)] if more else []))
        return (self._page(endpoint, number, moment),) if more else ()

    def judge(self, reply: Reply) -> PollFailed | None:
        """Trust the status, and the text of an error where one status has several meanings."""
        return judged(reply)

    def budget(self, _reply: Reply) -> Budget | None:
        """Return nothing: the vendor does not say what is left."""
        return None

    def read(self, endpoint: str, replies: tuple[Reply, ...], moment: Moment) -> Snapshot:
        """Turn the replies of one poll into a snapshot."""
        match endpoint:
            case "agentstatusdetails":
                return read_statuses(replies, self._today(moment), self._words, _remembered(STATUSES, moment))
            case "queue-performance":
                snapshot = read_performance(replies, self._options.wait_scale, whole_day=self._window(moment)[2])
                return replace(snapshot, window_end=midnight(moment.at, self._zone, 1).timestamp())
            case "queueStatsById":
                return self._read_stats(replies, moment)
            case _:
                return read_availability(replies[0], moment.at.timestamp(), _remembered(AVAILABILITY, moment))

    def load(self, endpoint: str, agents: int) -> Load:
        """Estimate one poll; how many queues there are is only known where the config names them."""
        queues = len(self._options.queues) or _USUAL_QUEUES
        match endpoint:
            case "agentstatusdetails":
                return Load(max(1, -(-agents // _ROWS_A_PAGE[STATUSES])), 1 + 12 * agents)
            case "queue-performance":
                return Load(1, 28 * queues)
            case "queueStatsById":
                return Load(queues, 9 * queues)
            case _:
                return Load(1, 9 + 2 * agents)

    def _today(self, moment: Moment) -> Today:
        """Return the day at the one offset that holds now, as it is asked for.

        On the day when the clock goes back, that day begins an hour late; of what came before nothing is told.
        """
        local = moment.at.astimezone(self._zone)
        zone = timezone(timedelta(minutes=-_offset(local)))
        begins = max(midnight(moment.at, self._zone), datetime.combine(local.date(), time.min, zone))
        return Today(begins.timestamp(), moment.at.timestamp(), zone)

    def _window(self, moment: Moment) -> tuple[datetime, datetime, bool]:
        """Return the window of queue-performance, at most 24 hours long, and whether it holds the day so far.

        In the last hour of a day of 25 it cannot.
        """
        start, end = (midnight(moment.at, self._zone, days).astimezone(UTC) for days in (0, 1))
        full = start + _LONGEST_WINDOW
        whole = moment.at < full
        return (start, min(end, full), True) if whole else (full, end, False)

    def _page(self, endpoint: str, number: int, moment: Moment) -> Request:
        limit = _ROWS_A_PAGE[endpoint]
        offset = number * limit
        if endpoint == STATUSES:
            version = "" if self._options.version == "v1" else f"{self._options.version}/"
            local = moment.at.astimezone(self._zone)
            day = {"date": local.date().isoformat(), "timeZoneOffSet": _offset(local)}
            request = self._request(
                STATUSES, f"{self._of_account}/{version}{STATUSES}", {"filter": {"dateFilter": day}}
            )
            return replace(request, query=(("limit", str(limit)), ("offset", str(offset))))
        start, end, whole_day = self._window(moment)
        asked = {
            "startDate": _written(start),
            "endDate": _written(end - _TICK),
            "queues": self._options.queues,
            "limit": limit,
            "offset": offset,
            "projection": LIVE + DAY * whole_day,
        }
        request = self._request(PERFORMANCE, f"{self._of_account}/{PERFORMANCE}", asked)
        return replace(request, query=(("sortBy", "queueName:asc"),))

    def _each(self, queues: Iterable[str]) -> tuple[Request, ...]:
        path = f"{self._of_stream}/monitor/{STATS}"
        return tuple(
            replace(self._request(STATS, f"{path}/{key}", {}), about=key, optional=True) for key in queues
        )

    def _queue_page(self, number: int) -> Request:
        request = self._request(QUEUES, f"{self._of_stream}/{QUEUES}")
        return replace(request, query=(("page", str(number)),))

    def _request(self, endpoint: str, path: str, asked: object = None) -> Request:
        """Ask for data; no question changes any, so that each may be asked twice."""
        request = Request(
            endpoint,
            f"{self._options.base_url}/agentassist/api/{path}",
            headers=(("iId", self._options.stream_id), ("accountId", self._options.account_id)),
        )
        if asked is None:
            return request
        return replace(request, method="POST", body=msgspec.json.encode(asked), content_type="application/json")

    @property
    def _of_account(self) -> str:
        return f"public/analytics/account/{self._options.account_id}"

    @property
    def _of_stream(self) -> str:
        return f"v1/public/{self._options.stream_id}"

    def _known_queues(self, moment: Moment) -> tuple[str, ...]:
        """Return the queues of the config, or those listed a while ago; none where they must be listed."""
        listed: _Queues = moment.memory.get(STATS) or _NEVER
        fresh = moment.at.timestamp() - listed.at < _RELIST
        return self._options.queues or (listed.ids if fresh else ())

    def _read_stats(self, replies: tuple[Reply, ...], moment: Moment) -> Snapshot:
        listed: _Queues = moment.memory.get(STATS) or _NEVER
        if any(reply.request.endpoint == QUEUES for reply in replies):
            listed = _Queues(moment.at.timestamp(), tuple(read_pages(QUEUES, replies, QueueRow).rows))
        answers = [reply for reply in replies if reply.request.endpoint == STATS]
        snapshot = read_stats(answers, self._options.wait_scale, self._options.queues or listed.ids)
        return replace(snapshot, memory=listed)


def _remembered(endpoint: str, moment: Moment) -> Remembered[Any]:
    return moment.memory.get(endpoint) or Remembered()


def _offset(local: datetime) -> int:
    """Return minutes from local time to UTC, as the vendor counts them: negative east of Greenwich."""
    return -int((local.utcoffset() or timedelta()) / timedelta(minutes=1))


def _written(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
