import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from accounts import BERLIN

from exporter.plan import read
from exporter.simulator.demo import demo_floor
from exporter.simulator.exchange import Answer, Asked
from exporter.simulator.floor import Floor
from exporter.simulator.zoho_oauth import ZohoKeys
from exporter.simulator.zoho_voice import ZohoAccount, ZohoVoice, config

NOON = datetime(2026, 3, 9, 12, tzinfo=BERLIN)
KEYS = ZohoKeys()
GRANT = {
    "grant_type": "refresh_token",
    "client_id": KEYS.client_id,
    "client_secret": KEYS.client_secret,
    "refresh_token": KEYS.refresh_token,
}
MIDNIGHT_MS = str(round(datetime(2026, 3, 9, tzinfo=BERLIN).timestamp() * 1000))
NOON_MS = str(round(NOON.timestamp() * 1000))
WINDOW = {"fromEpoch": MIDNIGHT_MS, "toEpoch": NOON_MS, "tz": "Europe/Berlin"}
LOG = {"from": "0", "size": "5", "fromDate": "2026-03-09", "toDate": "2026-03-09"}


@pytest.fixture(scope="module")
def floor() -> Floor:
    """Return a floor at noon, which stands still."""
    return demo_floor(NOON, BERLIN)


class Visitor:
    """Somebody who asks one account."""

    def __init__(self, floor: Floor, **account: Any) -> None:
        self.dialect = ZohoVoice(floor, ZohoAccount(**account))
        self.token = ""

    def grant(self, at: float = 0.0, **fields: Any) -> Answer:
        body = urlencode(GRANT | fields).encode()
        return self.dialect.answer(Asked("POST", "/oauth/v2/token", at, body=body))

    def let_in(self, at: float = 0.0) -> "Visitor":
        self.token = json.loads(self.grant(at).body)["access_token"]
        return self

    def ask(
        self, path: str, query: Mapping[str, str] = {}, at: float = 0.0, scheme: str = "Zoho-oauthtoken"
    ) -> Answer:
        headers = {"authorization": f"{scheme} {self.token}"}
        return self.dialect.answer(Asked("GET", f"/rest/json/zv/{path}", at, tuple(query.items()), headers))

    def told(self, path: str, query: Mapping[str, str] = {}) -> Any:
        answer = self.ask(path, query)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)


@pytest.fixture
def visitor(floor: Floor) -> Visitor:
    return Visitor(floor).let_in()


@pytest.mark.parametrize(
    ("field", "error"),
    [
        ("client_id", "invalid_client"),
        ("client_secret", "invalid_client_secret"),
        ("refresh_token", "invalid_code"),
        ("grant_type", "general_error"),
    ],
)
def test_a_wrong_grant_is_told_with_http_200(floor: Floor, field: str, error: str) -> None:
    wrong: dict[str, Any] = {field: "wrong"}
    answer = Visitor(floor).grant(**wrong)
    assert (answer.status, json.loads(answer.body)) == (200, {"error": error})


def test_the_eleventh_token_in_ten_minutes_is_refused(floor: Floor) -> None:
    visitor = Visitor(floor)
    answers = [visitor.grant(at) for at in range(11)]
    assert [answer.status for answer in answers] == [200] * 10 + [400]
    assert json.loads(answers[-1].body)["error"] == "Access Denied"
    assert visitor.grant(600.0).status == 200


def test_a_token_opens_for_an_hour_in_zohos_own_scheme(visitor: Visitor) -> None:
    users = {"from": "1", "offset": "50"}
    assert visitor.ask("api/users", users, at=3599.0).status == 200
    for refused in (visitor.ask("api/users", users, at=3600.0), visitor.ask("api/users", users, scheme="Bearer")):
        assert (refused.status, json.loads(refused.body)["cause"]) == (401, "INVALID_OAUTHTOKEN")
    visitor.dialect.expire_tokens()
    assert visitor.ask("api/users", users).status == 401


def test_a_missing_scope_and_an_unknown_argument_are_http_400(floor: Floor, visitor: Visitor) -> None:
    refused = Visitor(floor, scopes=frozenset({"api/users"})).let_in().ask("logs", LOG)
    assert (refused.status, json.loads(refused.body)["code"]) == (400, "ZVT022")
    refused = visitor.ask("api/users", {"page": "1"})
    assert (refused.status, json.loads(refused.body)["code"]) == (400, "ZVT010")
    assert visitor.ask("nothing").status == 404


