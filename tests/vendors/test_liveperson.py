import os
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from accounts import BERLIN, liveperson
from msgspec.structs import replace
from replay import AT, PAYLOADS, Answers, collect, collect_all, exposed, recorded, with_body

from exporter.errors import NotAllowed, PollFailed, Reason, Refused, Throttled, Transient, Unreadable
from exporter.model import Agent, Dropped, Measure, Queue, Snapshot, Status
from exporter.vendors.contract import Moment, Site
from exporter.vendors.liveperson import LivePerson
from exporter.vendors.liveperson.options import LivePersonCredentials, LivePersonOptions
from exporter.wire.auth import OAuth1, TokenGrant
from exporter.wire.http import LookUp, Reply, Request
from exporter.wire.secret import Secret

FOLDER = PAYLOADS / "liveperson"
OPERATIONS = "https://acme.example/operations/api/account/12345678/"
AGENT_VIEW = "https://acme.example/messaging_history/api/account/12345678/agent-view/"


@pytest.mark.parametrize(
    ("case", "options", "page"),
    [
        ("chat", {}, "metrics.txt"),
        ("messaging", {"family": "messaging"}, "metrics.txt"),
        ("seed", {}, "metrics.txt"),
        ("seed", {"interval": 60}, "intervals.txt"),
        ("empty", {}, "metrics.txt"),
        ("empty", {"family": "messaging"}, "messaging.txt"),
    ],
)
def test_recorded_answers_become_exactly_these_metrics(case: str, options: dict[str, Any], page: str) -> None:
    text = exposed(collect_all(liveperson(**options), recorded(FOLDER / case)), "liveperson")
    expected = FOLDER / case / page
    if os.environ.get("GOLDEN") == "write":  # to be read before it is committed
        expected.write_text(text)
    assert text == expected.read_text()


def asked(vendor: LivePerson, at: datetime = AT) -> dict[str, list[str]]:
    """Return what each endpoint asks, as method, address and body."""
    return {
        one.name: [
            f"{request.method} {request.url}?{urlencode(request.query, safe=',')} {(request.body or b'').decode()}"
            for request in vendor.requests(one.name, Moment(at))
        ]
        for one in vendor.endpoints
    }


def test_a_chat_account_is_asked_for_the_present_and_for_the_day_since_local_midnight() -> None:
    bounds = "histogram=0,10,20,30,45,60,90,120,180,300"
    assert asked(liveperson()) == {
        "queuestate": [f"GET {OPERATIONS}queuestate?v=2&skillIds=all "],
        "agentactivity": [f"GET {OPERATIONS}agentactivity?timeframe=660&v=1&agentIds=all "],
        "queuehealth": [f"GET {OPERATIONS}queuehealth?timeframe=660&v=1&skillIds=all "],
        "engactivity": [f"GET {OPERATIONS}engactivity?timeframe=660&v=1&skillIds=all&agentIds=all "],
        "sla": [f"GET {OPERATIONS}sla?timeframe=660&v=1&skillIds=all&{bounds} "],
    }


def test_configured_skills_and_agents_are_asked_for_and_no_others() -> None:
    told = asked(liveperson(skill_ids=(4, 15), agent_ids=(7, 8)))
    assert told["queuestate"] == [f"GET {OPERATIONS}queuestate?v=2&skillIds=4,15 "]
    assert told["agentactivity"] == [f"GET {OPERATIONS}agentactivity?timeframe=660&v=1&agentIds=7,8 "]
    assert told["engactivity"] == [f"GET {OPERATIONS}engactivity?timeframe=660&v=1&skillIds=4,15&agentIds=7,8 "]
    assert [one.split("skillIds=")[1].split("&")[0] for one in told["sla"]] == ["4", "15"]


def test_a_messaging_account_is_asked_other_questions() -> None:
    since, now = (AT - timedelta(days=1)).timestamp() * 1000, AT.timestamp() * 1000
    window = f"fromMillis={since:.0f}&toMillis={now:.0f}"
    assert asked(liveperson(family="messaging", skill_ids=(4,))) == {
        "msgqueuehealth": [f"GET {OPERATIONS}msgqueuehealth/current/?v=2&{window}&skillIds=4&metrics=all "],
        "agent_view_status": [f'POST {AGENT_VIEW}status?limit=500&offset=0 {{"skillIds":["4"]}}'],
        "agent_view_summary": [f'POST {AGENT_VIEW}summary? {{"skillIds":["4"]}}'],
    }
    assert asked(liveperson(family="messaging"))["agent_view_summary"] == [f"POST {AGENT_VIEW}summary? {{}}"]


