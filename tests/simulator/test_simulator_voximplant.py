import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sockets import connected

from exporter.config.secrets import file_secret
from exporter.errors import NotAllowed, Refused, Throttled
from exporter.model import Snapshot
from exporter.plan import read
from exporter.poll import ask
from exporter.simulator.demo import demo_plan
from exporter.simulator.exchange import Asked
from exporter.simulator.floor import Floor
from exporter.simulator.server import serve
from exporter.simulator.voximplant import Voximplant, VoximplantAccount, VoximplantKeys, config, opened
from exporter.vendors.contract import Moment, Site
from exporter.vendors.voximplant import Voximplant as Vendor
from exporter.vendors.voximplant.options import VoximplantCredentials, VoximplantOptions
from exporter.wire.secret import Secret

UTC_ZONE = ZoneInfo("UTC")
KEY = {"account_id": "1", "api_key": "key"}
STATUSES = "GetACDOperatorStatusStatistics"


@pytest.fixture(scope="module")
def floor() -> Floor:
    floor = Floor(demo_plan(UTC_ZONE, 6), datetime(2026, 3, 9, 6, tzinfo=UTC))
    floor.advance(datetime(2026, 3, 9, 10, 30, tzinfo=UTC))
    return floor


@pytest.fixture(scope="module")
def pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


def public(pem: str) -> str:
    key = serialization.load_pem_private_key(pem.encode(), None).public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def account(floor: Floor, pem: str | None = None, **rest: Any) -> Voximplant:
    keys = VoximplantKeys(account_id=1, api_key="key", public_key=public(pem) if pem else None)
    return Voximplant(floor, VoximplantAccount(keys, **rest))


def asked(dialect: Voximplant, method: str, token: str | None = None, at: float = 1000.0, **form: Any) -> Any:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    body = urlencode(form if token else KEY | form).encode()
    answer = dialect.answer(Asked("POST", f"/platform_api/{method}", at, headers=headers, body=body))
    assert answer.status == 200
    return json.loads(answer.body)


def code(answer: Any) -> int | None:
    return answer.get("error", {}).get("code")  # type: ignore[no-any-return]


def signed(pem: str, kid: str = "key-id", **claims: Any) -> str:
    payload = json.dumps({"iss": 1, "iat": 990, "exp": 1590} | claims).encode()
    return jwt.api_jws.encode(payload, pem, "RS256", {"kid": kid})  # jwt.encode knows no issuer that is a number


@pytest.mark.parametrize(
    ("sign", "expected"),
    [
        (signed, None),
        (partial(signed, iss=2), 100),
        (partial(signed, kid="other"), 433),
        (lambda pem: signed(pem)[:-9], 447),
        (lambda _: "no token", 447),
        (partial(signed, exp=4591), 454),
        (partial(signed, iat=1001), 455),
        (partial(signed, exp=1000), 456),
    ],
)
def test_a_token_is_refused_by_the_number_of_what_is_wrong(
    floor: Floor, pem: str, sign: Callable[[str], str], expected: int | None
) -> None:
    assert code(asked(account(floor, pem), "GetACDState", token=sign(pem))) == expected


def test_a_token_that_is_made_to_expire_is_refused(floor: Floor, pem: str) -> None:
    dialect, token = account(floor, pem), signed(pem)
    assert code(asked(dialect, "GetACDState", token=token)) is None
    dialect.expire_tokens()
    assert code(asked(dialect, "GetACDState", token=token)) == 456
    assert code(asked(dialect, "GetACDState", token=signed(pem, iat=991))) is None


@pytest.mark.parametrize(
    ("method", "form", "expected"),
    [
        ("GetACDState", {"api_key": "other"}, 100),
        ("GetAcdState", {}, 103),
        ("GetACDState", {"acd_queue_id": "any"}, 218),
        ("GetUsers", {}, 101),
        ("GetUsers", {"application_id": "8"}, 558),
        (STATUSES, {"user_id": "all"}, 101),
        (STATUSES, {"from_date": "2026-03-09 00:00:00"}, 101),
        (STATUSES, {"from_date": "2026-03-09", "user_id": "all"}, 111),
        (STATUSES, {"from_date": "2026-03-09 00:00:00", "user_id": "7"}, 117),
        (STATUSES, {"from_date": "2026-03-09 00:00:00", "user_id": "all", "aggregation": "week"}, 228),
        ("GetACDQueueStatistics", {"from_date": "2026-03-09 00:00:00"}, 104),
    ],
)
def test_what_is_wrong_with_a_call_comes_with_http_200(
    floor: Floor, method: str, form: dict[str, Any], expected: int
) -> None:
    dialect = account(floor, forbidden=frozenset({"GetACDQueueStatistics"}))
    assert code(asked(dialect, method, **form)) == expected


