import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from exporter.model import Status
from exporter.simulator import truth
from exporter.simulator.demo import demo_plan
from exporter.simulator.exchange import Answer, Asked
from exporter.simulator.floor import Floor
from exporter.simulator.history import Direction, Outcome
from exporter.simulator.zendesk_oauth import ZendeskKeys
from exporter.simulator.zendesk_talk import Plan, ZendeskAccount, ZendeskTalk

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 3, 9, 12, tzinfo=BERLIN)
AT = NOON.timestamp()
STATS = "/api/v2/channels/voice/stats/"
OPEN = ZendeskKeys(
    client_id="exporter",
    client_secret="s3cret",
    email="ann@acme.test",
    api_token="api-token",
    access_token="by-hand",
    refresh_token="first",
)

QUEUE_FIELDS = {
    "agents_online",
    "average_wait_time",
    "callbacks_waiting",
    "calls_waiting",
    "embeddable_callbacks_waiting",
    "longest_wait_time",
}
ACCOUNT_FIELDS = {
    "average_call_duration",
    "average_queue_wait_time",
    "average_wrap_up_time",
    "max_calls_waiting",
    "max_queue_wait_time",
    "total_call_duration",
    "total_calls",
    "total_voicemails",
    "total_wrap_up_time",
}
ACCOUNT_FIELDS_PROFESSIONAL = {
    "average_callback_wait_time",
    "average_hold_time",
    "average_time_to_answer",
    "total_callback_calls",
    "total_calls_abandoned_in_queue",
    "total_calls_outside_business_hours",
    "total_calls_with_exceeded_queue_wait_time",
    "total_calls_with_requested_voicemail",
    "total_embeddable_callback_calls",
    "total_hold_time",
    "total_inbound_calls",
    "total_outbound_calls",
    "total_textback_requests",
}
OVERVIEW_FIELDS = {
    "average_wrap_up_time",
    "total_calls_accepted",
    "total_calls_denied",
    "total_calls_missed",
    "total_talk_time",
    "total_wrap_up_time",
}
OVERVIEW_FIELDS_PROFESSIONAL = {
    "average_accepted_transfers",
    "average_available_time",
    "average_away_time",
    "average_calls_accepted",
    "average_calls_denied",
    "average_calls_missed",
    "average_calls_put_on_hold",
    "average_hold_time",
    "average_online_time",
    "average_transfers_only_time",
    "average_started_transfers",
    "average_talk_time",
    "total_accepted_transfers",
    "total_calls_put_on_hold",
    "total_hold_time",
    "total_started_transfers",
}
AGENT_FIELDS = {
    "agent_id",
    "agent_state",
    "available_time",
    "avatar_url",
    "away_time",
    "call_status",
    "calls_accepted",
    "calls_denied",
    "calls_missed",
    "forwarding_number",
    "name",
    "online_time",
    "total_call_duration",
    "total_talk_time",
    "total_wrap_up_time",
    "transfers_only_time",
    "via",
}
AGENT_FIELDS_PROFESSIONAL = {
    "accepted_third_party_conferences",
    "accepted_transfers",
    "average_hold_time",
    "average_talk_time",
    "average_wrap_up_time",
    "calls_put_on_hold",
    "started_third_party_conferences",
    "started_transfers",
    "total_hold_time",
}
WORDS = {"avatar_url", "agent_state", "call_status", "forwarding_number", "name", "via"}


@pytest.fixture(scope="module")
def floor() -> Floor:
    floor = Floor(demo_plan(BERLIN), NOON - timedelta(hours=14))
    floor.advance(NOON)
    return floor


def zendesk(floor: Floor, **fields: Any) -> ZendeskTalk:
    return ZendeskTalk(floor, ZendeskAccount(**{"keys": OPEN, **fields}))


def get(
    vendor: ZendeskTalk, path: str, at: float = AT, authorization: str = "Bearer by-hand", **query: str
) -> Answer:
    headers = {"host": "acme.zendesk.com", "authorization": authorization}
    return vendor.answer(Asked("GET", STATS + path, at, tuple(query.items()), headers, scheme="https"))


def told(vendor: ZendeskTalk, path: str, **query: Any) -> Any:
    answer = get(vendor, path, **query)
    assert answer.status == 200
    return json.loads(answer.body)


def error(answer: Answer) -> Any:
    return json.loads(answer.body)


