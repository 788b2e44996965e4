import json
from datetime import datetime
from itertools import pairwise
from typing import Any

import jwt
import pytest
from accounts import BERLIN
from msgspec.structs import replace

from exporter.simulator.demo import demo_floor
from exporter.simulator.exchange import Answer, Asked
from exporter.simulator.floor import Floor
from exporter.simulator.kore_ai import KoreAccount, KoreAi

NOON = datetime(2026, 3, 9, 12, tzinfo=BERLIN)
ACCOUNT = KoreAccount()
OF_ACCOUNT = f"/agentassist/api/public/analytics/account/{ACCOUNT.account_id}"
OF_STREAM = f"/agentassist/api/v1/public/{ACCOUNT.stream_id}"
LOG = {"filter": {"dateFilter": {"date": "2026-03-09", "timeZoneOffSet": -60}}}
WINDOW = {"startDate": "2026-03-08T23:00:00.000Z", "endDate": "2026-03-09T22:59:59.999Z"}


@pytest.fixture(scope="module")
def floor() -> Floor:
    """Return a floor at noon, which stands still."""
    return demo_floor(NOON, BERLIN)


def token(key: str = ACCOUNT.client_secret, **claims: Any) -> str:
    return jwt.encode({"sub": "x", "appId": ACCOUNT.client_id} | claims, key, "HS256")


def asked(path: str, body: Any = None, *, auth: str | None = None, **query: str) -> Asked:
    headers = {"iid": ACCOUNT.stream_id, "accountid": ACCOUNT.account_id, "auth": auth or token()}
    text = b"" if body is None else json.dumps(body).encode()
    return Asked("GET" if body is None else "POST", path, 1e9, tuple(query.items()), headers, text)


def told(answer: Answer) -> Any:
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def log(**query: str) -> Asked:
    return asked(f"{OF_ACCOUNT}/agentstatusdetails", LOG, **query)


def refusal(answer: Answer) -> tuple[int, int, str]:
    [error] = json.loads(answer.body)["errors"]
    return answer.status, error["code"], error["msg"]


@pytest.mark.parametrize(
    ("auth", "msg"),
    [
        (token("another secret, and a long one at that"), "Invalid SDK credentials"),
        (token(appId="cs-other"), "Invalid SDK credentials"),
        (token(exp=999_999_999), "Invalid SDK credentials"),
        (f"Bearer {token()}", "Invalid JWT token"),
        ("no token", "Invalid JWT token"),
    ],
)
def test_a_token_that_is_not_ours_is_refused_by_its_text(floor: Floor, auth: str, msg: str) -> None:
    request = asked(f"{OF_ACCOUNT}/agentstatusdetails", LOG, auth=auth)
    assert refusal(KoreAi(floor, ACCOUNT).answer(request)) == (401, 4002, msg)


def test_no_token_at_all_and_a_scope_that_is_not_mapped_are_refused(floor: Floor) -> None:
    naked = replace(log(), headers={})
    assert refusal(KoreAi(floor, ACCOUNT).answer(naked)) == (401, 4002, "Invalid SDK credentials")
    narrow = KoreAi(floor, KoreAccount(scopes=frozenset({"Configuration"})))
    assert refusal(narrow.answer(log())) == (401, 4002, "Permission denied. Scope is incorrect!")
    assert told(narrow.answer(asked(f"{OF_STREAM}/agents/availability", {}))).keys() == {
        "AVAILABLE",
        "BUSY",
        "AWAY",
        "OFFLINE",
    }


def test_a_token_id_opens_once_where_it_is_enforced(floor: Floor) -> None:
    strict = KoreAi(floor, KoreAccount(enforces_jti=True))
    assert strict.answer(log()).status == 401
    once = asked(f"{OF_ACCOUNT}/agentstatusdetails", LOG, auth=token(jti="1"))
    assert [strict.answer(once).status for _ in range(2)] == [200, 401]


@pytest.mark.parametrize(
    ("request_", "refused"),
    [
        (asked(f"{OF_ACCOUNT}/agentstatusdetails"), (405, 405)),
        (asked("/agentassist/api/v1/public/st-other/agents/availability", {}), (400, 400)),
        (asked(f"{OF_ACCOUNT}/agentstatusdetails", {}), (412, 412)),
        (log(limit="51"), (412, 412)),
        (asked(f"{OF_ACCOUNT}/queue-performance", WINDOW | {"endDate": "2026-03-10T23:00:00.000Z"}), (412, 412)),
        (asked(f"{OF_STREAM}/monitor/queueStatsById/7", {}), (412, 412)),
        (asked("/api/v2/other", {}), (404, 404)),
    ],
)
def test_a_wrong_question_is_refused(floor: Floor, request_: Asked, refused: tuple[int, int]) -> None:
    assert refusal(KoreAi(floor, ACCOUNT).answer(request_))[:2] == refused


def test_the_limit_is_the_accounts_and_of_a_minute(floor: Floor) -> None:
    account = KoreAi(floor, KoreAccount(per_minute=2))
    request = replace(log(), at=120.0)
    assert [account.answer(request).status for _ in range(3)] == [200, 200, 429]
    assert "per-minute rate limit" in refusal(account.answer(request))[2]
    assert account.answer(replace(request, at=180.0)).status == 200


def test_pages_overlap_and_say_until_the_end_that_another_follows(floor: Floor) -> None:
    account = KoreAi(floor, ACCOUNT)
    pages = [told(account.answer(log(limit="15", offset=str(offset)))) for offset in (0, 15, 30, 45)]
    ids = [[row["userId"] for row in page["data"]] for page in pages]
    assert [page["hasMore"] for page in pages] == [True, True, True, False]
    assert ids[0][-1] == ids[1][0]
    assert set().union(*ids) == {str(agent) for agent in floor.desks}


def test_the_log_is_in_local_time_and_a_stay_lasts_that_has_no_end(floor: Floor) -> None:
    account = KoreAi(floor, ACCOUNT)
    rows = {row["userId"]: row.get("status") for row in told(account.answer(log()))["data"]}
    assert [key for key, stays in rows.items() if stays is None] == [str(list(floor.desks)[7])]
    for stays in filter(None, rows.values()):
        assert [stay["endTime"] == "-" for stay in stays] == [False] * (len(stays) - 1) + [True]
        for one, other in pairwise(stays):
            assert one["endTime"] == other["startTime"] <= "2026-03-09T12:00:00"


def test_only_what_is_asked_for_is_computed(floor: Floor) -> None:
    rows = told(
        KoreAi(floor, ACCOUNT).answer(
            asked(f"{OF_ACCOUNT}/queue-performance", WINDOW | {"projection": ["waiting"], "limit": 3})
        )
    )
    assert (len(rows["finalResult"]), rows["hasMore"], rows["totalResults"]) == (3, True, 8)
    assert rows["finalResult"][0].keys() == {"queueId", "queueName", "channel", "direction", "waiting"}
