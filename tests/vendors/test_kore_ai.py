import os
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from accounts import kore_ai
from msgspec.structs import replace
from replay import AT, PAYLOADS, Answers, collect, collect_all, exposed, recorded

from exporter.errors import NotAllowed, PollFailed, Reason, Refused, Throttled, Transient, Unreadable
from exporter.model import Agent, Channel, Dropped, Measure, Snapshot, Status
from exporter.vendors.contract import Moment, Site
from exporter.vendors.kore_ai import KoreAi
from exporter.wire.auth import SignedToken
from exporter.wire.http import Reply, Request

FOLDER = PAYLOADS / "kore_ai"
INDIA = Site(ZoneInfo("Asia/Kolkata"))
VARIANTS: dict[str, dict[str, Any]] = {
    "performance": {},
    "pages": {},
    "seed": {},
    "stats": {"version": "v3", "queue_source": "queue_stats", "queues": (), "wait_unit": "milliseconds"},
}


@pytest.mark.parametrize("case", list(VARIANTS))
def test_recorded_answers_become_exactly_these_metrics(case: str) -> None:
    text = exposed(collect_all(kore_ai(**VARIANTS[case]), recorded(FOLDER / case)), "kore_ai")
    expected = FOLDER / case / "metrics.txt"
    if os.environ.get("GOLDEN") == "write":  # to be read before it is committed
        expected.write_text(text)
    assert text == expected.read_text()


def stay(primary: str, start: str, end: str = "-", duration: str | None = None, **more: Any) -> dict[str, Any]:
    return {"primaryStatus": primary, "secondaryStatus": primary, "startTime": start, "endTime": end} | (
        {"duration": duration or "-"} | more
    )


def log(*stays: Any, **more: Any) -> bytes:
    agent = {"userId": "u-1", "firstName": "Ann", "lastName": "Doe", "status": stays} | more
    return msgspec.json.encode({"hasMore": False, "data": [agent, {"userId": "u-2", "firstName": "Ben"}]})


def read(body: bytes, at: datetime = AT, vendor: KoreAi | None = None) -> Snapshot:
    return read_as("agentstatusdetails", body, at, vendor)


def read_as(endpoint: str, body: bytes, at: datetime = AT, vendor: KoreAi | None = None) -> Snapshot:
    vendor, moment = vendor or kore_ai(), Moment(at)
    [request] = vendor.requests(endpoint, moment)
    return vendor.read(endpoint, (Reply(request, 200, body, at.timestamp()),), moment)


def only(snapshot: Snapshot) -> Agent:
    return {agent.id: agent for agent in snapshot.agents or ()}["u-1"]


def test_the_log_is_asked_for_by_the_offset_that_holds_now() -> None:
    def asked(vendor: KoreAi, at: datetime) -> tuple[str, Any]:
        [request] = vendor.requests("agentstatusdetails", Moment(at))
        assert (request.method, request.content_type) == ("POST", "application/json")
        assert request.query == (("limit", "50"), ("offset", "0"))
        assert dict(request.headers) == {
            "iId": "st-e19dd469-90f5-5655-b0b2-858de901c0de",
            "accountId": "63f07d26f04465685df4c0de",
        }
        return request.url, msgspec.json.decode(request.body or b"")["filter"]["dateFilter"]

    url = "https://platform.kore.ai/agentassist/api/public/analytics/account/63f07d26f04465685df4c0de/"
    late = datetime(2026, 3, 29, 22, 30, tzinfo=UTC)
    assert asked(kore_ai(INDIA), late) == (
        f"{url}agentstatusdetails",
        {"date": "2026-03-30", "timeZoneOffSet": -330},
    )
    berlin = [asked(kore_ai(version="v3"), at) for at in (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), AT, late)]
    assert [one["timeZoneOffSet"] for _, one in berlin] == [-60, -120, -120]
    assert [one["date"] for _, one in berlin] == ["2026-03-29", "2026-03-29", "2026-03-30"]
    assert berlin[0][0] == f"{url}v3/agentstatusdetails"
    new_york = kore_ai(Site(ZoneInfo("America/New_York")))
    assert asked(new_york, datetime(2026, 1, 5, 3, tzinfo=UTC))[1] == {"date": "2026-01-04", "timeZoneOffSet": 300}
    assert asked(kore_ai(Site()), AT)[1] == {"date": "2026-03-29", "timeZoneOffSet": 0}