def token(vendor: ZendeskTalk, at: float = AT, **fields: object) -> Answer:
    body = {"grant_type": "client_credentials", "client_id": "exporter", "client_secret": "s3cret", **fields}
    return vendor.answer(Asked("POST", "/oauth/tokens", at, body=json.dumps(body).encode()))


@pytest.mark.parametrize("suffix", ["", ".json"])
@pytest.mark.parametrize(
    ("endpoint", "short", "long"),
    [
        ("account_overview", ACCOUNT_FIELDS, ACCOUNT_FIELDS_PROFESSIONAL),
        ("agents_overview", OVERVIEW_FIELDS, OVERVIEW_FIELDS_PROFESSIONAL),
        ("current_queue_activity", QUEUE_FIELDS, set()),
    ],
)
def test_each_plan_is_told_the_fields_it_pays_for_and_no_others(
    floor: Floor, endpoint: str, short: set[str], long: set[str], suffix: str
) -> None:
    for plan in Plan:
        document = told(zendesk(floor, plan=plan), endpoint + suffix)
        assert set(document) == {endpoint}
        expected = short if plan in (Plan.TEAM, Plan.GROWTH) else short | long
        assert set(document[endpoint]) == expected
        assert {type(value) for value in document[endpoint].values()} == {int}
        assert min(document[endpoint].values()) >= 0


@pytest.mark.parametrize("plan", Plan)
def test_each_agent_row_has_the_fields_of_the_plan(floor: Floor, plan: Plan) -> None:
    document = told(zendesk(floor, plan=plan), "agents_activity.json")
    assert set(document) == {"agents_activity", "count", "next_page", "previous_page"}
    short = plan in (Plan.TEAM, Plan.GROWTH)
    for row in document["agents_activity"]:
        assert set(row) == (AGENT_FIELDS if short else AGENT_FIELDS | AGENT_FIELDS_PROFESSIONAL)
        assert {type(row[name]) for name in set(row) - WORDS} == {int}
        assert row["agent_state"] in {"online", "offline", "away", "transfers_only"}
        assert row["call_status"] in {"on_call", "wrap_up", None}


def test_no_field_is_always_zero_on_a_busy_day(floor: Floor) -> None:
    vendor = zendesk(floor)
    rows = told(vendor, "agents_activity")["agents_activity"]
    for name in (AGENT_FIELDS | AGENT_FIELDS_PROFESSIONAL) - WORDS:
        assert any(row[name] for row in rows), name
    rare = {"total_calls_with_exceeded_queue_wait_time", "average_accepted_transfers", "average_calls_denied"}
    for endpoint in ("account_overview", "agents_overview"):
        for name, value in told(vendor, endpoint)[endpoint].items():
            assert value or name in rare | {"average_started_transfers"}, name


def test_the_rows_say_what_the_floor_knows(floor: Floor) -> None:
    rows = {row["agent_id"]: row for row in told(zendesk(floor), "agents_activity")["agents_activity"]}
    assert rows.keys() == floor.desks.keys()
    states = {"online": Status.AVAILABLE, "away": Status.AWAY, "transfers_only": Status.BUSY}
    for agent, row in rows.items():
        spells = [s for s in truth.spells(floor, agent) if s.end is None or s.end > floor.today]

        def seconds(*doing: Status, spells: list[Any] = spells, **choice: Any) -> int:
            chosen = [s for s in spells if (not doing or s.status in doing) and s.presence in choice["presence"]]
            return int(sum((s.end or floor.now) - max(s.start, floor.today) for s in chosen))

        assert row["online_time"] == seconds(presence=set(states.values()))
        assert row["away_time"] == seconds(presence={Status.AWAY})
        assert row["transfers_only_time"] == seconds(presence={Status.BUSY})
        assert row["available_time"] == seconds(Status.AVAILABLE, Status.RINGING, presence={Status.AVAILABLE})
        assert states.get(row["agent_state"], Status.OFFLINE) is spells[-1].presence
        assert (row["call_status"] == "on_call") == (spells[-1].status is Status.ON_CONTACT)
        assert (row["call_status"] == "wrap_up") == (spells[-1].status is Status.WRAP_UP)
    offline = next(row for row in rows.values() if row["online_time"] == 0)
    assert {offline[name] for name in AGENT_FIELDS - WORDS - {"agent_id"}} == {0}


