import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from accounts import BERLIN, zoho_voice
from replay import AT, PAYLOADS, Answers, collect, collect_all, exposed, gather, recorded, samples, with_body
from test_contract import STRANGE, nodes, replaced

from exporter.errors import NotAllowed, PollFailed, Reason, Refused, Throttled, Transient, Unreadable
from exporter.model import Agent, Dropped, Measure, Snapshot, Status
from exporter.vendors.contract import Moment, Site
from exporter.vendors.zoho_voice import ZohoVoice
from exporter.vendors.zoho_voice.options import ZohoCredentials, ZohoOptions
from exporter.wire.auth import TokenGrant
from exporter.wire.http import Reply, Request
from exporter.wire.secret import Secret

FOLDER = PAYLOADS / "zoho_voice"
BASE = "https://voice.zoho.com/rest/json/zv/"
OK = {"code": "200", "status": "SUCCESS"}
MIDNIGHT = datetime(2026, 3, 28, 23, tzinfo=UTC)  # in Berlin
NOON = MIDNIGHT.timestamp() + 36_000
Documents = Callable[[Request], Any]


def ms(seconds_of_day: float) -> int:
    return round((MIDNIGHT.timestamp() + seconds_of_day) * 1000)


def answering(documents: Documents) -> Answers:
    """Answer with documents; None is HTTP 204, a number another status."""

    def answer(request: Request) -> Reply:
        document = documents(request)
        if document is None or isinstance(document, int):
            return Reply(request, document or 204, b"", NOON)
        return Reply(request, 200, msgspec.json.encode(document), NOON)

    return answer


def poll(
    vendor: ZohoVoice,
    endpoint: str,
    documents: Documents,
    at: datetime = AT,
    seen: Mapping[str, Snapshot] | None = None,
) -> Snapshot:
    """Poll an endpoint once, at a moment."""
    seen = seen or {}
    moment = Moment(at, seen, {name: one.memory for name, one in seen.items()})
    replies = gather(
        vendor,
        vendor.requests(endpoint, moment),
        lambda reply, before: vendor.follow(reply, before, moment),
        answering(documents),
    )
    return vendor.read(endpoint, replies, moment)


def people(*ids: str) -> Snapshot:
    return Snapshot(agents=tuple(map(Agent, ids)))


def asked(request: Request, name: str) -> str:
    return dict(request.query)[name]


@pytest.mark.parametrize("case", ["full", "empty"])
def test_recorded_answers_become_exactly_these_metrics(case: str) -> None:
    vendor, answers = zoho_voice(), recorded(FOLDER / case)
    first = collect_all(vendor, answers)
    second = {one.name: collect(vendor, one.name, answers, first) for one in vendor.endpoints}
    text = exposed(second, "zoho_voice")
    expected = FOLDER / case / "metrics.txt"
    if os.environ.get("GOLDEN") == "write":  # to be read before it is committed
        expected.write_text(text)
    assert text == expected.read_text()


@pytest.mark.parametrize(
    ("options", "voice", "accounts"),
    [
        ({}, "https://voice.zoho.com", "https://accounts.zoho.com"),
        ({"data_center": "eu"}, "https://voice.zoho.eu", "https://accounts.zoho.eu"),
        ({"data_center": "au"}, "https://voice.zoho.com.au", "https://accounts.zoho.com.au"),
        ({"data_center": "ca"}, "https://voice.zohocloud.ca", "https://accounts.zohocloud.ca"),
        (
            {"base_url": "https://v.example", "accounts_url": "https://a.example"},
            "https://v.example",
            "https://a.example",
        ),
    ],
)
def test_the_data_centre_names_both_hosts(options: dict[str, Any], voice: str, accounts: str) -> None:
    vendor = zoho_voice(**options)
    [request] = vendor.requests("users", Moment(AT))
    assert request.url == f"{voice}/rest/json/zv/api/users"
    assert isinstance(vendor.scheme, TokenGrant)
    assert vendor.scheme.token_url == f"{accounts}/oauth/v2/token"


def test_the_grant_is_asked_and_believed_in_zohos_own_way() -> None:
    secret = Secret(lambda: "s", "a test")
    keys = ZohoCredentials(client_id="1000.X", client_secret=secret, refresh_token=secret)
    scheme = ZohoVoice(keys, ZohoOptions(), Site()).scheme
    assert isinstance(scheme, TokenGrant)
    assert (scheme.prefix, scheme.encoding, scheme.rationed, scheme.rotates) == (
        "Zoho-oauthtoken",
        "form",
        True,
        False,
    )
    assert scheme.refresh_token is secret
    assert scheme.lost == {"invalid_code", "invalid_client", "invalid_client_secret"}
    assert scheme.too_many == {"Access Denied"}


def test_a_queue_that_is_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        ZohoOptions(queues=(1, 1))


def judged(status: int, body: object, endpoint: str = "users", **headers: str) -> PollFailed | None:
    text = body if isinstance(body, bytes) else msgspec.json.encode(body)
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return zoho_voice().judge(Reply(Request(endpoint, BASE), status, text, NOON, told))