def test_a_list_of_agents_that_is_too_long_for_a_url_goes_into_a_body() -> None:
    agents = tuple(range(2_152_260_000, 2_152_260_500))
    vendor = liveperson(agent_ids=agents, interval=60)
    [request] = vendor.requests("agentactivity", Moment(AT))
    assert (request.method, request.query, request.content_type) == ("POST", (), "application/json")
    assert msgspec.json.decode(request.body or b"") == {
        "timeframe": "660",
        "v": "1",
        "agentIds": ",".join(map(str, agents)),
        "interval": "60",
    }


@pytest.mark.parametrize(
    ("hours", "timeframe"),
    [
        (0, None),
        (59 / 3600, None),
        (1 / 60, "1"),
        (1.52, "91"),  # 91 minutes and 12 seconds: a 92nd would begin yesterday
        (24, "1440"),
        (24.99, "1440"),  # of a day of 25 hours LivePerson tells the last 24
    ],
)
def test_the_time_asked_for_never_reaches_into_yesterday(hours: float, timeframe: str | None) -> None:
    midnight = datetime(2026, 10, 25, tzinfo=BERLIN).astimezone(UTC)
    requests = liveperson().requests("queuehealth", Moment(midnight + timedelta(hours=hours)))
    assert [dict(request.query)["timeframe"] for request in requests] == ([timeframe] if timeframe else [])


@pytest.mark.parametrize(
    ("minutes", "timeframe", "interval"), [(659, "600", "60"), (660, "660", "60"), (59, "59", None)]
)
def test_the_interval_always_divides_the_time_asked_for(
    minutes: int, timeframe: str, interval: str | None
) -> None:
    midnight = datetime(2026, 3, 9, tzinfo=BERLIN).astimezone(UTC)
    [request] = liveperson(interval=60).requests("agentactivity", Moment(midnight + timedelta(minutes=minutes)))
    assert dict(request.query)["timeframe"] == timeframe
    assert dict(request.query).get("interval") == interval


@pytest.mark.parametrize(("options", "start"), [({}, 33), ({"interval": 60}, 33 + 7 * 60)])
def test_the_window_begins_where_the_vendors_does_and_ends_at_midnight(
    options: dict[str, Any], start: int
) -> None:
    at = datetime(2026, 3, 29, 8, 7, 33, tzinfo=BERLIN).astimezone(UTC)
    midnight = datetime(2026, 3, 29, tzinfo=BERLIN)
    vendor, moment = liveperson(**options), Moment(at)
    [request] = vendor.requests("agentactivity", moment)
    body = (FOLDER / "empty" / "operations/api/account/12345678/agentactivity").read_bytes()
    snapshot = vendor.read("agentactivity", (Reply(request, 200, body, at.timestamp() + 5),), moment)
    assert snapshot.window_start == midnight.timestamp() + start
    assert snapshot.window_end == datetime(2026, 3, 30, tzinfo=BERLIN).timestamp()


@pytest.mark.parametrize("endpoint", ["agentactivity", "queuehealth", "engactivity", "sla"])
def test_in_the_first_minute_of_a_day_nothing_is_told_of_it(endpoint: str) -> None:
    moment = Moment(datetime(2026, 3, 9, 0, 0, 30, tzinfo=BERLIN).astimezone(UTC))
    snapshot = liveperson().read(endpoint, (), moment)
    tomorrow = datetime(2026, 3, 10, tzinfo=BERLIN).timestamp()
    assert snapshot == Snapshot(window_end=tomorrow)


def read(endpoint: str, document: Any, site: Site | None = None, **options: Any) -> Snapshot:
    body = document if isinstance(document, bytes) else msgspec.json.encode(document)
    family = "chat" if endpoint in {one.name for one in liveperson().endpoints} else "messaging"
    answers = with_body(recorded(FOLDER / family), endpoint, body)
    return collect(liveperson(site or Site(BERLIN), **({"family": family} | options)), endpoint, answers)


def spent(total: Any, chatting: Any = 0, rest: Any = 0, full: Any = 0) -> dict[str, Any]:
    return {"total": total, "chatting": chatting, "notChatting": rest, "chattingInMaxConcurrency": full}


def piece(*states: dict[str, Any]) -> dict[str, Any]:
    return {"agentsMetrics": {"metricsPerAgent": {"2": list(states)}, "metricsTotals": []}}


def slices(*pieces: dict[str, Any]) -> dict[str, Any]:
    rows = [{"timestamp": number, "metricsData": one} for number, one in enumerate(pieces)]
    return {"metricsByIntervals": rows, "agentsMetrics": {"metricsPerAgent": {}, "metricsTotals": []}}


