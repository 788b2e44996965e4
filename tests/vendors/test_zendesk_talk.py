import os
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from accounts import zendesk_talk
from msgspec.structs import replace
from replay import AT, PAYLOADS, collect, collect_all, exposed, recorded, samples, with_body

from exporter.errors import NotAllowed, PollFailed, Reason, Refused, Throttled, Transient, Unreadable
from exporter.model import Dropped, Snapshot, Status
from exporter.vendors.contract import Moment, Site
from exporter.vendors.zendesk_talk.options import GroupOption, QueueOption, ZendeskCredentials, ZendeskOptions
from exporter.wire.auth import Basic, Bearer, TokenGrant
from exporter.wire.http import Budget, Reply, Request
from exporter.wire.secret import Secret

FOLDER = PAYLOADS / "zendesk_talk"
QUEUES = (QueueOption("sales", (1, 2)), QueueOption("support", (3,)))
GROUPS = (GroupOption("sales", (10,)), GroupOption("support", (20, 21)))
STATS = "https://acme.zendesk.com/api/v2/channels/voice/stats/"


def agents(*rows: dict[str, Any], **envelope: Any) -> bytes:
    return msgspec.json.encode({"agents_activity": rows, **envelope})


def read_agents(*rows: dict[str, Any], site: Site | None = None, **envelope: Any) -> Snapshot:
    answers = with_body(recorded(FOLDER / "professional"), "agents_activity", agents(*rows, **envelope))
    return collect(zendesk_talk(site or Site()), "agents_activity", answers)


@pytest.mark.parametrize("case", ["professional", "team", "pages", "empty"])
def test_recorded_answers_become_exactly_these_metrics(case: str) -> None:
    text = exposed(collect_all(zendesk_talk(), recorded(FOLDER / case)))
    expected = FOLDER / case / "metrics.txt"
    if os.environ.get("GOLDEN") == "write":  # to be read before it is committed
        expected.write_text(text)
    assert text == expected.read_text()


def test_each_filter_value_is_asked_for_alone() -> None:
    vendor = zendesk_talk(queues=QUEUES, groups=GROUPS)
    asked = {
        one.name: [
            (request.about, request.url, request.query) for request in vendor.requests(one.name, Moment(AT))
        ]
        for one in vendor.endpoints
    }
    sales, support = (("phone_number_ids", "1,2"),), (("phone_number_ids", "3"),)
    assert asked == {
        "current_queue_activity": [
            ("all", f"{STATS}current_queue_activity.json", ()),
            ("sales", f"{STATS}current_queue_activity.json", sales),
            ("support", f"{STATS}current_queue_activity.json", support),
        ],
        "agents_activity": [
            ("sales", f"{STATS}agents_activity.json", (("group_ids", "10"),)),
            ("support", f"{STATS}agents_activity.json", (("group_ids", "20,21"),)),
        ],
        "account_overview": [
            ("sales", f"{STATS}account_overview.json", sales),
            ("support", f"{STATS}account_overview.json", support),
        ],
        "agents_overview": [("all", f"{STATS}agents_overview.json", ())],
    }


@pytest.mark.parametrize("gone", [("3",), ("3", "1,2")])
def test_a_phone_number_that_is_gone_costs_its_queue_and_is_counted(gone: tuple[str, ...]) -> None:
    good = recorded(FOLDER / "professional")

    def answers(request: Request) -> Reply:
        return (
            replace(good(request), status=404)
            if dict(request.query).get("phone_number_ids") in gone
            else good(request)
        )

    vendor = zendesk_talk(queues=QUEUES)
    queues = collect(vendor, "current_queue_activity", answers)
    left = [name for name, number in (("sales", "1,2"), ("support", "3")) if number not in gone]
    assert [queue.id for queue in queues.queues or ()] == left
    assert (queues.agents_online, queues.dropped) == (2, {Dropped.REFUSED: len(gone)})


def test_a_group_that_is_gone_costs_the_poll() -> None:
    good = recorded(FOLDER / "professional")
    vendor = zendesk_talk(groups=GROUPS)
    with pytest.raises(NotAllowed):
        collect(
            vendor,
            "agents_activity",
            lambda request: replace(
                good(request), status=404 if dict(request.query)["group_ids"] == "10" else 200
            ),
        )


def test_configured_queues_replace_the_whole_account_but_for_the_agents_online() -> None:
    snapshots = collect_all(zendesk_talk(queues=QUEUES), recorded(FOLDER / "professional"))
    shown = samples(exposed({name: snapshots[name] for name in ("current_queue_activity", "account_overview")}))
    queues = {series.split('queue="')[1].split('"')[0] for series in shown if 'queue="' in series}
    assert queues == {"sales", "support"}
    assert shown['contact_center_agents_online{vendor="zendesk_talk",account="acme"}'] == "2"


