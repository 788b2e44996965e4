"""The floor as each vendor tells of it: answers in the vendor's shape, and what a plain reader finds in them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from msgspec import Struct

from bench.floor import AWAY, FREE, OFF, STATES, TALKING, WRITING, Floor, Worker
from exporter.vendors import VENDORS
from exporter.vendors.contract import Site, Vendor
from exporter.wire.http import Request
from exporter.wire.secret import Secret

_SECRET = Secret(lambda: "secret", "the bench")
_ZENDESK = (("online", None), ("online", "on_call"), ("online", "wrap_up"), ("away", None), ("offline", None))
_ZOHO = ("Available", "On Call", "Busy", "On Break", "Offline")
_VOXIMPLANT = ("READY", "IN_SERVICE", "AFTER_SERVICE", "DND", "OFFLINE")
_KORE = ("AVAILABLE", "BUSY", "BUSY", "AWAY", "OFFLINE")
_LIVEPERSON = ("ONLINE", "ONLINE", "BACK_SOON", "AWAY", "AWAY")

Document = dict[str, Any]


class Plain(Struct, frozen=True):
    """Where the numbers of an answer are, for those who take them as they are."""

    rows: str
    """The list, by the names on the way."""
    key: str
    values: Mapping[str, str]
    """By the metric's name; the way from the row, where a number picks from a list."""


class Centre(Struct, frozen=True):
    """One vendor's view of the floor."""

    vendor: str
    credentials: Mapping[str, Any]
    options: Mapping[str, Any]
    endpoints: Mapping[str, Callable[[Floor, Request], Document]]
    """What answers the requests of each, in the order in which they are polled."""
    plain: Mapping[str, Sequence[Plain]]
    """Of each endpoint's answers."""

    def account(self) -> Vendor:
        """Return the account as a config would build it."""
        kind = VENDORS[self.vendor]
        return kind(
            kind.Credentials(**self.credentials), kind.Options(**self.options), Site(ZoneInfo("Europe/Berlin"))
        )


def _page(floor: Floor, start: int, size: int) -> list[Worker]:
    return floor.workers[start : start + size]


def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((request.body or b"").decode()))


def _query(request: Request, name: str, default: str = "0") -> int:
    return int(dict(request.query).get(name, default))


def _zendesk(floor: Floor, request: Request) -> Document:
    page = _query(request, "page", "1")
    more = page * 100 < len(floor.workers)
    return {
        "agents_activity": [_zendesk_row(one, floor.now) for one in _page(floor, 100 * (page - 1), 100)],
        "count": len(floor.workers),
        "next_page": f"{request.url}?page={page + 1}" if more else None,
        "previous_page": None,
    }


def _zendesk_row(worker: Worker, now: int) -> Document:
    seconds, entries = worker.seconds(now), worker.entries()
    state, call = _ZENDESK[worker.state]
    return {
        "agent_id": 360_786_799_676 + worker.number,
        "name": f"Agent {worker.number}",
        "avatar_url": "https://example.invalid/avatar.png",
        "agent_state": state,
        "call_status": call,
        "available_time": seconds[FREE],
        "away_time": seconds[AWAY],
        "online_time": sum(seconds) - seconds[OFF],
        "transfers_only_time": 0,
        "total_call_duration": seconds[TALKING],
        "total_talk_time": seconds[TALKING] * 9 // 10,
        "total_hold_time": seconds[TALKING] // 10,
        "total_wrap_up_time": seconds[WRITING],
        "average_hold_time": 4,
        "average_talk_time": 120,
        "average_wrap_up_time": 30,
        "calls_accepted": entries[TALKING],
        "calls_denied": entries[AWAY],
        "calls_missed": entries[FREE],
        "calls_put_on_hold": entries[WRITING],
        "accepted_transfers": 1,
        "started_transfers": 2,
        "accepted_third_party_conferences": 0,
        "started_third_party_conferences": 0,
        "forwarding_number": None,
        "via": "client",
    }


def _zoho_users(floor: Floor, request: Request) -> Document:
    rows = _page(floor, _query(request, "from"), 50)
    return {"code": "200", "meta": {"total": len(floor.workers)}, "users": [_zoho_user(one) for one in rows]}


def _zoho_user(worker: Worker) -> Document:
    return {
        "agentId": str(3_029_000_000_000_000 + worker.number),
        "name": f"Agent {worker.number}",
        "emailid": "agent@example.invalid",
        "onlineStatus": _ZOHO[worker.state],
        "lastActiveTime": worker.since * 1000,
        "userid": "3029000000002017",
        "departmentName": "Support",
        "zvtRoleName": "AGENT",
        "status": 1,
    }


def _zoho_list(floor: Floor, request: Request) -> Document:
    asked = [int(key) - 3_029_000_000_000_000 for key in dict(request.query)["agentIds"].split(",")]
    return {"code": "200", "list": {"agentStatus": [_zoho_audit(floor.workers[number]) for number in asked]}}


