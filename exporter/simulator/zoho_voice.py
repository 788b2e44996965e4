"""Zoho Voice over HTTP: users, queues, the status audit and the call log, with their limits and refusals."""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import date, datetime
from email.utils import formatdate
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from exporter.simulator import zoho_audit as audit
from exporter.simulator.desk import Desk
from exporter.simulator.exchange import Answer, Asked, Said, json_answer
from exporter.simulator.floor import Floor
from exporter.simulator.zoho_calls import call_type, listed, log_id, told
from exporter.simulator.zoho_oauth import TOKEN_PATH, Doorkeeper, ZohoKeys

_BASE = "/rest/json/zv/"
_SUCCESS = {"code": "200", "status": "SUCCESS"}
_LOGS_A_MINUTE, _LOCK_SECONDS = 30, 600.0
_READY_SECONDS = 20.0  # after a call's end its ringing order is not there yet
_MOST_USERS, _MOST_LOGS, _ROWS = 50, 200, 10
_AUDIT = frozenset({"from", "size", "fromEpoch", "toEpoch", "agentIds", "queueIds", "tz"})
_TAKES: Mapping[str, frozenset[str]] = {
    "api/users": frozenset({"from", "offset", "status", "agentStatus", "role", "searchKey", "sortBy"}),
    "api/queues": frozenset({"from", "offset"}),
    "metrics/statusaudit/list": _AUDIT,
    "metrics/statusaudit/overview": _AUDIT,
    "metrics/statusaudit/calendarSummary": _AUDIT,
    "metrics/statusaudit/list/log": frozenset({"fromEpoch", "toEpoch", "logId", "queueIds", "tz"}),
    "logs": frozenset({"from", "size", "fromDate", "toDate", "callType", "agent", "numberIds", "queueIds"}),
}


class ZohoAccount(Struct, frozen=True):
    """One simulated account."""

    keys: ZohoKeys = ZohoKeys()
    logs_a_minute: int = _LOGS_A_MINUTE
    scopes: frozenset[str] = frozenset(_TAKES)
    """What the grant may read."""


class ZohoVoice:
    """One account of Zoho Voice. It keeps tokens and the count of calls to the log; the rest is the floor's."""

    def __init__(self, floor: Floor, account: ZohoAccount) -> None:
        self._floor = floor
        self._account = account
        self._door = Doorkeeper(account.keys)
        self._asked: deque[float] = deque(maxlen=account.logs_a_minute)
        self._locked_until = 0.0

    def expire_tokens(self) -> None:
        """Let every access token that was given out die now."""
        self._door.expire()

    def answer(self, asked: Asked) -> Answer:
        """Answer a request as the vendor would."""
        if asked.path == TOKEN_PATH and asked.method == "POST":
            answer = self._door.grant(asked)
        else:
            answer = self._door.refuse(asked) or self._told(asked)
        return replace(answer, headers={**answer.headers, "Date": formatdate(asked.at, usegmt=True)})

    def _told(self, asked: Asked) -> Answer:
        path = asked.path.removeprefix(_BASE)
        tell: Mapping[str, Callable[[Asked], dict[str, object] | None]] = {
            "api/users": self._users,
            "api/queues": self._queues,
            "metrics/statusaudit/list": self._list,
            "metrics/statusaudit/overview": self._overview,
            "metrics/statusaudit/calendarSummary": self._calendar,
            "metrics/statusaudit/list/log": self._log,
            "logs": self._logs,
        }
        if path not in tell or asked.method != "GET":
            return json_answer(404, {"code": "404", "message": "URL not found", "status": "ERROR"})
        if path not in self._account.scopes:
            return _error(400, "ZVT022", "Invalid OAuth scope")
        if not {name for name, _ in asked.query} <= _TAKES[path]:
            return _error(400, "ZVT010", "Extra parameter found")
        try:
            document = tell[path](asked)
        except Said as said:
            return said.answer
        return json_answer(200, document) if document else Answer(204)

    def _users(self, asked: Asked) -> dict[str, object]:
        """List the users from index 1 on; whoever asks from 0 gets the same."""
        desks = list(self._floor.desks.values())
        start = max(0, _number(asked, "from") - 1)
        rows = [_user(desk) for desk in desks[start : start + min(_number(asked, "offset"), _MOST_USERS)]]
        return {"code": "200", "meta": {"total": len(desks)}, "users": rows, "status": "SUCCESS"}

    def _queues(self, asked: Asked) -> dict[str, object]:
        start, lines = max(0, _number(asked, "from") - 1), list(self._floor.lines.values())
        page = lines[start : start + min(_number(asked, "offset"), _MOST_USERS)]
        rows = [
            {"id": str(one.plan.id), "name": one.plan.name, "queueStrategy": "ring-progressively"} for one in page
        ]
        return {"code": "200", "queues": rows, "status": "SUCCESS"}

    def _list(self, asked: Asked) -> dict[str, object]:
        start, end, zone = _window(asked)
        rows = [audit.listed(desk, start, end, zone) for desk in self._desks(asked)]
        return _SUCCESS | {"list": {"agentStatus": _page(asked, rows)}}

    def _overview(self, asked: Asked) -> dict[str, object]:
        start, end, zone = _window(asked)
        desks, days = self._desks(asked), len({datetime.fromtimestamp(at, zone).date() for at in (start, end)})
        metrics = {
            "overallAggregation": audit.overall(desks, start, end, days),
            "maxTimeAgents": {name: {"duration": "--", "agentName": "--"} for name in audit.WORDS},
            "individualAggregation": _page(asked, [audit.aggregated(one, start, end, days) for one in desks]),
        }
        return {"overview": {"agentmetrics": metrics}, **_SUCCESS}

    def _calendar(self, asked: Asked) -> dict[str, object]:
        start, end, zone = _window(asked)
        rows = [audit.by_day(desk, start, end, zone) for desk in self._desks(asked)]
        return {"calendarSummary": {"histogramAggregation": _page(asked, rows)}, **_SUCCESS}

    def _desks(self, asked: Asked) -> list[Desk]:
        ids = (asked.argument("agentIds") or "").split(",")
        if not all(one.isascii() and one.isdigit() and int(one) in self._floor.desks for one in ids):
            raise Said(_error(200, "500", "Invalid agent."))
        return [self._floor.desks[int(one)] for one in ids]

    def _logs(self, asked: Asked) -> dict[str, object] | None:
        """List the calls that are over, the newest first; who asks too often is locked out."""
        self._count(asked.at)
        queues = asked.argument("queueIds")
        first, last = (date.fromisoformat(asked.argument(name) or "") for name in ("fromDate", "toDate"))
        calls = [
            call
            for call in reversed(list(self._floor.calls.values()))
            if call.ended is not None
            and first <= datetime.fromtimestamp(call.arrived, self._floor.plan.zone).date() <= last
            and (queues is None or str(call.queue) in queues.split(","))
        ]
        start = _number(asked, "from")
        rows = [
            listed(call, self._floor) for call in calls[start : start + min(_number(asked, "size"), _MOST_LOGS)]
        ]
        return {"meta": {"total": len(calls)}, "logs": rows} if rows else None

    def _count(self, now: float) -> None:
        full = len(self._asked) == self._account.logs_a_minute and now - self._asked[0] < 60
        self._asked.append(now)
        if full or now < self._locked_until:
            self._locked_until = now + _LOCK_SECONDS
            told = f"Try again after {int(_LOCK_SECONDS // 60)} minutes"
            raise Said(_error(400, "URL_ROLLING_THROTTLES_LIMIT_EXCEEDED", told))

    def _log(self, asked: Asked) -> dict[str, object]:
        start, end, _ = _window(asked)
        found = [call for call in self._floor.calls.values() if log_id(call) == asked.argument("logId")]
        if not found:
            raise Said(_error(400, "ZVT001", "Invalid log id"))
        [call] = found
        if call_type(call) not in ("incoming", "missed") or not call.waits:
            return _SUCCESS | {"log": {"response": []}}
        if self._floor.now - (call.ended or self._floor.now) < _READY_SECONDS:
            nothing = {
                "ringingOrder": [],
                "answeredAgent": {},
                "queueDetails": {"_queueId": -1},
                "agentStatus": [],
            }
            return _SUCCESS | {"log": {"response": [nothing]}}
        return _SUCCESS | {"log": {"response": [told(call, self._floor, start, end)]}}


