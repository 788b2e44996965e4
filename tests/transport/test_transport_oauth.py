import asyncio
import json
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from urllib.parse import parse_qs

import pytest
from aioresponses import CallbackResult, aioresponses
from fake_vendor import (
    Asked,
    AtOnce,
    Last,
    Log,
    Vendor,
    answer,
    client,
    failed,
    nothing,
    secret,
    store,
    until,
    vendor,
)
from msgspec.structs import replace

from exporter.errors import GrantLost, PollFailed, Reason, Refused, Throttled
from exporter.transport import Client, grants
from exporter.wire.auth import Basic, Bearer, TokenGrant
from exporter.wire.http import Reply, Request
from exporter.wire.secret import Secret

SOON = 30.0
URL = "http://127.0.0.1:1"  # of answers without a socket


class Talk:
    """A vendor with a token endpoint: it knows which access token is good, and which refresh token."""

    def __init__(self, **grant: Any) -> None:
        self.given = 0
        self.good = ""
        self.refresh = "r0"
        self.rotates = False
        self.life: object = 3600
        self.token_answer: Callable[[Asked], bytes | Last] | None = None
        self.token_calls: list[Asked] = []
        self.calls: list[str] = []
        self.grant = grant
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, asked: Asked) -> bytes | Last:
        if asked.target != "/token":
            self.calls.append(asked.headers.get("authorization", ""))
            return (
                answer() if self.good and self.calls[-1] == f"Bearer {self.good}" else answer({"error": "no"}, 401)
            )
        self.token_calls.append(asked)
        await self.gate.wait()
        return self.token_answer(asked) if self.token_answer else answer(self.new_token(asked))

    def new_token(self, asked: Asked) -> dict[str, object]:
        self.given += 1
        self.good = f"a{self.given}"
        told: dict[str, object] = {"access_token": self.good, "token_type": "bearer"}
        if self.life is not None:
            told["expires_in"] = self.life
        if self.rotates:
            if fields(asked)["refresh_token"] != self.refresh:
                self.good, self.refresh = "", "revoked"
                return {"error": "invalid_grant"}
            self.refresh = told["refresh_token"] = f"r{self.given}"
        return told

    def scheme(self, site: Vendor) -> TokenGrant:
        parts: dict[str, Any] = {
            "token_url": f"{site.url}/token",
            "client_id": "exporter",
            "client_secret": secret("cl13nt"),
        }
        return TokenGrant(**{**parts, **self.grant})


def fields(asked: Asked) -> dict[str, str]:
    if asked.headers["content-type"] == "application/json":
        found: dict[str, str] = json.loads(asked.body)
        return found
    return {name: value for name, (value,) in parse_qs(asked.body.decode()).items()}


def rotating() -> Talk:
    talk = Talk(refresh_token=secret("r0"), rotates=True, encoding="json")
    talk.rotates = True
    return talk


async def poll(opened: Client, site: Vendor, number: int = 1) -> tuple[Reply, ...]:
    requests = tuple(Request("agents", f"{site.url}/x{n}") for n in range(number))
    return await opened.collect(requests, nothing, SOON)