def test_the_stays_of_the_sample_are_parted_at_midnight_and_gaps_are_nothing() -> None:
    folder = FOLDER / "seed"
    [request] = kore_ai(INDIA).requests("agentstatusdetails", Moment(AT))
    body = recorded(folder)(request).body
    at = datetime(2023, 3, 10, 16, 30, tzinfo=UTC)  # 22:00 in India
    snapshot = read(body, at, kore_ai(INDIA))
    _, _, agent = snapshot.agents or ()
    available, busy, nbk = (Status.AVAILABLE, "AVAILABLE"), (Status.BUSY, "BUSY"), (Status.BUSY, "NBK")
    assert snapshot.window_start == datetime(2023, 3, 9, 18, 30, tzinfo=UTC).timestamp()
    assert agent.seconds_in_state == {available: 77_862 + 70 + 11, busy: 56, nbk: 538}
    assert agent.longest_stays == {available: 77_862, busy: 56, nbk: 538}
    assert agent.entries == {available: 2, busy: 1, nbk: 1}
    assert (agent.status, agent.vendor_status) == nbk
    assert agent.since == datetime(2023, 3, 10, 16, 21, 2, tzinfo=UTC).timestamp()
    assert not snapshot.dropped[Dropped.INCONSISTENT]


def test_an_agent_without_a_record_is_in_no_status() -> None:
    for body in (log(), b'{"data":[{"userId":"u-1"}]}', b'{"data":[{"userId":"u-1","status":null}]}'):
        agent = only(read(body))
        assert (agent.status, agent.since, dict(agent.seconds_in_state)) == (None, None, {})


def test_what_lasts_is_the_status_wherever_it_stands_in_the_list() -> None:
    stays = [
        stay("BUSY", "2026-03-29T11:00:00"),
        stay("AWAY", "2026-03-29T09:00:00", "2026-03-29T10:00:00", "01:00:00"),
        stay("AVAILABLE", "2026-03-29T10:00:00", "2026-03-29T11:00:00", "00:59:59"),
    ]
    agent = only(read(log(*stays)))
    assert (agent.status, agent.since) == (Status.BUSY, datetime(2026, 3, 29, 9, tzinfo=UTC).timestamp())
    assert list(agent.seconds_in_state.values()) == [3600, 3600, 3600]
    assert only(read(log(*stays[1:]))).status is None


@pytest.mark.parametrize(
    ("start", "end", "duration"),
    [
        ("2026-03-29T09:00:00", "2026-03-29T10:00:00", "01:00:00"),
        ("2026-03-29T07:00:00Z", "2026-03-29T08:00:00.000Z", "1:00:00"),
        ("2026-03-29T12:30:00+05:30", "2026-03-29T10:00:00", "01:00:00"),
        ("2026-03-29 09:00:00", "2026-03-29 10:00:00", "-"),
        ("2026-03-29T09:00:00", "2026-03-29T10:00:00", None),
    ],
)
def test_an_instant_may_name_its_zone_and_a_duration_may_be_missing(
    start: str, end: str, duration: str | None
) -> None:
    agent = only(read(log(stay("BUSY", start, end) | {"duration": duration})))
    assert agent.seconds_in_state == {(Status.BUSY, "BUSY"): 3600}


def test_a_status_that_begins_in_the_future_tells_of_a_wrong_offset() -> None:
    with pytest.raises(Unreadable, match=r"would begin in 330 min.*check time_zone") as failed:
        read(log(stay("BUSY", "2026-03-29T17:30:00")))
    assert failed.value.reason is Reason.VENDOR
    agent = only(read(log(stay("BUSY", "2026-03-29T12:01:59"))))  # a clock that is a little ahead
    assert (agent.status, list(agent.seconds_in_state.values())) == (Status.BUSY, [0.0])


