"""Voximplant's Management API over HTTP: one address a method, forms, two doors, and errors inside HTTP 200."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import jwt
from msgspec import Struct

from exporter.simulator import voximplant_acd as acd
from exporter.simulator import voximplant_sq
from exporter.simulator.desk import Line
from exporter.simulator.exchange import Answer, Asked, Minute, json_answer
from exporter.simulator.floor import Floor
from exporter.simulator.history import Window

_ADDRESS = "/platform_api/"
_ROWS = 20  # of a page, where nobody says how many
_LONGEST_LIFE = 3600
_HOUR = 3600.0

Form = Mapping[str, str]


class VoximplantKeys(Struct, frozen=True):
    """What opens one simulated account; None is a door that is not there."""

    account_id: int = 1_000_001
    api_key: str | None = "api-key"
    key_id: str = "key-id"
    public_key: str | None = None
    """Of the service account, in PEM."""


class VoximplantAccount(Struct, frozen=True):
    """One simulated account."""

    keys: VoximplantKeys = VoximplantKeys()
    application_id: int = 7
    engine: Literal["acd", "smartqueue"] = "acd"
    per_minute: int = 600
    forbidden: frozenset[str] = frozenset()
    """Methods that the role of the credentials may not call."""


class _Fault(Exception):
    """An error of the vendor's, by its number."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Voximplant:
    """One account of Voximplant. It keeps the rate limit's count; the rest is the floor's."""

    def __init__(self, floor: Floor, account: VoximplantAccount) -> None:
        self._floor = floor
        self._account = account
        self._minute = Minute()
        self._tokens: set[str] = set()
        self._dead: set[str] = set()
        older: Mapping[str, Callable[[Form], object]] = {
            "GetACDState": self._state,
            "GetUsers": self._users,
            "GetQueues": self._queues,
            "GetACDOperatorStatusStatistics": self._statuses,
            "GetACDOperatorStatistics": self._operators,
            "GetACDQueueStatistics": self._queue_day,
        }
        newer: Mapping[str, Callable[[Form], object]] = {
            "GetSQState": self._sq_state,
            "SQ_GetAgents": self._sq_agents,
            "GetSmartQueueRealtimeMetrics": self._sq_metrics,
        }
        self._methods = older if account.engine == "acd" else newer

    def expire_tokens(self) -> None:
        """Let every token that came so far be refused once: a new one may be signed in the same second."""
        self._dead, self._tokens = self._tokens, set()

    def answer(self, asked: Asked) -> Answer:
        """Answer a request as the vendor would: with HTTP 200, whatever is wrong with it."""
        if not asked.path.startswith(_ADDRESS):
            return Answer(404, b"<html>Not Found</html>", {"Content-Type": "text/html"})
        form = dict((*asked.query, *parse_qsl(asked.body.decode("utf-8", "replace"))))
        try:
            self._admit(asked, form)
            return json_answer(200, self._told(asked.endpoint, form))
        except _Fault as fault:
            return json_answer(200, {"error": {"code": fault.code, "msg": str(fault)}})

    def _admit(self, asked: Asked, form: Form) -> None:
        if self._minute.count(asked) > self._account.per_minute:
            raise _Fault(340, "Rate limit exceeded.")
        kind, _, token = asked.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            self._check_token(token, asked.at)
        elif self._account.keys.api_key is None or (form.get("account_id"), form.get("api_key")) != (
            str(self._account.keys.account_id),
            self._account.keys.api_key,
        ):
            raise _Fault(100, "Authorization failed.")

    def _check_token(self, token: str, now: float) -> None:
        keys = self._account.keys
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            if key_id != keys.key_id or keys.public_key is None:
                raise _Fault(433, "The key id is unknown.")
            checks = {"verify_exp": False, "verify_iat": False}
            claims = jwt.decode(token, keys.public_key, ["RS256"], options=checks)  # type: ignore[arg-type]
            issued, ends = float(claims["iat"]), float(claims["exp"])
        except (jwt.PyJWTError, KeyError, TypeError, ValueError):
            raise _Fault(447, "The token is malformed.") from None
        if claims.get("iss") != keys.account_id:
            raise _Fault(100, "Authorization failed.")
        if ends - issued > _LONGEST_LIFE:
            raise _Fault(454, "The token lives too long.")
        if issued > now:
            raise _Fault(455, "The token is issued in the future.")
        if ends <= now or token in self._dead:
            self._dead.discard(token)
            raise _Fault(456, "The token has expired.")
        self._tokens.add(token)

    def _told(self, method: str, form: Form) -> object:
        tell = self._methods.get(method)
        if tell is None:
            raise _Fault(103, "Unknown command.")
        if method in self._account.forbidden:
            raise _Fault(104, "The role is missing.")
        return tell(form)

    def _state(self, form: Form) -> object:
        return {"result": {"acd_queues": [acd.queue_state(self._floor, line) for line in self._lines(form)]}}

    def _users(self, form: Form) -> object:
        self._check_application(form)
        return _page([acd.user(self._floor, desk) for desk in self._floor.desks.values()], form)

    def _queues(self, form: Form) -> object:
        queues = [line.plan for line in self._floor.lines.values()]
        rows = [{"acd_queue_id": one.id, "acd_queue_name": one.name, "acd_queue_priority": 1} for one in queues]
        return _page(rows, form)

    def _statuses(self, form: Form) -> object:
        def record(agent: int, window: Window) -> acd.Told:
            day = acd.status_day(self._floor, agent, window)
            # The samples have an object here, the reference a list: this account sends both.
            return {"acd_status": [{name: item} for name, item in day.items()] if agent % 2 else day}

        return self._by_agent(form, record)

    def _operators(self, form: Form) -> object:
        return self._by_agent(form, lambda agent, window: acd.operator_day(self._floor, agent, window))

    def _by_agent(self, form: Form, record: Callable[[int, Window], acd.Told]) -> object:
        agents = self._agents(form)
        windows = _windows(self._window(form), form.get("aggregation", "none"))
        if form.get("group", "user") == "aggregation":
            groups = [
                time | {"statistics": [{"user_id": str(agent)} | record(agent, window) for agent in agents]}
                for time, window in windows
            ]
        else:
            groups = [
                {"user_id": agent, "statistics": [time | record(agent, window) for time, window in windows]}
                for agent in agents
            ]
        return {"result": groups}

    def _queue_day(self, form: Form) -> object:
        window = self._window(form)
        return {"result": [acd.queue_day(self._floor, line, window) for line in self._lines(form)]}

    def _sq_state(self, form: Form) -> object:
        self._check_application(form)
        zone = ZoneInfo(form.get("timezone", self._floor.plan.zone.key))
        lines = self._lines(form, "sq_queue_id")
        return {"result": [voximplant_sq.queue_state(self._floor, line, zone) for line in lines]}

    def _sq_agents(self, form: Form) -> object:
        self._check_application(form)
        rows = [voximplant_sq.agent(desk, self._floor.plan.zone) for desk in self._floor.desks.values()]
        return {"result": _rows(rows, form)}

    def _sq_metrics(self, form: Form) -> object:
        self._check_application(form)
        lines = [(line.plan, voximplant_sq.counts(self._floor, line)) for line in self._floor.lines.values()]
        period = {
            "from_date": acd.utc(self._floor.now - voximplant_sq.HALF_HOUR),
            "to_date": acd.utc(self._floor.now),
        }
        return {
            "result": [
                {
                    "report_type": report,
                    "groups": [
                        {
                            "sq_queue_id": plan.id,
                            "sq_queue_name": plan.name,
                            "values": [period | {"value": n[report]}],
                        }
                        for plan, n in lines
                    ],
                }
                for report in form.get("report_type", "").split(";")
            ],
            "timezone": "Etc/GMT",
        }

    def _check_application(self, form: Form) -> None:
        if "application_id" not in form:
            raise _Fault(101, "The application is not told.")
        if form["application_id"] != str(self._account.application_id):
            raise _Fault(558, "The application is not found.")

    def _lines(self, form: Form, argument: str = "acd_queue_id") -> list[Line]:
        wanted = form.get(argument, "all")
        if wanted == "all":
            return list(self._floor.lines.values())
        known = {str(key): line for key, line in self._floor.lines.items()}
        if not set(wanted.split(";")) <= known.keys():
            raise _Fault(218, "The queue is unknown.")
        return [known[key] for key in wanted.split(";")]

    def _agents(self, form: Form) -> list[int]:
        wanted = form.get("user_id")
        if wanted is None:
            raise _Fault(101, "The user is not told.")
        known = {str(agent): agent for agent in self._floor.desks}
        if wanted != "all" and not set(wanted.split(";")) <= known.keys():
            raise _Fault(117, "The user is unknown.")
        return list(known.values()) if wanted == "all" else [known[agent] for agent in wanted.split(";")]

    def _window(self, form: Form) -> Window:
        try:
            start, end = (_instant(form[name]) if name in form else None for name in ("from_date", "to_date"))
        except ValueError:
            raise _Fault(111, "The date is not YYYY-MM-DD HH:mm:ss.") from None
        if start is None:
            raise _Fault(101, "The date is not told.")
        return Window(start, min(end or self._floor.now, self._floor.now))