class Changing:
    """A secret that somebody replaces while the program runs."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.secret = Secret(self.read, "file /run/secrets/acme")

    def read(self) -> str:
        if not self.text:
            raise FileNotFoundError("/run/secrets/acme")
        return self.text


async def test_basic_credentials_and_a_bearer_token_go_into_the_header() -> None:
    async with vendor(lambda _: answer()) as site:
        for scheme in (Basic("ann@acme.com/token", secret("ä:b")), Bearer(secret("t"), prefix="Zoho-oauthtoken")):
            async with client(scheme=scheme) as opened:
                await poll(opened, site)
    assert [asked.headers["authorization"] for asked in site.asked] == [
        "Basic YW5uQGFjbWUuY29tL3Rva2VuOsOkOmI=",
        "Zoho-oauthtoken t",
    ]


@pytest.mark.parametrize("encoding", ["form", "json"])
async def test_client_credentials_are_changed_for_a_token_in_the_body_of_a_post(encoding: str) -> None:
    talk = Talk(scope="read", encoding=encoding, extra=(("expires_in", "7200"),))
    log = Log()
    async with vendor(talk) as site, client(log, scheme=talk.scheme(site)) as opened:
        await poll(opened, site, 3)
        await poll(opened, site)
    (asked,) = talk.token_calls
    assert asked.line == "POST /token HTTP/1.1"
    assert fields(asked) == {
        "grant_type": "client_credentials",
        "client_id": "exporter",
        "client_secret": "cl13nt",
        "scope": "read",
        "expires_in": "7200",
    }
    assert talk.calls == ["Bearer a1"] * 4
    assert log.refreshes == 1
    assert [call.endpoint for call in log.calls].count("token") == 1


async def test_a_refresh_token_is_changed_for_an_access_token() -> None:
    talk = Talk(refresh_token=secret("r0"))
    async with vendor(talk) as site, client(scheme=talk.scheme(site)) as opened:
        await poll(opened, site)
    sent = fields(talk.token_calls[0])
    assert (sent["grant_type"], sent["refresh_token"]) == ("refresh_token", "r0")


async def test_a_token_that_dies_in_the_midst_of_a_poll_is_renewed_once_and_the_poll_succeeds() -> None:
    talk = Talk()
    async with vendor(talk) as site, client(scheme=talk.scheme(site)) as opened:
        await poll(opened, site)
        talk.good = "revoked by an administrator"
        assert len(await poll(opened, site, 5)) == 5
    assert len(talk.token_calls) == 2


async def test_a_call_that_is_refused_late_uses_the_token_that_others_have_renewed() -> None:
    talk = Talk()

    async def slowly(asked: Asked) -> bytes | Last:
        reply = await talk(asked)
        if asked.target == "/x1" and b" 401 " in reply:  # type: ignore[operator]
            await until(lambda: talk.calls.count("Bearer a2") > 0)
        return reply

    async with vendor(slowly) as site, client(scheme=talk.scheme(site)) as opened:
        await poll(opened, site)
        talk.good = "revoked by an administrator"
        await poll(opened, site, 2)
    assert len(talk.token_calls) == 2


@pytest.mark.looptime
async def test_a_silence_holds_back_token_calls_too(canned: aioresponses, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(time, "time", lambda: 1e9 + loop.time())
    canned.post(f"{URL}/token", body=b'{"access_token": "a", "expires_in": 60}')
    canned.get(f"{URL}/x0", status=429, headers={"Retry-After": "300"})
    talk = Talk()
    log = Log()
    site = Vendor(talk, port=1)
    async with client(log, scheme=talk.scheme(site)) as opened:
        for _ in range(2):
            assert isinstance(await failed(poll(opened, site)), Throttled)
            await asyncio.sleep(200)
    assert log.codes == ["200", "429"]


async def test_fifty_callers_share_one_token_call_that_none_of_them_cancels(tmp_path: Path) -> None:
    talk = rotating()
    async with (
        vendor(talk) as site,
        client(scheme=talk.scheme(site), grants=store(tmp_path), concurrency=50) as opened,
    ):
        await poll(opened, site)
        talk.good = "revoked by an administrator"
        talk.gate.clear()
        polls = [asyncio.create_task(poll(opened, site)) for _ in range(50)]
        await until(lambda: len(talk.calls) == 51 and len(talk.token_calls) == 2)
        for one in polls[:5]:
            one.cancel()
        await asyncio.wait(polls[:5])
        talk.gate.set()
        await asyncio.wait(polls)
        assert [one.cancelled() for one in polls] == [True] * 5 + [False] * 45
        assert all(len(one.result()) == 1 for one in polls[5:])
        assert len(talk.token_calls) == 2
        await poll(opened, site)
    assert talk.refresh == "r2"


async def test_a_token_call_goes_on_when_everybody_who_waited_is_gone(tmp_path: Path) -> None:
    talk = rotating()
    talk.gate.clear()
    async with vendor(talk) as site, client(scheme=talk.scheme(site), grants=store(tmp_path)) as opened:
        failure = await failed(opened.collect((Request("agents", f"{site.url}/x"),), nothing, 0.05))
        assert failure.reason is Reason.TIMEOUT
        talk.gate.set()
        await poll(opened, site)
    assert len(talk.token_calls) == 1


async def test_a_failed_token_call_is_shared_too() -> None:
    talk = Talk()
    talk.token_answer = lambda _: answer({}, 500)
    talk.gate.clear()
    async with vendor(talk) as site, client(scheme=talk.scheme(site)) as opened:
        polls = [asyncio.create_task(failed(poll(opened, site))) for _ in range(20)]
        await until(lambda: bool(talk.token_calls))
        talk.gate.set()
        assert {(await one).reason for one in polls} == {Reason.HTTP_5XX}
    assert (len(talk.token_calls), talk.calls) == (1, [])


async def test_a_rotated_refresh_token_is_on_disk_before_the_new_access_token_is_used(tmp_path: Path) -> None:
    talk = rotating()
    on_disk: list[str] = []

    async def look(asked: Asked) -> bytes | Last:
        if asked.target != "/token":
            on_disk.append(json.loads((tmp_path / "acme.grant.json").read_text())["refresh_token"])
        return await talk(asked)

    async with vendor(look) as site, client(scheme=talk.scheme(site), grants=store(tmp_path)) as opened:
        await poll(opened, site)
        talk.good = "revoked by an administrator"
        await poll(opened, site)
    assert on_disk == ["r1", "r1", "r2"]
    assert [fields(asked)["refresh_token"] for asked in talk.token_calls] == ["r0", "r1"]


async def test_a_new_token_is_nobodys_before_it_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk, write = rotating(), grants._write
    writing, go_on = threading.Event(), threading.Event()

    def slow(file: Path, content: bytes) -> None:
        writing.set()
        go_on.wait(SOON)
        write(file, content)

    monkeypatch.setattr(grants, "_write", slow)
    async with vendor(talk) as site, client(scheme=talk.scheme(site), grants=store(tmp_path)) as opened:
        first = asyncio.create_task(poll(opened, site))
        assert await asyncio.to_thread(writing.wait, SOON)
        second = asyncio.create_task(poll(opened, site))
        await asyncio.wait({second}, timeout=0.3)
        used = tuple(talk.calls)
        go_on.set()
        await asyncio.gather(first, second)
    assert used == ()
    assert talk.calls == ["Bearer a1"] * 2


async def test_a_token_call_shares_its_connection_with_no_other() -> None:
    talk = Talk()
    async with vendor(talk) as site, client(scheme=talk.scheme(site)) as opened:
        await poll(opened, site)
        assert site.connections == 2
        await poll(opened, site)
        assert site.connections == 2


async def test_after_a_restart_the_kept_tokens_are_used_and_not_the_configured_one(tmp_path: Path) -> None:
    talk = rotating()
    async with vendor(talk) as site:
        for _ in range(20):
            async with client(scheme=talk.scheme(site), grants=store(tmp_path)) as opened:
                await poll(opened, site)
        assert len(talk.token_calls) == 1
        talk.good = "revoked by an administrator"
        async with client(scheme=talk.scheme(site), grants=store(tmp_path)) as opened:
            await poll(opened, site)
    assert [fields(asked)["refresh_token"] for asked in talk.token_calls] == ["r0", "r1"]


async def test_tokens_that_another_process_has_renewed_are_taken_over(tmp_path: Path) -> None:
    talk = rotating()
    async with (
        vendor(talk) as site,
        client(scheme=talk.scheme(site), grants=store(tmp_path)) as service,
        client(scheme=talk.scheme(site), grants=store(tmp_path)) as doctor,
    ):
        await poll(service, site)
        talk.good = "revoked by an administrator"
        await poll(doctor, site)
        await poll(service, site)
        talk.good = "revoked again"
        await poll(service, site)
    assert [fields(asked)["refresh_token"] for asked in talk.token_calls] == ["r0", "r1", "r2"]


async def test_tokens_that_could_not_be_kept_are_used_all_the_same_and_told_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = rotating()
    told: list[str] = []
    async with vendor(talk) as site, client(scheme=talk.scheme(site), grants=store(tmp_path, told)) as opened:
        await poll(opened, site)
        monkeypatch.setattr("exporter.transport.grants._write", Mock(side_effect=OSError(28, "No space left")))
        for _ in range(2):
            talk.good = "revoked by an administrator"
            await poll(opened, site)
    assert [fields(asked)["refresh_token"] for asked in talk.token_calls] == ["r0", "r1", "r2"]
    assert len(told) == 2


async def test_a_crash_loop_does_not_burn_the_vendors_quota_of_tokens(tmp_path: Path) -> None:
    talk = Talk(refresh_token=secret("r0"))
    async with vendor(talk) as site:
        for _ in range(20):
            async with client(scheme=talk.scheme(site), grants=store(tmp_path)) as opened:
                await poll(opened, site)
    assert len(talk.token_calls) == 1


async def test_a_new_configured_refresh_token_wins_over_the_kept_one(tmp_path: Path) -> None:
    talk = rotating()
    async with vendor(talk) as site:
        async with client(scheme=talk.scheme(site), grants=store(tmp_path)) as opened:
            await poll(opened, site)
        talk.refresh = "made anew"
        talk.grant["refresh_token"] = secret("made anew")
        async with client(scheme=talk.scheme(site), grants=store(tmp_path)) as opened:
            await poll(opened, site)
    assert [fields(asked)["refresh_token"] for asked in talk.token_calls] == ["r0", "made anew"]


async def test_a_new_client_secret_keeps_the_rotated_refresh_token(tmp_path: Path) -> None:
    talk = rotating()
    async with vendor(talk) as site:
        async with client(scheme=talk.scheme(site), grants=store(tmp_path)) as opened:
            await poll(opened, site)
        talk.grant["client_secret"] = secret("another")
        talk.good = "revoked by an administrator"
        async with client(scheme=talk.scheme(site), grants=store(tmp_path)) as opened:
            await poll(opened, site)
    assert [fields(asked)["refresh_token"] for asked in talk.token_calls] == ["r0", "r1"]


async def test_where_no_new_refresh_token_comes_the_old_one_stays() -> None:
    talk = Talk(refresh_token=secret("r0"))
    async with vendor(talk) as site, client(scheme=talk.scheme(site)) as opened:
        for _ in range(3):
            talk.good = "revoked by an administrator"
            await poll(opened, site)
    assert [fields(asked)["refresh_token"] for asked in talk.token_calls] == ["r0"] * 3


async def test_two_processes_that_renew_in_the_same_instant_make_one_token_call(tmp_path: Path) -> None:
    talk = rotating()
    async with (
        vendor(talk) as site,
        client(scheme=talk.scheme(site), grants=store(tmp_path)) as first,
        client(scheme=talk.scheme(site), grants=store(tmp_path)) as second,
    ):
        talk.gate.clear()
        polls = [asyncio.create_task(poll(opened, site)) for opened in (first, second)]
        await until(lambda: len(talk.token_calls) > 0)
        await asyncio.wait(polls, timeout=0.1)
        talk.gate.set()
        assert [len(await one) for one in polls] == [1, 1]
        talk.good = "revoked by an administrator"
        await asyncio.gather(*(poll(opened, site) for opened in (first, second)))
    assert len(talk.token_calls) == 2


@pytest.mark.parametrize("rotates", [True, False])
async def test_a_disk_that_cannot_be_read_never_makes_it_use_an_old_refresh_token(
    rotates: bool,  # noqa: FBT001 - a row
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    talk = rotating()
    talk.grant["rotates"] = talk.rotates = rotates
    async with vendor(talk) as site:
        async with client(scheme=talk.scheme(site), grants=store(tmp_path)) as opened:
            await poll(opened, site)
        with monkeypatch.context() as broken:
            broken.setattr(Path, "read_bytes", Mock(side_effect=OSError(5, "Input/output error")))
            async with client(scheme=talk.scheme(site), grants=store(tmp_path)) as opened:
                if rotates:
                    failure = await failed(poll(opened, site))
                    assert (failure.reason, "state_dir" in failure.detail) == (Reason.SECRET, True)
                else:
                    await poll(opened, site)
                assert len(talk.token_calls) == (1 if rotates else 2)
        async with client(scheme=talk.scheme(site), grants=store(tmp_path)) as opened:
            await poll(opened, site)


async def test_a_crash_between_rotation_and_disk_ends_in_a_clear_loss_and_no_storm(tmp_path: Path) -> None:
    talk = rotating()
    async with vendor(talk) as site:
        talk.refresh = "r1"  # the vendor has rotated; its answer died with the process
        async with client(scheme=talk.scheme(site), grants=store(tmp_path)) as opened:
            for _ in range(5):
                failure = await failed(poll(opened, site))
                assert isinstance(failure, GrantLost)
                assert "invalid_grant" in failure.detail
            assert opened.reauth_required
    assert (len(talk.token_calls), talk.calls) == (1, [])


async def test_without_a_place_to_keep_it_a_rotating_token_is_not_used() -> None:
    talk = rotating()
    async with vendor(talk) as site, client(scheme=talk.scheme(site)) as opened:
        failure = await failed(poll(opened, site))
    assert isinstance(failure, Refused)
    assert "state_dir" in failure.detail
    assert talk.token_calls == []


LOST: list[bytes | Last] = [
    Last(),
    Last(reset=True),
    Last(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
    answer(b"<html>"),
    answer(b""),
    answer(bytes(100_000)),
    answer(b"\x1f\x8b", content_encoding="gzip"),
]


@pytest.mark.parametrize("reply", LOST, ids=lambda _: "")
async def test_a_rotated_token_whose_answer_was_lost_is_not_tried_again(
    reply: bytes | Last, tmp_path: Path
) -> None:
    talk = rotating()
    talk.token_answer = lambda _: reply
    async with vendor(talk) as site, client(scheme=talk.scheme(site), grants=store(tmp_path)) as opened:
        for _ in range(3):
            assert isinstance(await failed(poll(opened, site)), GrantLost)
        assert opened.reauth_required
    assert len(talk.token_calls) == 1


@pytest.mark.looptime
@pytest.mark.parametrize("reply", LOST, ids=lambda _: "")
async def test_a_token_that_does_not_rotate_may_be_asked_for_again(reply: bytes | Last) -> None:
    talk = Talk(refresh_token=secret("r0"))
    talk.token_answer = lambda _: reply
    async with vendor(talk) as site, client(scheme=talk.scheme(site)) as opened:
        failure = await failed(poll(opened, site))
        assert not isinstance(failure, GrantLost)
        assert failure.detail.startswith("token call: ")
        assert not opened.reauth_required
        talk.token_answer = None
        await asyncio.sleep(10)
        await poll(opened, site)


@pytest.mark.looptime
@pytest.mark.parametrize("reply", [answer({}, 500), answer({}, 503), answer({"error": "general_error"})])
async def test_a_rotating_token_outlives_a_refusal_that_the_vendor_sent(
    reply: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grants, "ThreadPoolExecutor", AtOnce)
    talk = rotating()
    talk.token_answer = lambda _: reply
    async with vendor(talk) as site, client(scheme=talk.scheme(site), grants=store(tmp_path)) as opened:
        assert not isinstance(await failed(poll(opened, site)), GrantLost)
        talk.token_answer = None
        await asyncio.sleep(10)
        await poll(opened, site)


@pytest.mark.looptime
async def test_a_rotating_token_outlives_a_token_endpoint_that_cannot_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grants, "ThreadPoolExecutor", AtOnce)
    talk = rotating()
    async with vendor(talk) as gone:
        pass
    async with vendor(talk) as site:
        for url in (gone.url, "http://no-such-host.invalid"):
            scheme = replace(talk.scheme(site), token_url=f"{url}/token")
            async with client(scheme=scheme, grants=store(tmp_path)) as opened:
                failure = await failed(poll(opened, site))
                assert failure.reason in {Reason.CONNECT, Reason.DNS}
                assert not opened.reauth_required


@pytest.mark.parametrize("status", [200, 400, 401])
@pytest.mark.parametrize("word", ["invalid_grant", "invalid_client", "unauthorized_client"])
async def test_a_dead_grant_ends_all_token_calls_until_a_secret_changes(status: int, word: str) -> None:
    file = Changing("r0")
    talk = Talk(refresh_token=file.secret)
    talk.token_answer = lambda _: answer({"error": word}, status)
    async with vendor(talk) as site, client(scheme=talk.scheme(site)) as opened:
        for _ in range(5):
            failure = await failed(poll(opened, site))
            assert isinstance(failure, GrantLost)
            assert word in failure.detail
        assert (len(talk.token_calls), opened.reauth_required) == (1, True)
        talk.token_answer = None
        file.text = "made anew"
        await poll(opened, site)
        assert (len(talk.token_calls), opened.reauth_required) == (2, False)


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("reply", "kind", "pauses"),
    [
        (answer({"error": "server_error"}, 500), PollFailed, [10, 20, 40, 60, 60]),
        (answer({"error": "Access Denied"}), PollFailed, [10, 20, 40, 60, 60]),
        (answer({"access_token": ""}), PollFailed, [10, 20, 40, 60, 60]),
        (answer({"access_token": None}), PollFailed, [10, 20, 40, 60, 60]),
        (answer({"access_token": "a\r\nX: y"}), PollFailed, [10, 20, 40, 60, 60]),
        (answer(["a"]), PollFailed, [10, 20, 40, 60, 60]),
        (answer({"error": {"code": "invalid_grant"}}, 400), PollFailed, [10, 20, 40, 60, 60]),
        (answer(b"<html>", 403), PollFailed, [10, 20, 40, 60, 60]),
        (answer(b"", 302, location="http://127.0.0.1:1/"), PollFailed, [10, 20, 40, 60, 60]),
        (answer({}, 429, retry_after="33"), Throttled, [33, 33, 33]),
        (answer({}, 429), Throttled, [10, 20, 40, 80, 160, 320, 640, 900]),
        (answer({"error": "other"}, 401), Refused, [300, 300]),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else None,
)
async def test_a_token_endpoint_that_fails_is_asked_rarely(
    reply: bytes, kind: type[PollFailed], pauses: list[float], canned: aioresponses
) -> None:
    head, body = reply.split(b"\r\n\r\n", 1)
    headers = dict(line.split(": ") for line in head.decode().split("\r\n")[1:])
    times: list[float] = []

    def token(_url: object, **_: object) -> CallbackResult:
        times.append(asyncio.get_running_loop().time())
        return CallbackResult(status=int(head.split()[1]), headers=headers, body=body)

    canned.post(f"{URL}/token", callback=token, repeat=True)
    talk = Talk()
    site = Vendor(talk, port=1)
    async with client(scheme=talk.scheme(site)) as opened:
        while len(times) <= len(pauses):
            assert type(await failed(poll(opened, site))) is kind
            await asyncio.sleep(1)
    assert [later - sooner for sooner, later in pairwise(times)] == pytest.approx(pauses)


@pytest.mark.looptime
async def test_a_401_that_no_new_token_cures_is_tried_once_in_five_minutes(canned: aioresponses) -> None:
    calls: dict[str, list[float]] = {"token": [], "x0": []}

    def note(name: str, status: int) -> Callable[..., CallbackResult]:
        def reply(_url: object, **_: object) -> CallbackResult:
            calls[name].append(asyncio.get_running_loop().time())
            return CallbackResult(status=status, body=json.dumps({"access_token": f"a{len(calls[name])}"}))

        return reply

    canned.post(f"{URL}/token", callback=note("token", 200), repeat=True)
    canned.get(f"{URL}/x0", callback=note("x0", 401), repeat=True)
    talk = Talk()
    site = Vendor(talk, port=1)
    async with client(scheme=talk.scheme(site)) as opened:
        for _ in range(60):
            assert isinstance(await failed(poll(opened, site)), Refused)
            await asyncio.sleep(30)
    assert len(calls["token"]) == 6  # in 30 minutes: one for each attempt
    assert len(calls["x0"]) == 11  # the first token was as new as its poll, so it was not renewed again


@pytest.mark.looptime
@pytest.mark.parametrize("make", [Bearer, lambda text: Basic("ann", text)])
async def test_refused_credentials_are_left_alone_for_five_minutes_unless_they_change(
    canned: aioresponses, make: Callable[[Secret], Basic | Bearer]
) -> None:
    sent: list[str] = []

    def reply(_url: object, headers: dict[str, str], **_: object) -> CallbackResult:
        sent.append(headers["Authorization"])
        return CallbackResult(status=401)

    canned.get(f"{URL}/x0", callback=reply, repeat=True)
    file = Changing("old")
    site = Vendor(lambda _: answer(), port=1)
    async with client(scheme=make(file.secret)) as opened:
        for _ in range(10):
            assert isinstance(await failed(poll(opened, site)), Refused)
            await asyncio.sleep(29)
        assert len(sent) == 1
        await asyncio.sleep(10)
        await failed(poll(opened, site))
        assert len(sent) == 2
        file.text = "new"
        await failed(poll(opened, site))
    assert len(sent) == 3
    assert sent[2] != sent[1] == sent[0]
    assert not opened.reauth_required


def tokens(canned: aioresponses, told: object) -> list[float]:
    """Give out tokens of the life that is told; return the list of when, on the loop's clock."""
    given: list[float] = []

    def token(_url: object, **_: object) -> CallbackResult:
        given.append(asyncio.get_running_loop().time())
        return CallbackResult(body=json.dumps({"access_token": "a", "expires_in": told}))

    canned.post(f"{URL}/token", callback=token, repeat=True)
    canned.get(f"{URL}/x0", repeat=True, body=b"{}")
    return given


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("told", "lives"),
    [
        (1000, 1000),
        ("1000", 1000),
        (0, 60),
        (-1, 60),
        (10**12, 86_400),
        (10**400, 86_400),
        ("9" * 40, 86_400),
        (90.5, 90.5),
    ],
    ids=lambda value: str(value)[:13],
)
async def test_a_token_is_used_to_the_last_minute_of_its_life_or_its_last_fifth(
    canned: aioresponses, told: object, lives: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(time, "time", lambda: 1e9 + loop.time())
    given = tokens(canned, told)
    talk = Talk()
    site = Vendor(talk, port=1)
    async with client(scheme=talk.scheme(site)) as opened:
        await poll(opened, site)
        for renewals in range(1, 5):
            margin = min(0.2 * lives, 60)
            await asyncio.sleep(lives - 1.26 * margin)
            await poll(opened, site)
            assert len(given) == renewals
            await asyncio.sleep(given[-1] + lives - 0.74 * margin - loop.time())
            await poll(opened, site)
            assert len(given) == renewals + 1


@pytest.mark.looptime
@pytest.mark.parametrize("told", [None, True, "soon", "", "-1", [], {}])
async def test_a_token_of_unknown_life_is_used_until_it_is_refused(canned: aioresponses, told: object) -> None:
    given = tokens(canned, told)
    talk = Talk()
    site = Vendor(talk, port=1)
    async with client(scheme=talk.scheme(site)) as opened:
        for _ in range(10):
            await poll(opened, site)
            await asyncio.sleep(1e6)
    assert len(given) == 1


@pytest.mark.looptime
async def test_an_old_token_is_used_while_it_lives_and_no_new_one_is_to_be_had(
    canned: aioresponses, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(time, "time", lambda: 1e9 + loop.time())
    canned.post(f"{URL}/token", body=b'{"access_token": "a", "expires_in": 1000}')
    canned.post(f"{URL}/token", status=500, repeat=True)
    canned.get(f"{URL}/x0", repeat=True, body=b"{}")
    talk = Talk()
    site = Vendor(talk, port=1)
    async with client(scheme=talk.scheme(site)) as opened:
        for _ in range(99):
            await poll(opened, site)
            await asyncio.sleep(10)
        await asyncio.sleep(10)
        assert (await failed(poll(opened, site))).detail.startswith("token call: ")


@pytest.mark.parametrize("kept", ["expired", "of another account"])
async def test_a_kept_access_token_that_is_no_longer_good_is_not_used(kept: str, tmp_path: Path) -> None:
    talk = Talk()
    async with vendor(talk) as site:
        async with client(scheme=talk.scheme(site), grants=store(tmp_path)) as opened:
            await poll(opened, site)
        file = tmp_path / "acme.grant.json"
        grant = json.loads(file.read_text())
        grant |= {"expires": time.time() - 1} if kept == "expired" else {"configured": "other"}
        file.write_text(json.dumps(grant))
        async with client(scheme=talk.scheme(site), grants=store(tmp_path)) as opened:
            await poll(opened, site)
    assert (len(talk.token_calls), talk.calls) == (2, ["Bearer a1", "Bearer a2"])


@pytest.mark.parametrize("text", ["", "two\nlines", "nul\0"])
async def test_a_secret_that_cannot_be_used_says_where_it_is_and_sends_nothing(text: str) -> None:
    file = Changing(text)
    schemes = (
        Bearer(file.secret),
        Basic("ann", file.secret),
        TokenGrant(f"{URL}/token", "exporter", file.secret),
        TokenGrant(f"{URL}/token", "exporter", secret("s"), refresh_token=file.secret, rotates=True),
    )
    async with vendor(lambda _: answer()) as site:
        for scheme in schemes:
            async with client(scheme=scheme) as opened:
                failure = await failed(poll(opened, site))
                assert failure.reason is Reason.SECRET
                assert "file /run/secrets/acme" in failure.detail
                assert not opened.reauth_required
    assert site.connections == 0


async def test_the_end_of_the_program_waits_for_a_token_that_is_on_its_way(tmp_path: Path) -> None:
    talk = rotating()
    talk.gate.clear()
    async with vendor(talk) as site:
        async with client(scheme=talk.scheme(site), grants=store(tmp_path)) as opened:
            await failed(opened.collect((Request("agents", f"{site.url}/x"),), nothing, 0.05))
            asyncio.get_running_loop().call_later(0.05, talk.gate.set)
        assert json.loads((tmp_path / "acme.grant.json").read_text())["refresh_token"] == "r1"


@pytest.mark.looptime
async def test_the_end_of_the_program_does_not_wait_for_ever() -> None:
    talk = Talk()
    talk.gate.clear()
    loop = asyncio.get_running_loop()
    async with vendor(talk) as site:
        async with client(scheme=talk.scheme(site)) as opened:
            asking = asyncio.create_task(failed(poll(opened, site)))
            await until(lambda: bool(talk.token_calls))
            asking.cancel()
            ended = loop.time()
        assert loop.time() - ended == pytest.approx(5)


async def test_a_vendor_that_was_asked_for_too_many_tokens_is_left_alone_for_as_long_as_its_ration_lasts() -> None:
    talk = Talk()
    talk.token_answer = lambda _: answer({"error": "Access Denied", "error_description": "too many requests"})
    async with vendor(talk) as site:
        scheme = replace(talk.scheme(site), too_many=frozenset({"Access Denied"}))
        async with client(scheme=scheme) as opened:
            for _ in range(3):
                failure = await failed(poll(opened, site))
                assert isinstance(failure, Throttled)
                assert failure.retry_after == pytest.approx(600, abs=5)
    assert len(talk.token_calls) == 1