@pytest.mark.parametrize(
    "broken",
    [
        stay("AWAY", "2026-03-29T09:00:00", "2026-03-29T08:00:00", "01:00:00"),
        stay("AWAY", "2026-03-29T09:00:00", "2026-03-29T13:00:00", "04:00:00"),
        stay("AWAY", "2026-03-29T09:00:00", "2026-03-29T10:00:00", "02:00:00"),
        stay("AWAY", "2026-03-29T09:00:00", "2026-03-29T10:00:00", "1 hour"),
        stay("AWAY", "09:00", "2026-03-29T10:00:00", "01:00:00"),
        stay("AWAY", "2026-03-29", "2026-03-29T10:00:00"),
        stay("AWAY", "9999-12-31T23:59:59"),
        stay("AWAY", "2026-03-30T14:00:01"),
        stay("AWAY", "2026-03-29T09:00:00", "", "01:00:00"),
        stay("", "2026-03-29T09:00:00", "2026-03-29T10:00:00", "01:00:00"),
        stay("AWAY", "2026-03-29T09:00:00", "2026-03-29T10:00:00", "01:00:00", startTime=7),
        17,
    ],
)
def test_a_stay_that_cannot_be_costs_its_agent_the_log_and_nobody_else(broken: Any) -> None:
    whole = {"userId": "u-3", "status": [stay("BUSY", "2026-03-29T11:00:00")]}
    page = msgspec.json.decode(log(broken, stay("BUSY", "2026-03-29T11:00:00")))
    snapshot = read(msgspec.json.encode({**page, "data": [*page["data"], whole]}))
    agents = {agent.id: agent for agent in snapshot.agents or ()}
    assert (agents["u-1"].name, agents["u-1"].status, dict(agents["u-1"].seconds_in_state)) == (
        "Ann Doe",
        None,
        {},
    )
    assert agents["u-3"].seconds_in_state == {(Status.BUSY, "BUSY"): 3600}
    assert snapshot.dropped[Dropped.INCONSISTENT] == 1


def test_two_stays_at_once_are_no_partition_and_two_that_last_are_no_status() -> None:
    at_once = stay("AWAY", "2026-03-29T09:00:00", "2026-03-29T10:00:00", "01:00:00")
    snapshot = read(log(at_once, at_once | {"primaryStatus": "BUSY"}, stay("AVAILABLE", "2026-03-29T11:00:00")))
    assert (only(snapshot).status, dict(only(snapshot).seconds_in_state)) == (Status.AVAILABLE, {})
    assert snapshot.dropped[Dropped.INCONSISTENT] == 1
    never_ended = stay("BUSY", "2026-03-28T09:00:00")
    assert only(read(log(never_ended, stay("AWAY", "2026-03-29T09:00:00")))).status is None
    assert only(read(log(never_ended, at_once))).status is None


def test_a_second_of_overlap_is_rounding_and_counts_once() -> None:
    stays = [
        stay("AWAY", "2026-03-29T09:00:00", "2026-03-29T10:00:00", "01:00:00"),
        stay("BUSY", "2026-03-29T09:59:59"),
    ]
    assert list(only(read(log(*stays))).seconds_in_state.values()) == [3600, 7200]


def test_a_stay_that_is_sent_twice_counts_once() -> None:
    once = stay("AWAY", "2026-03-29T09:00:00", "2026-03-29T10:00:00", "01:00:00")
    agent = only(read(log(once, once)))
    assert (agent.seconds_in_state, agent.entries) == ({(Status.AWAY, "AWAY"): 3600}, {(Status.AWAY, "AWAY"): 1})


