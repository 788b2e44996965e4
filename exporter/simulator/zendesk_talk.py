"""Zendesk Talk's live statistics over HTTP: plans, limits, filters, pages and the bodies of refusals."""

from collections.abc import Iterable
from email.utils import formatdate
from enum import StrEnum
from math import ceil

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from exporter.simulator import truth
from exporter.simulator import zendesk_stats as stats
from exporter.simulator.exchange import Answer, Asked, Minute, Said, json_answer
from exporter.simulator.floor import Floor
from exporter.simulator.zendesk_oauth import Doorkeeper, ZendeskKeys

_STATS = "/api/v2/channels/voice/stats/"
_MOST_IDS = 100
_MOST_PAGES = 100


class Plan(StrEnum):
    """What the customer pays for."""

    TEAM = "team"
    GROWTH = "growth"
    PROFESSIONAL = "professional"
    ENTERPRISE = "enterprise"
    ENTERPRISE_PLUS = "enterprise_plus"


_PER_MINUTE = {
    Plan.TEAM: 200,
    Plan.GROWTH: 400,
    Plan.PROFESSIONAL: 400,
    Plan.ENTERPRISE: 700,
    Plan.ENTERPRISE_PLUS: 2500,
}
_SHORT_PLANS = frozenset({Plan.TEAM, Plan.GROWTH})


class ZendeskAccount(Struct, frozen=True):
    """One simulated account."""

    keys: ZendeskKeys = ZendeskKeys()
    plan: Plan = Plan.PROFESSIONAL
    per_minute: int | None = None
    """Calls allowed; None is what the plan allows."""
    page_size: int = 100
    forbidden: frozenset[str] = frozenset()
    """Endpoints that the role of the credentials may not read."""


class ZendeskTalk:
    """One account of Zendesk Talk. It keeps tokens and the rate limit's count; the rest is the floor's."""

    def __init__(self, floor: Floor, account: ZendeskAccount) -> None:
        self._floor = floor
        self._account = account
        self._professional = account.plan not in _SHORT_PLANS
        self._door = Doorkeeper(account.keys)
        self._per_minute = account.per_minute or _PER_MINUTE[account.plan]
        self._minute = Minute()

    def expire_tokens(self) -> None:
        """Let every access token that was given out die now."""
        self._door.expire()

    def answer(self, asked: Asked) -> Answer:
        """Answer a request as the vendor would."""
        if asked.path == "/oauth/tokens" and asked.method == "POST":
            answer = self._door.grant(asked)
        else:
            answer = self._door.refuse(asked) or self._within_limit(asked)
        return replace(answer, headers={**answer.headers, "Date": formatdate(asked.at, usegmt=True)})

    def _within_limit(self, asked: Asked) -> Answer:
        left = self._per_minute - self._minute.count(asked)
        if left < 0:
            answer = Answer(
                429,
                b"Number of allowed API requests per minute exceeded",
                {
                    "Content-Type": "text/plain; charset=utf-8",
                    "Retry-After": str(max(1, ceil(60 - asked.at % 60))),
                },
            )
        else:
            answer = self._stats(asked)
        limits = {"X-Rate-Limit": str(self._per_minute), "X-Rate-Limit-Remaining": str(max(0, left))}
        return replace(answer, headers={**answer.headers, **limits})

    def _stats(self, asked: Asked) -> Answer:
        tell = {
            "account_overview": self._account_overview,
            "agents_activity": self._agents_activity,
            "agents_overview": self._agents_overview,
            "current_queue_activity": self._current_queue_activity,
        }.get(asked.path.removeprefix(_STATS).removesuffix(".json"))
        if tell is None or not asked.path.startswith(_STATS) or asked.method != "GET":
            return json_answer(404, {"error": "InvalidEndpoint", "description": "Not found"})
        if asked.endpoint in self._account.forbidden:
            told = {"title": "Forbidden", "message": "You do not have access to this page."}
            return json_answer(403, {"error": told})
        try:
            document = tell(asked)
        except Said as said:
            return said.answer
        return Answer(200, msgspec.json.encode(document), {"Content-Type": "application/json; charset=utf-8"})

    def _account_overview(self, asked: Asked) -> object:
        day = truth.calls_day(self._floor, self._numbers(asked))
        return {"account_overview": stats.account_overview(day, professional=self._professional)}

    def _agents_overview(self, _asked: Asked) -> object:
        today = truth.today(self._floor)
        days = [truth.agent_day(self._floor, agent, today) for agent in self._floor.desks]
        return {"agents_overview": stats.agents_overview(days, professional=self._professional)}

    def _current_queue_activity(self, asked: Asked) -> object:
        return {"current_queue_activity": stats.queue_activity(truth.queue_now(self._floor, self._numbers(asked)))}

    def _agents_activity(self, asked: Asked) -> object:
        groups = _ids(asked, "group_ids")
        known = {group for desk in self._floor.desks.values() for group in desk.plan.groups}
        _refuse_unknown(groups, known)
        desks = [d for d in self._floor.desks.values() if groups is None or groups & set(d.plan.groups)]
        page, size = _page(asked), self._account.page_size
        today = truth.today(self._floor)
        return {
            "agents_activity": [
                stats.agent_activity(
                    desk.plan, truth.agent_day(self._floor, desk.plan.id, today), professional=self._professional
                )
                for desk in desks[(page - 1) * size : page * size]
            ],
            "count": len(desks),
            "next_page": asked.page_link(page + 1) if page * size < len(desks) else None,
            "previous_page": asked.page_link(page - 1) if page > 1 else None,
        }

    def _numbers(self, asked: Asked) -> frozenset[int] | None:
        numbers = _ids(asked, "phone_number_ids")
        _refuse_unknown(numbers, {n for line in self._floor.lines.values() for n in line.plan.phone_numbers})
        return numbers