@pytest.mark.parametrize(
    ("status", "body", "endpoint"),
    [
        (200, {**OK, "users": []}, "users"),
        (200, {"code": 200, "status": "SUCCESS", "users": []}, "users"),
        (200, {"status": "200", "users": []}, "users"),
        (200, {"status": "success", "users": []}, "users"),
        (200, {"users": []}, "users"),
        (200, {"meta": {"total": 0}, "logs": []}, "logs"),
        (200, {"logs": [], "data": {}}, "logs"),
        (200, {**OK, "users": [{"name": "INVALID_OAUTHTOKEN, try again after 5 minutes"}]}, "users"),
        (204, b"", "logs"),
    ],
)
def test_these_are_answers(status: int, body: object, endpoint: str) -> None:
    assert judged(status, body, endpoint) is None


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"response": "error", "cause": "INVALID_OAUTHTOKEN"}, Refused),
        (401, {"error": {"title": "INVALID_OAUTHTOKEN"}}, Refused),
        (400, {"data": {"errorCode": "INVALID_OAUTHTOKEN"}}, Refused),
        (200, {"data": {"errorCode": "INVALID_OAUTHTOKEN"}}, Refused),
        (200, {"response": "error", "cause": "INVALID_OAUTHTOKEN"}, Refused),
        (200, {"code": "INVALID_TOKEN", "status": "error"}, Refused),
        (401, b"", Refused),
        (400, {"code": "ZVT022", "status": "ERROR"}, NotAllowed),
        (200, {"code": "ZVT022", "status": "ERROR"}, NotAllowed),
        (401, {"error": "INVALID_OAUTHSCOPE"}, NotAllowed),
        (200, {"code": "ZVTL001", "status": "ERROR"}, NotAllowed),
        (200, {"code": "ZVT011", "status": "ERROR"}, NotAllowed),
        (403, {}, NotAllowed),
        (400, {"code": "ZVT010", "message": "Extra parameter found", "status": "ERROR"}, Unreadable),
        (200, {"code": "500", "status": "ERROR", "message": "Invalid agent."}, Unreadable),
        (200, {"code": "200", "status": "ERROR"}, Unreadable),
        (200, {"error": "general_error"}, Unreadable),
        (400, {"error": "URL_ROLLING_THROTTLES_LIMIT_EXCEEDED"}, Throttled),
        (200, {"code": "400", "message": "Try again after 5 minutes"}, Throttled),
        (400, {"error": "Access Denied", "error_description": "too many requests continuously"}, Throttled),
        (429, b"", Throttled),
        (500, b"", Transient),
        (500, {"code": "500", "status": "ERROR", "message": "Invalid agent."}, Transient),
        (500, b"[" * 100_000, Transient),
    ],
)
def test_these_are_failures(status: int, body: object, kind: type[PollFailed]) -> None:
    assert type(judged(status, body)) is kind


@pytest.mark.parametrize(
    ("status", "body", "headers", "seconds"),
    [
        (400, {"message": "URL_ROLLING_THROTTLES_LIMIT_EXCEEDED"}, {}, 600),
        (200, {"code": "400", "message": "Please try again after 7 minutes."}, {}, 420),
        (200, {"code": "400", "message": "try again after 30 seconds"}, {}, 30),
        (429, {"message": "Try again after 7 minutes"}, {"retry_after": "90"}, 90),
    ],
)
def test_a_lock_lasts_as_long_as_it_says(
    status: int, body: object, headers: dict[str, str], seconds: float
) -> None:
    failure = judged(status, body, **headers)
    assert isinstance(failure, Throttled)
    assert failure.retry_after == seconds


def test_a_failure_names_the_vendors_code_and_quotes_nothing_else() -> None:
    assert "ZVT010" in str(judged(400, {"code": "ZVT010", "message": "hunter2", "status": "ERROR"}))
    for code in ("hunter2", "HUNTER 2", {"hunter": 2}):
        failure = str(judged(200, {"code": code, "status": "ERROR", "message": "hunter2"}))
        assert "unter" not in failure.lower()


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, {"code": "500", "status": "ERROR"}, Reason.HTTP_4XX),
        (400, {"code": "ZVT010", "status": "ERROR"}, Reason.HTTP_4XX),
        (500, {"code": "500", "status": "ERROR"}, Reason.HTTP_4XX),
        (500, {}, Reason.HTTP_5XX),
    ],
)
def test_a_detail_that_is_refused_leaves_the_poll_whole(status: int, body: object, reason: Reason) -> None:
    request = Request("log", BASE, optional=True)
    failure = zoho_voice().judge(Reply(request, status, msgspec.json.encode(body), NOON))
    assert failure
    assert failure.reason is reason


def user(number: int, **fields: Any) -> dict[str, Any]:
    return {"agentId": str(number), "onlineStatus": "Available", "status": 1, **fields}


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("many", [1, 49, 50, 51, 100, 120])
@pytest.mark.parametrize("tells_total", [True, False])
def test_all_users_are_read_whether_their_list_begins_with_0_or_with_1(
    base: int,
    many: int,
    tells_total: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    rows = [user(number) for number in range(many)]
    calls = 0

    def documents(request: Request) -> Any:
        nonlocal calls
        calls += 1
        start = max(0, int(asked(request, "from")) - base)
        meta = {"meta": {"total": many}} if tells_total else {}
        return {**OK, **meta, "users": rows[start : start + int(asked(request, "offset"))]}

    snapshot = poll(zoho_voice(), "users", documents)
    assert [agent.id for agent in snapshot.agents or ()] == [str(number) for number in range(many)]
    assert calls <= many // 50 + 1


def test_fewer_users_than_are_told_of_are_not_shown() -> None:
    with pytest.raises(Unreadable, match="tells of 3 rows and lists 2") as failed:
        poll(zoho_voice(), "users", lambda _: {**OK, "meta": {"total": 3}, "users": [user(1), user(2)]})
    assert failed.value.reason is Reason.TRUNCATED


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Available", Status.AVAILABLE),
        ("On Call", Status.ON_CONTACT),
        ("On Break", Status.AWAY),
        ("Busy", Status.BUSY),
        ("Offline", Status.OFFLINE),
        ("Training", Status.OTHER),
    ],
)
def test_each_word_has_its_status_and_all_but_offline_are_logged_in(word: str, status: Status) -> None:
    snapshot = poll(zoho_voice(), "users", lambda _: {**OK, "users": [user(1, onlineStatus=word)]})
    [agent] = snapshot.agents or ()
    assert (agent.status, agent.vendor_status) == (status, word)
    assert snapshot.agents_online == (status is not Status.OFFLINE)
    assert snapshot.unknown_statuses == ({word} if status is Status.OTHER else set())


def test_the_config_teaches_a_word() -> None:
    vendor = zoho_voice(Site(BERLIN, {"Training": Status.AWAY}))
    snapshot = poll(vendor, "users", lambda _: {**OK, "users": [user(1, onlineStatus="Training")]})
    assert [agent.status for agent in snapshot.agents or ()] == [Status.AWAY]
    assert not snapshot.unknown_statuses


def test_a_user_without_a_status_makes_no_count_and_one_without_an_account_is_none() -> None:
    rows = [user(1), user(2, status=2), user(3, status=3), {"agentId": "4", "name": "x", "status": 1}]
    snapshot = poll(zoho_voice(), "users", lambda _: {**OK, "users": rows})
    assert [(agent.id, agent.status) for agent in snapshot.agents or ()] == [("1", Status.AVAILABLE), ("4", None)]
    assert snapshot.agents_by_status is None
    assert snapshot.agents_online is None