def test_the_two_axes_are_independent() -> None:
    floor = Floor(demo_plan(BERLIN), NOON - timedelta(hours=14))
    pairs = set()
    for minute in range(0, 240, 5):
        floor.advance(NOON + timedelta(minutes=minute))
        rows = told(zendesk(floor), "agents_activity")["agents_activity"]
        pairs |= {(row["agent_state"], row["call_status"]) for row in rows}
    assert {("online", None), ("online", "on_call"), ("online", "wrap_up"), ("offline", None)} <= pairs
    assert {("away", None), ("away", "on_call"), ("transfers_only", None)} <= pairs
    assert ("offline", "on_call") not in pairs


def test_the_overviews_agree_with_the_calls_and_with_each_other(floor: Floor) -> None:
    vendor = zendesk(floor)
    account = told(vendor, "account_overview")["account_overview"]
    agents = told(vendor, "agents_overview")["agents_overview"]
    rows = told(vendor, "agents_activity")["agents_activity"]
    today = [call for call in floor.calls.values() if call.arrived > floor.today]
    assert account["total_inbound_calls"] == sum(call.direction is Direction.INBOUND for call in today)
    assert account["total_calls"] == len(today)
    assert account["total_calls_abandoned_in_queue"] == sum(
        call.outcome is Outcome.ABANDONED and (call.decided or 0) > floor.today for call in floor.calls.values()
    )
    assert account["total_wrap_up_time"] == agents["total_wrap_up_time"]
    assert account["total_hold_time"] == agents["total_hold_time"]
    assert agents["total_calls_accepted"] == sum(row["calls_accepted"] for row in rows)
    assert agents["total_accepted_transfers"] == sum(row["accepted_transfers"] for row in rows)
    assert 0 <= agents["total_talk_time"] - sum(row["total_talk_time"] for row in rows) < len(rows)
    present = [row for row in rows if row["online_time"]]
    assert agents["average_online_time"] * len(present) <= sum(row["online_time"] for row in rows) + len(rows)
    parts = [
        told(vendor, "account_overview", phone_number_ids=ids)["account_overview"]
        for ids in ("36001", "36002,36003", "36004,36005")
    ]
    assert account["total_calls"] == sum(part["total_calls"] for part in parts)


def test_a_filter_by_number_tells_the_waits_of_that_number(floor: Floor) -> None:
    vendor = zendesk(floor)
    later = datetime.fromtimestamp(floor.now, UTC)
    seen = 0
    for line in floor.lines.values():
        ids = ",".join(map(str, line.plan.phone_numbers))
        document = told(vendor, "current_queue_activity.json", phone_number_ids=ids)["current_queue_activity"]
        live = [
            call for call in line.waiting.values() if not (call.callback_wait and call.callback_wait.end is None)
        ]
        assert document["calls_waiting"] == len(live)
        waits = [later.timestamp() - call.waits[-1].start for call in live]
        assert document["longest_wait_time"] == int(max(waits, default=0))
        logged_in = [d for d in line.desks if d.presence in (Status.AVAILABLE, Status.AWAY)]
        assert document["agents_online"] == len(logged_in)
        seen += len(live)
    assert seen == told(vendor, "current_queue_activity")["current_queue_activity"]["calls_waiting"]


