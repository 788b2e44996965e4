"""LivePerson over HTTP: one account that chats and messages, its services, limits and the bodies of refusals."""

import json
from collections.abc import Callable
from math import ceil

from msgspec import Struct

from exporter.simulator import liveperson_chat as chat
from exporter.simulator import liveperson_messaging as messaging
from exporter.simulator.exchange import Answer, Asked, json_answer
from exporter.simulator.floor import Floor
from exporter.simulator.history import Window
from exporter.simulator.liveperson_doors import Doorkeeper, LivePersonKeys

_DAY_MINUTES = 1440
_LEAST_INTERVAL = 5
_MOST_AGENTS = 2500
_BOUNDS = "0,15,30,45,60,90,120"


class LivePersonAccount(Struct, frozen=True):
    """One simulated account."""

    keys: LivePersonKeys = LivePersonKeys()
    per_second: int = 20
    """Calls in one second after which one is taken for too many at once."""
    forbidden: frozenset[str] = frozenset()
    """Methods that the key may not call."""


class _Refused(Exception):
    """What is wrong with a question."""


class LivePerson:
    """One account. It keeps tokens, nonces and the count of calls; the rest is the floor's."""

    def __init__(self, floor: Floor, account: LivePersonAccount) -> None:
        self._floor = floor
        self._account = account
        self._door = Doorkeeper(account.keys)
        self._second, self._asked = 0, 0

    def expire_tokens(self) -> None:
        """Let every access token that was given out die now."""
        self._door.expire()

    def answer(self, asked: Asked) -> Answer:
        """Answer a request as the vendor would."""
        match asked.path.strip("/").split("/"):
            case ["api", "account", account, "service", service, "baseURI.json"]:
                known = account == self._account.keys.account_id and asked.method == "GET"
                return (
                    self._door.look_up(asked, service) if known else json_answer(400, {"error": "unknown account"})
                )
            case ["sentinel", "api", "v2", "account", account, "app", "token"] if self._knows(account):
                return self._door.grant(asked)
            case ["operations", "api", "account", account, *method] if self._knows(account):
                return self._told(asked, method, self._operations)
            case ["messaging_history", "api", "account", account, *method] if self._knows(account):
                return self._told(asked, method, self._agent_view)
        return json_answer(404, {"error": "Not Found"})

    def _knows(self, account: str) -> bool:
        return account == self._account.keys.account_id

    def _told(self, asked: Asked, method: list[str], tell: Callable[[Asked, list[str]], object]) -> Answer:
        if refusal := self._door.refuse(asked):
            return refusal
        second = int(asked.at)
        self._asked = self._asked + 1 if second == self._second else 1
        self._second = second
        if self._asked > self._account.per_second:
            return json_answer(
                429, {"time": int(asked.at * 1000), "message": "Too many requests", "internalCode": 29}
            )
        if method[-1:] and method[-1] in self._account.forbidden:
            return json_answer(403, {"error": "Forbidden"})
        try:
            return json_answer(200, tell(asked, method))
        except _Refused as wrong:
            return json_answer(
                400, {"time": int(asked.at * 1000), "message": "Bad Request", "causes": [str(wrong)]}
            )

    def _operations(self, asked: Asked, method: list[str]) -> object:
        told = _arguments(asked, may_post=method == ["agentactivity"])
        if not told.get("v", "").isdigit():
            raise _Refused("v")
        skills, agents = _wanted(told, "skillIds"), _wanted(told, "agentIds")
        match method:
            case ["queuestate"]:
                return chat.queue_state(self._floor, int(told["v"]), skills)
            case ["agentactivity"]:
                return self._activity(told)
            case ["queuehealth"]:
                return chat.queue_health(self._floor, chat.in_buckets(self._window(told)), skills)
            case ["engactivity"]:
                return chat.engagements(self._floor, chat.in_buckets(self._window(told)), skills, agents)
            case ["sla"]:
                bounds = [_number(bound, 0, 86_400) for bound in told.get("histogram", _BOUNDS).split(",")]
                if any(bound % 5 for bound in bounds):
                    raise _Refused("histogram")
                return chat.service_level(self._floor, chat.in_buckets(self._window(told)), bounds, skills)
            case ["msgqueuehealth", "current"]:
                if told["v"] == "2" and not (told.get("fromMillis") and told.get("toMillis")):
                    raise _Refused("fromMillis, toMillis")
                return messaging.message_queues(self._floor, skills)
        raise _Refused("no such method")

    def _activity(self, told: dict[str, str]) -> object:
        window = self._window(told)
        if "agentIds" not in told:
            raise _Refused("agentIds")
        agents = _wanted(told, "agentIds")
        if "interval" not in told:
            return {"agentsMetrics": chat.agent_states(self._floor, window, agents)}
        interval = _number(told["interval"], _LEAST_INTERVAL, _DAY_MINUTES)
        if int(told["timeframe"]) % interval:
            raise _Refused("interval")
        rows, end = [], ceil(window.end / chat.BUCKET) * chat.BUCKET
        while end > window.start:
            slice_ = Window(max(window.start, end - 60 * interval), min(end, window.end))
            states = chat.agent_states(self._floor, slice_, agents)
            rows.append({"timestamp": int(end * 1000), "metricsData": {"agentsMetrics": states}})
            end -= 60 * interval
        nothing: dict[str, object] = {"metricsPerAgent": {}, "metricsTotals": []}
        return {"metricsByIntervals": rows, "agentsMetrics": nothing}

    def _window(self, told: dict[str, str]) -> Window:
        minutes = _number(told.get("timeframe", ""), 1, _DAY_MINUTES)
        return Window(self._floor.now - 60 * minutes, self._floor.now)

    def _agent_view(self, asked: Asked, method: list[str]) -> object:
        if asked.method != "POST" or not isinstance(_decoded(asked.body), dict):
            raise _Refused("the body is no JSON object")
        account = {"accountID": self._account.keys.account_id}
        match method:
            case ["agent-view", "status"]:
                offset = _number(asked.argument("offset") or "0", 0, 10**9)
                limit = _number(asked.argument("limit") or "50", 1, _MOST_AGENTS)
                address = f"{asked.origin}{asked.path}"
                return account | messaging.agent_status(self._floor, offset, limit, address)
            case ["agent-view", "summary"]:
                return account | messaging.summary(self._floor)
        raise _Refused("no such method")