def _user(desk: Desk) -> dict[str, object]:
    last = desk.spells[-1]
    return {
        "agentId": str(desk.plan.id),
        "userid": str(desk.plan.id + 1),
        "onlineStatus": audit.word(last),
        "lastActiveTime": _ms(last.start),
        "name": desk.plan.name,
        "emailid": f"agent{desk.plan.id}@example.com",
        "zuid": 698331952,
        "zvtRole": 5,
        "status": 1,
    }


def _page(asked: Asked, rows: list[dict[str, object] | None]) -> list[dict[str, object]]:
    told = [row for row in rows if row is not None]
    start = int(asked.argument("from") or 0)
    return told[start : start + int(asked.argument("size") or _ROWS)]


def _window(asked: Asked) -> tuple[float, float, ZoneInfo]:
    """Read the window, in which milliseconds are due."""
    start, end = (_number(asked, name) / 1000 for name in ("fromEpoch", "toEpoch"))
    return start, end, ZoneInfo(asked.argument("tz") or "GMT")


def _number(asked: Asked, name: str) -> int:
    text = asked.argument(name) or ""
    if not (text.isascii() and text.isdigit()):
        raise Said(_error(400, "ZVT005", "Mandatory parameter missing"))
    return int(text)


def _error(status: int, code: str, message: str) -> Answer:
    return json_answer(status, {"code": code, "message": message, "status": "ERROR"})


def _ms(instant: float) -> int:
    return round(instant * 1000)


def opened(floor: Floor) -> ZohoVoice:
    """Return the account that `config` reads."""
    return ZohoVoice(floor, ZohoAccount())


def config(floor: Floor, base_url: str) -> str:
    """Return the entry of the account in a config.yaml."""
    keys = ZohoKeys()
    return f"""\
  - name: zoho
    vendor: zoho_voice
    time_zone: {floor.plan.zone.key}
    credentials:
      client_id: {keys.client_id}
      client_secret: {keys.client_secret}
      refresh_token: {keys.refresh_token}
    options:
      base_url: {base_url}
      accounts_url: {base_url}
    polling: {{interval: 30s}}
"""
