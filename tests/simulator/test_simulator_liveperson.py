import base64
import hmac
import json
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from exporter.simulator import liveperson
from exporter.simulator.demo import demo_plan
from exporter.simulator.exchange import Answer, Asked
from exporter.simulator.floor import Floor
from exporter.simulator.liveperson import LivePerson, LivePersonAccount
from exporter.simulator.liveperson_doors import LivePersonKeys

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 3, 9, 12, 7, tzinfo=BERLIN)
AT = NOON.timestamp()
OPERATIONS = "/operations/api/account/12345678/"
AGENT_VIEW = "/messaging_history/api/account/12345678/agent-view/"
TOKEN = "/sentinel/api/v2/account/12345678/app/token"


@pytest.fixture(scope="module")
def floor() -> Floor:
    opened = Floor(demo_plan(BERLIN), datetime(2026, 3, 8, 22, tzinfo=BERLIN))
    opened.advance(NOON)
    return opened


def account(floor: Floor, **changes: Any) -> LivePerson:
    return LivePerson(floor, LivePersonAccount(LivePersonKeys(bearer="by-hand"), **changes))


def get(dialect: LivePerson, path: str, at: float = AT, **query: Any) -> Answer:
    pairs = tuple((name, str(value)) for name, value in query.items())
    return dialect.answer(Asked("GET", path, at, pairs, {"authorization": "Bearer by-hand"}))


def post(dialect: LivePerson, path: str, body: bytes, **query: Any) -> Answer:
    pairs = tuple((name, str(value)) for name, value in query.items())
    return dialect.answer(Asked("POST", path, AT, pairs, {"authorization": "Bearer by-hand"}, body))


def read(answer: Answer) -> Any:
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def activity(floor: Floor, **query: Any) -> Any:
    return read(get(account(floor), f"{OPERATIONS}agentactivity", v=1, agentIds="all", **query))


def test_the_domain_look_up_asks_nobody_who_they_are(floor: Floor) -> None:
    path = "/api/account/12345678/service/msgHist/baseURI.json"
    answer = account(floor).answer(Asked("GET", path, AT, (("version", "1.0"),), {"host": "va.example:1"}))
    assert read(answer) == {"service": "msgHist", "account": "12345678", "baseURI": "va.example:1"}
    for wrong in (path.replace("msgHist", "msghist"), path.replace("1234", "4321")):
        assert account(floor).answer(Asked("GET", wrong, AT)).status == 400


def test_a_token_lives_an_hour_and_does_not_say_so(floor: Floor) -> None:
    dialect = account(floor)
    form = b"client_id=exporter&client_secret=client-secret&grant_type=client_credentials"
    told = read(dialect.answer(Asked("POST", TOKEN, AT, body=form)))
    assert set(told) == {"access_token", "token_type"}

    def asked(at: float) -> int:
        proof = {"authorization": f"Bearer {told['access_token']}"}
        return dialect.answer(Asked("GET", f"{OPERATIONS}queuestate", at, (("v", "2"),), proof)).status

    assert (asked(AT + 3599), asked(AT + 3601)) == (200, 401)
    dialect.expire_tokens()
    assert asked(AT) == 401


@pytest.mark.parametrize(
    ("form", "status"),
    [
        (b"client_id=exporter&client_secret=wrong&grant_type=client_credentials", 401),
        (b"client_id=exporter&client_secret=client-secret&grant_type=refresh_token", 400),
        (b"\xff", 401),
    ],
)
def test_a_wrong_grant_is_refused(floor: Floor, form: bytes, status: int) -> None:
    assert account(floor).answer(Asked("POST", TOKEN, AT, body=form)).status == status