def test_an_agent_of_two_groups_is_shown_once_and_counted_in_both_queues() -> None:
    snapshot = collect(zendesk_talk(groups=GROUPS), "agents_activity", recorded(FOLDER / "professional"))
    assert [agent.id for agent in snapshot.agents or ()] == ["360786799676", "1900000000000000001", "360786799677"]
    queues = {queue.id: queue.agents for queue in snapshot.queues or ()}
    assert queues["sales"] == queues["support"] == snapshot.agents_by_status
    assert not snapshot.dropped[Dropped.DUPLICATE]


@pytest.mark.parametrize(
    ("state", "call", "status", "word"),
    [
        ("online", None, Status.AVAILABLE, "online"),
        ("away", None, Status.AWAY, "away"),
        ("transfers_only", None, Status.BUSY, "transfers_only"),
        ("offline", None, Status.OFFLINE, "offline"),
        ("online", "on_call", Status.ON_CONTACT, "online"),
        ("away", "on_call", Status.ON_CONTACT, "away"),
        ("transfers_only", "wrap_up", Status.WRAP_UP, "transfers_only"),
        ("online", "null", Status.AVAILABLE, "online"),
        ("COACHING", None, Status.OTHER, "COACHING"),
        ("online", "consulting", Status.OTHER, "online"),
        (None, "on_call", Status.ON_CONTACT, "on_call"),
        (None, None, None, ""),
    ],
)
def test_the_call_decides_the_status_and_the_availability_names_it(
    state: str | None, call: str | None, status: Status | None, word: str
) -> None:
    [agent] = read_agents({"agent_id": 1, "agent_state": state, "call_status": call}).agents or ()
    assert (agent.status, agent.vendor_status) == (status, word)


@pytest.mark.parametrize(("state", "status"), [("online", None), ("away", None), ("offline", Status.OFFLINE)])
def test_without_a_call_status_only_offline_is_sure(state: str, status: Status | None) -> None:
    snapshot = read_agents({"agent_id": 1, "agent_state": state})
    assert [agent.status for agent in snapshot.agents or ()] == [status]
    assert (snapshot.agents_by_status is None) == (status is None)


def test_a_status_word_nobody_knows_is_other_until_the_config_teaches_it() -> None:
    row = {"agent_id": 1, "agent_state": "lunch", "call_status": None}
    assert read_agents(row).unknown_statuses == {"lunch"}
    taught = read_agents(row, site=Site(statuses={"lunch": Status.AWAY}))
    assert not taught.unknown_statuses
    assert [agent.status for agent in taught.agents or ()] == [Status.AWAY]


def test_the_seconds_in_state_part_the_time_logged_in() -> None:
    row = {"agent_id": 1, "online_time": 1000, "available_time": 600, "away_time": 150, "transfers_only_time": 50}
    [agent] = read_agents({**row, "total_call_duration": 400, "total_wrap_up_time": 90}).agents or ()
    assert agent.seconds_in_state == {
        (Status.AVAILABLE, "online"): 600,
        (Status.ON_CONTACT, "online"): 200,
        (Status.AWAY, "away"): 150,
        (Status.BUSY, "transfers_only"): 50,
    }


@pytest.mark.parametrize(("online", "rest", "inconsistent"), [(799, 0, 0), (797, 0, 0), (796, None, 1)])
def test_rounding_is_forgiven_and_a_contradiction_is_not_shown(
    online: int, rest: int | None, inconsistent: int
) -> None:
    row = {
        "agent_id": 1,
        "online_time": online,
        "available_time": 600,
        "away_time": 150,
        "transfers_only_time": 50,
    }
    snapshot = read_agents(row)
    [agent] = snapshot.agents or ()
    assert agent.seconds_in_state.get((Status.ON_CONTACT, "online")) == rest
    assert bool(agent.seconds_in_state) is (rest is not None)
    assert snapshot.dropped[Dropped.INCONSISTENT] == inconsistent


def test_a_bad_row_costs_itself_and_a_bad_field_costs_itself() -> None:
    rows: list[dict[str, Any]] = [
        {"agent_id": 1, "agent_state": "online", "call_status": None, "calls_accepted": -4, "online_time": 10},
        {"agent_id": None, "agent_state": "online", "call_status": None},
        {"agent_id": 2, "agent_state": "away", "call_status": None, "calls_accepted": "12", "online_time": "--"},
    ]
    snapshot = read_agents(*rows)
    told = [(agent.id, agent.accepted, agent.logged_in_seconds) for agent in snapshot.agents or ()]
    assert told == [("1", None, 10.0), ("2", 12, None)]
    assert snapshot.dropped[Dropped.INVALID] == 1
    assert {"agents_activity[].calls_accepted", "agents_activity[].agent_id"} <= set(snapshot.drift)


