"""Kore.ai's analytics API over HTTP: signed tokens, scopes, pages that overlap, a limit, and its refusals."""

from collections.abc import Mapping
from typing import Any

import jwt
import msgspec
from msgspec import Struct

from exporter.simulator import kore_stats as stats
from exporter.simulator.exchange import Answer, Asked, Minute, Said, json_answer
from exporter.simulator.floor import Floor

_ANALYTICS, _CONFIGURATION = "SmartAssist Analytics", "Configuration"
_SCOPES = {
    "agentstatusdetails": _ANALYTICS,
    "queueStatsById": _ANALYTICS,
    "availability": _CONFIGURATION,
    "queue-performance": _CONFIGURATION,
    "queues": _CONFIGURATION,
}
_MOST_AGENTS, _MOST_ROWS, _QUEUES_A_PAGE = 50, 1_000, 10
_LONGEST_WINDOW = 24 * 3600
_LIMIT_REACHED = "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."


class KoreAccount(Struct, frozen=True):
    """One simulated account, and what opens it."""

    account_id: str = "63f07d26f04465685df4c0de"
    stream_id: str = "st-e19dd469-90f5-5655-b0b2-858de901c0de"
    client_id: str = "cs-8f2c1f6e-5a0b-5a55-9f6e-0c1d2e3fc0de"
    client_secret: str = "kR3v0/5o2m1T8w7Zx9qYb4Nn6Jc+hVdLpEaUsGfi0Qk="  # noqa: S105 - opens the simulator only
    scopes: frozenset[str] = frozenset(_SCOPES.values())
    per_minute: int = 60
    enforces_jti: bool = False