def agent(*states: dict[str, Any], site: Site | None = None) -> Agent:
    [one] = read("agentactivity", piece(*states), site).agents or ()
    return one


def test_states_are_known_by_their_ids_whatever_their_names() -> None:
    rows = [{"id": 3, "name": "Back soon", "value": spent(9)}, {"id": 2, "name": "En ligne", "value": spent(5)}]
    assert agent(*rows).seconds_in_state == {
        (Status.BUSY, "Back soon"): 9,
        (Status.AVAILABLE, "Online"): 5,
    }


def test_the_time_logged_in_is_the_sum_of_the_others_and_none_of_them() -> None:
    one = agent({"id": 2, "value": spent(5)}, {"id": -1, "name": "Logged in", "value": spent(7)})
    assert one.seconds_in_state == {(Status.AVAILABLE, "Online"): 5}
    assert one.logged_in_seconds == 7
    assert agent({"id": 2, "value": spent(5)}).logged_in_seconds is None


def test_a_total_that_is_less_than_its_parts_gives_way_to_them() -> None:
    one = agent({"id": 2, "value": spent(0, 3, 4)}, {"id": 3, "value": spent(9, 3, 4)})
    assert list(one.seconds_in_state.values()) == [7, 9]


def test_time_with_chats_and_with_all_the_chats_allowed_are_parts_of_a_state() -> None:
    one = agent({"id": 2, "value": spent(10, 6, 4, 2)}, {"id": 4, "reasons": [], "value": spent(5, 1, 4)})
    assert one.engaged_seconds == {(Status.AVAILABLE, "Online"): 6, (Status.AWAY, "Away"): 1}
    assert one.full_seconds == {(Status.AVAILABLE, "Online"): 2, (Status.AWAY, "Away"): 0}


def away(whole: dict[str, Any], **reasons: dict[str, Any]) -> dict[str, Any]:
    return {"id": 4, "value": whole, "reasons": [{"id": word, "value": value} for word, value in reasons.items()]}


def test_time_away_is_parted_by_its_reasons_and_the_rest_keeps_its_word() -> None:
    one = agent(away(spent(0, 20, 180), lunch=spent(120, 15, 105, 3), tea=spent(30, 0, 30)))
    assert one.seconds_in_state == {
        (Status.AWAY, "lunch"): 120,
        (Status.AWAY, "tea"): 30,
        (Status.AWAY, "Away"): 50,
    }
    assert one.engaged_seconds[Status.AWAY, "Away"] == 5
    assert one.engaged_seconds[Status.AWAY, "lunch"] == 15


@pytest.mark.parametrize(("whole", "rest"), [(150, 0), (148, 0), (147, 0), (146, None)])
def test_reasons_may_be_more_than_the_whole_by_their_rounding_alone(whole: int, rest: float | None) -> None:
    snapshot = read("agentactivity", piece(away(spent(whole, 0, whole), a=spent(120, 0, 120), b=spent(30, 0, 30))))
    [one] = snapshot.agents or ()
    assert one.seconds_in_state.get((Status.AWAY, "Away")) == rest
    assert bool(one.seconds_in_state) is (rest is not None)
    assert snapshot.dropped[Dropped.INCONSISTENT] == (rest is None)


def test_where_a_reason_is_lost_what_is_left_is_not_taken_for_time_without_one() -> None:
    row = away(spent(150, 0, 150), lunch=spent(120, 0, 120))
    row["reasons"].append("broken")
    assert agent(row).seconds_in_state == {(Status.AWAY, "lunch"): 120}


def test_a_time_that_lacks_a_part_is_not_told() -> None:
    row = {"id": 2, "value": {"total": 0, "chatting": 3}}
    assert not agent(row).seconds_in_state
    assert agent(row).engaged_seconds == {(Status.AVAILABLE, "Online"): 3}


def test_a_state_that_comes_twice_is_not_told() -> None:
    snapshot = read("agentactivity", piece({"id": 2, "value": spent(5)}, {"id": 2, "value": spent(6)}))
    assert not [one.seconds_in_state for one in snapshot.agents or () if one.seconds_in_state]
    assert snapshot.dropped[Dropped.INCONSISTENT] == 1


