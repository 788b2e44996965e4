import json
import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from accounts import voximplant
from msgspec.structs import replace
from replay import AT, PAYLOADS, collect, collect_all, exposed, recorded, samples, with_body

from exporter.config.secrets import file_secret
from exporter.errors import NotAllowed, PollFailed, Reason, Refused, Throttled, Transient, Unreadable
from exporter.model import Agent, Dropped, Queue, Snapshot, Status
from exporter.vendors.contract import Moment, Site
from exporter.vendors.voximplant import Voximplant
from exporter.vendors.voximplant.options import VoximplantCredentials, VoximplantOptions
from exporter.vendors.voximplant.reading import instant
from exporter.vendors.voximplant.words import Words
from exporter.wire.auth import FormKey, SignedToken
from exporter.wire.http import Reply, Request
from exporter.wire.secret import Secret

FOLDER = PAYLOADS / "voximplant"
STATUSES = "GetACDOperatorStatusStatistics"
MIDNIGHT = datetime(2026, 3, 28, 23, tzinfo=UTC)  # in Berlin, before a day of 23 hours


def read(
    endpoint: str, result: Any, *, engine: str = "acd", site: Site | None = None, **envelope: Any
) -> Snapshot:
    """Read one endpoint's result, while the others answer as recorded."""
    body = json.dumps({"result": result, **envelope}).encode()
    answers = with_body(recorded(FOLDER / engine), endpoint, body)
    return collect(voximplant(site or Site(), engine=engine), endpoint, answers)


def form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((request.body or b"").decode()))


def agents(snapshot: Snapshot) -> dict[str, Agent]:
    return {agent.id: agent for agent in snapshot.agents or ()}


@pytest.mark.parametrize(("case", "engine"), [("acd", "acd"), ("pages", "acd"), ("smartqueue", "smartqueue")])
def test_recorded_answers_become_exactly_these_metrics(case: str, engine: str) -> None:
    text = exposed(collect_all(voximplant(engine=engine), recorded(FOLDER / case)), "voximplant")
    expected = FOLDER / case / "metrics.txt"
    if os.environ.get("GOLDEN") == "write":  # to be read before it is committed
        expected.write_text(text)
    assert text == expected.read_text()


def test_an_account_in_which_nobody_is_has_no_agent_and_no_queue() -> None:
    snapshots = collect_all(voximplant(), recorded(FOLDER / "empty"))
    assert {series.split("{")[0] for series in samples(exposed(snapshots))} == {
        "contact_center_agents",
        "contact_center_agents_online",
        "contact_center_window_start_timestamp_seconds",
    }
    assert snapshots["GetUsers"].agents_by_status == dict.fromkeys(Status, 0)


def test_every_call_is_a_form_and_the_day_begins_at_the_accounts_midnight() -> None:
    vendor = voximplant()
    asked = {one.name: vendor.requests(one.name, Moment(AT)) for one in vendor.endpoints}
    assert {(r.method, r.content_type, r.query) for (r,) in asked.values()} == {
        ("POST", "application/x-www-form-urlencoded", ())
    }
    assert asked[STATUSES][0].url == f"https://api.voximplant.com/platform_api/{STATUSES}"
    assert {name: form(request) for name, (request,) in asked.items()} == {
        "GetACDState": {"acd_queue_id": "all"},
        STATUSES: {"from_date": "2026-03-28 23:00:00", "aggregation": "none", "group": "user", "user_id": "all"},
        "GetACDOperatorStatistics": {
            "from_date": "2026-03-28 23:00:00",
            "aggregation": "none",
            "group": "user",
            "user_id": "all",
            "acd_queue_id": "all",
            "report": "all",
            "abbreviation": "true",
        },
        "GetACDQueueStatistics": {"count": "100", "offset": "0"},
        "GetQueues": {"count": "100", "offset": "0"},
        "GetUsers": {"application_id": "7", "count": "100", "offset": "0"},
    }