@pytest.mark.parametrize("word", ["--", "", None])
def test_no_status_is_not_a_status(word: str | None) -> None:
    snapshot = poll(zoho_voice(), "users", lambda _: {**OK, "users": [user(1, onlineStatus=word)]})
    [agent] = snapshot.agents or ()
    assert agent.status is None
    assert snapshot.agents_online is None
    assert not snapshot.unknown_statuses


def test_a_user_alone_comes_without_a_list() -> None:
    snapshot = poll(zoho_voice(), "users", lambda _: {**OK, "users": user(1, addOn={}, associatedAgents=[])})
    assert [(agent.id, agent.status) for agent in snapshot.agents or ()] == [("1", Status.AVAILABLE)]
    assert not snapshot.drift


def test_only_the_missing_id_of_an_open_account_is_a_loss_and_then_nothing_is_counted() -> None:
    pending = {"userid": "7", "status": 3}
    snapshot = poll(zoho_voice(), "users", lambda _: {**OK, "users": [user(1), pending]})
    assert (snapshot.agents_online, snapshot.dropped[Dropped.INVALID]) == (1, 0)
    rows = [user(1), {"userid": "7", "status": 1}, 7]
    snapshot = poll(zoho_voice(), "users", lambda _: {**OK, "users": rows})
    assert [agent.id for agent in snapshot.agents or ()] == ["1"]
    assert (snapshot.agents_online, snapshot.agents_by_status) == (None, None)
    assert snapshot.dropped == {Dropped.INVALID: 2, Dropped.DUPLICATE: 0}


@pytest.mark.parametrize("endpoint", ["users", "queues"])
def test_a_full_page_is_full_also_where_one_of_its_rows_is_lost(endpoint: str) -> None:
    rows: list[Any] = [user(number, id=number) for number in range(60)]
    rows[10] = 7

    def documents(request: Request) -> Any:
        start = int(asked(request, "from"))
        return {**OK, endpoint: rows[start : start + 50]}

    snapshot = poll(zoho_voice(), endpoint, documents)
    assert len(snapshot.agents or snapshot.queues or ()) == 59


def test_where_no_account_tells_whether_it_is_open_all_are() -> None:
    rows = [{"agentId": "1"}, {"agentId": 2}]
    snapshot = poll(zoho_voice(), "users", lambda _: {**OK, "users": rows})
    assert [agent.id for agent in snapshot.agents or ()] == ["1", "2"]


def test_nothing_at_all_is_an_answer() -> None:
    assert poll(zoho_voice(), "users", lambda _: None).agents == ()
    assert poll(zoho_voice(), "queues", lambda _: None).queues == ()
    for endpoint in ("list", "overview", "calendarSummary"):
        snapshot = poll(zoho_voice(), endpoint, lambda _: None, seen={"users": people("1")})
        assert not snapshot.agents
        assert not snapshot.totals
    assert set(totals(poll(zoho_voice(), "logs", lambda _: None)).values()) == {0}


@pytest.mark.parametrize(("endpoint", "size"), [("list", 50), ("overview", 100), ("calendarSummary", 100)])
def test_the_audit_is_asked_for_in_batches_of_milliseconds(endpoint: str, size: int) -> None:
    moment = Moment(AT, {"users": people(*map(str, range(120)))})
    requests = zoho_voice().requests(endpoint, moment)
    batches = [asked(request, "agentIds").split(",") for request in requests]
    assert [number for batch in batches for number in batch] == [str(number) for number in range(120)]
    assert {len(batch) for batch in batches[:-1]} == {size}
    start = MIDNIGHT - timedelta(days=endpoint == "calendarSummary")
    assert dict(requests[0].query) | {"agentIds": ""} == {
        "fromEpoch": str(round(start.timestamp() * 1000)),
        "toEpoch": str(round(AT.timestamp() * 1000)),
        "agentIds": "",
        "from": "0",
        "size": str(size),
        "tz": "Europe/Berlin",
    }


def test_without_a_list_of_users_the_audit_begins_with_it() -> None:
    def documents(request: Request) -> Any:
        if request.endpoint == "users":
            start = int(asked(request, "from"))
            rows = [user(number, status=2 if number == 3 else 1) for number in range(60)]
            return {**OK, "meta": {"total": 60}, "users": rows[start : start + 50]}
        seen.extend(asked(request, "agentIds").split(","))
        return {**OK, "list": {"agentStatus": []}}

    seen: list[str] = []
    poll(zoho_voice(), "list", documents)
    assert seen == [str(number) for number in range(60) if number != 3]


def change(start: float, before: str, at: float, after: str) -> dict[str, Any]:
    return {
        "previous_action_time": ms(start),
        "previous_status": before,
        "current_action_time": ms(at),
        "current_status": after,
        "duration": round((at - start) * 1000),
    }


def audit(*changes: dict[str, Any], before: dict[str, Any] | None = None, agent: str = "1") -> dict[str, Any]:
    days = [{"hits": list(changes[:1]), "index": 0}, {"hits": list(changes[1:]), "index": 1}]
    return {"agent_id": agent, "dates": days} | ({"previousResult": before} if before else {})


def read_list(*rows: dict[str, Any], at: datetime = AT, site: Site | None = None) -> Snapshot:
    ids = tuple(dict.fromkeys(str(row["agent_id"]) for row in rows))
    seen = {"users": people(*ids)}
    document = {**OK, "list": {"agentStatus": rows}}
    return poll(zoho_voice(site or Site(BERLIN)), "list", lambda _: document, at, seen)


def seconds(snapshot: Snapshot) -> dict[str, float]:
    [agent] = snapshot.agents or ()
    return {word: value for (_, word), value in agent.seconds_in_state.items()}


def entries(snapshot: Snapshot) -> dict[str, int]:
    [agent] = snapshot.agents or ()
    return {word: value for (_, word), value in agent.entries.items()}


NONE = {"Available": 0, "On Break": 0, "Offline": 0, "On Call": 0, "Busy": 0}