def test_a_list_that_lost_a_row_is_shown_but_not_counted() -> None:
    good = {"agent_id": 1, "agent_state": "online", "call_status": None}
    bad = {"agent_id": None, "agent_state": "online", "call_status": None}
    bodies = {"10": agents(good, bad, count=2), "20,21": agents(good, count=1)}

    def answers(request: Request) -> Reply:
        return Reply(request, 200, bodies[dict(request.query)["group_ids"]], AT.timestamp())

    snapshot = collect(zendesk_talk(groups=GROUPS), "agents_activity", answers)
    assert [agent.id for agent in snapshot.agents or ()] == ["1"]
    assert snapshot.agents_by_status is None
    lost, whole = snapshot.queues or ()
    assert lost.agents is None
    assert whole.agents is not None
    assert whole.agents[Status.AVAILABLE] == 1


def test_an_agent_listed_twice_is_shown_once_and_counted() -> None:
    snapshot = read_agents({"agent_id": 1, "online_time": 5}, {"agent_id": "1", "online_time": 9})
    assert [(agent.id, agent.logged_in_seconds) for agent in snapshot.agents or ()] == [("1", 5.0)]
    assert snapshot.dropped[Dropped.DUPLICATE] == 1


def test_a_page_that_repeats_another_is_not_shown() -> None:
    first = agents({"agent_id": 1}, {"agent_id": 2}, count=4, next_page=f"{STATS}agents_activity.json?page=2")
    again = agents({"agent_id": 1}, {"agent_id": 2}, count=4)

    def answers(request: Request) -> Reply:
        return Reply(request, 200, again if request.query else first, AT.timestamp())

    with pytest.raises(Unreadable, match="brings nobody") as failed:
        collect(zendesk_talk(), "agents_activity", answers)
    assert failed.value.reason is Reason.PAGING


def test_a_next_page_keeps_the_filter_and_the_path() -> None:
    [request] = zendesk_talk(groups=GROUPS[:1]).requests("agents_activity", Moment(AT))

    def followed(next_page: str) -> Request:
        [page] = zendesk_talk().follow(
            Reply(request, 200, agents({"agent_id": 1}, next_page=next_page), 0.0), (), Moment(AT)
        )
        return page

    assert followed(f"{STATS}agents_activity?page=2").query == (("group_ids", "10"), ("page", "2"))
    assert followed(f"{STATS}agents_activity.json?group_ids=10&page=2").query == (
        ("group_ids", "10"),
        ("page", "2"),
    )
    with pytest.raises(Unreadable, match="leads away"):
        followed("https://acme.zendesk.com/api/v2/users.json?page=2")


def test_totals_of_a_day_end_with_the_day() -> None:
    day = collect(zendesk_talk(), "account_overview", recorded(FOLDER / "team"))
    assert day.window_end == datetime(2026, 3, 29, 22, tzinfo=UTC).timestamp()  # 23 hours after it began
    assert collect(zendesk_talk(Site()), "account_overview", recorded(FOLDER / "team")).window_end is None


def test_a_taught_word_is_the_same_in_the_status_and_in_the_seconds() -> None:
    row = {"agent_id": 1, "agent_state": "transfers_only", "call_status": None, "transfers_only_time": 9}
    [agent] = read_agents(row, site=Site(statuses={"transfers_only": Status.AWAY})).agents or ()
    assert (agent.status, dict(agent.seconds_in_state)) == (Status.AWAY, {(Status.AWAY, "transfers_only"): 9})


def test_a_list_shorter_than_its_count_is_not_shown() -> None:
    with pytest.raises(Unreadable, match="tells of 3 rows and lists 2") as failed:
        read_agents({"agent_id": 1}, {"agent_id": 2}, count=3)
    assert failed.value.reason is Reason.TRUNCATED


def test_a_field_that_every_row_lacks_is_drift_and_one_that_a_row_lacks_is_not() -> None:
    rows: list[dict[str, Any]] = [{"agent_id": 1, "agent_state": "away", "call_status": None}, {"agent_id": 2}]
    drift = read_agents(*rows).drift
    assert "agents_activity.agent_state" not in drift
    assert "agents_activity.away_time" in drift


def test_a_name_with_a_lone_surrogate_costs_no_row() -> None:
    body = rb'{"agents_activity":[{"agent_id":1,"name":"\ud800x","agent_state":"away","call_status":null}]}'
    answers = with_body(recorded(FOLDER / "professional"), "agents_activity", body)
    text = exposed({"agents_activity": collect(zendesk_talk(), "agents_activity", answers)})
    assert 'agent_name="?x"' in text