@pytest.mark.parametrize(
    ("primary", "secondary", "status", "word", "unknown"),
    [
        ("Available", "Available", Status.AVAILABLE, "Available", set()),
        ("busy", "NBK", Status.BUSY, "NBK", set()),
        ("AWAY", None, Status.AWAY, "AWAY", set()),
        ("OFFLINE", "", Status.OFFLINE, "OFFLINE", set()),
        ("COACHING", "COACHING", Status.OTHER, "COACHING", {"COACHING"}),
        ("BUSY", "wrap up", Status.WRAP_UP, "wrap up", set()),
        ("TRAINING", "x", Status.AWAY, "x", set()),
    ],
)
def test_the_primary_word_decides_and_the_secondary_one_names(
    primary: str, secondary: str | None, status: Status, word: str, unknown: set[str]
) -> None:
    vendor = kore_ai(Site(statuses={"Wrap Up": Status.WRAP_UP, "training": Status.AWAY}))
    snapshot = read(log(stay(primary, "2026-03-29T08:00:00", secondaryStatus=secondary)), vendor=vendor)
    assert (only(snapshot).status, only(snapshot).vendor_status) == (status, word)
    assert snapshot.unknown_statuses == unknown


def test_on_the_day_when_the_clock_goes_back_the_day_begins_where_the_vendors_does() -> None:
    before, after = (datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1))
    assert read(log(), before).window_start == datetime(2026, 10, 24, 22, tzinfo=UTC).timestamp()
    assert read(log(), after).window_start == datetime(2026, 10, 24, 23, tzinfo=UTC).timestamp()
    assert read(log(), AT).window_start == datetime(2026, 3, 28, 23, tzinfo=UTC).timestamp()


def lists(*pages: list[str], more: bool = True) -> Answers:
    """Answer by the offset, as a list whose echo of it is worth nothing."""

    def answer(request: Request) -> Reply:
        number = int(dict(request.query)["offset"]) // 50
        rows = [{"userId": one} for one in (pages[number] if number < len(pages) else [])]
        body = msgspec.json.encode({"hasMore": more, "limit": 3, "offset": 2, "data": rows})
        return Reply(request, 200, body, AT.timestamp())

    return answer


@pytest.mark.parametrize(
    ("pages", "calls"),
    [([["a"], []], 2), ([["a"], ["a"], ["b"]], 2), ([["a", "b"], ["b", "c"], ["d"]], 4), ([[]], 1)],
)
def test_a_list_ends_where_a_page_brings_nobody_new(pages: list[list[str]], calls: int) -> None:
    vendor, asked = kore_ai(), []

    def counted(request: Request) -> Reply:
        asked.append(dict(request.query))
        return lists(*pages)(request)

    snapshot = collect(vendor, "agentstatusdetails", counted)
    assert [one["offset"] for one in asked] == [str(50 * number) for number in range(calls)]
    seen = dict.fromkeys(one for page in pages[:calls] for one in page)
    assert [agent.id for agent in snapshot.agents or ()] == list(seen)


def test_of_an_agent_on_two_pages_the_first_is_shown_and_the_other_counted() -> None:
    body = b'{"data":[{"userId":"u-1","firstName":"Ann"},{"userId":"u-1","firstName":"Ben"}],"hasMore":false}'
    snapshot = read(body)
    assert [agent.name for agent in snapshot.agents or ()] == ["Ann"]
    assert snapshot.dropped[Dropped.DUPLICATE] == 1


def test_a_list_without_an_end_fails_the_poll() -> None:
    def endless(request: Request) -> Reply:
        row = {"userId": dict(request.query)["offset"]}
        return Reply(request, 200, msgspec.json.encode({"hasMore": True, "data": [row]}), AT.timestamp())

    with pytest.raises(Unreadable, match="no end") as failed:
        collect(kore_ai(), "agentstatusdetails", endless)
    assert failed.value.reason is Reason.PAGING


