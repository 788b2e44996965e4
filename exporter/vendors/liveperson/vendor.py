"""What to ask LivePerson, and how it answers."""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import ClassVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from exporter.errors import PollFailed
from exporter.model import ALL_QUEUES, Snapshot, Status
from exporter.vendors.contract import Limit, Load, Moment, Site
from exporter.vendors.day import midnight
from exporter.vendors.liveperson.activity import read_activity
from exporter.vendors.liveperson.chat import (
    read_engagements,
    read_queue_health,
    read_queue_state,
    read_service_level,
)
from exporter.vendors.liveperson.endpoints import CHAT, MESSAGING, OF_TODAY, PATHS
from exporter.vendors.liveperson.envelope import opened
from exporter.vendors.liveperson.messaging import read_agent_status, read_message_queues, read_summary
from exporter.vendors.liveperson.options import (
    DAY,
    LivePersonCredentials,
    LivePersonOptions,
    place,
    scheme,
)
from exporter.vendors.liveperson.payloads import (
    AGENT_ACTIVITY,
    AGENT_STATUS,
    MESSAGE_KINDS,
    AgentPage,
)
from exporter.wire.auth import Scheme
from exporter.wire.decode import decode
from exporter.wire.http import Budget, Reply, Request
from exporter.wire.verdict import by_status

Query = tuple[tuple[str, str], ...]

_CALLS_PER_MINUTE = 60.0  # none is documented, but that calls must not come at once: one a second
_BOUNDS = (0, 10, 20, 30, 45, 60, 90, 120, 180, 300)  # seconds, multiples of 5 as LivePerson demands
_LONGEST_LIST = 1_500  # characters of ids that go into a URL; more go into a body
_PAGE = 500  # of 2,500 agents that are allowed; so many are far below the cap of a body
_SKILLS = 10  # that an account is planned with where the config names none
_BACK = timedelta(hours=24)  # of 72 that are allowed: waits are told of conversations of the last day only
_OAUTH_PROBLEM = re.compile(rb"oauth_problem\W{1,3}([a-z_]{1,40})")
_INTERNAL_CODE = re.compile(rb'"internalCode"\s*:\s*"?([0-9]{1,6})\b')
_OAUTH_WORDS = frozenset(
    {"version_rejected", "parameter_absent", "parameter_rejected", "timestamp_refused", "nonce_used"}
    | {"signature_method_rejected", "signature_invalid", "consumer_key_unknown", "consumer_key_rejected"}
    | {"consumer_key_refused", "token_used", "token_expired", "token_revoked", "token_rejected"}
    | {"permission_unknown", "permission_denied", "user_refused"}
)