class KoreAi:
    """One account. It keeps the limit's count and the used token ids; the rest is the floor's."""

    def __init__(self, floor: Floor, account: KoreAccount) -> None:
        self._floor = floor
        self._account = account
        self._minute = Minute()
        self._used: set[str] = set()

    def expire_tokens(self) -> None:
        """Do nothing: tokens are the customer's own, and end when they say so."""

    def answer(self, asked: Asked) -> Answer:
        """Answer a request as the vendor would."""
        try:
            if self._minute.count(asked) > self._account.per_minute:
                raise _refusal(429, 429, _LIMIT_REACHED)
            return json_answer(200, self._told(asked))
        except Said as said:
            return said.answer

    def _told(self, asked: Asked) -> object:
        match asked.path.strip("/").split("/"):
            case ["agentassist", "api", "public", "analytics", "account", account, *rest]:
                stream = asked.headers.get("iid")
            case ["agentassist", "api", "v1", "public", stream, *rest]:
                account = asked.headers.get("accountid", "")
            case _:
                raise _refusal(404, 404, "Not Found")
        method, endpoint = "POST", rest[-1]
        match rest:
            case ["agentstatusdetails"] | ["v3", "agentstatusdetails"] | ["queue-performance"]:
                pass
            case ["agents", "availability"]:
                pass
            case ["monitor", "queueStatsById", _]:
                endpoint = "queueStatsById"
            case ["queues"]:
                method = "GET"
            case _:
                raise _refusal(404, 404, "Not Found")
        self._admit(asked, endpoint)
        if stream != self._account.stream_id:
            raise _refusal(400, 400, "Invalid StreamId")
        if account != self._account.account_id:
            raise _refusal(401, 4002, "Invalid SDK credentials")
        if asked.method != method:
            raise _refusal(405, 405, "Method Not Allowed")
        return self._data(asked, endpoint, rest)

    def _admit(self, asked: Asked, endpoint: str) -> None:
        """Let in whoever carries a token of ours: one text says what is wrong with it, one number says nothing."""
        token = asked.headers.get("auth")
        if token is None:
            raise _refusal(401, 4002, "Invalid SDK credentials")
        try:
            jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise _refusal(401, 4002, "Invalid JWT token") from None
        try:
            payload = jwt.PyJWS().decode(token, self._account.client_secret, ["HS256"])
        except jwt.PyJWTError:
            raise _refusal(401, 4002, "Invalid SDK credentials") from None
        claims: Mapping[str, Any] = msgspec.json.decode(payload)
        fresh = claims.get("jti", "") not in self._used
        if claims.get("appId") != self._account.client_id or claims.get("exp", asked.at + 1) <= asked.at:
            raise _refusal(401, 4002, "Invalid SDK credentials")
        if self._account.enforces_jti and not (claims.get("jti") and fresh):
            raise _refusal(401, 4002, "Invalid JWT token")
        self._used.add(claims.get("jti", ""))
        if _SCOPES[endpoint] not in self._account.scopes:
            raise _refusal(401, 4002, "Permission denied. Scope is incorrect!")

    def _data(self, asked: Asked, endpoint: str, path: list[str]) -> object:
        body: Any = {} if asked.method == "GET" else _decoded(asked.body)
        try:
            match endpoint:
                case "agentstatusdetails":
                    return self._statuses(asked, body, newer=path[0] == "v3")
                case "queue-performance":
                    return self._performance(body)
                case "availability":
                    return stats.availability(self._floor)
                case "queueStatsById":
                    return [stats.queue_stats(self._floor, int(path[-1]))]
                case _:
                    return self._queues(int(asked.argument("page") or "1"))
        except (KeyError, TypeError, ValueError):
            raise _refusal(412, 412, "Validation errors/ Invalid arguments") from None

    def _statuses(self, asked: Asked, body: Any, *, newer: bool) -> object:
        """Return a page; what it says of itself is wrong, and its first agent was the last of the page before."""
        day = body["filter"]["dateFilter"]
        limit, offset = int(asked.argument("limit") or "50"), int(asked.argument("offset") or "0")
        if not 0 < limit <= _MOST_AGENTS:
            raise ValueError(limit)
        agents = list(self._floor.desks)
        shown = agents[max(0, offset - 1) : offset + limit] if offset < len(agents) else []
        return {
            "hasMore": bool(shown),
            "limit": 3,
            "offset": 2,
            "data": [
                stats.agent_log(self._floor, agent, day["date"], day["timeZoneOffSet"], newer=newer)
                for agent in shown
            ],
        }

    def _performance(self, body: Any) -> object:
        start, end = stats.instant(body["startDate"]), stats.instant(body["endDate"])
        limit, offset = int(body.get("limit", 100)), int(body.get("offset", 0))
        if not 0 <= end - start <= _LONGEST_WINDOW or not 0 < limit <= _MOST_ROWS:
            raise ValueError(limit)
        rows = stats.performance(self._floor, start, end, body.get("queues", ()), body.get("projection", ()))
        shown = rows[offset : offset + limit]
        more = offset + limit < len(rows)
        return {"finalResult": shown, "hasMore": more, "offset": offset, "limit": limit, "totalResults": len(rows)}

    def _queues(self, page: int) -> object:
        """Return a page of the queues, which always says that another follows."""
        lines = list(self._floor.lines.values())[(page - 1) * _QUEUES_A_PAGE : page * _QUEUES_A_PAGE]
        results = [{"isActive": True, "id": str(line.plan.id), "name": line.plan.name} for line in lines]
        return {"results": results, "page": page, "limit": _QUEUES_A_PAGE, "hasMore": True, "totalPages": 1}


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except ValueError:
        raise _refusal(412, 412, "Validation errors/ Invalid arguments") from None


def _refusal(status: int, code: int, msg: str) -> Said:
    return Said(json_answer(status, {"errors": [{"msg": msg, "code": code}]}))


def opened(floor: Floor) -> KoreAi:
    """Return the account that `config` reads."""
    return KoreAi(floor, KoreAccount())


def config(floor: Floor, base_url: str) -> str:
    """Return the entry of the account in a config.yaml."""
    account = KoreAccount()
    return "\n".join(
        [
            "  - name: kore",
            "    vendor: kore_ai",
            f"    time_zone: {floor.plan.zone.key}",
            f"    credentials: {{client_id: {account.client_id}, client_secret: {account.client_secret}}}",
            "    options:",
            f"      base_url: {base_url}",
            f"      account_id: {account.account_id}",
            f"      stream_id: {account.stream_id}",
            "      wait_unit: milliseconds",
            "",
        ]
    )