def test_stays_are_clipped_at_midnight_and_the_present_one_lasts_until_the_poll() -> None:
    row = audit(change(-7200, "Offline", 3600, "Available"), change(3600, "Available", 9000, "On Call"))
    snapshot = read_list(row)
    assert seconds(snapshot) == NONE | {"Offline": 3600, "Available": 5400, "On Call": 36_000 - 9000 + 3600}
    assert entries(snapshot) == NONE | {"Available": 1, "On Call": 1}
    assert snapshot.window_start == MIDNIGHT.timestamp()
    assert snapshot.window_end == MIDNIGHT.timestamp() + 23 * 3600


def test_who_changed_nothing_today_is_where_the_last_change_led() -> None:
    snapshot = read_list(audit(before=change(-90_000, "Available", -50_000, "Offline")))
    assert seconds(snapshot) == NONE | {"Offline": 39_600}
    assert entries(snapshot) == NONE


def test_a_check_in_that_changes_nothing_is_no_entry_and_ends_no_stay() -> None:
    row = audit(
        change(100, "Available", 200, "Available"),
        change(200, "Available", 300, "Available"),
        before=change(-100, "Offline", 100, "Available"),
    )
    snapshot = read_list(row)
    assert entries(snapshot) == NONE | {"Available": 1}
    assert snapshot.memory.stays["1"].start == ms(100)


def test_before_the_first_change_that_is_told_nothing_is_claimed() -> None:
    snapshot = read_list(audit(change(3600, "Busy", 7200, "Available")))
    assert seconds(snapshot) == {"Busy": 3600, "Available": 39_600 - 7200}


def test_an_agent_of_whom_nothing_is_told_is_absent() -> None:
    snapshot = read_list(
        {"agent_id": "1", "dates": []},
        {"agent_id": "2", "dates": [{"hits": []}]},
        {"agent_id": "3", "dates": [], "previousResult": {}},
        {"agent_id": "4", "error": "Invalid agent."},
    )
    assert snapshot.agents == ()
    assert snapshot.dropped[Dropped.INCONSISTENT] == 0


def test_changes_outside_of_their_days_are_told_and_nobody_is_dropped_for_it() -> None:
    snapshot = read_list({"agent_id": "1", "hits": [change(3600, "Busy", 7200, "Available")]})
    assert seconds(snapshot) == {"Busy": 3600, "Available": 39_600 - 7200}
    assert snapshot.dropped[Dropped.INCONSISTENT] == 0


def test_an_empty_previous_result_is_none() -> None:
    row = audit(change(3600, "Busy", 7200, "Available")) | {"previousResult": {}}
    assert seconds(read_list(row)) == {"Busy": 3600, "Available": 39_600 - 7200}


@pytest.mark.parametrize(
    "first",
    [
        {"previous_status": None},
        {"previous_status": "--"},
        {"previous_action_time": "--", "duration": "--"},
    ],
)
def test_of_a_first_change_what_came_after_it_is_known(first: dict[str, Any]) -> None:
    row = audit(change(0, "Offline", 100, "Available") | first, change(100, "Available", 400, "Busy"))
    snapshot = read_list(row)
    assert seconds(snapshot) == {"Available": 300, "Busy": 39_600 - 400}
    assert entries(snapshot) == {"Available": 1, "Busy": 1}


def test_seconds_are_exact_to_the_millisecond_and_never_overlap() -> None:
    row = audit(
        change(0.117, "Offline", 100.283, "Available"),
        change(99.9, "Available", 5508.836, "Busy"),
        before=change(-9, "Busy", 0.117, "Offline"),
    )
    told = seconds(read_list(row))
    assert told == NONE | {"Offline": 100.166, "Available": 5408.553, "Busy": 34_091.281}


@pytest.mark.parametrize(
    "changes",
    [
        (change(0, "Offline", 100, "Available"), change(200, "Available", 300, "Busy")),
        (change(0, "Offline", 100, "Available"), change(50, "Available", 300, "Busy")),
        (change(100, "Offline", 50, "Available"),),
        (change(0, "Offline", 100, "Available"), change(100, "--", 300, "Busy")),
        (change(0, "Offline", 100, "Available") | {"current_action_time": "soon"},),
        (change(0, "Offline", 100, "Available") | {"current_status": "--"},),
    ],
    ids=["gap", "overlap", "backwards", "wordless", "timeless", "endless"],
)
def test_changes_that_do_not_follow_each_other_are_not_shown(changes: tuple[dict[str, Any], ...]) -> None:
    sound = audit(change(0, "Offline", 100, "Available"), agent="2")
    snapshot = read_list(audit(*changes), sound)
    assert [agent.id for agent in snapshot.agents or ()] == ["2"]
    assert snapshot.dropped[Dropped.INCONSISTENT] == 1


def test_the_duration_tells_when_a_stay_began_where_its_begin_is_missing() -> None:
    row = audit(change(0, "Offline", 100, "Available") | {"previous_action_time": None, "duration": "1.0E+5"})
    assert seconds(read_list(row))["Offline"] == 100


def test_a_change_that_is_no_object_leaves_no_agents_day_whole() -> None:
    with pytest.raises(Unreadable, match="no agent's day is whole"):
        read_list({"agent_id": "1", "dates": [{"hits": [change(0, "Offline", 1, "Busy"), 7]}]})