def test_pages_follow_each_other_by_absolute_links_and_hold_every_agent_once(floor: Floor) -> None:
    vendor = zendesk(floor, page_size=7)
    query: dict[str, Any] = {"group_ids": "360001,360002"}
    rows, links, document = [], [], told(vendor, "agents_activity.json", **query)
    assert document["previous_page"] is None
    while True:
        rows += [row["agent_id"] for row in document["agents_activity"]]
        links.append(document["next_page"])
        if links[-1] is None:
            break
        document = told(vendor, "agents_activity.json", **query, page=str(len(links) + 1))
        assert document["previous_page"].endswith(f"page={len(links)}")
    assert links[0] == (
        "https://acme.zendesk.com/api/v2/channels/voice/stats/agents_activity.json"
        "?group_ids=360001%2C360002&page=2"
    )
    members = [a for a, desk in floor.desks.items() if set(desk.plan.groups) & {360001, 360002}]
    members = [a for a, desk in floor.desks.items() if set(desk.plan.groups) & {360001, 360002}]
    assert rows == members
    assert document["count"] == len(members) > 14
    assert [link.partition("page=")[2] for link in links[:-1]] == [str(n) for n in range(2, len(links) + 1)]
    assert len(links) == -(-len(members) // 7)
    beyond = told(vendor, "agents_activity", page="50")
    assert (beyond["agents_activity"], beyond["count"], beyond["next_page"]) == ([], 40, None)


@pytest.mark.parametrize(
    ("path", "query", "status", "shape"),
    [
        ("agents_activity", {"page": "0"}, 400, "InvalidPaginationParameter"),
        ("agents_activity", {"page": "two"}, 400, "InvalidPaginationParameter"),
        ("agents_activity", {"page": "101"}, 400, "InvalidPaginationDepth"),
        ("agents_activity", {"group_ids": "[1,2]"}, 422, "RecordInvalid"),
        ("agents_activity", {"group_ids": "99"}, 404, "RecordNotFound"),
        ("account_overview", {"phone_number_ids": ""}, 422, "RecordInvalid"),
        ("account_overview", {"phone_number_ids": "1,,2"}, 422, "RecordInvalid"),
        ("account_overview", {"phone_number_ids": "99"}, 404, "RecordNotFound"),
        ("current_queue_activity", {"phone_number_ids": ",".join(["36001"] * 101)}, 400, "TooManyValues"),
        ("historical_queue_activity", {}, 404, "InvalidEndpoint"),
        ("../../../users/me.json", {}, 404, "InvalidEndpoint"),
    ],
)
def test_nonsense_is_refused_in_the_vendors_words(
    floor: Floor, path: str, query: dict[str, Any], status: int, shape: str
) -> None:
    answer = get(zendesk(floor), path, **query)
    assert answer.status == status
    document = error(answer)
    assert document.get("error", "") == shape or document["errors"][0]["code"] == shape


def test_a_filter_of_a_hundred_ids_is_taken(floor: Floor) -> None:
    assert get(zendesk(floor), "account_overview", phone_number_ids=",".join(["36001"] * 100)).status == 200


def test_an_endpoint_that_the_role_may_not_read_says_so_in_an_object(floor: Floor) -> None:
    vendor = zendesk(floor, forbidden=frozenset({"agents_overview"}))
    answer = get(vendor, "agents_overview.json")
    assert answer.status == 403
    assert error(answer)["error"]["title"] == "Forbidden"
    assert get(vendor, "account_overview").status == 200


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_the_api_token_opens_with_the_literal_word_token_in_the_user(floor: Floor) -> None:
    vendor = zendesk(floor)
    assert get(vendor, "agents_overview", authorization=basic("ann@acme.test/token:api-token")).status == 200
    for wrong in ("ann@acme.test:api-token", "ann@acme.test/token:wrong", "bob@acme.test/token:api-token", ""):
        answer = get(vendor, "agents_overview", authorization=basic(wrong))
        assert (answer.status, error(answer)) == (401, {"error": "Couldn't authenticate you"})
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
    for broken in ("", "Basic", "Basic ????", "Basic /w==", "Digest abc"):
        assert get(vendor, "agents_overview", authorization=broken).status == 401
    closed = zendesk(floor, keys=ZendeskKeys())
    assert get(closed, "agents_overview", authorization=basic("None/token:None")).status == 401


def test_client_credentials_give_a_token_that_lives_as_long_as_it_says(floor: Floor) -> None:
    vendor = zendesk(floor)
    grant = error(token(vendor))
    assert grant["token_type"] == "bearer"
    assert (grant["expires_in"], grant["scope"], "refresh_token" in grant) == (1800, "read", False)
    bearer = f"Bearer {grant['access_token']}"
    assert get(vendor, "agents_overview", authorization=bearer, at=AT + 1799).status == 200
    expired = get(vendor, "agents_overview", authorization=bearer, at=AT + 1800)
    assert (expired.status, error(expired)["error"]) == (401, "invalid_token")
    assert get(vendor, "agents_overview", authorization="Bearer unknown").status == 401


def test_two_tokens_of_client_credentials_live_side_by_side(floor: Floor) -> None:
    vendor = zendesk(floor)
    one, two = (error(token(vendor))["access_token"] for _ in range(2))
    assert one != two
    assert {get(vendor, "agents_overview", authorization=f"Bearer {t}").status for t in (one, two)} == {200}


@pytest.mark.parametrize(
    ("fields", "status", "word"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "stranger"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "read everything"}, 400, "invalid_scope"),
        ({"scope": 5}, 400, "invalid_scope"),
        ({"expires_in": 300}, 400, "invalid_request"),
        ({"expires_in": "3600"}, 400, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "stranger"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token"}, 400, "invalid_grant"),
    ],
)
def test_the_token_endpoint_refuses_by_name(floor: Floor, fields: dict[str, Any], status: int, word: str) -> None:
    answer = token(zendesk(floor), **fields)
    assert (answer.status, error(answer)["error"]) == (status, word)