def test_a_bad_row_costs_itself_even_where_the_page_is_no_whole_json() -> None:
    body = b'{"data":[{"userId":"u-1","x":NaN},{"userId":7},4,{"userId":"u-2","firstName":"\\ud800x"}]}'
    snapshot = read(body)
    assert [(agent.id, agent.name) for agent in snapshot.agents or ()] == [("u-1", None), ("u-2", "?x")]
    assert snapshot.dropped[Dropped.INVALID] == 2


def performance(*rows: dict[str, Any]) -> bytes:
    whole = {"queueId": "qu-1", "queueName": "Support", "channel": "Voice", "direction": "Inbound"}
    return msgspec.json.encode({"finalResult": [whole | row for row in rows], "hasMore": False})


def test_the_agents_of_a_queue_are_told_once_and_its_parts_are_added_by_channel() -> None:
    count = {"available": 3, "away": 1, "busy": 2, "offline": 0}
    rows: list[dict[str, Any]] = [
        {"waiting": 2, "ongoing": 1, "agentStatusCount": count},
        {"waiting": 1, "ongoing": None, "channel": "campaign", "agentStatusCount": count},
        {"waiting": 4, "channel": "emailInst-support", "agentStatusCount": count},
        {"waiting": 1, "channel": "whatsapp"},
        {"waiting": 1, "channel": "carrier pigeon"},
    ]
    snapshot = read_as("queue-performance", performance(*rows))
    shown = [(queue.channel, queue.waiting, queue.in_progress, queue.name) for queue in snapshot.queues or ()]
    assert shown == [
        (Channel.VOICE, 3, None, "Support"),
        (Channel.EMAIL, 4, None, None),
        (Channel.MESSAGING, 1, None, None),
        (Channel.OTHER, 1, None, None),
    ]
    assert [queue.agents for queue in snapshot.queues or ()] == [
        {Status.AVAILABLE: 3, Status.BUSY: 2, Status.AWAY: 1, Status.OFFLINE: 0},
        None,
        None,
        None,
    ]


def totals(snapshot: Snapshot) -> dict[tuple[Measure, str], Any]:
    return {(total.measure, total.kind): total.value for total in snapshot.totals or ()}


@pytest.mark.parametrize(
    ("unit", "answer", "handling"), [("milliseconds", 0.02, 0.25), ("seconds", 20, 250), (None, None, None)]
)
def test_times_of_a_doubtful_unit_are_shown_only_where_the_config_tells_it(
    unit: str | None, answer: float | None, handling: float | None
) -> None:
    rows: list[dict[str, Any]] = [
        {"answered": 30, "ASA": 10, "AHT": 200},
        {"answered": 10, "ASA": 50, "AHT": 400, "channel": "rtm"},
        {"answered": 0, "ASA": 0, "AHT": 0, "channel": "sms"},
        {"answered": 9, "ASA": 0, "AHT": 900, "direction": "Outbound"},
    ]
    found = totals(read_as("queue-performance", performance(*rows), vendor=kore_ai(wait_unit=unit)))
    assert found.get((Measure.AVERAGE_ANSWER_SECONDS, "")) == answer
    assert found.get((Measure.AVERAGE_HANDLING_SECONDS, "")) == handling
    assert found[Measure.ANSWERED, ""] == 40


@pytest.mark.parametrize(
    ("sla", "shown"),
    [
        *((92, 0.92), ("92", 0.92), ("92%", 0.92), (0, 0.0), ("0.00%", 0.0), (100, 1.0), ("100.0", 1.0)),
        *(("92.5", 0.925), ("92.50%", 0.925), (92.0, 0.92), (92.5, None)),
        *(("N/A", None), (0.92, None), ("0.92", None), (101, None), ("100.5%", None), ("9.", None), ("", None)),
    ],
)
def test_a_service_level_is_percent_or_where_it_might_be_a_share_not_shown(sla: Any, shown: float | None) -> None:
    row = {"SLA": sla, "totalConversation": 5}
    found = totals(read_as("queue-performance", performance(row)))
    assert found.get((Measure.SERVICE_LEVEL, "voice")) == shown