@pytest.mark.parametrize(("day", "length"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-07-01", 24)])
def test_the_states_of_a_whole_day_last_as_long_as_the_day(day: str, length: int) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=BERLIN)
    end = datetime.fromtimestamp(start.timestamp() + length * 3600 - 1, UTC)
    at = round(start.timestamp() * 1000)
    row = audit(
        before={
            "previous_action_time": 0,
            "previous_status": "Offline",
            "current_action_time": at - 5,
            "current_status": "Busy",
        }
    )
    assert sum(seconds(read_list(row, at=end)).values()) == length * 3600 - 1


def test_without_a_time_zone_the_day_is_that_of_utc() -> None:
    [request] = zoho_voice(Site()).requests("list", Moment(AT, {"users": people("1")}))
    assert asked(request, "tz") == "UTC"
    assert asked(request, "fromEpoch") == str(round(datetime(2026, 3, 29, tzinfo=UTC).timestamp() * 1000))


def test_what_a_page_leaves_out_is_asked_for_again() -> None:
    ids = [str(number) for number in range(5)]
    calls: list[str] = []

    def documents(request: Request) -> Any:
        calls.append(asked(request, "from"))
        start = int(asked(request, "from"))
        rows = [audit(change(0, "Offline", 9, "Busy"), agent=one) for one in ids[start : start + 2]]
        return {**OK, "list": {"agentStatus": rows}}

    snapshot = poll(zoho_voice(), "list", documents, seen={"users": people(*ids, "5")})
    assert [agent.id for agent in snapshot.agents or ()] == ids[::-1]
    assert calls == ["0", "2", "4", "5"]


def test_a_status_is_dated_by_the_audit_unless_a_later_change_was_seen() -> None:
    seen = {"list": read_list(audit(change(0, "Offline", 600, "Available")))}
    began = MIDNIGHT.timestamp() + 600

    def since(word: str, before: float | None) -> float | None:
        users = {"users": Snapshot(agents=(Agent("1", since=before),))}
        document = {**OK, "users": [user(1, onlineStatus=word)]}
        [agent] = poll(zoho_voice(), "users", lambda _: document, seen=seen | users).agents or ()
        return agent.since

    assert since("Available", None) == since("Available", AT.timestamp() - 5) == began
    assert since("Available", AT.timestamp() + 5) is None
    assert since("Busy", None) is None


def overview(*rows: dict[str, Any], overall: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        **OK,
        "overview": {"agentmetrics": {"individualAggregation": rows, "overallAggregation": overall or {}}},
    }


def spent(total: object, longest: object = "--") -> dict[str, object]:
    return {"sum": total, "max": longest, "avg": "--"}


def totals(snapshot: Snapshot) -> dict[tuple[Measure, str], Any]:
    return {(total.measure, total.kind): total.value for total in snapshot.totals or ()}


def test_the_longest_stays_are_read_in_every_form_of_a_number() -> None:
    row = {
        "agent_id": 3029000000002015,
        "agentName": "Jan",
        "Available": spent(5, 1.62421466e8),
        "On Call": spent("7", "311311"),
        "Busy": spent("0", "--"),
        "Working Time": spent(9, 9),
        "Training": spent(1, 2000),
    }
    snapshot = poll(zoho_voice(), "overview", lambda _: overview(row), seen={"users": people("3029000000002015")})
    [agent] = snapshot.agents or ()
    assert agent.id == "3029000000002015"
    assert agent.longest_stays == {
        (Status.AVAILABLE, "Available"): 162_421.466,
        (Status.ON_CONTACT, "On Call"): 311.311,
        (Status.OTHER, "Training"): 2,
    }
    assert snapshot.unknown_statuses == {"Training"}


def test_means_are_of_all_batches_and_a_further_page_tells_the_same_again() -> None:
    def documents(request: Request) -> Any:
        ids = asked(request, "agentIds").split(",")
        start = int(asked(request, "from"))
        rows = [{"agent_id": one, "Busy": spent(1)} for one in ids[start : start + 60]]
        return overview(
            *rows,
            overall={"Busy": spent(9e5 if len(ids) == 100 else "10000"), "agentCount": len(ids), "daysCount": 1},
        )

    snapshot = poll(zoho_voice(), "overview", documents, seen={"users": people(*map(str, range(130)))})
    assert totals(snapshot) == {(Measure.MEAN_AGENT_STATE_SECONDS, "busy"): 7}
    assert len(snapshot.agents or ()) == 130


@pytest.mark.parametrize("many", [4, "4", 4.0])
def test_the_number_of_agents_comes_in_every_form(many: object) -> None:
    document = overview({"agent_id": "1"}, overall={"Busy": spent("1.2E+4"), "agentCount": many})
    shown = totals(poll(zoho_voice(), "overview", lambda _: document, seen={"users": people("1")}))
    assert shown == {(Measure.MEAN_AGENT_STATE_SECONDS, "busy"): 3}


@pytest.mark.parametrize(
    "overall",
    [
        {"Busy": spent(9)},
        {"Busy": spent(9), "agentCount": "--"},
        {"Busy": spent(9), "agentCount": 0},
        {"Busy": spent("--"), "agentCount": 1},
        {"Busy": [], "agentCount": 1},
        {"agentCount": -1},
    ],
)
def test_a_mean_of_which_a_part_is_missing_is_not_shown(overall: dict[str, Any]) -> None:
    document = overview({"agent_id": "1"}, overall=overall)
    assert totals(poll(zoho_voice(), "overview", lambda _: document, seen={"users": people("1")})) == {}


def calendar(agent: str, **days: dict[str, object] | None) -> dict[str, Any]:
    data = {
        date.replace("_", "-")[1:]: {"previous_status": {word: {"sum": value} for word, value in day.items()}}
        for date, day in days.items()
        if day is not None
    }
    return {
        "totalRow": {"agent_id": agent},
        "intervalsData": data,
        "intervalsList": [one.replace("_", "-")[1:] for one in days],
    }


def read_calendar(*rows: Any) -> dict[tuple[Measure, str], Any]:
    document = {**OK, "calendarSummary": {"histogramAggregation": rows}}
    return totals(poll(zoho_voice(), "calendarSummary", lambda _: document, seen={"users": people("1")}))


def test_the_team_is_summed_up_for_today_and_for_yesterday_without_the_working_time() -> None:
    shown = read_calendar(
        calendar("1", _2026_03_29={"Busy": 1000, "Working Time": 5}, _2026_03_28={"Busy": 5000}),
        calendar("2", _2026_03_29={"Busy": "2000", "On Call": 4000}, _2026_03_27={"Busy": 7}),
    )
    assert shown == {
        (Measure.TEAM_STATE_SECONDS, "busy"): 3,
        (Measure.TEAM_STATE_SECONDS, "on_call"): 4,
        (Measure.TEAM_STATE_SECONDS_YESTERDAY, "busy"): 5,
    }


@pytest.mark.parametrize(
    "damaged",
    [
        7,
        calendar("", _2026_03_29={"Busy": 1}),
        calendar("2", _2026_03_29={"Busy": -1}),
        calendar("2", _2026_03_29={"Busy": None}),
        calendar("2", _2026_03_29={}),
        calendar("2", _2026_03_29=None),
    ],
)
def test_a_sum_of_which_a_part_is_missing_is_not_shown(damaged: Any) -> None:
    shown = read_calendar(calendar("1", _2026_03_29={"Busy": 1000}), damaged)
    assert (Measure.TEAM_STATE_SECONDS, "busy") not in shown


def call(number: int, kind: str = "incoming", **fields: Any) -> dict[str, Any]:
    start = ms(30_000 + number)
    ended = {"start_time": str(start), "answer_time": str(start + 1000), "end_time": str(start + 61_000)}
    return {"logid": f"call-{number}", "call_type": kind, "duration": "01:00", **ended, **fields}


def detail(queue: object = 7, answered: bool = True, **fields: Any) -> dict[str, Any]:  # noqa: FBT001, FBT002 - short
    stay = {"_queueId": queue, "customer_entry_time": ms(30_000), "customer_exit_time": ms(30_042)}
    rings = [{"agentId": "1", "rings": [{"is_answered": answered, "hangup_cause": {"hangupcause": "NO_ANSWER"}}]}]
    row = {"queueDetails": stay, "ringingOrder": rings, "answeredAgent": {"agentId": "1"} if answered else {}}
    return {**OK, "log": {"response": [row | fields]}}


class Centre:
    """A log that grows, asked again and again."""

    def __init__(self, *, newest_first: bool = True, tells_total: bool = True, **options: Any) -> None:
        self.vendor = zoho_voice(**options)
        self.calls: list[dict[str, Any]] = []
        self.details: Callable[[Request], Any] = lambda _: detail()
        self.at = AT
        self.asked: list[Request] = []
        self.seen: dict[str, Snapshot] = {}
        self._newest_first, self._tells_total = newest_first, tells_total

    def poll(self) -> dict[str, str]:
        self.asked = []
        self.seen["logs"] = poll(self.vendor, "logs", self._document, self.at, self.seen)
        self.at += timedelta(seconds=60)
        return {
            series.removeprefix("contact_center_").replace('vendor="zendesk_talk",account="acme",', ""): value
            for series, value in samples(exposed(self.seen)).items()
        }

    def _document(self, request: Request) -> Any:
        self.asked.append(request)
        if request.endpoint == "log":
            return self.details(request)
        start, size = int(asked(request, "from")), int(asked(request, "size"))
        rows = self.calls[::-1] if self._newest_first else self.calls
        meta = {"meta": {"total": len(rows)}} if self._tells_total else {}
        return {**meta, "logs": rows[start : start + size]}

    def count(self, endpoint: str) -> int:
        return sum(request.endpoint == endpoint for request in self.asked)


INBOUND = 'calls_today{queue="all",direction="inbound"}'
OFFERED = 'calls_offered_today{queue="7"}'


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_long_log_is_read_bit_by_bit_and_shown_when_it_has_been_read(
    newest_first: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    centre = Centre(newest_first=newest_first)
    centre.calls = [call(number, "outgoing") for number in range(791)]
    polls = 0
    while not (shown := centre.poll()):
        polls += 1
        assert polls < 5
        assert centre.count("logs") == 3
        centre.calls.append(call(len(centre.calls), "outgoing"))
    for _ in range(25):  # the day goes on, over the end of a page
        assert shown['calls_today{queue="all",direction="outbound"}'] == f"{len(centre.calls)}.0"
        centre.calls.append(call(len(centre.calls), "outgoing"))
        shown = centre.poll()
        assert centre.count("logs") <= 3


def test_a_gap_that_came_while_nobody_looked_is_filled() -> None:
    centre = Centre()
    centre.calls = [call(number, "outgoing") for number in range(450)]
    while not centre.poll():
        pass
    centre.calls += [call(number, "outgoing") for number in range(450, 1100)]
    polls = 0
    while not (shown := centre.poll()):
        polls += 1
        assert polls < 6
    assert shown['calls_today{queue="all",direction="outbound"}'] == "1100.0"


def test_of_several_long_lists_one_goes_on_at_a_time() -> None:
    centre = Centre(queues=(7, 8))
    centre.calls = [call(number, "outgoing") for number in range(900)]
    polls = 0
    while len(shown := centre.poll()) < 10:
        polls += 1
        assert polls < 8
        assert centre.count("logs") == 4
    told = [shown[f'calls_today{{queue="{queue}",direction="outbound"}}'] for queue in (7, 8)]
    assert told == ["900.0", "900.0"]


def test_a_log_that_does_not_say_how_long_it_is_is_shown_while_one_page_holds_it() -> None:
    centre = Centre(tells_total=False)
    centre.calls = [call(number) for number in range(199)]
    assert centre.poll()[INBOUND] == "199.0"
    centre.calls += [call(199), call(200)]
    assert centre.poll() == {}


def test_a_call_is_counted_once_however_often_it_is_listed() -> None:
    centre = Centre()
    centre.calls = [
        call(1),
        call(1),
        call(2, "missed"),
        call(3, "outgoing", voicemail={"recording_duration": "1"}),
    ]
    for _ in range(4):
        shown = centre.poll()
    assert shown[INBOUND] == "2.0"
    assert shown['calls_today{queue="all",direction="outbound"}'] == "1.0"
    assert shown['call_outcomes_today{queue="all",outcome="missed"}'] == "1.0"
    assert shown['call_outcomes_today{queue="all",outcome="voicemail"}'] == "1.0"
    assert shown['contact_seconds_today{queue="all"}'] == "180.0"
    assert shown[OFFERED] == shown['queue_wait_seconds_count{queue="7"}'] == "2"
    assert shown['queue_wait_seconds_sum{queue="7"}'] == "84.0"
    assert centre.count("log") == 0


def test_details_are_asked_for_after_the_call_was_listed_and_few_at_a_time() -> None:
    centre = Centre()
    centre.calls = [call(number) for number in range(45)]
    assert INBOUND in centre.poll()
    assert centre.count("log") == 0
    counts = []
    for _ in range(4):
        shown = centre.poll()
        counts.append((centre.count("log"), shown.get(OFFERED)))
    assert counts == [(20, None), (20, None), (5, "45"), (0, "45")]


def test_a_call_that_is_not_over_is_counted_when_it_is() -> None:
    centre = Centre()
    centre.calls = [call(1, end_time=None, duration="00:00"), call(2), call(3, end_time="0", duration=None)]
    assert centre.poll()[INBOUND] == "1.0"
    centre.calls[0] = call(1)
    assert centre.poll()[INBOUND] == "2.0"


def test_a_call_that_tells_how_long_it_was_is_over() -> None:
    centre = Centre()
    centre.calls = [call(1, end_time=None, answer_time=None, duration="01:25")]
    shown = centre.poll()
    assert (shown[INBOUND], shown['contact_seconds_today{queue="all"}']) == ("1.0", "85.0")


def test_a_call_without_an_id_is_a_row_that_was_dropped() -> None:
    centre = Centre()
    centre.calls = [call(1, logid=None), call(2, logid=None, uuid="call-2")]
    assert centre.poll()[INBOUND] == "1.0"
    assert centre.seen["logs"].dropped[Dropped.INVALID] == 1


@pytest.mark.parametrize("not_yet", [None, {**OK, "log": {"response": []}}, detail(-1), {"log": 7}, detail("x")])
def test_details_that_are_not_there_yet_are_asked_for_again_and_given_up_after_three_minutes(not_yet: Any) -> None:
    centre = Centre()
    late = (AT - timedelta(seconds=30)).timestamp() * 1000
    centre.calls = [call(1), call(2, end_time=str(round(late)))]
    centre.details = lambda _: not_yet
    asked_for = []
    for _ in range(6):
        shown = centre.poll()
        asked_for.append([request.about for request in centre.asked if request.endpoint == "log"])
    assert asked_for[1] == ["call-2", "call-1"]
    assert asked_for[2:] == [["call-2"], ["call-2"], [], []]
    assert OFFERED not in shown


def test_a_damaged_detail_is_not_counted_in_part() -> None:
    centre = Centre()
    centre.calls = [call(1)]
    centre.details = lambda _: detail(ringingOrder=[{"agentId": "1", "rings": [7]}])
    centre.poll()
    assert OFFERED not in centre.poll()
    assert centre.seen["logs"].drift == ("log.response[].ringingOrder[].rings[]",)


def test_what_came_late_is_counted() -> None:
    centre = Centre()
    centre.calls = [call(1, end_time=str(round(AT.timestamp() * 1000)))]
    centre.details = lambda _: {**OK, "log": {"response": []}}
    centre.poll()
    centre.poll()
    centre.details = lambda _: detail()
    assert centre.poll()[OFFERED] == "1"
    assert centre.poll()[OFFERED] == "1"


def test_a_refused_detail_is_told_and_costs_no_other() -> None:
    centre = Centre()
    centre.calls = [call(1), call(2)]
    centre.details = lambda request: 403 if request.about == "call-1" else detail()
    centre.poll()
    assert centre.poll()[OFFERED] == "1"
    assert centre.seen["logs"].dropped[Dropped.REFUSED] == 1
    centre.poll()
    assert centre.count("log") == 0


def test_a_locked_detail_fails_the_poll_and_nothing_is_forgotten() -> None:
    centre = Centre()
    centre.calls = [call(1)]
    centre.poll()
    centre.details = lambda _: 429
    with pytest.raises(Throttled):
        centre.poll()
    centre.details = lambda _: detail()
    assert centre.poll()[OFFERED] == "1"


def test_at_midnight_everything_begins_anew() -> None:
    centre = Centre()
    centre.calls = [call(1), call(2)]
    centre.poll()
    assert centre.poll()[OFFERED] == "2"
    window = centre.seen["logs"].window_end
    assert window
    centre.at, centre.calls = datetime.fromtimestamp(window, UTC), []
    shown = centre.poll()
    assert shown[INBOUND] == "0.0"
    assert {request.query for request in centre.asked} == {
        (("from", "0"), ("size", "200"), ("fromDate", "2026-03-30"), ("toDate", "2026-03-30"))
    }


def test_named_queues_are_each_asked_for_and_known_to_be_empty() -> None:
    centre = Centre(queues=(7, 8))
    centre.poll()
    shown = centre.poll()
    assert [(request.about, asked(request, "queueIds")) for request in centre.asked] == [("7", "7"), ("8", "8")]
    assert shown['calls_offered_today{queue="8"}'] == shown['queue_wait_seconds_count{queue="8"}'] == "0"
    assert shown['calls_today{queue="8",direction="inbound"}'] == "0.0"


def test_a_detail_is_asked_from_an_hour_before_the_call_to_an_hour_after_it() -> None:
    centre = Centre()
    centre.calls = [call(1)]
    centre.poll()
    centre.poll()
    [request] = [one for one in centre.asked if one.endpoint == "log"]
    assert request.url == f"{BASE}metrics/statusaudit/list/log"
    assert dict(request.query) == {
        "fromEpoch": str(ms(30_001 - 3600)),
        "toEpoch": str(ms(30_001 + 61 + 3600)),
        "logId": "call-1",
        "tz": "Europe/Berlin",
    }


def test_a_detail_is_not_asked_beyond_the_present() -> None:
    centre = Centre()
    centre.calls = [call(1, end_time=str(round(AT.timestamp() * 1000)))]
    centre.poll()
    centre.poll()
    [request] = [one for one in centre.asked if one.endpoint == "log"]
    assert asked(request, "toEpoch") == str(round((AT + timedelta(seconds=60)).timestamp() * 1000))


@pytest.mark.parametrize("told", [2**53, "999999999999999"])
@pytest.mark.parametrize("field", ["start_time", "end_time"])
def test_a_call_in_a_year_that_no_calendar_has_costs_the_day_nothing(field: str, told: Any) -> None:
    centre = Centre()
    centre.calls = [call(1, **{field: told}), call(2)]
    centre.poll()
    assert centre.poll()[INBOUND] == "2.0"
    [odd, _] = [one for one in centre.asked if one.endpoint == "log"]
    assert (
        int(asked(odd, "fromEpoch")) < int(asked(odd, "toEpoch")) <= ms(AT.timestamp() - MIDNIGHT.timestamp() + 60)
    )


def rings(*causes: str | None, answered: bool = False) -> list[dict[str, Any]]:
    told = [{"is_answered": False, "hangup_cause": {"hangupcause": cause}} for cause in causes]
    return [{"agentId": "1", "rings": [*told, *([{"is_answered": True}] if answered else [])]}]


def with_detail(document: Any, **known: Snapshot) -> dict[str, str]:
    centre = Centre()
    centre.calls, centre.details, centre.seen = [call(1)], lambda _: document, dict(known)
    centre.poll()
    return centre.poll()


def test_a_ring_is_accepted_declined_missed_or_withdrawn() -> None:
    causes = ("CALL_REJECTED", "NO_ANSWER", "UNALLOCATED_NUMBER", "ORIGINATOR_CANCEL", "LOSE_RACE", "<b>", None)
    order = rings(*causes, answered=True)
    shown = with_detail(detail(ringingOrder=order), users=people("1", "2"))
    outcomes = [
        shown[f'agent_calls_today{{agent="1",outcome="{one}"}}'] for one in ("accepted", "declined", "missed")
    ]
    assert outcomes == ["1", "1", "4"]
    assert shown['agent_calls_today{agent="2",outcome="missed"}'] == "0"
    told = {series: value for series, value in shown.items() if series.startswith("rings_today")}
    assert told == {f'rings_today{{queue="7",cause="{cause}"}}': "1" for cause in ("answered", *causes[:5])} | {
        'rings_today{queue="7",cause="other"}': "2"
    }


def around(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"agent_id": "1", "hits": list(changes)}, {"agent_id": "2", "hits": []}]


@pytest.mark.parametrize(
    ("changes", "available"),
    [
        ((change(29_000, "Available", 31_000, "On Call"),), 1),
        ((change(29_000, "Busy", 30_041, "Available"),), 1),
        ((change(29_000, "Busy", 29_500, "Available"),), 1),
        ((change(29_000, "Available", 30_000, "Busy"),), 0),
        ((change(29_000, "Busy", 30_042, "Available"),), 0),
        ((change(29_000, "Available", 29_100, "On Call"), change(29_100, "On Call", 31_000, "Available")), 0),
        ((), 0),
    ],
)
def test_a_call_is_missed_while_somebody_was_available(
    changes: tuple[dict[str, Any], ...], available: int
) -> None:
    series = 'calls_missed_while_available_today{queue="7"}'
    missed = detail(answered=False, agentStatus=around(*changes))
    assert with_detail(missed)[series] == str(available)
    assert with_detail(detail(agentStatus=around(*changes)))[series] == "0"


def test_a_call_of_two_queues_waits_in_both() -> None:
    [one], [other] = detail(7, answered=False)["log"]["response"], detail(8)["log"]["response"]
    shown = with_detail({"log": {"response": [one, other]}})
    answered = [shown[f'calls_answered_today{{queue="{queue}"}}'] for queue in (7, 8)]
    assert answered == ["0", "1"]
    assert shown[OFFERED] == shown['calls_offered_today{queue="8"}'] == "1"


@pytest.mark.parametrize(
    ("fields", "seconds_"),
    [
        ({"duration": "01:01:12"}, "3672.0"),
        ({"duration": "75:30"}, "4530.0"),
        ({"duration": None}, "60.0"),
        ({"duration": "00:00", "answer_time": None}, "0.0"),
        ({"duration": None, "answer_time": None}, "0.0"),
        ({"duration": "", "answer_time": "0"}, "0.0"),
        ({"duration": "01:99"}, "60.0"),
        ({"duration": "--", "answer_time": 1774769401000, "end_time": 1.774769411e12}, "10.0"),
        ({"duration": "soon", "end_time": None, "call_type": "missed"}, None),
    ],
)
def test_the_time_of_a_call_is_told_or_the_sum_is_not(fields: dict[str, Any], seconds_: str | None) -> None:
    centre = Centre()
    centre.calls = [call(1, **fields)]
    assert centre.poll().get('contact_seconds_today{queue="all"}') == seconds_


def test_whatever_replaces_a_part_of_a_detail_nothing_is_raised_and_nothing_counted_twice() -> None:
    document = detail(agentStatus=around(change(29_000, "Available", 31_000, "On Call")), answered=False)
    truth = with_detail(document)
    for path in nodes(document):
        for strange in STRANGE:
            shown = with_detail_or_failure(replaced(document, path, strange))
            assert float(shown.get(OFFERED, 0)) <= float(truth[OFFERED])


def with_detail_or_failure(document: Any) -> dict[str, str]:
    try:
        return with_detail(document)
    except PollFailed:
        return {}


def test_the_default_plan_of_five_hundred_agents_fits_half_of_the_limits() -> None:
    vendor = zoho_voice()
    calls = {one.name: vendor.load(one.name, 500).calls * 2 / one.every for one in vendor.endpoints}
    assert sum(calls.values()) <= vendor.limit.calls_per_minute / 2
    assert vendor.limit.endpoints["logs"] / 2 >= 3
    assert calls["users"] == 20


def test_what_is_live_is_polled_at_each_interval_and_never_faster_than_that() -> None:
    assert [(one.name, one.every) for one in zoho_voice().endpoints if one.every == 1] == [("users", 1)]
    assert min(one.at_least for one in zoho_voice().endpoints) == 30


def test_a_body_in_place_of_the_list_fails_the_poll() -> None:
    seen = collect_all(zoho_voice(), recorded(FOLDER / "full"))
    answers = with_body(recorded(FOLDER / "full"), "overview", b'{"code":"200","status":"SUCCESS"}')
    with pytest.raises(Unreadable, match="not as documented"):
        collect(zoho_voice(), "overview", answers, seen)


def test_the_time_zone_is_the_accounts() -> None:
    vendor = zoho_voice(Site(ZoneInfo("Asia/Kolkata")))
    [request] = vendor.requests("logs", Moment(datetime(2026, 3, 29, 19, tzinfo=UTC)))
    assert asked(request, "fromDate") == asked(request, "toDate") == "2026-03-30"


def test_every_field_of_the_recorded_answers_has_its_line_in_the_page() -> None:
    page = (PAYLOADS.parent.parent / "docs" / "vendors" / "zoho_voice.md").read_text("utf-8")
    table = [line for line in page.splitlines() if line.startswith("|")]
    told = set(re.findall(r"\w+", " ".join(table)))
    envelope = {"code", "users", "queues", "logs", "list", "overview", "agentmetrics", "log", "response", "rings"}
    envelope |= {"queueDetails", "recording_duration", "calendarSummary", "histogramAggregation"}
    statuses = {"Available", "On Break", "On Call", "Offline", "Busy", "Working Time", "2026-03-28", "2026-03-29"}
    names = {
        step
        for file in (FOLDER / "full").rglob("*")
        if file.is_file() and file.name != "metrics.txt"
        for path in nodes(msgspec.json.decode(file.read_bytes()))
        for step in path
        if isinstance(step, str)
    }
    assert names - envelope - statuses - told == set()
    assert len(names) > 80