def test_who_asks_for_the_log_too_often_is_locked_out_and_each_call_prolongs_it(visitor: Visitor) -> None:
    assert [visitor.ask("logs", LOG, at=float(second)).status for second in range(31)] == [200] * 30 + [400]
    refused = visitor.ask("logs", LOG, at=629.0)
    assert (refused.status, json.loads(refused.body)["message"]) == (400, "Try again after 10 minutes")
    assert visitor.ask("logs", LOG, at=1228.0).status == 400
    assert visitor.ask("logs", LOG, at=1828.0).status == 200
    assert visitor.ask("api/users", {"from": "0", "offset": "1"}, at=1828.0).status == 200


def test_users_begin_with_index_1_and_0_is_taken_for_it(visitor: Visitor) -> None:
    pages = [visitor.told("api/users", {"from": start, "offset": "3"})["users"] for start in ("0", "1", "4")]
    assert pages[0] == pages[1]
    assert len({user["agentId"] for page in pages for user in page}) == 6


def test_an_agent_whom_nobody_has_is_refused_with_http_200(visitor: Visitor) -> None:
    refused = visitor.told("metrics/statusaudit/list", WINDOW | {"agentIds": "1"})
    assert (refused["code"], refused["status"], refused["message"]) == ("500", "ERROR", "Invalid agent.")


def test_the_audit_comes_in_the_vendors_forms(floor: Floor, visitor: Visitor) -> None:
    ids = {"agentIds": ",".join(map(str, floor.desks)), "from": "0", "size": "50"}
    rows = visitor.told("metrics/statusaudit/list", WINDOW | ids)["list"]["agentStatus"]
    hits = [hit for row in rows for day in row["dates"] for hit in day["hits"]]
    assert 0 < len(rows) < len(floor.desks)  # one never logs in
    assert all(hit["duration"] == hit["current_action_time"] - hit["previous_action_time"] for hit in hits)
    assert any(hit["previous_status"] == hit["current_status"] for hit in hits)
    metrics = visitor.told("metrics/statusaudit/overview", WINDOW | ids)["overview"]["agentmetrics"]
    cells = [row[word] for row in metrics["individualAggregation"] for word in ("Available", "On Call", "Busy")]
    assert {type(cell["sum"]) for cell in cells} == {float, str}
    assert {cell["max"] for cell in cells if cell["sum"] == "0"} == {"--"}
    total = metrics["overallAggregation"]
    assert total["Working Time"]["sum"] == total["Available"]["sum"] + total["On Call"]["sum"]
    assert (
        len(
            visitor.told("metrics/statusaudit/list", WINDOW | {"agentIds": ids["agentIds"]})["list"]["agentStatus"]
        )
        == 10
    )


def test_the_log_is_newest_first_and_its_numbers_are_texts(visitor: Visitor) -> None:
    page = visitor.told("logs", LOG)
    assert page["meta"]["total"] > len(page["logs"]) == 5
    starts = [call["start_time"] for call in page["logs"]]
    assert starts == sorted(starts, reverse=True)
    assert visitor.ask("logs", LOG | {"fromDate": "2026-04-01", "toDate": "2026-04-01"}).status == 204


def test_a_call_tells_its_queue_only_where_it_was_in_one(floor: Floor, visitor: Visitor) -> None:
    log = visitor.told("logs", LOG | {"size": "200"})["logs"]
    queues: dict[str, set[int | None]] = {}
    for call in log[:80]:
        detail = visitor.told("metrics/statusaudit/list/log", WINDOW | {"logId": call["logid"]})
        told = [row["queueDetails"]["_queueId"] for row in detail["log"]["response"]]
        queues.setdefault(call["call_type"], set()).update(told or {None})
    assert queues["outgoing"] == {None}
    assert queues["incoming"] - {-1} <= set(floor.lines)


def test_the_config_opens_the_account(floor: Floor, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"accounts:\n{config(floor, 'http://127.0.0.1:1')}")
    [account] = read(file, {}).accounts
    assert (account.vendor, account.time_zone) == ("zoho_voice", BERLIN)