def test_the_service_levels_of_two_parts_or_of_nothing_are_not_shown() -> None:
    twice = performance({"SLA": 90, "totalConversation": 5}, {"SLA": 80, "totalConversation": 5, "channel": "ivr"})
    assert (Measure.SERVICE_LEVEL, "voice") not in totals(read_as("queue-performance", twice))
    nothing = performance({"SLA": 100, "totalConversation": 0})
    assert (Measure.SERVICE_LEVEL, "voice") not in totals(read_as("queue-performance", nothing))


def test_a_part_that_does_not_say_of_what_leaves_no_sum_whole() -> None:
    with pytest.raises(Unreadable, match="no sum would be whole"):
        read_as("queue-performance", performance({"waiting": 1}, {"queueId": None, "waiting": 1}))


def test_the_window_is_the_day_and_never_longer_than_24_hours() -> None:
    def asked(at: datetime) -> tuple[str, str, bool]:
        [request] = kore_ai().requests("queue-performance", Moment(at))
        body = msgspec.json.decode(request.body or b"")
        assert (body["limit"], body["offset"], len(body["queues"])) == (1000, 0, 2)
        return body["startDate"], body["endDate"], "totalConversation" in body["projection"]

    day = ("2026-03-28T23:00:00.000Z", "2026-03-29T21:59:59.999Z", True)
    assert asked(AT) == day
    begins, ends = "2026-10-24T22:00:00.000Z", "2026-10-25T21:59:59.999Z"
    assert asked(datetime(2026, 10, 25, 21, 59, tzinfo=UTC)) == (begins, ends, True)
    last_hour = datetime(2026, 10, 25, 22, 0, tzinfo=UTC)
    assert asked(last_hour) == ("2026-10-25T22:00:00.000Z", "2026-10-25T22:59:59.999Z", False)
    row = performance({"waiting": 1, "totalConversation": 9})
    assert read_as("queue-performance", row, last_hour).totals is None
    assert read_as("queue-performance", row, last_hour).window_end == last_hour.timestamp() + 3600


def test_the_second_page_of_queue_performance_is_asked_for_in_the_body() -> None:
    def answer(request: Request) -> Reply:
        offset = msgspec.json.decode(request.body or b"")["offset"]
        page = msgspec.json.decode(performance({"queueId": f"qu-{offset}", "waiting": 1}))
        return Reply(request, 200, msgspec.json.encode(page | {"hasMore": offset < 2000}), AT.timestamp())

    snapshot = collect(kore_ai(), "queue-performance", answer)
    assert [queue.id for queue in snapshot.queues or ()] == ["qu-0", "qu-1000", "qu-2000"]


def stats(**options: Any) -> KoreAi:
    return kore_ai(queue_source="queue_stats", **{"version": "v3", "queues": ()} | options)


def test_the_queues_are_listed_now_and_then_and_asked_for_one_by_one() -> None:
    vendor = stats()
    snapshot = collect(vendor, "queueStatsById", recorded(FOLDER / "stats"))
    assert [queue.id[:6] for queue in snapshot.queues or ()] == ["qu-577", "qu-268"]
    later = Moment(AT, memory={"queueStatsById": snapshot.memory})
    assert [request.endpoint for request in vendor.requests("queueStatsById", later)] == ["queueStatsById"] * 2
    much_later = replace(later, at=datetime(2026, 3, 29, 10, 15, tzinfo=UTC))
    assert [request.endpoint for request in vendor.requests("queueStatsById", much_later)] == ["queues"]


def test_a_queue_that_is_refused_costs_itself() -> None:
    answers = recorded(FOLDER / "stats")
    vendor = stats(queues=("qu-577416d-3745-40e7-904c-85ba1a04c0de", "qu-gone"))
    snapshot = collect(vendor, "queueStatsById", answers)
    assert [queue.id[:6] for queue in snapshot.queues or ()] == ["qu-577"]
    assert snapshot.dropped[Dropped.REFUSED] == 1