def signed(**changes: str) -> str:
    """Return a header that signs the question for the queue state of two skills, by hand."""
    oauth = {
        "oauth_consumer_key": "app-key",
        "oauth_token": "access-token",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": str(int(AT)),
        "oauth_nonce": "once",
        "oauth_version": "1.0",
    } | changes
    told = "&".join(
        f"{name}={value}" for name, value in sorted({**oauth, "skillIds": "101%2C102", "v": "2"}.items())
    )
    url = f"http://va.example{OPERATIONS}queuestate"
    text = f"GET&{quote(url, safe='')}&{quote(told, safe='')}"
    digest = hmac.digest(b"app-secret&access-token-secret", text.encode(), "sha1")
    oauth["oauth_signature"] = quote(base64.b64encode(digest).decode(), safe="") + changes.get("spoilt", "")
    return "OAuth " + ", ".join(f'{name}="{value}"' for name, value in oauth.items())


@pytest.mark.parametrize(
    ("proof", "problem"),
    [
        (signed(), ""),
        (signed(oauth_consumer_key="x"), "consumer_key_unknown"),
        (signed(oauth_token="x"), "token_rejected"),
        (signed(oauth_timestamp=str(int(AT) - 301)), "timestamp_refused"),
        (signed(oauth_timestamp="soon"), "timestamp_refused"),
        (signed(oauth_nonce=""), "nonce_used"),
        (signed(spoilt="x"), "signature_invalid"),
        ("Bearer nobody", "token_rejected"),
        ("", "parameter_absent"),
    ],
)
def test_the_door_says_what_is_wrong_with_a_signature(floor: Floor, proof: str, problem: str) -> None:
    query = (("v", "2"), ("skillIds", "101,102"))
    headers = {"authorization": proof, "host": "va.example"}
    answer = account(floor).answer(Asked("GET", f"{OPERATIONS}queuestate", AT, query, headers))
    if not problem:
        assert set(read(answer)["skills"]) == {"101", "102"}
    else:
        assert (answer.status, json.loads(answer.body)) == (401, {"reason": f"oauth_problem={problem}"})


def test_a_nonce_opens_the_door_once(floor: Floor) -> None:
    dialect = account(floor)
    query = (("v", "2"), ("skillIds", "101,102"))
    asked = Asked("GET", f"{OPERATIONS}queuestate", AT, query, {"authorization": signed(), "host": "va.example"})
    assert [dialect.answer(asked).status for _ in range(2)] == [200, 401]


@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("queuestate", {}),
        ("queuehealth", {"v": 1}),
        ("queuehealth", {"v": 1, "timeframe": 0}),
        ("queuehealth", {"v": 1, "timeframe": 1441}),
        ("queuehealth", {"v": 1, "timeframe": "x"}),
        ("agentactivity", {"v": 1, "timeframe": 60}),
        ("agentactivity", {"v": 1, "timeframe": 60, "agentIds": "all", "interval": 61}),
        ("agentactivity", {"v": 1, "timeframe": 60, "agentIds": "all", "interval": 31}),
        ("agentactivity", {"v": 1, "timeframe": 60, "agentIds": "all", "interval": 4}),
        ("sla", {"v": 1, "timeframe": 60, "histogram": "0,7"}),
        ("msgqueuehealth/current/", {"v": 2}),
        ("nothing", {"v": 1}),
    ],
)
def test_a_question_that_is_not_as_documented_is_a_bad_request(floor: Floor, method: str, query: Any) -> None:
    assert get(account(floor), f"{OPERATIONS}{method}", **query).status == 400


def test_other_accounts_paths_and_methods_are_not_answered(floor: Floor) -> None:
    assert get(account(floor), "/operations/api/account/1/queuestate", v=2).status == 404
    assert get(account(floor), "/elsewhere").status == 404
    assert get(account(floor), f"{AGENT_VIEW}status").status == 400
    assert post(account(floor), f"{AGENT_VIEW}list", b"{}").status == 400
    assert post(account(floor), f"{AGENT_VIEW}summary", b"").status == 400
    assert post(account(floor), f"{OPERATIONS}queuestate", b"{}").status == 400
    assert get(account(floor, forbidden=frozenset({"queuestate"})), f"{OPERATIONS}queuestate", v=2).status == 403