def test_the_newer_engine_is_asked_for_times_in_utc_and_for_counts_alone() -> None:
    vendor = voximplant(engine="smartqueue")
    asked = {one.name: form(vendor.requests(one.name, Moment(AT))[0]) for one in vendor.endpoints}
    assert asked == {
        "GetSQState": {"application_id": "7", "sq_queue_id": "all", "timezone": "Etc/UTC"},
        "SQ_GetAgents": {"application_id": "7", "with_sq_statuses": "true", "count": "100", "offset": "0"},
        "GetSmartQueueRealtimeMetrics": {
            "application_id": "7",
            "report_type": "call_count_assigned_to_queue;im_count_assigned_to_queue;"
            "count_handled_calls;count_abandonment_calls;count_blocked_calls",
            "group_by": "queue",
        },
    }


def test_the_day_of_each_queue_is_asked_for_alone_and_a_deleted_queue_is_not() -> None:
    vendor = voximplant()
    asked = []
    answers = recorded(FOLDER / "acd")

    def noted(request: Request) -> Reply:
        asked.append((request.endpoint, form(request).get("acd_queue_id"), form(request).get("from_date")))
        return answers(request)

    collect(vendor, "GetACDQueueStatistics", noted)
    assert asked == [
        ("GetQueues", None, None),
        *(("GetACDQueueStatistics", queue, "2026-03-28 23:00:00") for queue in ("101", "102", "103")),
    ]


def test_a_queue_whose_day_is_refused_costs_itself_and_is_counted() -> None:
    answers = recorded(FOLDER / "acd")

    def one_refused(request: Request) -> Reply:
        reply = answers(request)
        return (
            replace(reply, body=b'{"error":{"code":218}}') if form(request).get("acd_queue_id") == "102" else reply
        )

    snapshot = collect(voximplant(), "GetACDQueueStatistics", one_refused)
    assert {total.queue for total in snapshot.totals or ()} == {"101"}
    assert snapshot.dropped[Dropped.REFUSED] == 1


def test_without_an_application_there_is_no_list_of_users() -> None:
    assert "GetUsers" not in {one.name for one in voximplant(application_id=None).endpoints}
    with pytest.raises(ValueError, match="needs application_id"):
        VoximplantOptions(engine="smartqueue")


@pytest.mark.parametrize("case", ["by_user", "by_time"])
def test_the_parts_of_a_day_are_added_whichever_level_tells_the_agent(case: str) -> None:
    snapshot = collect(voximplant(), STATUSES, recorded(FOLDER / case))
    ann, ben = (agents(snapshot)[agent] for agent in ("487576", "487578"))
    ready, online = (Status.AVAILABLE, "READY"), (Status.AWAY, "ONLINE")
    assert ann.seconds_in_state == {ready: 2647 + 1169, online: 303 + 2279}
    assert ann.longest_stays == {ready: 2496, online: 2252}
    assert ann.entries == {ready: 3, online: 5}
    assert ben.seconds_in_state == {ready: 939, online: 1911 + 2350}


def test_a_part_of_a_day_that_is_lost_leaves_nobody_a_day_that_is_too_short() -> None:
    whole = json.loads((FOLDER / "by_user" / "platform_api" / STATUSES).read_bytes())["result"]
    whole[0]["statistics"][1] = None
    with pytest.raises(Unreadable, match="nobody's day is whole"):
        read(STATUSES, whole)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("OFFLINE", Status.OFFLINE),
        ("ONLINE", Status.AWAY),
        ("READY", Status.AVAILABLE),
        ("BANNED", Status.AWAY),
        ("IN_SERVICE", Status.ON_CONTACT),
        ("AFTER_SERVICE", Status.WRAP_UP),
        ("TIMEOUT", Status.AWAY),
        ("DND", Status.BUSY),
        ("COACHING", Status.OTHER),
    ],
)
def test_every_status_of_the_page_has_its_seconds_its_longest_stay_and_its_entries(
    word: str, status: Status
) -> None:
    item = {"min": 42, "avg": 234, "max": 472, "count": 4, "sum": 939}
    snapshot = read(STATUSES, [{"user_id": 1, "statistics": [{"acd_status": {word: item}}]}])
    [agent] = snapshot.agents or ()
    assert agent.seconds_in_state == {(status, word): 939}
    assert agent.longest_stays == {(status, word): 472}
    assert agent.entries == {(status, word): 4}
    assert snapshot.unknown_statuses == ({"COACHING"} if status is Status.OTHER else set())