def _ids(asked: Asked, name: str) -> frozenset[int] | None:
    """Read a filter: None where there is none; nonsense is refused, for a wrong filter gives a wrong number."""
    text = asked.argument(name)
    if text is None:
        return None
    words = text.split(",")
    if not all(word.isascii() and word.isdigit() for word in words):
        told = {name: [{"description": f"{name}: is not a list of ids", "error": "InvalidValue"}]}
        raise Said(
            json_answer(
                422, {"error": "RecordInvalid", "description": "Record validation errors", "details": told}
            )
        )
    if len(words) > _MOST_IDS:
        raise Said(_bad_request("TooManyValues", f"{name}: at most {_MOST_IDS} ids"))
    return frozenset(int(word) for word in words)


def _refuse_unknown(ids: Iterable[int] | None, known: Iterable[int]) -> None:
    if not set(ids or ()) <= set(known):
        raise Said(json_answer(404, {"error": "RecordNotFound", "description": "Not found"}))


def _page(asked: Asked) -> int:
    text = asked.argument("page") or "1"
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise Said(_bad_request("InvalidPaginationParameter", "page: is not a number from 1 on"))
    if int(text) > _MOST_PAGES:
        raise Said(_bad_request("InvalidPaginationDepth", f"page: at most {_MOST_PAGES} pages"))
    return int(text)


def _bad_request(code: str, title: str) -> Answer:
    return json_answer(400, {"errors": [{"code": code, "title": title}]})


def opened(floor: Floor) -> ZendeskTalk:
    """Return the account that `config` reads."""
    return ZendeskTalk(floor, ZendeskAccount())


def config(floor: Floor, base_url: str) -> str:
    """Return the entry of the account in a config.yaml: its queues by their telephone numbers and groups."""
    account = ZendeskAccount()
    keys = account.keys
    groups: dict[int, set[int]] = {}
    for agent in floor.plan.agents:
        for queue_id, group in zip(agent.queues, agent.groups, strict=False):
            groups.setdefault(queue_id, set()).add(group)
    queues = floor.plan.queues
    numbers = [f"        - {{name: {one.name}, phone_number_ids: {list(one.phone_numbers)}}}" for one in queues]
    members = [
        f"        - {{name: {one.name}, group_ids: {sorted(groups[one.id])}}}"
        for one in queues
        if one.id in groups
    ]
    return "\n".join(
        [
            "  - name: zendesk",
            "    vendor: zendesk_talk",
            f"    time_zone: {floor.plan.zone.key}",
            f"    credentials: {{client_id: {keys.client_id}, client_secret: {keys.client_secret}}}",
            "    options:",
            f"      base_url: {base_url}",
            f"      plan: {account.plan}",
            "      queues:",
            *numbers,
            "      groups:",
            *members,
            "",
        ]
    )