def _instant(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()


def _windows(whole: Window, aggregation: str) -> list[tuple[acd.Told, Window]]:
    """Return the parts of a window, each with what tells it: an hour is told by the number of its beginning."""
    if aggregation == "none":
        return [({}, whole)]
    if aggregation != "hour":
        raise _Fault(228, "The aggregation is unknown here.")
    parts: list[tuple[acd.Told, Window]] = []
    start = whole.start
    while start < whole.end:
        end = min(whole.end, (start // _HOUR + 1) * _HOUR)
        date, time = acd.utc(start).split(" ")
        parts.append(({"date": date, "hour": int(time[:2])}, Window(start, end)))
        start = end
    return parts


def _rows(rows: list[acd.Told], form: Form) -> list[acd.Told]:
    offset = int(form.get("offset", 0))
    return rows[offset : offset + int(form.get("count", _ROWS))]


def _page(rows: list[acd.Told], form: Form) -> object:
    some = _rows(rows, form)
    return {"result": some, "count": len(some), "total_count": len(rows)}


def opened(floor: Floor) -> Voximplant:
    """Return the account that `config` reads."""
    return Voximplant(floor, VoximplantAccount())


def config(floor: Floor, base_url: str) -> str:
    """Return the entry of the account in a config.yaml."""
    account = VoximplantAccount()
    return f"""\
  - name: voximplant
    vendor: voximplant
    time_zone: {floor.plan.zone.key}
    credentials: {{account_id: {account.keys.account_id}, api_key: {account.keys.api_key}}}
    options:
      base_url: {base_url}
      engine: {account.engine}
      application_id: {account.application_id}
"""