def test_a_taught_word_is_the_same_in_the_status_and_in_the_seconds() -> None:
    site = Site(statuses={"ONLINE": Status.BUSY})
    users = read("GetUsers", [{"user_id": 1, "acd_status": "ONLINE"}], site=site)
    day = read(STATUSES, [{"user_id": 1, "statistics": [{"acd_status": {"ONLINE": {"sum": 9}}}]}], site=site)
    assert agents(users)["1"].status is Status.BUSY
    assert agents(day)["1"].seconds_in_state == {(Status.BUSY, "ONLINE"): 9}


def test_a_wrong_number_costs_itself_and_a_record_of_nobody_costs_the_poll() -> None:
    day = {"READY": {"sum": "--", "max": -1, "count": "3"}, "DND": None}
    snapshot = read(STATUSES, [{"user_id": 1, "statistics": [{"acd_status": day}]}])
    [agent] = snapshot.agents or ()
    assert (agent.seconds_in_state, agent.longest_stays) == ({}, {})
    assert agent.entries == {(Status.AVAILABLE, "READY"): 3}
    assert snapshot.dropped[Dropped.INVALID] == 1
    with pytest.raises(Unreadable, match="whose it is"):
        read(STATUSES, [{"statistics": [{"acd_status": {}}]}])


def test_a_record_that_comes_twice_is_added_once() -> None:
    record = {"acd_status": {"READY": {"sum": 9}}}
    snapshot = read(STATUSES, [{"user_id": 1, "statistics": [record, record]}])
    assert agents(snapshot)["1"].seconds_in_state == {(Status.AVAILABLE, "READY"): 9}
    assert snapshot.dropped[Dropped.DUPLICATE] == 1


def test_a_day_of_which_one_part_is_not_told_is_not_told() -> None:
    parts = [
        {"hour": 11, "acd_status": {"READY": {"sum": 9, "max": 5}}},
        {"hour": 12, "acd_status": {"READY": {"max": 7}}},
    ]
    agent = agents(read(STATUSES, [{"user_id": 1, "statistics": parts}]))["1"]
    assert (dict(agent.seconds_in_state), agent.longest_stays) == ({}, {(Status.AVAILABLE, "READY"): 7})


def test_a_day_of_25_hours_ends_with_the_day() -> None:
    vendor, moment = voximplant(), Moment(datetime(2026, 10, 25, 12, tzinfo=UTC))
    request = vendor.requests(STATUSES, moment)
    snapshot = vendor.read(STATUSES, (Reply(request[0], 200, b'{"result": []}', 0.0),), moment)
    assert form(request[0])["from_date"] == "2026-10-24 22:00:00"
    assert snapshot.window_end == datetime(2026, 10, 25, 23, tzinfo=UTC).timestamp()


def test_the_days_numbers_say_where_the_day_begins_and_ends() -> None:
    snapshots = collect_all(voximplant(), recorded(FOLDER / "acd"))
    ends = {name: one.window_end for name, one in snapshots.items() if one.window_end}
    assert ends == dict.fromkeys(
        (STATUSES, "GetACDOperatorStatistics", "GetACDQueueStatistics"), MIDNIGHT.timestamp() + 23 * 3600
    )
    assert snapshots[STATUSES].window_start == MIDNIGHT.timestamp()