def test_calls_above_the_limit_are_refused_until_the_next_minute(floor: Floor) -> None:
    dialect = account(floor, per_minute=2)
    assert [code(asked(dialect, "GetACDState", at=at)) for at in (60, 61, 119, 120)] == [None, None, 340, None]


def test_the_levels_of_the_statistics_change_places_and_hours_are_told_by_their_beginning(floor: Floor) -> None:
    form: dict[str, Any] = {"from_date": "2026-03-09 08:30:00", "user_id": "all", "aggregation": "hour"}
    by_user = asked(account(floor), STATUSES, **form)["result"]
    by_time = asked(account(floor), STATUSES, group="aggregation", **form)["result"]
    assert [record["hour"] for record in by_user[0]["statistics"]] == [8, 9, 10]
    assert [group["hour"] for group in by_time] == [8, 9, 10]
    assert {type(one["user_id"]) for one in by_user} == {int}
    assert {type(one["user_id"]) for group in by_time for one in group["statistics"]} == {str}
    assert {type(record["acd_status"]) for one in by_user for record in one["statistics"]} == {dict, list}
    cells = {(str(one["user_id"]), r["hour"]): r["acd_status"] for one in by_user for r in one["statistics"]}
    assert cells == {(r["user_id"], g["hour"]): r["acd_status"] for g in by_time for r in g["statistics"]}


def test_a_page_is_as_long_as_asked_and_tells_how_many_there_are(floor: Floor) -> None:
    page = asked(account(floor), "GetUsers", application_id="7", count="4", offset="4")
    assert (len(page["result"]), page["count"], page["total_count"]) == (2, 2, 6)


def test_the_config_opens_the_account(floor: Floor, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("accounts:\n" + config(floor, "http://127.0.0.1:9"))
    [one] = read(file, {}).accounts
    keys = {"account_id": str(one.credentials.account_id), "api_key": one.credentials.api_key.reveal()}  # type: ignore[attr-defined]
    assert code(asked(opened(floor), "GetACDState", **keys)) is None


async def test_both_doors_open_through_real_sockets_and_an_expired_token_is_signed_anew(
    floor: Floor, pem: str, tmp_path: Path
) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps({"account_id": 1, "key_id": "key-id", "private_key": pem}))
    dialect = account(floor, pem, forbidden=frozenset({"GetACDState"}))
    moment = Moment(datetime.fromtimestamp(floor.now, UTC))
    async with serve({"acme": dialect}, clock=time.time) as urls:
        options = VoximplantOptions(engine="acd", application_id=7, base_url=urls["acme"])
        for credentials in (
            VoximplantCredentials(service_account=file_secret(file)),
            VoximplantCredentials(account_id=1, api_key=Secret(lambda: "key", "a test")),
        ):
            vendor = Vendor(credentials, options, Site(UTC_ZONE))
            async with connected(vendor) as client:
                for endpoint in ("GetUsers", "GetACDQueueStatistics", STATUSES):
                    replies = await ask(vendor, endpoint, moment, client, 5)
                    assert isinstance(vendor.read(endpoint, replies, moment), Snapshot)
                    dialect.expire_tokens()
                with pytest.raises(NotAllowed):
                    await ask(vendor, "GetACDState", moment, client, 5)


async def test_a_wrong_key_and_a_limit_are_told_as_what_they_are(floor: Floor) -> None:
    limited = account(floor, per_minute=0)
    moment = Moment(datetime.fromtimestamp(floor.now, UTC))
    async with serve({"limited": limited, "strict": account(floor)}) as urls:
        for name, kind in (("limited", Throttled), ("strict", Refused)):
            credentials = VoximplantCredentials(account_id=1, api_key=Secret(lambda: "wrong", "a test"))
            vendor = Vendor(credentials, VoximplantOptions(engine="acd", base_url=urls[name]), Site())
            async with connected(vendor) as client:
                with pytest.raises(kind) as failed:
                    await ask(vendor, "GetACDState", moment, client, 5)
                assert "wrong" not in str(failed.value)
