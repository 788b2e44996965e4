"""What to ask Zendesk, and how it answers."""

import re
from typing import ClassVar
from urllib.parse import parse_qsl, urljoin, urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from exporter.errors import PollFailed, Reason, Unreadable
from exporter.model import ALL_QUEUES, Dropped, Snapshot, Status
from exporter.vendors.contract import Endpoint, Limit, Load, Moment, Site
from exporter.vendors.day import midnight
from exporter.vendors.zendesk_talk.options import (
    CALLS_PER_MINUTE,
    ZendeskCredentials,
    ZendeskOptions,
    scheme,
)
from exporter.vendors.zendesk_talk.payloads import (
    ACCOUNT,
    AGENTS,
    OVERVIEWS,
    QUEUES,
    TEAM,
    NextPage,
)
from exporter.vendors.zendesk_talk.reading import Words, read_agents, read_queues, read_totals
from exporter.wire.auth import Scheme
from exporter.wire.decode import decode
from exporter.wire.http import Budget, Reply, Request
from exporter.wire.verdict import by_status

_Filter = tuple[str, str, tuple[int, ...]]
"""What the answer will be about, and the argument that makes it so."""

_PHONE_NUMBERS = "phone_number_ids"
_UNFILTERED: _Filter = (ALL_QUEUES, "", ())
_STATS = "/api/v2/channels/voice/stats/"
_ERROR_WORDS = frozenset(
    {"Forbidden", "InvalidEndpoint", "InvalidPaginationDepth", "RecordInvalid", "RecordNotFound", "invalid_token"}
)
_ROWS_A_PAGE = 100  # observed; the page size is not documented


QUEUE_METRICS = (
    "agents_online",
    "calls_waiting",
    "callbacks_waiting",
    "longest_wait_seconds",
    "average_wait_seconds",
    "ai_agent_calls",
    "queue_info",
)
AGENT_METRICS = (
    "agents",
    "agent_status",
    "agent_info",
    "seconds_in_state",
    "agent_logged_in_seconds_today",
    "agent_calls_today",
    "agent_contact_seconds_today",
    "agent_talk_seconds_today",
    "agent_hold_seconds_today",
    "agent_wrap_up_seconds_today",
    "agent_holds_today",
    "agent_transfers_today",
    "agent_conferences_today",
)
ACCOUNT_METRICS = (
    "calls_today",
    "call_outcomes_today",
    "callbacks_today",
    "textbacks_today",
    "contact_seconds_today",
    "hold_seconds_today",
    "wrap_up_seconds_today",
    "average_contact_seconds_today",
    "average_hold_seconds_today",
    "average_wrap_up_seconds_today",
    "average_queue_wait_seconds_today",
    "average_callback_wait_seconds_today",
    "average_answer_seconds_today",
    "longest_queue_wait_seconds_today",
    "most_waiting_today",
)
TEAM_METRICS = (
    "team_calls_today",
    "team_holds_today",
    "team_transfers_today",
    "team_talk_seconds_today",
    "team_hold_seconds_today",
    "team_wrap_up_seconds_today",
    "average_agent_calls_today",
    "average_agent_holds_today",
    "average_agent_transfers_today",
    "average_agent_state_seconds_today",
    "team_average_talk_seconds_today",
    "team_average_hold_seconds_today",
    "team_average_wrap_up_seconds_today",
)