def test_waits_of_single_queues_need_their_unit_too() -> None:
    [first, _] = collect(stats(wait_unit=None), "queueStatsById", recorded(FOLDER / "stats")).queues or ()
    assert (first.waiting, first.longest_wait_seconds, first.average_wait_seconds) == (2, None, None)


def capacity(enabled: Any, total: Any, used: Any) -> dict[str, Any]:
    return {"isEnabled": enabled, "totalCapacity": total, "usedCapacity": used}


@pytest.mark.parametrize(
    ("channels", "contacts", "slots"),
    [
        ({"voice": capacity(True, 1, 1), "liveChat": capacity(True, 3, 0)}, 1, 4),
        ({"voice": capacity(True, 1, 1), "liveChat": capacity(False, 3, 0)}, 1, 1),
        ({"voice": capacity(True, 1, 1), "liveChat": capacity(True, 3, None)}, None, 4),
        ({"voice": capacity(True, 1, 1), "liveChat": capacity(None, 3, 0)}, None, None),
        ({"voice": capacity(True, 1, -1)}, None, None),
        ({}, None, None),
        (None, None, None),
    ],
)
def test_an_agents_slots_are_those_of_the_channels_served(
    channels: Any, contacts: int | None, slots: int | None
) -> None:
    body = msgspec.json.encode({"AVAILABLE": [{"userId": "u-1", "channelCapacity": channels}], "BUSY": []})
    agent = only(read_as("availability", body))
    assert (agent.contacts, agent.slots) == (contacts, slots)


def test_agents_are_counted_by_list_once_each_and_only_where_all_lists_came() -> None:
    lists_ = {"AVAILABLE": ["u-1", "u-2"], "BUSY": ["u-2", "u-3"], "AWAY": [], "OFFLINE": ["u-4"]}
    document = {status: [{"userId": one} for one in users] for status, users in lists_.items()}
    snapshot = read_as("availability", msgspec.json.encode(document))
    assert snapshot.agents_by_status == {
        Status.AVAILABLE: 2,
        Status.BUSY: 1,
        Status.AWAY: 0,
        Status.OFFLINE: 1,
    }
    assert snapshot.dropped[Dropped.DUPLICATE] == 1
    full = {"userId": "u-1", "channelCapacity": {"voice": capacity(True, 1, 1)}}
    twice = read_as("availability", msgspec.json.encode({"AVAILABLE": [{"userId": "u-1"}], "BUSY": [full]}))
    assert only(twice).contacts is None
    lost = msgspec.json.encode(document | {"AWAY": [{"_id": "a-9"}]})
    assert read_as("availability", lost).agents_by_status is None
    del document["AWAY"]
    assert read_as("availability", msgspec.json.encode(document)).agents_by_status is None


def test_a_field_that_nobody_has_is_drift_and_one_that_a_row_lacks_is_not() -> None:
    whole = stay("BUSY", "2026-03-29T11:00:00")
    renamed = {"primary": "BUSY", **{key: value for key, value in whole.items() if key != "primaryStatus"}}
    assert read(log(renamed)).drift == ("data[].status[].primaryStatus",)
    assert read(log(whole, renamed)).drift == ()
    rows = performance({"waiting": 1}, {"ongoing": 1, "channel": "rtm"})
    drift = read_as("queue-performance", rows).drift
    assert {"finalResult[].idle", "finalResult[].ASA"} <= set(drift)
    assert not {"finalResult[].waiting", "finalResult[].ongoing"} & set(drift)
    assert read_as("availability", b'{"AVAILABLE":[],"BUSY":{}}').drift == ("BUSY", "AWAY", "OFFLINE")


def reply(status: int, body: bytes = b"", endpoint: str = "agentstatusdetails", **headers: str) -> Reply:
    [request] = kore_ai().requests(endpoint, Moment(AT))
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(request, status, body, AT.timestamp() + 45, told)


def refusal(msg: str, code: int = 4002) -> bytes:
    return msgspec.json.encode({"errors": [{"msg": msg, "code": code}]})


LIMIT = "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."