def test_a_state_nobody_knows_is_other_until_the_config_teaches_it() -> None:
    row = {"id": 9, "name": "Training", "value": spent(5)}
    assert read("agentactivity", piece(row)).unknown_statuses == {"Training"}
    assert agent(row).seconds_in_state == {(Status.OTHER, "Training"): 5}
    taught = Site(BERLIN, {"Training": Status.AWAY, "lunch": Status.OFFLINE})
    assert not read("agentactivity", piece(row), taught).unknown_statuses
    assert agent(row, site=taught).seconds_in_state == {(Status.AWAY, "Training"): 5}
    one = agent(away(spent(5, 0, 5), lunch=spent(5, 0, 5)), site=taught)
    assert one.seconds_in_state == {(Status.OFFLINE, "lunch"): 5, (Status.AWAY, "Away"): 0}


def test_slices_add_up_and_who_is_missing_in_one_has_no_time_in_it() -> None:
    first, second = piece({"id": 2, "value": spent(5, 2, 3)}), piece(away(spent(7, 0, 7), lunch=spent(7, 0, 7)))
    nobody: dict[str, Any] = {"agentsMetrics": {"metricsPerAgent": {}, "metricsTotals": []}}
    third = piece({"id": 2, "value": spent(1, 1)}, away(spent(2, 0, 2), lunch=spent(1, 0, 1)))
    [one] = read("agentactivity", slices(first, second, nobody, third)).agents or ()
    assert one.seconds_in_state == {
        (Status.AVAILABLE, "Online"): 6,
        (Status.AWAY, "lunch"): 8,
        (Status.AWAY, "Away"): 1,
    }
    assert one.engaged_seconds[Status.AVAILABLE, "Online"] == 3


def test_the_whole_goes_before_its_slices_where_it_is_told() -> None:
    whole = slices(piece({"id": 2, "value": spent(5)})) | piece({"id": 2, "value": spent(6)})
    [one] = read("agentactivity", whole).agents or ()
    assert one.seconds_in_state == {(Status.AVAILABLE, "Online"): 6}


def test_slices_of_which_one_is_broken_or_twice_make_no_sum() -> None:
    good = piece({"id": 2, "value": spent(5)})
    broken = slices(good, piece({"id": 2, "value": spent(-5)}))
    twice = slices(good, good)
    twice["metricsByIntervals"][1]["timestamp"] = 0
    lost = slices() | {"metricsByIntervals": "text"}
    for document in (broken, twice, lost, {}):
        with pytest.raises(Unreadable, match="agentactivity is not as documented") as failed:
            read("agentactivity", document)
        assert failed.value.reason is Reason.SCHEMA


def test_a_slice_is_read_with_and_without_its_wrapper() -> None:
    one, bare = piece({"id": 2, "value": spent(5)}), slices(piece({"id": 2, "value": spent(6)}))
    rows = bare["metricsByIntervals"]
    rows.append({"timestamp": 7, **one})
    [found] = read("agentactivity", bare).agents or ()
    assert found.seconds_in_state == {(Status.AVAILABLE, "Online"): 11}
    rows.append({"timestamp": 8, "metricsData": {}})
    with pytest.raises(Unreadable, match="its intervals make no sum"):
        read("agentactivity", bare)


def queue(endpoint: str, **row: Any) -> Queue:
    document = {"skills": {"4": row}} if endpoint == "queuestate" else {"skillsMetrics": {"4": row}}
    [one] = read(endpoint, document).queues or ()
    return one


def test_minus_one_is_no_number() -> None:
    one = queue("queuestate", currentQueueSize=-1, currentAvailableSlots=-1, currentMaxWaitTimeInQueue=-1)
    assert (one.waiting, one.free_slots, one.longest_wait_seconds) == (None, None, None)
    one = queue("msgqueuehealth", unassignedConversations=3, maxWaitTimeForAgentAssignment=-1)
    assert (one.waiting, one.longest_wait_seconds, dict(one.contacts)) == (3, None, {})
    row = {"enteredQEng": 5, "connectedEng": -1, "maxQueueSize": -1, "totalTimeToAnswer": -1}
    totals = read("queuehealth", {"skillsMetrics": {"4": row}}).totals or ()
    assert [(total.measure, total.value) for total in totals] == [(Measure.OFFERED, 5)]


def test_where_nobody_waits_the_longest_wait_is_nothing() -> None:
    assert queue("queuestate", currentQueueSize=0, currentMaxWaitTimeInQueue=-1).longest_wait_seconds == 0
    assert queue("queuestate", currentQueueSize=2, currentMaxWaitTimeInQueue=-1).longest_wait_seconds is None


def test_a_field_that_no_skill_has_is_drift() -> None:
    snapshot = read("queuestate", {"skills": {"4": {"currentQueueSize": 1}, "5": {"currentAvailableSlots": 1}}})
    assert snapshot.drift == ("queuestate.currentMaxWaitTimeInQueue",)
    assert read("queuestate", {"skills": {}}).drift == ()