def _zoho_audit(worker: Worker) -> Document:
    changes = [
        {
            "previous_action_time": stay.start * 1000,
            "current_action_time": stay.end * 1000,
            "duration": (stay.end - stay.start) * 1000,
            "previous_status": _ZOHO[stay.state],
            "current_status": _ZOHO[after],
            "triggered_by": "User",
            "triggered_reason": "",
        }
        for stay, after in zip(worker.stays, [*(s.state for s in worker.stays[1:]), worker.state], strict=True)
    ]
    first = worker.stays[0]
    before = {
        "previous_action_time": (first.start - 50_000) * 1000,
        "current_action_time": first.start * 1000,
        "previous_status": "Offline",
        "current_status": _ZOHO[first.state],
    }
    key = str(3_029_000_000_000_000 + worker.number)
    return {"agent_id": key, "previousResult": before, "dates": [{"hits": changes}]}


def _voximplant_users(floor: Floor, request: Request) -> Document:
    rows = _page(floor, int(_form(request)["offset"]), 100)
    return {"result": [_voximplant_user(one) for one in rows], "total_count": len(floor.workers)}


def _voximplant_user(worker: Worker) -> Document:
    since = datetime.fromtimestamp(worker.since, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return {
        "user_id": 487_576 + worker.number,
        "user_name": f"agent-{worker.number}",
        "user_display_name": f"Agent {worker.number}",
        "user_active": True,
        "balance": 0,
        "created": "2024-01-01 00:00:00",
        "acd_status": _VOXIMPLANT[worker.state],
        "acd_status_change_time": since,
    }


def _item(total: int, count: int) -> Document:
    return {"min": 1, "avg": total // max(count, 1), "max": total, "count": count, "sum": total}


def _voximplant_statuses(floor: Floor, _: Request) -> Document:
    return {"result": [_voximplant_day(one, floor.now) for one in floor.workers]}


def _voximplant_day(worker: Worker, now: int) -> Document:
    seconds, entries = worker.seconds(now), worker.entries()
    items = {_VOXIMPLANT[state]: _item(seconds[state], entries[state]) for state in STATES}
    return {"user_id": 487_576 + worker.number, "statistics": [{"acd_status": items}]}


def _voximplant_operators(floor: Floor, _: Request) -> Document:
    return {"result": [_voximplant_calls(one, floor.now) for one in floor.workers]}


def _voximplant_calls(worker: Worker, now: int) -> Document:
    seconds, entries = worker.seconds(now), worker.entries()
    calls, talk, wrap_up = entries[TALKING], seconds[TALKING], seconds[WRITING]
    items = {"SA": _item(4 * calls, calls), "TT": _item(talk, calls), "ACW": _item(wrap_up, calls)}
    sums = {"TDT": 4 * calls, "TTT": talk, "TACW": wrap_up, "THT": talk + wrap_up}
    record = {**items, "HT": _item(talk + wrap_up, calls), "AC": calls, "UAC": entries[FREE], **sums}
    return {"user_id": 487_576 + worker.number, "statistics": [record]}


def _kore_id(worker: Worker) -> str:
    return f"u-388b2b2a-264d-511d-918e-{worker.number:012d}"


def _kore_statuses(floor: Floor, request: Request) -> Document:
    start = _query(request, "offset")
    more = start + 50 < len(floor.workers)
    data = [_kore_log(one, floor.now) for one in _page(floor, start, 50)]
    return {"hasMore": more, "limit": 50, "offset": start, "data": data}


def _kore_log(worker: Worker, now: int) -> Document:
    log = [
        {
            "primaryStatus": _KORE[stay.state],
            "secondaryStatus": _KORE[stay.state],
            "startTime": _local(stay.start),
            "endTime": "-" if stay.end == now else _local(stay.end),
            "duration": "-" if stay.end == now else _clock(stay.end - stay.start),
        }
        for stay in worker.until(now)
    ]
    name = {"firstName": "Agent", "lastName": str(worker.number), "email": "agent@example.invalid"}
    return {"userId": _kore_id(worker), **name, "status": log}


def _local(instant: int) -> str:
    return datetime.fromtimestamp(instant, ZoneInfo("Europe/Berlin")).strftime("%Y-%m-%dT%H:%M:%S")


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _kore_availability(floor: Floor, _: Request) -> Document:
    lists: dict[str, list[Document]] = {word: [] for word in dict.fromkeys(_KORE)}
    for one in floor.workers:
        voice = {"isEnabled": True, "totalCapacity": 2, "usedCapacity": int(one.state == TALKING)}
        chat = {"isEnabled": True, "totalCapacity": 4, "usedCapacity": one.number % 4}
        row = {"userId": _kore_id(one), "channelCapacity": {"voice": voice, "chat": chat}}
        lists[_KORE[one.state]].append(row)
    return lists


def _liveperson_activity(floor: Floor, _: Request) -> Document:
    agents = {str(4_000_000 + one.number): _liveperson_states(one, floor.now) for one in floor.workers}
    return {"agentsMetrics": {"metricsPerAgent": agents, "metricsTotals": []}}


def _liveperson_states(worker: Worker, now: int) -> list[Document]:
    seconds = worker.seconds(now)
    parts = {
        2: ("Online", seconds[FREE], seconds[TALKING]),
        3: ("Back in 5", seconds[WRITING], 0),
        4: ("Away", seconds[AWAY], 0),
        -1: ("Logged in", seconds[FREE] + seconds[WRITING] + seconds[AWAY], seconds[TALKING]),
    }
    return [
        {
            "id": state,
            "name": name,
            "value": {
                "total": rest + chatting,
                "chatting": chatting,
                "notChatting": rest,
                "chattingInMaxConcurrency": chatting // 2,
            },
        }
        for state, (name, rest, chatting) in parts.items()
    ]


def _liveperson_agents(floor: Floor, request: Request) -> Document:
    rows = _page(floor, _query(request, "offset"), _query(request, "limit"))
    meta = {"count": len(floor.workers), "shardsStatusResult": {"partialResult": False}}
    return {"_metadata": meta, "agentStatusRecords": [_liveperson_agent(one, floor.now) for one in rows]}


def _liveperson_agent(worker: Worker, now: int) -> Document:
    skills = [{"skillId": str(4_101 + worker.number % 3), "skillName": "sales"}]
    return {
        "agentId": str(4_000_000 + worker.number),
        "agentName": f"Agent {worker.number}",
        "agentPictureURL": "https://example.invalid/1.jpg",
        "agentSkills": skills,
        "agentGroupName": "Main Group",
        "lastUpdatedTimeL": now * 1000,
        "currentStatus": _LIVEPERSON[worker.state],
        "currentStatusStartTimeL": worker.since * 1000,
        "currentStatusDuration": (now - worker.since) * 1000,
        "load": 25 * (worker.number % 4),
        "configuredMaxSlots": 4,
        "busySlots": 0.0,
        "openAssignedConversations": worker.number % 4,
    }


def _same(*names: str) -> dict[str, str]:
    return {name.lower(): name for name in names}


_CALLS = _same("AC", "UAC", "TDT", "TTT", "TACW", "THT")
_CAPACITY = {
    f"{channel}_{name}": f"channelCapacity.{channel}.{name}Capacity"
    for channel in ("voice", "chat")
    for name in ("total", "used")
}

CENTRES: Mapping[str, Centre] = {
    "Zendesk Talk": Centre(
        "zendesk_talk",
        {"access_token": _SECRET},
        {"base_url": "https://acme.example"},
        {"agents_activity": _zendesk},
        {
            "agents_activity": [
                Plain(
                    "agents_activity",
                    "agent_id",
                    _same(
                        *(
                            name
                            for name, value in _zendesk_row(Floor(1).workers[0], 0).items()
                            if type(value) is int
                        )
                    ),
                )
            ]
        },
    ),
    "Zoho Voice": Centre(
        "zoho_voice",
        {"client_id": "1000.BENCH", "client_secret": _SECRET, "refresh_token": _SECRET},
        {},
        {"users": _zoho_users, "list": _zoho_list},
        {"users": [Plain("users", "agentId", _same("lastActiveTime", "status"))]},
    ),
    "Voximplant": Centre(
        "voximplant",
        {"account_id": 1, "api_key": _SECRET},
        {"engine": "acd", "application_id": 7},
        {
            "GetUsers": _voximplant_users,
            "GetACDOperatorStatusStatistics": _voximplant_statuses,
            "GetACDOperatorStatistics": _voximplant_operators,
        },
        {
            "GetACDOperatorStatusStatistics": [
                Plain(
                    "result",
                    "user_id",
                    {
                        f"{word}_{part}".lower(): f"statistics.0.acd_status.{word}.{part}"
                        for word in _VOXIMPLANT
                        for part in ("sum", "max", "count")
                    },
                )
            ],
            "GetACDOperatorStatistics": [
                Plain("result", "user_id", {name: f"statistics.0.{path}" for name, path in _CALLS.items()})
            ],
        },
    ),
    "Kore.ai": Centre(
        "kore_ai",
        {"client_id": "cs-1", "client_secret": _SECRET},
        {"account_id": "63f07d26f04465685df4c0de", "stream_id": "st-e19dd469"},
        {"agentstatusdetails": _kore_statuses, "availability": _kore_availability},
        {"availability": [Plain(word, "userId", _CAPACITY) for word in dict.fromkeys(_KORE)]},
    ),
    "LivePerson chat": Centre(
        "liveperson",
        {"client_id": "exporter", "client_secret": _SECRET},
        {"account_id": "12345678", "family": "chat", "base_url": "https://acme.example"},
        {"agentactivity": _liveperson_activity},
        {},  # the agent is the name of a member, which a path cannot tell
    ),
    "LivePerson messaging": Centre(
        "liveperson",
        {"client_id": "exporter", "client_secret": _SECRET},
        {"account_id": "12345678", "family": "messaging", "base_url": "https://acme.example"},
        {"agent_view_status": _liveperson_agents},
        {
            "agent_view_status": [
                Plain(
                    "agentStatusRecords",
                    "agentId",
                    _same(
                        "currentStatusStartTimeL",
                        "currentStatusDuration",
                        "load",
                        "configuredMaxSlots",
                        "openAssignedConversations",
                    ),
                )
            ]
        },
    ),
}