def test_the_token_endpoint_takes_json_and_the_wished_lifetime(floor: Floor) -> None:
    vendor = zendesk(floor)
    form = vendor.answer(Asked("POST", "/oauth/tokens", AT, body=b"grant_type=client_credentials"))
    assert (form.status, error(form)["error"]) == (400, "invalid_request")
    assert error(token(vendor, expires_in=3600))["expires_in"] == 3600


def test_a_token_without_the_scope_is_forbidden(floor: Floor) -> None:
    vendor = zendesk(floor)
    bearer = error(token(vendor, scope="write"))["access_token"]
    answer = get(vendor, "agents_overview", authorization=f"Bearer {bearer}")
    assert (answer.status, error(answer)["error"]) == (403, "Forbidden")
    assert "read" in error(answer)["description"]


def test_a_refresh_kills_both_old_tokens_at_once(floor: Floor) -> None:
    vendor = zendesk(floor)
    one = error(token(vendor, grant_type="refresh_token", refresh_token="first"))
    assert get(vendor, "agents_overview", authorization=f"Bearer {one['access_token']}").status == 200
    two = error(token(vendor, grant_type="refresh_token", refresh_token=one["refresh_token"]))
    assert get(vendor, "agents_overview", authorization=f"Bearer {one['access_token']}").status == 401
    for dead in ("first", one["refresh_token"]):
        answer = token(vendor, grant_type="refresh_token", refresh_token=dead)
        assert (answer.status, error(answer)["error"]) == (400, "invalid_grant")
    assert get(vendor, "agents_overview", authorization=f"Bearer {two['access_token']}").status == 200


def test_tokens_can_be_made_to_expire(floor: Floor) -> None:
    vendor = zendesk(floor)
    bearer = f"Bearer {error(token(vendor))['access_token']}"
    vendor.expire_tokens()
    assert get(vendor, "agents_overview", authorization=bearer).status == 401


@pytest.mark.parametrize(("plan", "limit"), [(Plan.TEAM, 200), (Plan.ENTERPRISE, 700)])
def test_the_plans_limit_is_told_and_kept_by_the_minute(floor: Floor, plan: Plan, limit: int) -> None:
    vendor = zendesk(floor, plan=plan)
    answers = [get(vendor, "current_queue_activity", at=AT + 10.5) for _ in range(limit)]
    assert {answer.status for answer in answers} == {200}
    assert [a.headers["X-Rate-Limit-Remaining"] for a in answers[:2]] == [str(limit - 1), str(limit - 2)]
    over = get(vendor, "current_queue_activity", at=AT + 10.5)
    assert over.status == 429
    assert over.headers["Content-Type"].startswith("text/plain")
    assert over.headers["X-Rate-Limit"] == str(limit)
    assert over.headers["X-Rate-Limit-Remaining"] == "0"
    assert over.headers["Retry-After"] == "50"
    assert get(vendor, "current_queue_activity", at=AT + 60).status == 200


def test_strangers_do_not_use_up_the_limit(floor: Floor) -> None:
    vendor = zendesk(floor, per_minute=1)
    assert get(vendor, "current_queue_activity", authorization="Bearer stranger").status == 401
    assert token(vendor).status == 200
    assert get(vendor, "current_queue_activity").status == 200
    assert get(vendor, "current_queue_activity").status == 429


def test_the_answer_is_dated_by_the_clock_of_the_exchange(floor: Floor) -> None:
    assert get(zendesk(floor), "agents_overview").headers["Date"] == "Mon, 09 Mar 2026 11:00:00 GMT"


def test_everything_falls_at_the_accounts_midnight() -> None:
    floor = Floor(demo_plan(BERLIN), NOON - timedelta(hours=2))
    floor.advance(NOON + timedelta(hours=11, minutes=59))
    vendor = zendesk(floor)
    before = told(vendor, "account_overview")["account_overview"]["total_calls"]
    floor.advance(NOON + timedelta(hours=12))
    after = told(vendor, "account_overview")["account_overview"]
    assert before > 1000
    assert after["total_calls"] == 0
    assert after["total_call_duration"] == 0
    assert {row["online_time"] for row in told(vendor, "agents_activity")["agents_activity"]} == {0}