@pytest.mark.parametrize(
    ("next_page", "failure"),
    [(7, Reason.PAGING), ("http://[", Reason.PAGING)],
)
def test_a_next_page_that_is_no_address_fails_the_poll(next_page: Any, failure: Reason) -> None:
    with pytest.raises(PollFailed) as failed:
        read_agents({"agent_id": 1}, next_page=next_page)
    assert failed.value.reason is failure


def reply(status: int, body: bytes = b"", **headers: str) -> Reply:
    [request] = zendesk_talk().requests("agents_overview", Moment(AT))
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(request, status, body, AT.timestamp(), told)


@pytest.mark.parametrize(
    ("status", "body", "kind", "detail"),
    [
        (401, b'{"error":"Couldn\'t authenticate you"}', Refused, "HTTP 401:"),
        (401, b'{"error":"invalid_token","error_description":"x"}', Refused, "HTTP 401 (invalid_token)"),
        (403, b'{"error":{"title":"Forbidden","message":"x"}}', NotAllowed, "HTTP 403 (Forbidden)"),
        (403, b'{"error":"Forbidden","description":"missing scopes"}', NotAllowed, "HTTP 403 (Forbidden)"),
        (404, b'{"error":"InvalidEndpoint","description":"Not found"}', NotAllowed, "HTTP 404 (InvalidEndpoint)"),
        (400, b'{"errors":[{"code":"InvalidPaginationDepth"}]}', Unreadable, "HTTP 400 (InvalidPaginationDepth)"),
        (422, b'{"error":"RecordInvalid","details":{}}', Unreadable, "HTTP 422 (RecordInvalid)"),
        (429, b"Number of allowed API requests per minute exceeded", Throttled, "HTTP 429"),
        (500, b"<html>", Transient, "HTTP 500"),
        (403, b'{"error":"s3cretToken"}', NotAllowed, "HTTP 403:"),
        (403, b"[" * 100_000, NotAllowed, "HTTP 403:"),
        (302, b"", Unreadable, "HTTP 302"),
    ],
)
def test_every_error_body_of_the_vendor_is_told_in_our_words(
    status: int, body: bytes, kind: type[PollFailed], detail: str
) -> None:
    verdict = zendesk_talk().judge(reply(status, body, content_type="application/json; charset=utf-8"))
    assert isinstance(verdict, kind)
    assert verdict.detail.startswith(detail)
    assert "s3cret" not in verdict.detail


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "93"}, 93),
        ({"retry_after": "Sun, 29 Mar 2026 10:01:00 GMT", "date": "Sun, 29 Mar 2026 10:00:30 GMT"}, 30),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "-5"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_both_forms(headers: dict[str, str], seconds: float | None) -> None:
    verdict = zendesk_talk().judge(reply(429, b"", **headers))
    assert isinstance(verdict, Throttled)
    assert verdict.retry_after == seconds


def test_the_budget_is_what_the_headers_say() -> None:
    vendor = zendesk_talk()
    told = reply(200, x_rate_limit="700", x_rate_limit_remaining="699")
    assert vendor.budget(told) == Budget(700, 699)
    assert vendor.budget(reply(200)) is None
    assert vendor.budget(replace(told, headers={"x-rate-limit": "many"})) is None


def secret() -> Secret:
    return Secret(lambda: "s3cret", "a test")


def test_the_credentials_choose_the_scheme() -> None:
    options = ZendeskOptions(base_url="https://acme.zendesk.com")
    build = type(zendesk_talk())
    grant = build(ZendeskCredentials(client_id="c", client_secret=secret()), options, Site()).scheme
    assert isinstance(grant, TokenGrant)
    assert (grant.token_url, grant.encoding, grant.scope, grant.rotates) == (
        "https://acme.zendesk.com/oauth/tokens",
        "json",
        "read",
        False,
    )
    kept = ZendeskCredentials(client_id="c", client_secret=secret(), refresh_token=secret())
    rotating = build(kept, options, Site()).scheme
    assert isinstance(rotating, TokenGrant)
    assert rotating.rotates
    basic = build(ZendeskCredentials(email="a@b.c", api_token=secret()), options, Site()).scheme
    assert isinstance(basic, Basic)
    assert basic.user == "a@b.c/token"
    assert isinstance(build(ZendeskCredentials(access_token=secret()), options, Site()).scheme, Bearer)
    with pytest.raises(ValueError, match="give client_id and client_secret"):
        ZendeskCredentials(client_id="c", api_token=secret())