class ZendeskTalk:
    """One Zendesk account with Talk."""

    Credentials: ClassVar[type[Struct]] = ZendeskCredentials
    Options: ClassVar[type[Struct]] = ZendeskOptions

    def __init__(self, credentials: ZendeskCredentials, options: ZendeskOptions, site: Site) -> None:
        self._options = options
        self._site = site
        self._named = frozenset(queue.name for queue in options.queues)
        groups: tuple[str, ...] = ("queue_agents",) if options.groups else ()
        if not self._named.issuperset(group.name for group in options.groups):
            groups += ("queue_info",)
        window = ("window_start_timestamp_seconds",) if site.time_zone else ()
        self.endpoints = (
            Endpoint(QUEUES, QUEUE_METRICS),
            Endpoint(AGENTS, AGENT_METRICS + groups + window),
            Endpoint(ACCOUNT, ACCOUNT_METRICS, every=10),
            Endpoint(TEAM, TEAM_METRICS, every=10),
        )
        self._words = Words.with_taught(site.statuses)
        self.scheme: Scheme = scheme(credentials, options.base_url)
        self.limit = Limit(CALLS_PER_MINUTE[options.plan])

    def requests(self, endpoint: str, _moment: Moment) -> tuple[Request, ...]:
        """Ask once for each filter value, since an answer does not say which one it is about.

        With queues configured, the unfiltered queue activity still tells how many agents are online. A phone
        number that is gone costs its queue; a group that is gone costs the poll: the agents would not be all.
        """
        return tuple(self._request(endpoint, *one) for one in self._filters(endpoint))

    def _filters(self, endpoint: str) -> list[_Filter]:
        queues = [(queue.name, _PHONE_NUMBERS, queue.phone_number_ids) for queue in self._options.queues]
        groups = [(group.name, "group_ids", group.group_ids) for group in self._options.groups]
        filters = {QUEUES: [_UNFILTERED, *queues], ACCOUNT: queues, AGENTS: groups}.get(endpoint)
        return filters or [_UNFILTERED]

    def _request(self, endpoint: str, about: str, key: str, ids: tuple[int, ...]) -> Request:
        query = ((key, ",".join(map(str, ids))),) if ids else ()
        url = f"{self._options.base_url}{_STATS}{endpoint}.json"
        return Request(endpoint, url, query, about=about, optional=key == _PHONE_NUMBERS)

    def follow(self, reply: Reply, _before: tuple[Reply, ...], _moment: Moment) -> tuple[Request, ...]:
        """Return the next page of the agents' activity; nothing else has pages."""
        if reply.request.endpoint != AGENTS:
            return ()
        page = decode(reply.body, NextPage)
        if page.drift:
            raise Unreadable(Reason.PAGING, "next_page is no address")
        if page.value.next_page is None:
            return ()
        try:
            address = urlsplit(urljoin(reply.request.url, page.value.next_page))
            query = tuple(parse_qsl(address.query, keep_blank_values=True))
        except ValueError:
            raise Unreadable(Reason.PAGING, "next_page is no address") from None
        url = f"{address.scheme}://{address.netloc}{address.path}"
        if not address.path.removesuffix(".json").endswith(_STATS + AGENTS):
            raise Unreadable(Reason.PAGING, "next_page leads away from the list")
        given = {key for key, _ in query}
        kept = tuple(pair for pair in reply.request.query if pair[0] not in given and pair[0] != "page")
        return (replace(reply.request, url=url, query=kept + query),)  # a page without its filter is another list

    def judge(self, reply: Reply) -> PollFailed | None:
        """Trust the status; the body of an error only adds the vendor's word for it."""
        return by_status(reply, "" if reply.status == 200 else _error_word(reply))

    def budget(self, reply: Reply) -> Budget | None:
        """Read the account's limit per minute, and what all its integrations have left of it."""
        limit, remaining = (
            _whole(reply.headers.get(name, "")) for name in ("x-rate-limit", "x-rate-limit-remaining")
        )
        return None if limit is None and remaining is None else Budget(limit, remaining)

    def read(self, endpoint: str, replies: tuple[Reply, ...], moment: Moment) -> Snapshot:
        """Turn the replies of one poll into a snapshot."""
        match endpoint:
            case "current_queue_activity":
                return self._refused(endpoint, replies, read_queues(replies, named=bool(self._named)))
            case "agents_activity":
                return replace(self._agents(replies), window_start=self._midnight(moment, 0))
            case _:
                totals = replace(read_totals(endpoint, replies), window_end=self._midnight(moment, 1))
                return self._refused(endpoint, replies, totals)

    def _refused(self, endpoint: str, replies: tuple[Reply, ...], snapshot: Snapshot) -> Snapshot:
        """Count the filter values that the vendor would not answer."""
        missing = len(self._filters(endpoint)) - len(replies)
        return replace(snapshot, dropped={Dropped.REFUSED: missing}) if missing else snapshot

    def _agents(self, replies: tuple[Reply, ...]) -> Snapshot:
        """Read the agents; a group named like a queue leaves the naming to it, lest a series come twice."""
        groups = tuple(group.name for group in self._options.groups)
        snapshot = read_agents(replies, groups, self._words)
        queues = (replace(one, name=None) if one.id in self._named else one for one in snapshot.queues or ())
        return replace(snapshot, queues=tuple(queues))

    def _midnight(self, moment: Moment, days: int) -> float | None:
        """Return where the vendor's day begins, if the config tells the time zone that the account is set to."""
        zone = self._site.time_zone
        return midnight(moment.at, zone, days).timestamp() if zone else None

    def load(self, endpoint: str, agents: int) -> Load:
        """Estimate one poll: the endpoints ask once for each filter value, and the agents come in pages."""
        calls = len(self._filters(endpoint))
        match endpoint:
            case "current_queue_activity":
                return Load(calls, 2 + 6 * max(1, len(self._options.queues)))
            case "agents_activity":
                pages = max(1, -(-agents // _ROWS_A_PAGE))
                return Load(calls - 1 + pages, 9 + len(Status) * (1 + len(self._options.groups)) + 18 * agents)
            case "account_overview":
                return Load(calls, 21 * calls)
            case _:
                return Load(calls, len(OVERVIEWS[TEAM][1]))


def _error_word(reply: Reply) -> str:
    """Return the vendor's code for what is wrong, from any of its five error shapes; empty where it has none."""
    if "json" not in reply.headers.get("content-type", ""):
        return ""
    try:
        document = msgspec.json.decode(reply.body)
    except (ValueError, RecursionError):
        return ""
    match document:
        case {"error": str(word)} | {"error": {"title": str(word)}} | {"errors": [{"code": str(word)}, *_]}:
            return word if word in _ERROR_WORDS else ""
    return ""


def _whole(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{1,9}", text.strip()) else None