def test_too_many_calls_at_once_are_refused_for_a_moment(floor: Floor) -> None:
    dialect = account(floor, per_second=2)
    statuses = [get(dialect, f"{OPERATIONS}queuestate", AT + at, v=2).status for at in (0, 0.1, 0.2, 1)]
    assert statuses == [200, 200, 429, 200]


def test_the_wait_came_with_version_two(floor: Floor) -> None:
    rows = {v: read(get(account(floor), f"{OPERATIONS}queuestate", v=v))["skills"]["101"] for v in (1, 2)}
    assert set(rows[2]) - set(rows[1]) == {"currentMaxWaitTimeInQueue"}


def test_a_posted_list_of_agents_is_answered_as_an_asked_one(floor: Floor) -> None:
    ids = ",".join(map(str, list(floor.desks)[:3]))
    asked = get(account(floor), f"{OPERATIONS}agentactivity", v=1, timeframe=720, agentIds=ids)
    body = json.dumps({"v": "1", "timeframe": "720", "agentIds": ids}).encode()
    assert read(post(account(floor), f"{OPERATIONS}agentactivity", body)) == read(asked)


def test_slices_end_on_five_minutes_newest_first_and_the_oldest_is_the_remainder(floor: Floor) -> None:
    told = activity(floor, timeframe=20, interval=10)
    ends = [row["timestamp"] / 1000 - AT for row in told["metricsByIntervals"]]
    assert ends == [180, -420, -1020]  # 12:10, 12:00, 11:50
    assert told["agentsMetrics"]["metricsPerAgent"] == {}
    oldest = told["metricsByIntervals"][-1]["metricsData"]["agentsMetrics"]["metricsPerAgent"]
    assert max(states[-1]["value"]["total"] for states in oldest.values()) <= 180


def test_who_was_not_logged_in_is_left_out_and_some_totals_are_missing(floor: Floor) -> None:
    agents = activity(floor, timeframe=720)["agentsMetrics"]["metricsPerAgent"]
    assert 0 < len(agents) < len(floor.desks)
    away = [next(row for row in states if row["id"] == 4) for states in agents.values()]
    quirky = [row for row in away if row["value"]["total"] == 0 and row["value"]["notChatting"]]
    assert 0 < len(quirky) < len([row for row in away if row["reasons"]])


def test_agents_come_in_pages(floor: Floor) -> None:
    whole = read(post(account(floor), f"{AGENT_VIEW}status", b"{}", limit=2500))
    count = whole["_metadata"]["count"]
    found: list[Any] = []
    while len(found) < count:
        page = read(post(account(floor), f"{AGENT_VIEW}status", b"{}", limit=7, offset=len(found)))
        found += page["agentStatusRecords"]
    assert found == whole["agentStatusRecords"]
    assert post(account(floor), f"{AGENT_VIEW}status", b"{}", limit=2501).status == 400


def test_while_nobody_is_logged_in_messaging_tells_nothing() -> None:
    plan = demo_plan(BERLIN)
    empty = Floor(type(plan)(plan.zone, plan.queues, ()), NOON)
    window = {"fromMillis": 1, "toMillis": 2}
    assert read(get(account(empty), f"{OPERATIONS}msgqueuehealth/current/", v=2, **window))["skillsMetrics"] == {}
    told = read(post(account(empty), f"{AGENT_VIEW}summary", b"{}"))["summaryResults"]
    assert (told["numOnlineAgents"], "minLoad" in told) == (0, False)


def test_the_config_opens_the_account(floor: Floor) -> None:
    text = liveperson.config(floor, "http://127.0.0.1:1")
    for part in ("vendor: liveperson", "time_zone: Europe/Berlin", "family: chat", "app-secret", "127.0.0.1:1"):
        assert part in text
    assert liveperson.opened(floor).answer(Asked("GET", "/x", AT)).status == 404