def test_an_agents_calls_are_read_from_totals_or_else_from_their_samples() -> None:
    row = {"TT": {"sum": 4226}, "TTT": None, "ACW": {"sum": 7}, "TACW": 8, "AC": 18, "UAC": 2}
    [agent] = read("GetACDOperatorStatistics", [{"user_id": 1768, "statistics": [row]}]).agents or ()
    assert (agent.contact_seconds, agent.wrap_up_seconds, agent.handling_seconds) == (4226, 8, None)
    assert (agent.accepted, agent.missed, agent.declined) == (18, 2, None)


@pytest.mark.parametrize("calls", [{"count": 18, "percent": 90}, [{"count": 18, "percent": 90}], "18"])
def test_an_agents_calls_come_in_every_form_of_a_number_of_calls(calls: Any) -> None:
    [agent] = read("GetACDOperatorStatistics", [{"user_id": 1, "statistics": [{"AC": calls}]}]).agents or ()
    assert agent.accepted == 18


LONG_NAMES = {
    "WT": "WaitingTime",
    "SA": "SpeedOfAnswer",
    "AT": "AbandonmentTime",
    "HT": "HandlingTime",
    "TT": "TalkTime",
    "ACW": "AfterCallWork",
    "QL": "QueueLength",
    "SL": "ServiceLevel",
    "TC": "TotalCalls",
    "AC": "AnsweredCalls",
    "UAC": "UnansweredCalls",
    "RC": "RejectedCalls",
    "TWT": "TotalWaitingTime",
    "TST": "TotalSubmissionTime",
    "TAT": "TotalAbandonmentTime",
    "TDT": "TotalDialingTime",
    "THT": "TotalHandlingTime",
    "TTT": "TotalTalkTime",
    "TACW": "TotalAfterCallWork",
}


def test_fields_by_their_long_names_are_the_same_fields() -> None:
    answers, met = recorded(FOLDER / "acd"), set()

    def lengthened(name: re.Match[bytes]) -> bytes:
        met.add(name[1].decode())
        return f'"{LONG_NAMES[name[1].decode()]}" :'.encode()

    def long(request: Request) -> Reply:
        reply = answers(request)
        return replace(reply, body=re.sub(f'"({"|".join(LONG_NAMES)})":'.encode(), lengthened, reply.body))

    assert collect_all(voximplant(), long) == collect_all(voximplant(), answers)
    assert met == LONG_NAMES.keys()


def state(**queue: Any) -> Queue:
    [one] = read("GetACDState", {"acd_queues": [{"acd_queue_id": 1, **queue}]}).queues or ()
    return one


def test_a_queue_in_which_nobody_waits_waits_no_time() -> None:
    queue = state(waiting_calls=[], servicing_calls=[])
    assert (queue.waiting, queue.in_progress, queue.longest_wait_seconds) == (0, 0, 0)


def test_a_queue_that_does_not_tell_its_calls_or_agents_has_no_number_of_them() -> None:
    queue = state()
    assert (queue.waiting, queue.in_progress, queue.longest_wait_seconds, queue.agents) == (None,) * 4


def test_a_caller_without_a_wait_is_counted_and_leaves_no_longest_wait() -> None:
    queue = state(waiting_calls=[{"waiting_time": 7}, {"waiting_time": ""}])
    assert (queue.waiting, queue.longest_wait_seconds, queue.average_wait_seconds) == (2, None, None)


def test_a_list_of_calls_that_lost_one_is_not_counted() -> None:
    queue = state(waiting_calls=[{"waiting_time": 7}, None], servicing_calls=[None])
    assert (queue.waiting, queue.in_progress) == (None, None)