def test_a_skill_that_is_no_object_costs_itself() -> None:
    snapshot = read("queuestate", {"skills": {"4": {"currentQueueSize": 1}, "5": 7}})
    assert [one.id for one in snapshot.queues or ()] == ["4"]
    assert snapshot.dropped[Dropped.INVALID] == 1


@pytest.mark.parametrize("name", ["", "4" * 65])
def test_who_has_no_id_that_a_label_can_hold_is_dropped(name: str) -> None:
    skills = read("queuestate", {"skills": {"4": {"currentQueueSize": 1}, name: {"currentQueueSize": 2}}})
    assert [(one.id, one.waiting) for one in skills.queues or ()] == [("4", 1)]
    assert skills.dropped[Dropped.INVALID] == 1
    people = {"7": {"connectedEngagements": 1}, name: {"connectedEngagements": 2}}
    agents = read("engactivity", {"agentsMetrics": {"metricsPerAgent": people}})
    assert [(one.id, one.accepted) for one in agents.agents or ()] == [("7", 1)]
    assert agents.dropped[Dropped.INVALID] == 1


def sla(**chats: Any) -> dict[str, float]:
    document = {"slaDataRange": {bound.removeprefix("s"): {"chats": count} for bound, count in chats.items()}}
    return {total.kind: total.value for total in read("sla", document).totals or ()}  # type: ignore[misc]


def test_a_bucket_ends_where_the_next_begins_and_the_last_has_no_end() -> None:
    assert sla(s0=2, s5=2, s10=0, s20=1, s30=4) == {"5": 2, "10": 4, "20": 4, "30": 5}
    assert sla(s30=4, s0=2, s15=1) == {"15": 2, "30": 3}


def test_above_a_bucket_that_does_not_count_nothing_is_told() -> None:
    assert sla(s0=2, s15=None, s30=1, s45=1) == {"15": 2}


@pytest.mark.parametrize("bound", ["many", "", "-5", "1" * 5_000])
def test_a_bucket_without_a_bound_fails_the_poll(bound: str) -> None:
    with pytest.raises(Unreadable, match="sla has a bucket that is none"):
        read("sla", {"slaDataRange": {"0": {"chats": 1}, bound: {"chats": 1}}})


def test_engagements_of_all_skills_together_are_read_without_their_breakdown() -> None:
    row = {"totalHandlingTime": 12, "nonInteractiveTotalHandlingTime": 5, "connectedEngagements": 2}
    snapshot = read("engactivity", {"agentsMetrics": {"metricsPerAgent": {"3": row}}})
    assert snapshot.totals == ()
    assert [(one.id, one.accepted, one.handling_seconds) for one in snapshot.agents or ()] == [("3", 2, 17)]
    with pytest.raises(Unreadable, match="neither skills nor agents"):
        read("engactivity", {"metricsTotals": row})


def test_engagements_by_skill_are_read_by_the_name_of_the_page_and_by_that_of_its_samples() -> None:
    skills = {"metricsPerSkill": {"4": {"metricsTotals": {"totalInteractiveChats": "3"}}}}
    for name in ("skillsMetrics", "skillsMetricsPerAgent"):
        [total] = read("engactivity", {name: skills}).totals or ()
        assert (total.measure, total.queue, total.kind, total.value) == (Measure.CLOSED, "4", "interactive", 3)


def people(*rows: dict[str, Any], count: int | None = None, **metadata: Any) -> dict[str, Any]:
    return {"_metadata": {"count": count, **metadata}, "agentStatusRecords": list(rows)}


@pytest.mark.parametrize(
    ("row", "status", "word", "since"),
    [
        ({"currentStatus": "ONLINE"}, Status.AVAILABLE, "ONLINE", 1.0),
        ({"currentStatus": "BACK_SOON"}, Status.BUSY, "BACK_SOON", 1.0),
        ({"currentStatus": "AWAY"}, Status.AWAY, "AWAY", 1.0),
        ({"currentStatus": "OFFLINE"}, Status.OFFLINE, "OFFLINE", 1.0),
        ({"currentStatus": "COACHING"}, Status.OTHER, "COACHING", 1.0),
        ({"currentStatus": "AWAY", "currentStatusReason": "77"}, Status.AWAY, "77", None),
        ({"currentStatus": "AWAY", "currentStatusReason": -1}, Status.AWAY, "AWAY", 1.0),
        (
            {"currentStatus": "AWAY", "currentStatusReason": 77, "currentStatusReasonStartTimeL": 2500},
            Status.AWAY,
            "77",
            2.5,
        ),
        ({"currentStatus": "ONLINE", "currentStatusReason": "77"}, Status.AVAILABLE, "ONLINE", 1.0),
        ({}, None, "", None),
    ],
)
def test_the_status_is_the_agents_own_and_a_reason_names_it(
    row: dict[str, Any], status: Status | None, word: str, since: float | None
) -> None:
    [one] = (
        read("agent_view_status", people({"agentId": "8", "currentStatusStartTimeL": 1000, **row})).agents or ()
    )
    assert (one.status, one.vendor_status, one.since) == (status, word, since)