@pytest.mark.parametrize(
    ("status", "body", "kind", "told"),
    [
        (401, refusal("Invalid SDK credentials"), Refused, "check both"),
        (401, refusal("Permission denied. Scope is incorrect!"), NotAllowed, "scope SmartAssist Analytics"),
        (401, refusal("Invalid JWT token"), Refused, "neither JWE nor"),
        (401, b'{"errors":[{"msg":"Invalid JWT token","code":"4002"}]}', Refused, "neither JWE nor"),
        (401, refusal("something new, s3cret"), Refused, "HTTP 401 (error 4002)"),
        (401, b"<html>", Refused, "HTTP 401"),
        (400, refusal("Invalid StreamId", 400), Unreadable, "check stream_id"),
        (405, refusal("Method Not Allowed", 405), Unreadable, "HTTP 405 (error 405)"),
        (412, refusal("Validation errors/ Invalid arguments s3cret", 412), Unreadable, "HTTP 412 (error 412)"),
        (429, b"", Throttled, "HTTP 429"),
        (429, LIMIT.encode(), Throttled, "used up"),
        (400, refusal(LIMIT, 400), Throttled, "used up"),
        (200, LIMIT.encode(), Throttled, "used up"),
        (200, refusal("Internal s3cret", 500), Unreadable, "HTTP 200 (error 500)"),
        (500, b"", Transient, "HTTP 500"),
        (403, b"[" * 100_000, NotAllowed, "HTTP 403"),
    ],
)
def test_refusals_are_told_apart_by_their_text(
    status: int, body: bytes, kind: type[PollFailed], told: str
) -> None:
    verdict = kore_ai().judge(reply(status, body))
    assert isinstance(verdict, kind)
    assert told in verdict.detail
    assert "s3cret" not in verdict.detail


def test_the_scope_that_lacks_is_that_of_the_endpoint() -> None:
    verdict = kore_ai().judge(reply(401, refusal("Permission denied. Scope is incorrect!"), "queue-performance"))
    assert isinstance(verdict, NotAllowed)
    assert "scope Configuration;" in verdict.detail


def test_the_words_of_the_limit_in_a_long_answer_are_somebodys_name() -> None:
    body = log(stay("BUSY", "2026-03-29T11:00:00"), firstName=LIMIT, email="x" * 2_000)
    assert kore_ai().judge(reply(200, body)) is None


@pytest.mark.parametrize(("headers", "seconds"), [({}, 15), ({"retry_after": "7"}, 7)])
def test_silence_lasts_to_the_end_of_the_minute(headers: dict[str, str], seconds: float) -> None:
    for refused in (reply(403, LIMIT.encode(), **headers), reply(429, b"", **headers)):
        verdict = kore_ai().judge(refused)
        assert isinstance(verdict, Throttled)
        assert verdict.retry_after == seconds


def test_the_token_is_signed_with_the_exact_claim_and_goes_into_a_header_of_its_own() -> None:
    scheme = kore_ai().scheme
    assert isinstance(scheme, SignedToken)
    assert scheme.claims == (("sub", "contact-center-exporter"), ("appId", "cs-1"))
    assert (scheme.algorithm, scheme.header, scheme.prefix) == ("HS256", "auth", "")
    assert (scheme.life, scheme.early, scheme.once) == (None, 0.0, False)
    strict = kore_ai(token_life=600.0, enforce_jti=True).scheme
    assert isinstance(strict, SignedToken)
    assert (strict.life, strict.early, strict.once) == (600.0, 30.0, True)
    with pytest.raises(ValueError, match="token_life is too short"):
        kore_ai(token_life=60.0)


def test_500_agents_stay_inside_half_of_the_limit_with_either_source() -> None:
    for vendor in (kore_ai(queues=()), stats()):
        calls = sum(vendor.load(one.name, 500).calls * 2 / one.every for one in vendor.endpoints)
        assert calls <= vendor.limit.calls_per_minute * 0.5 * 0.75  # what the pace can keep up for ever