class LivePerson:
    """One LivePerson account, of one family."""

    Credentials: ClassVar[type[Struct]] = LivePersonCredentials
    Options: ClassVar[type[Struct]] = LivePersonOptions

    def __init__(self, credentials: LivePersonCredentials, options: LivePersonOptions, site: Site) -> None:
        self._options = options
        self._site = site
        self.endpoints = CHAT if options.family == "chat" else MESSAGING
        self.limit = Limit(_CALLS_PER_MINUTE, concurrency=1)
        self.scheme: Scheme = scheme(credentials, options)

    def requests(self, endpoint: str, moment: Moment) -> tuple[Request, ...]:
        """Ask once, or once for each configured skill where an answer does not tell them apart.

        In the first minute of a day nothing is asked about it: the least that can be asked for is yesterday's.
        """
        return tuple(self._request(endpoint, query) for query in self._queries(endpoint, moment))

    def _queries(  # noqa: PLR0911 - a table: one arm an endpoint
        self, endpoint: str, moment: Moment
    ) -> Iterable[Query]:
        options, minutes = self._options, self._minutes(endpoint, moment)
        skills, agents = ("skillIds", _listed(options.skill_ids)), ("agentIds", _listed(options.agent_ids))
        today = ("timeframe", str(minutes)), ("v", "1")
        match endpoint:
            case "queuestate":
                return [(("v", "2"), skills)]
            case "msgqueuehealth":
                since, now = (str(int(at.timestamp() * 1000)) for at in (moment.at - _BACK, moment.at))
                return [(("v", "2"), ("fromMillis", since), ("toMillis", now), skills, ("metrics", "all"))]
            case "agent_view_status":
                return [(("limit", str(_PAGE)), ("offset", "0"))]
            case "agent_view_summary":
                return [()]
            case _ if minutes == 0:
                return []
            case "agentactivity":
                minutes_a_slice = self._slice(minutes)
                slices = [("interval", str(minutes_a_slice))] if minutes_a_slice > 1 else []
                return [(*today, agents, *slices)]
            case "engactivity":
                return [(*today, skills, agents)]
            case "sla":
                bounds = ("histogram", _listed(_BOUNDS))
                return [(*today, ("skillIds", str(skill)), bounds) for skill in options.skill_ids or (ALL_QUEUES,)]
            case _:
                return [(*today, skills)]

    def _request(self, endpoint: str, query: Query) -> Request:
        """Return the call; what is too long for a URL, and all of messaging's filters, go into a JSON body."""
        service, api, path = PATHS[endpoint]
        origin, found_by = place(self._options, service)
        url = f"{origin}/{api}/api/account/{self._options.account_id}/{path}"
        about = dict(query).get("skillIds", "")
        request = Request(endpoint, url, query, about=about, found_by=found_by)
        if service == "msgHist":
            ids = {"skillIds": self._options.skill_ids, "agentIds": self._options.agent_ids}
            return _posted(request, {name: list(map(str, some)) for name, some in ids.items() if some})
        if endpoint == AGENT_ACTIVITY and len(dict(query)["agentIds"]) > _LONGEST_LIST:
            return _posted(replace(request, query=()), dict(query))
        return request

    def _minutes(self, endpoint: str, moment: Moment) -> int:
        """Return the whole minutes of the day so far, at most 24 hours; for slices, as many as fill whole ones."""
        day = moment.at - midnight(moment.at, self._site.zone)
        minutes = min(int(day / timedelta(minutes=1)), DAY)
        return minutes - minutes % self._slice(minutes) if endpoint == AGENT_ACTIVITY else minutes

    def _slice(self, minutes: int) -> int:
        """Return the minutes of a slice; 1, which is no slice, where none is wanted or the day is shorter."""
        interval = self._options.interval or 1
        return interval if minutes >= interval else 1

    def follow(self, reply: Reply, _before: tuple[Reply, ...], _moment: Moment) -> tuple[Request, ...]:
        """Return the next page of the agents; nothing else has pages."""
        if reply.request.endpoint != AGENT_STATUS:
            return ()
        page = decode(opened(reply).body, AgentPage)
        rows = len(page.value.agent_status_records) + page.invalid_rows
        query = dict(reply.request.query)
        offset, count = int(query["offset"]) + rows, page.value.metadata.count
        more = rows == _PAGE if count is None else rows > 0 and offset < count
        return (replace(reply.request, query=tuple((query | {"offset": str(offset)}).items())),) if more else ()

    def judge(self, reply: Reply) -> PollFailed | None:
        """Trust the status, that inside of an envelope too; an error's body only adds LivePerson's word for it."""
        answer = opened(reply) if reply.status == 200 else reply
        return by_status(answer, "" if answer.status == 200 else _error_word(reply.body))

    def budget(self, _reply: Reply) -> Budget | None:
        """Return None: LivePerson never tells what is left."""
        return None

    def read(self, endpoint: str, replies: tuple[Reply, ...], moment: Moment) -> Snapshot:
        """Turn the replies of one poll into a snapshot; what is of today ends with it."""
        replies = tuple(map(opened, replies))
        if endpoint in OF_TODAY:
            tomorrow = midnight(moment.at, self._site.zone, 1)
            snapshot = self._read(endpoint, replies, moment) if replies else Snapshot()
            return replace(snapshot, window_end=tomorrow.timestamp())
        return self._read(endpoint, replies, moment)

    def _read(  # noqa: PLR0911 - a table: one arm an endpoint
        self, endpoint: str, replies: tuple[Reply, ...], moment: Moment
    ) -> Snapshot:
        [reply, *_] = replies
        match endpoint:
            case "queuestate":
                return read_queue_state(reply)
            case "agentactivity":
                start = moment.at.timestamp() - 60 * self._minutes(endpoint, moment)
                return replace(read_activity(reply, self._site.statuses), window_start=start)
            case "queuehealth":
                return read_queue_health(reply)
            case "engactivity":
                return read_engagements(reply)
            case "sla":
                return read_service_level(replies)
            case "msgqueuehealth":
                return read_message_queues(reply)
            case "agent_view_status":
                skills = frozenset(map(str, self._options.skill_ids))
                return read_agent_status(replies, self._site.statuses, skills)
            case _:
                return read_summary(reply)

    def load(  # noqa: PLR0911 - a table: one arm an endpoint
        self, endpoint: str, agents: int
    ) -> Load:
        """Estimate one poll; without skills in the config there may be ten of them."""
        skills = len(self._options.skill_ids) or _SKILLS
        agents = len(self._options.agent_ids) or agents
        match endpoint:
            case "queuestate":
                return Load(1, 3 * skills)
            case "agentactivity":
                return Load(1, 1 + 16 * agents)
            case "queuehealth":
                return Load(1, 6 * skills)
            case "engactivity":
                return Load(1, 3 * skills + 2 * agents)
            case "sla":
                queues = len(self._options.skill_ids) or 1
                return Load(queues, (len(_BOUNDS) - 1) * queues)
            case "msgqueuehealth":
                return Load(1, (2 + len(MESSAGE_KINDS)) * skills)
            case "agent_view_status":
                pages = max(1, -(-agents // _PAGE))
                return Load(pages, len(Status) * (1 + skills) + skills + 6 * agents)
            case _:
                return Load(1, 2)


def _listed(ids: Iterable[int]) -> str:
    return ",".join(map(str, ids)) or "all"


def _posted(request: Request, document: object) -> Request:
    body = msgspec.json.encode(document)
    return replace(request, method="POST", body=body, content_type="application/json")


def _error_word(body: bytes) -> str:
    """Return LivePerson's code for what is wrong, wherever in the body it stands; empty where it has none."""
    problem = _OAUTH_PROBLEM.search(body)
    word = problem[1].decode() if problem else ""
    code = _INTERNAL_CODE.search(body)
    return word if word in _OAUTH_WORDS else f"internalCode {code[1].decode()}" if code else ""