def test_an_agent_counts_in_each_of_the_skills() -> None:
    skills = [{"skillId": 1, "skillName": "dogs"}, {"skillId": "2", "skillName": "cats"}, {"skillId": 2}]
    rows = people(
        {"agentId": "8", "currentStatus": "ONLINE", "agentSkills": skills},
        {"agentId": "9", "currentStatus": "AWAY", "agentSkills": skills[1:]},
    )
    found = {one.id: one for one in read("agent_view_status", rows).queues or ()}
    assert {key: (one.agents or {})[Status.AVAILABLE] for key, one in found.items()} == {"1": 1, "2": 1}
    assert {key: (one.agents or {})[Status.AWAY] for key, one in found.items()} == {"1": 0, "2": 1}
    assert [one.id for one in read("agent_view_status", rows, skill_ids=(1,)).queues or ()] == ["1"]


@pytest.mark.parametrize(
    ("lost", "counted"),
    [(7, False), ({"agentId": "9", "agentSkills": [7]}, False), ({"agentId": "9", "agentSkills": 7}, True)],
)
def test_where_an_agent_or_a_skill_is_lost_no_skill_is_counted(lost: Any, *, counted: bool) -> None:
    one = {"agentId": "8", "currentStatus": "ONLINE", "agentSkills": [{"skillId": 1, "skillName": "dogs"}]}
    row = lost | {"currentStatus": "AWAY"} if isinstance(lost, dict) else lost
    snapshot = read("agent_view_status", people(one, row))
    assert [(queue.name, queue.agents) for queue in snapshot.queues or ()] == [("dogs", None)]
    assert (snapshot.agents_by_status is not None) is counted
    whole = read("agent_view_status", people(one, {"agentId": "9", "currentStatus": "AWAY", "agentSkills": None}))
    assert whole.agents_by_status == dict.fromkeys(Status, 0) | {Status.AVAILABLE: 1, Status.AWAY: 1}
    assert [(queue.agents or {})[Status.AVAILABLE] for queue in whole.queues or ()] == [1]


def paged(*pages: dict[str, Any]) -> Answers:
    """Return answers of pages, each found by the number of agents before it."""
    offsets = [0]
    for page in pages:
        offsets.append(offsets[-1] + len(page["agentStatusRecords"]))

    def answer(request: Request) -> Reply:
        number = offsets.index(int(dict(request.query)["offset"]))
        return Reply(request, 200, msgspec.json.encode(pages[number]), AT.timestamp())

    return answer


def test_pages_go_on_by_what_came_until_all_are_there() -> None:
    first, second = people({"agentId": 1}, {"agentId": 2}, count=3), people({"agentId": 3}, count=3)
    snapshot = collect(liveperson(family="messaging"), "agent_view_status", paged(first, second))
    assert [one.id for one in snapshot.agents or ()] == ["1", "2", "3"]
    again = people({"agentId": 2}, {"agentId": 4}, count=4)
    snapshot = collect(liveperson(family="messaging"), "agent_view_status", paged(first, again))
    assert snapshot.dropped[Dropped.DUPLICATE] == 1


@pytest.mark.parametrize(
    ("pages", "reason", "wrong"),
    [
        ([people({"agentId": 1}, count=2), people(count=2)], Reason.TRUNCATED, "tells of 2 rows and lists 1"),
        ([people({"agentId": 1}, count=2), people({"agentId": 1}, count=2)], Reason.PAGING, "brings nobody"),
        ([people({"agentId": 1}, shardsStatusResult={"partialResult": True})], Reason.TRUNCATED, "not whole"),
    ],
)
def test_a_list_of_agents_that_is_not_whole_is_not_shown(
    pages: list[dict[str, Any]], reason: Reason, wrong: str
) -> None:
    with pytest.raises(Unreadable, match=wrong) as failed:
        collect(liveperson(family="messaging"), "agent_view_status", paged(*pages))
    assert failed.value.reason is reason