def test_who_is_locked_is_rung_or_on_a_call_of_whatever_queue_or_is_banned() -> None:
    locked = [{"user_id": 1}, {"user_id": 2}, {"user_id": 3}]
    idle = {
        "ready_operators_count": 4,
        "after_service_operator_count": 2,
        "servicing_calls": [],
        "waiting_calls": [],
    }
    rung, served = {"waiting_calls": [{"user_id": "1"}]}, {"servicing_calls": [{"user_id": 2}]}
    queues = [
        {"acd_queue_id": 1, **idle, "locked_operators": locked},
        {"acd_queue_id": 2, **idle, **rung, **served},
    ]
    [one, _] = read("GetACDState", {"acd_queues": queues}).queues or ()
    told = {Status.AVAILABLE: 4, Status.WRAP_UP: 2, Status.RINGING: 1, Status.ON_CONTACT: 1}
    assert one.agents == told
    assert set(one.told) == set(told)


@pytest.mark.parametrize("wrong", [{"locked_operators": [7]}, {"servicing_calls": [{"user_id": -1}]}])
def test_where_a_call_or_an_agent_is_lost_nobody_is_said_to_be_on_a_call(wrong: dict[str, Any]) -> None:
    lists: dict[str, Any] = {"locked_operators": [], "servicing_calls": [], "waiting_calls": []}
    queue = state(ready_operators_count=1, after_service_operator_count=0, **(lists | wrong))
    assert queue.agents == {Status.AVAILABLE: 1, Status.WRAP_UP: 0}


def test_a_user_without_a_status_is_no_agent_and_one_with_a_strange_status_leaves_no_count() -> None:
    rows: list[dict[str, Any]] = [{"user_id": 1, "acd_status": "READY"}, {"user_id": 2}]
    snapshot = read("GetUsers", rows)
    assert snapshot.agents_by_status == dict.fromkeys(Status, 0) | {Status.AVAILABLE: 1}
    assert read("GetUsers", [*rows, {"user_id": 3, "acd_status": 7}]).agents_by_status is None


def test_agents_are_not_counted_where_one_is_lost_or_none_has_a_status() -> None:
    ready = {"user_id": 1, "acd_status": "READY"}
    assert read("GetUsers", [ready, {"acd_status": "READY"}]).agents_by_status is None
    for rows in ([{"user_id": 2}], [{"user_id": 2, "acd_status": None}]):
        snapshot = read("GetUsers", rows)
        assert (snapshot.agents_by_status, snapshot.agents_online) == (None, None)
    assert read("GetUsers", []).agents_online == 0
    serving = [{"CALL": {"sq_status_name": "READY"}, "IM": {"sq_status_name": "DND"}}]
    agent = {"user_id": 1, "sq_statuses": serving}
    assert read("SQ_GetAgents", [agent], engine="smartqueue").agents_online == 1
    assert read("SQ_GetAgents", [agent, {"sq_statuses": serving}], engine="smartqueue").agents_online is None


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("2026-03-29 09:41:10", 1774777270),
        ("2026-03-29 09:41:10+02:00", None),
        ("", None),
        ("0000-00-00 00:00:00", None),
        (None, None),
        ("soon", None),
    ],
)
def test_a_status_is_dated_by_the_vendor_in_utc_or_not_at_all(text: str | None, since: float | None) -> None:
    snapshot = read("GetUsers", [{"user_id": 1, "acd_status": "READY", "acd_status_change_time": text}])
    assert agents(snapshot)["1"].since == since


def test_a_date_is_in_utc_wherever_the_exporter_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert instant("2026-03-29 09:41:10") == 1774777270
    finally:
        monkeypatch.undo()
        time.tzset()


def pages(*bodies: dict[str, Any]) -> Snapshot:
    left = iter(bodies)
    return collect(
        voximplant(),
        "GetUsers",
        lambda request: Reply(request, 200, json.dumps(next(left)).encode(), AT.timestamp()),
    )