def _arguments(asked: Asked, *, may_post: bool) -> dict[str, str]:
    if asked.method == "GET":
        return dict(asked.query)
    document = _decoded(asked.body)
    if not may_post or not isinstance(document, dict):
        raise _Refused("method")
    return {str(name): str(value) for name, value in document.items()}


def _decoded(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _wanted(told: dict[str, str], name: str) -> Callable[[int], bool]:
    text = told.get(name, "all")
    ids = set(text.split(","))
    return lambda id_: text == "all" or str(id_) in ids


def _number(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
        raise _Refused(f"{text[:20]} is no number from {least} to {most}")
    return int(text)


def opened(floor: Floor) -> LivePerson:
    """Return the account that `config` reads."""
    return LivePerson(floor, LivePersonAccount())


def config(floor: Floor, base_url: str) -> str:
    """Return the entry of the account in a config.yaml; its hosts are found by asking."""
    keys = LivePersonKeys()
    return f"""\
  - name: liveperson
    vendor: liveperson
    time_zone: {floor.plan.zone.key}
    credentials:
      app_key: {keys.app_key}
      app_secret: {keys.app_secret}
      access_token: {keys.access_token}
      access_token_secret: {keys.access_token_secret}
    options:
      account_id: {keys.account_id}
      family: chat
      domain_api_url: {base_url}
"""