def test_a_summary_that_lacks_a_number_does_not_tell_how_many_are_online() -> None:
    summary = {"numOnlineAgents": 4, "numAwayAgents": "2", "openAssignedConversations": 9}
    assert read("agent_view_summary", {"summaryResults": summary}).agents_online is None
    whole = read("agent_view_summary", {"summaryResults": summary | {"numBackSoonAgents": 1}})
    assert whole.agents_online == 7


def told(status: int, body: bytes = b"") -> Reply:
    [request] = liveperson().requests("queuestate", Moment(AT))
    return Reply(request, status, body, AT.timestamp(), {"content-type": "application/json"})


@pytest.mark.parametrize(
    ("status", "body", "kind", "detail"),
    [
        (401, b'{"reason":"oauth_problem=token_rejected&oauth_x=1"}', Refused, "HTTP 401 (token_rejected)"),
        (401, b'{"reason":"oauth_problem=s3cret"}', Refused, "HTTP 401:"),
        (401, b'oauth_problem="timestamp_refused"', Refused, "HTTP 401 (timestamp_refused)"),
        (400, b'{"causes":["s3cret"]}', Unreadable, "HTTP 400:"),
        (403, b"", NotAllowed, "HTTP 403:"),
        (404, b'{"error":"s3cret"}', NotAllowed, "HTTP 404:"),
        (429, b"", Throttled, "HTTP 429:"),
        (500, b'{"time":1,"message":"s3cret","internalCode":12}', Transient, "HTTP 500 (internalCode 12)"),
        (500, b"<html>", Transient, "HTTP 500:"),
        (401, b"\xff" * 1000, Refused, "HTTP 401:"),
    ],
)
def test_every_error_body_is_told_in_our_words(
    status: int, body: bytes, kind: type[PollFailed], detail: str
) -> None:
    verdict = liveperson().judge(told(status, body))
    assert isinstance(verdict, kind)
    assert verdict.detail.startswith(detail)
    assert "s3cret" not in verdict.detail


def wrapped(code: int | str, **more: Any) -> bytes:
    return msgspec.json.encode({"meta": {"responseCode": code, "time": 1}} | more)


@pytest.mark.parametrize(("family", "case"), [("chat", "chat"), ("messaging", "messaging")])
def test_an_answer_in_an_envelope_is_the_same_answer(family: str, case: str) -> None:
    vendor, answers = liveperson(family=family), recorded(FOLDER / case)

    def enclosed(request: Request) -> Reply:
        reply = answers(request)
        return replace(reply, body=wrapped(200, body=msgspec.Raw(reply.body)))

    assert collect_all(vendor, enclosed) == collect_all(vendor, answers)


@pytest.mark.parametrize(
    ("body", "kind", "detail"),
    [
        (wrapped(429), Throttled, "HTTP 429:"),
        (wrapped("401", body={"reason": "oauth_problem=token_rejected"}), Refused, "HTTP 401 (token_rejected)"),
        (wrapped(500, body={"internalCode": 12}), Transient, "HTTP 500 (internalCode 12)"),
        (wrapped(0), Unreadable, "HTTP 0:"),
    ],
)
def test_the_status_inside_of_an_envelope_is_believed(body: bytes, kind: type[PollFailed], detail: str) -> None:
    verdict = liveperson().judge(told(200, body))
    assert isinstance(verdict, kind)
    assert verdict.detail.startswith(detail)
    assert liveperson().judge(told(200, wrapped(200))) is None
    assert isinstance(liveperson().judge(told(403, wrapped(200))), NotAllowed)


def test_a_good_answer_is_no_failure_and_tells_no_budget() -> None:
    assert liveperson().judge(told(200, b"{}")) is None
    assert liveperson().budget(told(200)) is None


def secret() -> Secret:
    return Secret(lambda: "s3cret", "a test")


def build(**options: Any) -> LivePerson:
    """Return an account whose hosts are looked up."""
    credentials = LivePersonCredentials(client_id="c", client_secret=secret())
    return LivePerson(credentials, LivePersonOptions(account_id="12345678", **options), Site(BERLIN))


def looked_up(request: Request) -> LookUp:
    assert request.found_by is not None
    return request.found_by


@pytest.mark.parametrize(
    ("family", "endpoint", "path", "service"),
    [
        ("chat", "queuestate", "/operations/api/account/12345678/queuestate", "leDataReporting"),
        (
            "messaging",
            "msgqueuehealth",
            "/operations/api/account/12345678/msgqueuehealth/current/",
            "leDataReporting",
        ),
        ("messaging", "agent_view_status", "/messaging_history/api/account/12345678/agent-view/status", "msgHist"),
    ],
)
def test_each_api_is_found_by_the_name_of_its_service(family: str, endpoint: str, path: str, service: str) -> None:
    [request] = build(family=family).requests(endpoint, Moment(AT))
    question = looked_up(request).request
    assert request.url == path
    assert question.url == f"https://api.liveperson.net/api/account/12345678/service/{service}/baseURI.json"
    assert question.query == (("version", "1.0"),)
    assert looked_up(request).hosts == (".liveperson.net", ".lpsnmedia.net")