def test_pages_end_where_all_are_there_or_where_nothing_says_how_many_with_a_short_page() -> None:
    users = [{"user_id": number} for number in range(130)]
    told = pages({"result": users[:3], "total_count": 5}, {"result": users[3:5], "total_count": 5})
    untold = pages({"result": users[:100]}, {"result": users[100:]})
    assert (len(told.agents or ()), len(untold.agents or ())) == (5, 130)


@pytest.mark.parametrize(
    ("second", "reason"), [({"result": []}, Reason.TRUNCATED), ({"result": [{"user_id": 1}]}, Reason.PAGING)]
)
def test_a_list_that_ends_early_or_repeats_itself_is_not_shown(second: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(Unreadable) as failed:
        pages({"result": [{"user_id": 1}], "total_count": 2}, second | {"total_count": 2})
    assert failed.value.reason is reason


def test_the_totals_of_a_queue_come_in_every_form_of_a_number_of_calls() -> None:
    for calls in (7, {"count": 7, "percent": 50}, [{"count": 7, "percent": 50}]):
        snapshot = read("GetACDQueueStatistics", [{"AC": calls}])
        assert {total.value for total in snapshot.totals or ()} == {7}
    assert read("GetACDQueueStatistics", [{"AC": [{"count": 7}, {"count": 7}]}]).totals == ()


def test_a_queue_day_that_lost_a_part_is_not_shown() -> None:
    snapshot = read("GetACDQueueStatistics", [{"TC": 5, "SL": [None]}])
    assert (snapshot.totals, snapshot.dropped[Dropped.INVALID]) == ((), 3)


def tasks(*rows: Any) -> list[Queue]:
    return list(read("GetSQState", [{"sq_queue_id": 1, "tasks": rows}], engine="smartqueue").queues or ())


def task(status: str, waiting: Any = 1000, kind: str = "CALL") -> dict[str, Any]:
    return {"task_type": kind, "status": status, "waiting_time": waiting}


def test_milliseconds_become_seconds_and_what_rings_is_neither_waiting_nor_in_progress() -> None:
    rows = [task("IN_QUEUE", 1500), task("DISTRIBUTED", 90_000), task("IN_PROCESSING"), task("PARKED")]
    _, voice, chat = tasks(*rows)
    assert (voice.waiting, voice.longest_wait_seconds, voice.in_progress) == (1, 1.5, 1)
    assert voice.contacts == {"ringing": 1, "other": 1}
    assert (chat.channel, chat.waiting, chat.longest_wait_seconds) == ("chat", 0, 0)


def test_a_task_of_a_new_kind_has_a_channel_of_its_own_and_a_lost_task_leaves_no_count() -> None:
    assert [queue.channel for queue in tasks(task("IN_QUEUE", kind="VIDEO"))[1:]] == ["voice", "chat", "other"]
    assert len(tasks(task("IN_QUEUE"), {"task_type": "CALL"})) == 1


@pytest.mark.parametrize("strange", [None, {"user_id": 2}])
def test_a_queue_with_an_agent_whose_status_is_lost_has_no_count_of_agents(strange: Any) -> None:
    statuses = {"CALL": {"sq_status_name": "READY"}, "IM": {"sq_status_name": "READY"}}
    rows = [{"user_id": 1, "sq_statuses": statuses}]
    good, bad = (
        read("GetSQState", [{"sq_queue_id": 1, "sq_agents": agents}], engine="smartqueue").queues or ()
        for agents in (rows, [*rows, strange])
    )
    assert [queue.agents for queue in good if queue.agents is not None] == [{Status.AVAILABLE: 1}]
    assert [queue.agents for queue in bad if queue.agents is not None] == []


def test_a_count_that_lost_a_part_is_not_shown() -> None:
    def counted(*values: Any) -> list[Any]:
        report = {"report_type": "count_handled_calls", "groups": [{"sq_queue_id": 1, "values": values}]}
        snapshot = read("GetSmartQueueRealtimeMetrics", [report], engine="smartqueue")
        return [total.value for total in snapshot.totals or ()]

    assert counted({"value": 3}, {"value": 4}) == [7]
    assert counted({"value": 3}, {"value": None}) == counted() == []


@pytest.mark.parametrize(
    ("call", "chat", "status", "word"),
    [
        ("READY", "OFFLINE", Status.AVAILABLE, "READY"),
        ("READY", "IN_SERVICE", Status.ON_CONTACT, "IN_SERVICE"),
        ("DND", "READY", Status.AVAILABLE, "READY"),
        ("DIALING", "READY", Status.RINGING, "DIALING"),
        ("CUSTOM_10", "ONLINE", Status.BUSY, "CUSTOM_10"),
        ("BANNED", "OFFLINE", Status.AWAY, "BANNED"),
        ("CUSTOM_11", "OFFLINE", Status.OTHER, "CUSTOM_11"),
        ("READY", None, None, ""),
    ],
)
def test_the_busiest_channel_says_what_an_agent_does(
    call: str, chat: str | None, status: Status | None, word: str
) -> None:
    statuses = {"CALL": {"sq_status_name": call}, "IM": {"sq_status_name": chat}}
    snapshot = read("SQ_GetAgents", [{"user_id": 1, "sq_statuses": [statuses]}], engine="smartqueue")
    [agent] = snapshot.agents or ()
    assert (agent.status, agent.vendor_status) == (status, word)
    assert (snapshot.agents_by_status is None) is (status is None)


def reply(body: bytes, status: int = 200, **headers: str) -> Reply:
    [request] = voximplant().requests("GetACDState", Moment(AT))
    return Reply(request, status, body, AT.timestamp(), {k.replace("_", "-"): v for k, v in headers.items()})


@pytest.mark.parametrize(
    ("codes", "kind", "reason"),
    [
        ((100, 433, 447, 455, 456), Refused, Reason.CREDENTIALS),
        ((104,), NotAllowed, Reason.FORBIDDEN),
        ((340, 162, 416, 484, 515, 314), Throttled, Reason.THROTTLED),
        ((1, 2, 4, 19, 21), Transient, Reason.VENDOR),
        ((127, 131, 281, 527), Unreadable, Reason.VENDOR),
        (
            (101, 102, 103, 111, 115, 123, 134, 218, 229, 454, 458, 485, 492, 496, 525, 558, 569, 9999),
            Unreadable,
            Reason.HTTP_4XX,
        ),
    ],
)
def test_an_error_inside_a_good_status_is_told_by_its_number(
    codes: tuple[int, ...], kind: type[PollFailed], reason: Reason
) -> None:
    for code in codes:
        fault = {"code": code, "msg": "s3cret"}
        for body in ({"error": fault}, {"errors": [fault]}, {"errors": fault}, {"result": [], "error": fault}):
            verdict = voximplant().judge(reply(json.dumps(body).encode()))
            assert type(verdict) is kind
            assert (verdict.reason, verdict.detail.startswith(f"error {code}: ")) == (reason, True)
            assert "s3cret" not in str(verdict)


@pytest.mark.parametrize(
    "body", [b'{"result": []}', b'{"result": 1, "error": null, "errors": []}', b"", b"<html>"]
)
def test_an_answer_without_an_error_is_left_to_the_reader(body: bytes) -> None:
    assert voximplant().judge(reply(body)) is None


@pytest.mark.parametrize("body", [b"[]", b"null", b'{"error": "no"}', b'{"error": {}}', b'{"errors": [7]}'])
def test_an_error_that_cannot_be_read_is_no_answer(body: bytes) -> None:
    verdict = voximplant().judge(reply(body))
    assert isinstance(verdict, Unreadable)
    assert verdict.reason is Reason.SCHEMA


def test_a_number_in_quotes_is_the_same_number_and_a_throttled_call_waits_as_told() -> None:
    verdict = voximplant().judge(reply(b'{"error":{"code":"340"}}', retry_after="7"))
    assert isinstance(verdict, Throttled)
    assert verdict.retry_after == 7
    told = voximplant().judge(reply(b'{"error":{"code":100}}', 401))
    assert told is not None
    assert told.detail.startswith("HTTP 401 (error 100)")


def secret(text: str) -> Secret:
    return Secret(lambda: text, "a test")


def build(**credentials: Any) -> Voximplant:
    return Voximplant(VoximplantCredentials(**credentials), VoximplantOptions(engine="acd"), Site())


def test_the_credentials_choose_the_scheme() -> None:
    key = build(account_id=5, api_key=secret("k")).scheme
    assert key == FormKey("api_key", secret("k"), (("account_id", "5"),))
    signed = build(account_id=5, key_id="id", private_key=secret("pem")).scheme
    assert isinstance(signed, SignedToken)
    assert (signed.algorithm, signed.key_id, signed.claims) == ("RS256", "id", (("iss", 5),))
    assert signed.early > 0
    assert signed.life is not None
    assert signed.life <= 3600
    for wrong in ({"account_id": 5}, {"api_key": secret("k")}, {"account_id": 5, "key_id": "id"}):
        with pytest.raises(ValueError, match="give service_account_file"):
            VoximplantCredentials(**wrong)


def account_file(**fields: Any) -> str:
    return json.dumps({"account_email": "a@b.c", "account_id": 5, "key_id": "id", "private_key": "pem\n"} | fields)


def test_the_parts_of_a_service_account_follow_its_file(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(account_file())
    signed = build(service_account=file_secret(file)).scheme
    assert isinstance(signed, SignedToken)
    [(claim, issuer)] = signed.claims
    assert isinstance(issuer, Secret)
    assert isinstance(signed.key_id, Secret)
    assert (claim, issuer.reveal(), signed.key_id.reveal(), signed.key.reveal()) == ("iss", "5", "id", "pem\n")
    file.write_text(account_file(account_id=66, key_id="other"))
    assert (issuer.reveal(), signed.key_id.reveal()) == ("66", "other")
    file.write_text("{}")
    with pytest.raises(ValueError, match="missing required field"):
        signed.key.reveal()


@pytest.mark.parametrize("text", ["s3cret", "{}", account_file(private_key=7), account_file(account_id="s3cret")])
def test_a_service_account_that_is_none_is_refused_without_telling_what_it_is(text: str) -> None:
    with pytest.raises(ValueError, match=r"no credentials\.json") as refused:
        VoximplantCredentials(service_account=secret(text))
    assert "s3cret" not in str(refused.value)
    assert refused.value.__suppress_context__


def test_nothing_is_said_of_a_limit() -> None:
    assert voximplant().budget(reply(b"{}")) is None


def test_the_page_tells_what_every_word_means() -> None:
    page = (Path(__file__).parents[2] / "docs" / "vendors" / "voximplant.md").read_text()
    table = page.split("## Status")[1].split("## Fields")[0]
    told = [
        [cell.strip() for cell in line.split("|")[1:3]] for line in table.splitlines() if line.startswith("| ")
    ]
    meanings = {word: status for words, status in told[1:] for word in words.replace(" to ", ", ").split(", ")}
    assert {word: Words({}).status(word) for word in meanings} == meanings
    assert len(meanings) == 11


@pytest.mark.parametrize("engine", ["acd", "smartqueue"])
@pytest.mark.parametrize("agents", [10, 100, 500, 1000])
def test_the_default_plan_fits_half_of_the_limit(engine: str, agents: int) -> None:
    vendor = voximplant(engine=engine)
    calls = sum(vendor.load(one.name, agents).calls * 2 / one.every for one in vendor.endpoints)
    assert calls <= vendor.limit.calls_per_minute * 0.5
