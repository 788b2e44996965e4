"""What to ask Voximplant, and how it answers."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import parse_qsl, urlencode

from msgspec import Struct
from msgspec.structs import replace

from exporter.errors import PollFailed
from exporter.model import Snapshot, Status
from exporter.vendors.contract import Endpoint, Limit, Load, Moment, Site
from exporter.vendors.day import midnight
from exporter.vendors.pages import unique
from exporter.vendors.voximplant.options import VoximplantCredentials, VoximplantOptions, scheme
from exporter.vendors.voximplant.payloads import (
    OPERATORS,
    QUEUE_DAY,
    QUEUE_FIELDS,
    QUEUES,
    STATE,
    STATUSES,
    USERS,
    Page,
    QueuesReply,
)
from exporter.vendors.voximplant.reading import (
    live_queues,
    read_operators,
    read_queue_day,
    read_queues,
    read_state,
    read_statuses,
    read_users,
)
from exporter.vendors.voximplant.smartqueue import read_sq_agents, read_sq_metrics, read_sq_state
from exporter.vendors.voximplant.smartqueue_payloads import REPORTS, SQ_AGENTS, SQ_METRICS, SQ_STATE
from exporter.vendors.voximplant.verdict import judged
from exporter.vendors.voximplant.words import Words
from exporter.wire.auth import Scheme
from exporter.wire.http import Budget, Reply, Request

_CALLS_PER_MINUTE = 100.0  # our own caution: the vendor has a limit (error 340) and does not say which
_ROWS_A_PAGE = 100
_EVERYTHING = {"report": "all", "abbreviation": "true"}
_PAGED = frozenset({USERS, QUEUES, SQ_AGENTS})
_AGENTS_A_QUEUE = 25  # a guess for the plan: how many queues there are, only the vendor knows
_FEWEST_QUEUES = 3

_NOW = ("calls_waiting", "calls_in_progress", "longest_wait_seconds", "average_wait_seconds", "queue_agents")
_WHO = ("agents_online", "agents", "agent_status", "agent_info")
ACD = (
    Endpoint(STATE, _NOW),
    Endpoint(
        STATUSES,
        (
            "seconds_in_state",
            "longest_seconds_in_state",
            "state_entries_today",
            "window_start_timestamp_seconds",
        ),
    ),
    Endpoint(
        OPERATORS,
        (
            "agent_calls_today",
            "agent_answer_seconds_today",
            "agent_contact_seconds_today",
            "agent_wrap_up_seconds_today",
            "agent_handling_seconds_today",
        ),
        every=10,
    ),
    Endpoint(
        QUEUE_DAY,
        (
            "calls_offered_today",
            "calls_answered_today",
            "answered_within_seconds_today",
            "call_outcomes_today",
            "wait_seconds_today",
            "ring_seconds_today",
            "abandon_seconds_today",
            "talk_seconds_today",
            "handling_seconds_today",
            "wrap_up_seconds_today",
            "longest_queue_wait_seconds_today",
            "most_waiting_today",
        ),
        every=10,
    ),
    Endpoint(QUEUES, ("queue_info",), every=10),
)
ACD_USERS = Endpoint(USERS, (*_WHO, "agent_status_since_timestamp_seconds"))
SMARTQUEUE = (
    Endpoint(SQ_STATE, (*_NOW, "queue_contacts", "queue_info")),
    Endpoint(SQ_AGENTS, _WHO),
    Endpoint(SQ_METRICS, ("recent_calls",), every=2),
)


class Voximplant:
    """One Voximplant account, seen through one of its engines."""

    Credentials: ClassVar[type[Struct]] = VoximplantCredentials
    Options: ClassVar[type[Struct]] = VoximplantOptions

    def __init__(self, credentials: VoximplantCredentials, options: VoximplantOptions, site: Site) -> None:
        self._options = options
        self._site = site
        self._words = Words(site.statuses)
        acd = (*ACD, ACD_USERS) if options.application_id else ACD
        self.endpoints = acd if options.engine == "acd" else SMARTQUEUE
        self.scheme: Scheme = scheme(credentials)
        self.limit = Limit(_CALLS_PER_MINUTE)

    def requests(self, endpoint: str, moment: Moment) -> tuple[Request, ...]:
        """Ask for everybody and all queues at once; only their day must be asked for queue by queue."""
        application = {"application_id": str(self._options.application_id)}
        everybody = self._since_midnight(moment) | {"user_id": "all", "group": "user"}
        forms = {
            STATE: {"acd_queue_id": "all"},
            USERS: application | _page(0),
            STATUSES: everybody,
            OPERATORS: everybody | _EVERYTHING | {"acd_queue_id": "all"},
            QUEUES: _page(0),
            QUEUE_DAY: _page(0),
            SQ_STATE: application | {"sq_queue_id": "all", "timezone": "Etc/UTC"},
            SQ_AGENTS: application | {"with_sq_statuses": "true"} | _page(0),
            SQ_METRICS: application | {"report_type": ";".join(REPORTS), "group_by": "queue"},
        }
        method = QUEUES if endpoint == QUEUE_DAY else endpoint
        return (self._ask(method, forms[endpoint], about=endpoint),)

    def _since_midnight(self, moment: Moment) -> dict[str, str]:
        """Return the window, undivided: where no end is given, it is the present."""
        begin = self._today(moment).astimezone(UTC)
        return {"from_date": begin.strftime("%Y-%m-%d %H:%M:%S"), "aggregation": "none"}

    def _ask(self, method: str, form: Mapping[str, str], about: str = "", *, optional: bool = False) -> Request:
        return Request(
            method,
            f"{self._options.base_url}/platform_api/{method}",
            method="POST",
            body=urlencode(form, safe=";").encode(),
            content_type="application/x-www-form-urlencoded",
            about=about,
            optional=optional,
        )

    def follow(self, reply: Reply, _before: tuple[Reply, ...], moment: Moment) -> tuple[Request, ...]:
        """Return the next page of a list, and for a poll of the queues' day the day of each queue on this one."""
        request = reply.request
        if request.endpoint not in _PAGED:
            return ()
        days = self._days(reply, moment) if request.about == QUEUE_DAY else ()
        form = dict(parse_qsl((request.body or b"").decode()))
        page = reply.decoded(Page).value
        seen = int(form["offset"]) + len(page.result)
        last = seen >= page.total_count if page.total_count is not None else len(page.result) < _ROWS_A_PAGE
        if last or not page.result:
            return days
        return (*days, replace(request, body=urlencode(form | _page(seen)).encode()))

    def _days(self, reply: Reply, moment: Moment) -> tuple[Request, ...]:
        """Ask for the day of each queue by itself, since an answer does not say which queues it is about."""
        form = self._since_midnight(moment) | _EVERYTHING
        queues = live_queues(unique(reply.decoded(QueuesReply).value.result, "acd_queue_id"))
        return tuple(self._ask(QUEUE_DAY, form | {"acd_queue_id": key}, key, optional=True) for key in queues)

    def judge(self, reply: Reply) -> PollFailed | None:
        """Look into the body first: errors come with HTTP 200."""
        return judged(reply)

    def budget(self, _reply: Reply) -> Budget | None:
        """Say nothing: no answer tells of the limit."""
        return None

    def read(self, endpoint: str, replies: tuple[Reply, ...], moment: Moment) -> Snapshot:
        """Turn the replies of one poll into a snapshot."""
        readers: Mapping[str, Callable[[], Snapshot]] = {
            STATE: lambda: read_state(replies[0]),
            USERS: lambda: read_users(replies, self._words),
            QUEUES: lambda: read_queues(replies),
            STATUSES: lambda: replace(
                self._of_today(read_statuses(replies[0], self._words), moment),
                window_start=self._today(moment).timestamp(),
            ),
            OPERATORS: lambda: self._of_today(read_operators(replies[0]), moment),
            QUEUE_DAY: lambda: self._of_today(read_queue_day(replies), moment),
            SQ_STATE: lambda: read_sq_state(replies[0], self._words),
            SQ_AGENTS: lambda: read_sq_agents(replies, self._words),
            SQ_METRICS: lambda: read_sq_metrics(replies[0]),
        }
        return readers[endpoint]()

    def _today(self, moment: Moment) -> datetime:
        return midnight(moment.at, self._site.zone)

    def _of_today(self, snapshot: Snapshot, moment: Moment) -> Snapshot:
        """Let the day's numbers end with the day."""
        return replace(snapshot, window_end=midnight(moment.at, self._site.zone, 1).timestamp())

    def load(self, endpoint: str, agents: int) -> Load:
        """Estimate one poll: lists come in pages, and each queue's day is a call of its own."""
        queues = max(_FEWEST_QUEUES, agents // _AGENTS_A_QUEUE)
        pages = max(1, -(-agents // _ROWS_A_PAGE))
        loads = {
            STATE: Load(1, 8 * queues),
            USERS: Load(pages, 1 + len(Status) + 3 * agents),
            STATUSES: Load(1, 1 + 15 * agents),
            OPERATORS: Load(1, 6 * agents),
            QUEUES: Load(1, queues),
            QUEUE_DAY: Load(1 + queues, (len(QUEUE_FIELDS) + 3) * queues),
            SQ_STATE: Load(1, 20 * queues),
            SQ_AGENTS: Load(pages, 1 + len(Status) + 2 * agents),
            SQ_METRICS: Load(1, len(REPORTS) * queues),
        }
        return loads[endpoint]


def _page(offset: int) -> dict[str, str]:
    return {"count": str(_ROWS_A_PAGE), "offset": str(offset)}