def test_the_token_host_is_looked_up_as_well() -> None:
    scheme = build(family="chat").scheme
    assert isinstance(scheme, TokenGrant)
    assert scheme.token_url == "/sentinel/api/v2/account/12345678/app/token"
    assert scheme.found_by is not None
    assert scheme.found_by.request.url.endswith("/service/sentinel/baseURI.json")
    assert scheme.encoding == "form"


def test_a_base_url_skips_the_look_up() -> None:
    vendor = liveperson()
    [request] = vendor.requests("queuestate", Moment(AT))
    assert (request.url, request.found_by) == (f"{OPERATIONS}queuestate", None)
    assert isinstance(vendor.scheme, TokenGrant)
    assert (vendor.scheme.token_url, vendor.scheme.found_by) == (
        "https://acme.example/sentinel/api/v2/account/12345678/app/token",
        None,
    )


@pytest.mark.parametrize(
    "document",
    [
        {"service": "leDataReporting", "account": "1", "baseURI": "VA.data.liveperson.net"},
        {
            "baseURIs": [
                {"service": "msgHist", "baseURI": "lo.msghist.liveperson.net"},
                {"service": "leDataReporting", "baseURI": "va.data.liveperson.net"},
            ]
        },
    ],
)
def test_a_look_up_tells_a_host_whose_scheme_is_that_of_the_question(document: dict[str, Any]) -> None:
    [request] = build(family="chat").requests("queuestate", Moment(AT))
    look_up = looked_up(request)
    reply = Reply(look_up.request, 200, msgspec.json.encode(document), AT.timestamp())
    assert look_up.read(reply) == "https://va.data.liveperson.net"
    insecure = replace(look_up.request, url=look_up.request.url.replace("https", "http"))
    assert look_up.read(replace(reply, request=insecure)) == "http://va.data.liveperson.net"


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (400, b"", NotAllowed, Reason.NOT_FOUND),
        (401, b"", NotAllowed, Reason.NOT_FOUND),
        (429, b"", Throttled, Reason.THROTTLED),
        (503, b"", Transient, Reason.HTTP_5XX),
        (200, b"", Unreadable, Reason.EMPTY_BODY),
        (200, b'{"baseURIs":[]}', Unreadable, Reason.SCHEMA),
        (200, b'{"baseURI":7}', Unreadable, Reason.SCHEMA),
    ],
)
def test_a_look_up_that_tells_no_host_says_why(
    status: int, body: bytes, kind: type[PollFailed], reason: Reason
) -> None:
    [request] = build(family="chat").requests("queuestate", Moment(AT))
    look_up = looked_up(request)
    with pytest.raises(kind) as failed:
        look_up.read(Reply(look_up.request, status, body, AT.timestamp()))
    assert failed.value.reason is reason


def test_the_credentials_choose_the_scheme() -> None:
    options = LivePersonOptions(account_id="1", family="chat")
    keys: dict[str, Any] = {"app_key": "k", "app_secret": secret()}
    keys |= {"access_token": secret(), "access_token_secret": secret()}
    scheme = LivePerson(LivePersonCredentials(**keys), options, Site()).scheme
    assert isinstance(scheme, OAuth1)
    assert scheme.client_key == "k"
    for wrong in ({"app_key": "k"}, {"client_id": "c"}, {**keys, "client_id": "c", "client_secret": secret()}, {}):
        with pytest.raises(ValueError, match="give app_key, app_secret"):
            LivePersonCredentials(**wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"interval": 4}, "no divisor"),
        ({"interval": 7}, "no divisor"),
        ({"interval": 60, "family": "messaging"}, "for the family chat"),
    ],
)
def test_options_that_cannot_be_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LivePersonOptions(**{"account_id": "1", "family": "chat"} | wrong)


@pytest.mark.parametrize("family", ["chat", "messaging"])
def test_one_call_at_a_time_never_faster_than_ten_seconds_and_within_half_the_limit(family: str) -> None:
    vendor = liveperson(family=family)
    assert vendor.limit.concurrency == 1
    assert {one.at_least for one in vendor.endpoints} == {10.0}
    calls = sum(vendor.load(one.name, 500).calls * 2 / one.every for one in vendor.endpoints)
    assert calls <= vendor.limit.calls_per_minute / 2
