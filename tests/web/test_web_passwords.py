import asyncio
import gc
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import structlog
from plain_http import PATIENCE, TEXT, Reply, ask, parse, send, server
from structlog.testing import LogCapture

from exporter.web import Gate, Limits
from exporter.web.passwords import Passwords

PASSWORD = "correct-horse CANARY-83b1"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
BOBS = bcrypt.hashpw("pässword".encode(), bcrypt.gensalt(4)).decode()
WEB = f"basic_auth_users:\n  alice: {HASH}\n  Bob Müller: {BOBS}\n"
WRONG, PARDON, WAITING = 30, 2.0, 16


def basic(user: str | bytes, password: str | bytes = b"", scheme: str = "Basic") -> dict[str, str]:
    parts = [part.encode() if isinstance(part, str) else part for part in (user, password)]
    return {"Authorization": f"{scheme} {b64encode(b':'.join(parts)).decode()}"}


ALICE = basic("alice", PASSWORD)


class Comparisons:
    """bcrypt, as it is seen at work."""

    def __init__(self) -> None:
        self.made: list[tuple[bytes, bytes]] = []
        self.threads: set[int] = set()
        self.may_end = threading.Event()
        self.may_end.set()
        self._begun = threading.Semaphore(0)

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.threads.add(threading.get_ident())
        self.made.append((password, hashed))
        self._begun.release()
        assert self.may_end.wait(PATIENCE)
        return bcrypt.hashpw(password, hashed) == hashed

    async def begun(self, number: int) -> None:
        """Wait until so many more have begun."""
        for _ in range(number):
            assert await asyncio.to_thread(self._begun.acquire, timeout=PATIENCE)


@pytest.fixture
def comparisons(monkeypatch: pytest.MonkeyPatch) -> Comparisons:
    found = Comparisons()
    monkeypatch.setattr("exporter.web.passwords.bcrypt.checkpw", found)
    return found


@pytest.fixture
def log() -> LogCapture:
    return LogCapture()


@pytest.fixture
def guarded(tmp_path: Path, log: LogCapture) -> Callable[..., Any]:
    """Serves behind passwords."""

    @asynccontextmanager
    async def serve(text: str = WEB, **changes: Any) -> AsyncIterator[int]:
        path = tmp_path / "web.yaml"
        path.write_text(text)
        logger = structlog.wrap_logger(None, processors=[log])
        async with Gate(path, {}, logger) as gate, server(gate=gate, log=logger, **changes) as port:
            yield port

    return serve


Guarded = Callable[..., Any]


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready", "/-/reload", "/nowhere"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "TRACE"])
async def test_every_path_wants_to_know_who_asks(path: str, method: str, guarded: Guarded) -> None:
    async with guarded() as port:
        reply = await ask(port, f"{method} {path}")
    assert reply.status == 401
    assert reply.body == (b"" if method == "HEAD" else b"unauthorized\n")
    assert reply.headers["www-authenticate"] == 'Basic realm="contact-center-exporter", charset="UTF-8"'
    assert reply.headers["server"] == "contact-center-exporter"


@pytest.mark.parametrize(
    "headers",
    [
        ALICE,
        basic("Bob Müller", "pässword"),
        basic("alice", PASSWORD, "bASIC"),
        basic("alice", PASSWORD, "Basic  "),
    ],
)
async def test_the_right_password_opens(headers: dict[str, str], guarded: Guarded) -> None:
    async with guarded() as port:
        assert (await ask(port, headers=headers)).body == TEXT
        assert (await ask(port, "GET /-/healthy", headers)).status == 200
        assert (await ask(port, "PUT /metrics", headers)).status == 405


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Basic"},
        {"Authorization": "Basic "},
        {"Authorization": "Basic !!!!"},
        {"Authorization": "Basic YWxpY2U"},  # cut off
        {"Authorization": "Basic YWxpY2U="},  # no colon
        {"Authorization": f"Bearer {b64encode(f'alice:{PASSWORD}'.encode()).decode()}"},
        {"Authorization": b64encode(f"alice:{PASSWORD}".encode()).decode()},
        {"Authorization": f"Basic alice:{PASSWORD}"},
        {"Authorization": b"Basic \xff\xfe\x80"},
        {"Authorization": "Basic ünïcode"},
        {"Authorization": f"{ALICE['Authorization']}, {ALICE['Authorization']}"},
        {"Authorization": f"{ALICE['Authorization']}\r\nAuthorization: {ALICE['Authorization']}"},
        {"Authorization": "Basic " + "A" * 8_000},
        {"Proxy-Authorization": ALICE["Authorization"]},
        basic("alice", ""),
        basic("", PASSWORD),
        basic("alice", PASSWORD + "x"),
        basic("alice", PASSWORD + "\0"),
        basic("alice\0", PASSWORD),
        basic("alice", "\0" * 50),
        basic("alice", b"\xff\xfe"),
        basic(b"\xff\xfe", b"\xff"),
        basic("ALICE", PASSWORD),
        basic("nobody", PASSWORD),
        basic("alice", HASH),
        basic("alice", "x" * 73),
        basic("alice", "ü" * 3_000),
        basic("a" * 5_000, "x"),
    ],
)
async def test_whatever_else_is_sent_is_refused_alike(
    headers: dict[str, Any], guarded: Guarded
) -> None:  # case 69
    async with guarded() as port:
        nobody, reply = await ask(port), await ask(port, headers=headers)
        assert (await ask(port, headers=ALICE)).status == 200
    assert {**reply.headers, "date": ""} == {**nobody.headers, "date": ""}
    assert (reply.status, reply.body) == (nobody.status, nobody.body) == (401, b"unauthorized\n")


async def test_a_password_longer_than_bcrypt_reads_is_wrong_even_where_its_beginning_is_right(
    guarded: Guarded,
) -> None:
    longest = "x" * 72
    hashed = bcrypt.hashpw(longest.encode(), bcrypt.gensalt(4)).decode()
    async with guarded(f"basic_auth_users: {{alice: {hashed}}}") as port:
        assert (await ask(port, headers=basic("alice", longest + "y"))).status == 401
        assert (await ask(port, headers=basic("alice", longest))).status == 200
        assert (await ask(port, headers=basic("alice", longest + "y"))).status == 401


async def test_an_unknown_user_costs_the_same_as_a_known_one(guarded: Guarded, comparisons: Comparisons) -> None:
    cheap, dear = (bcrypt.hashpw(b"x", bcrypt.gensalt(cost)).decode() for cost in (4, 6))
    async with guarded(f"basic_auth_users: {{alice: {cheap}, bob: {dear}}}") as port:
        for number in range(12):
            for _ in range(2):
                assert (await ask(port, headers=basic(f"nobody-{number}", "x"))).status == 401
    costs = [hashed for _, hashed in comparisons.made]
    assert costs[::2] == costs[1::2]  # whoever asks twice finds the same cost, as of a known user
    assert set(costs) == {cheap.encode(), dear.encode()}


@pytest.mark.parametrize("password", ["x" * 100, "\0", ""])
async def test_an_impossible_password_costs_the_same_as_a_wrong_one(
    password: str, guarded: Guarded, comparisons: Comparisons
) -> None:
    async with guarded() as port:
        assert (await ask(port, headers=basic("alice", password))).status == 401
    assert len(comparisons.made) == 1


async def test_a_good_pair_is_computed_once_and_a_wrong_one_each_time(
    guarded: Guarded, comparisons: Comparisons
) -> None:
    async with guarded() as port:
        for _ in range(3):
            assert (await ask(port, headers=ALICE)).status == 200
        assert len(comparisons.made) == 1
        for _ in range(3):
            assert (await ask(port, headers=basic("alice", "wrong"))).status == 401
    assert len(comparisons.made) == 4
    assert comparisons.threads.isdisjoint({threading.get_ident()})
    assert len(comparisons.threads) == 1


async def test_many_who_send_the_same_pair_at_once_wait_for_one_computation(
    guarded: Guarded, comparisons: Comparisons
) -> None:
    async with guarded() as port:
        replies = await asyncio.gather(*(ask(port, headers=ALICE) for _ in range(50)))
    assert [reply.status for reply in replies] == [200] * 50
    assert len(comparisons.made) == 1


async def test_a_client_that_goes_away_takes_no_other_with_it(guarded: Guarded, comparisons: Comparisons) -> None:
    comparisons.may_end.clear()
    async with guarded() as port:
        first, second = (asyncio.create_task(ask(port, headers=ALICE)) for _ in range(2))
        await comparisons.begun(1)
        first.cancel()
        comparisons.may_end.set()
        assert (await second).status == 200


async def test_the_page_is_served_while_passwords_are_computed(guarded: Guarded, comparisons: Comparisons) -> None:
    async with guarded() as port:
        assert (await ask(port, headers=ALICE)).status == 200
        comparisons.may_end.clear()
        wrong = [asyncio.create_task(ask(port, headers=basic("alice", str(number)))) for number in range(WAITING)]
        await comparisons.begun(2)
        replies = [await ask(port, headers=ALICE) for _ in range(20)]
        assert [reply.status for reply in replies] == [200] * 20
        comparisons.may_end.set()
        assert [reply.status for reply in await asyncio.gather(*wrong)] == [401] * WAITING


async def test_passwords_that_wait_take_no_place_of_a_page(guarded: Guarded, comparisons: Comparisons) -> None:
    async with guarded(limits=Limits(answers=1)) as port:
        assert (await ask(port, headers=ALICE)).status == 200
        comparisons.may_end.clear()
        wrong = asyncio.create_task(ask(port, headers=basic("alice", "wrong")))
        await comparisons.begun(2)
        assert (await ask(port, headers=ALICE)).status == 200
        comparisons.may_end.set()
        assert (await wrong).status == 401


async def test_beyond_so_many_that_wait_the_answer_comes_at_once(
    guarded: Guarded, comparisons: Comparisons
) -> None:
    comparisons.may_end.clear()
    async with guarded() as port:
        wrong = [asyncio.create_task(ask(port, headers=basic("alice", str(number)))) for number in range(WAITING)]
        reply = None
        while reply is None or reply.status != 503:
            reply = await asyncio.wait_for(ask(port, headers=basic("alice", "one more")), PATIENCE)
        assert reply.headers["retry-after"] == "1"
        comparisons.may_end.set()
        await asyncio.gather(*wrong)


class Clock:
    def __init__(self) -> None:
        self.now = 1e6

    def __call__(self) -> float:
        return self.now


class Checker:
    """Passwords without a server, so that time and peers can be chosen."""

    def __init__(self, log: LogCapture) -> None:
        self.clock = Clock()
        self.users = {b"alice": HASH.encode()}
        self._passwords = Passwords(self.clock, structlog.wrap_logger(None, processors=[log]))

    async def status(self, password: str = "wrong", peer: str = "192.0.2.1", user: str = "alice") -> int:
        fields = tuple(basic(user, password).values())
        refusal = await self._passwords.check(self.users, fields, peer)
        return refusal.status if refusal else 200

    def close(self) -> None:
        self._passwords.close()


@pytest.fixture
async def checker(log: LogCapture, comparisons: Comparisons) -> AsyncIterator[Checker]:
    del comparisons  # fast enough, and countable
    found = Checker(log)
    yield found
    found.close()


async def test_a_peer_that_fails_too_often_is_limited_and_pardoned_with_time(
    checker: Checker, comparisons: Comparisons, log: LogCapture
) -> None:  # case 70
    assert [await checker.status() for _ in range(WRONG)] == [401] * WRONG
    assert log.entries == []
    assert await checker.status() == 429
    assert await checker.status(PASSWORD) == 429  # not known to be right, so it would have to be computed
    assert len(comparisons.made) == WRONG
    assert {(entry["event"], entry["peer"]) for entry in log.entries} == {("passwords_limited", "192.0.2.1")}
    checker.clock.now += PARDON
    assert await checker.status(PASSWORD) == 200
    assert [await checker.status(PASSWORD) for _ in range(100)] == [200] * 100


async def test_a_minute_of_wrong_passwords_costs_little_and_nobody_else_anything(
    checker: Checker, comparisons: Comparisons
) -> None:  # case 70
    assert await checker.status(PASSWORD) == 200
    statuses = []
    for number in range(6_000):
        checker.clock.now += 0.01
        statuses.append(await checker.status(f"wrong-{number}"))
        if number % 100 == 0:
            assert await checker.status(PASSWORD) == 200  # known, though from the same address
            assert await checker.status(PASSWORD, "192.0.2.2") == 200
    assert statuses[: WRONG + 1].count(401) >= WRONG
    assert len(comparisons.made) <= 1 + WRONG + 60 / PARDON + 1
    assert await checker.status(peer="192.0.2.3") == 401


async def test_good_passwords_are_never_limited(checker: Checker) -> None:
    for number in range(3 * WRONG):
        hashed = bcrypt.hashpw(str(number).encode(), bcrypt.gensalt(4))
        checker.users[f"user-{number}".encode()] = hashed
        assert await checker.status(str(number), user=f"user-{number}") == 200


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "", True),
    ],
)
async def test_a_network_of_ipv6_counts_as_one_peer(
    first: str, second: str, *, one: bool, checker: Checker
) -> None:
    while await checker.status(peer=first) == 401:
        pass
    assert await checker.status(peer=second) == (429 if one else 401)


async def test_peers_and_pairs_that_are_remembered_are_bounded(checker: Checker) -> None:
    for number in range(3_000):
        checker.clock.now += 1e-3
        assert await checker.status(peer=f"10.0.{number // 250}.{number % 250}") == 401
    for number in range(600):
        checker.users = {b"alice": bcrypt.hashpw(str(number).encode(), bcrypt.gensalt(4))}
        assert await checker.status(str(number)) == 200
    passwords = checker._passwords
    assert len(passwords._wrong._full_at) <= 1_024
    assert len(passwords._good) <= 256
    assert passwords._checking == {}


async def test_a_changed_hash_ends_the_old_password_and_a_removed_user_is_nobody(checker: Checker) -> None:
    assert await checker.status(PASSWORD) == 200
    checker.users = {b"alice": bcrypt.hashpw(b"a new one", bcrypt.gensalt(4))}
    assert await checker.status(PASSWORD) == 401
    assert await checker.status("a new one") == 200
    checker.users = {b"bob": HASH.encode()}
    assert await checker.status("a new one") == 401
    assert await checker.status(PASSWORD) == 401


async def test_pairs_cannot_be_confused_by_moving_their_colon(checker: Checker) -> None:
    assert await checker.status(PASSWORD) == 200
    checker.users = {b"alic": HASH.encode(), b"alice": HASH.encode()}
    assert await checker.status(f"e{PASSWORD}", user="alic") == 401


async def test_one_who_goes_away_takes_no_other_who_waits_for_the_same_with_it(checker: Checker) -> None:
    first, second = (asyncio.create_task(checker.status(PASSWORD)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 200


async def test_a_name_that_holds_a_hash_is_no_other_pair(checker: Checker) -> None:
    theirs = bcrypt.hashpw(b"another", bcrypt.gensalt(4))
    password = b"x" + theirs + b"p"
    ours = bcrypt.hashpw(password, bcrypt.gensalt(4))
    user = f"a{ours.decode()}x"
    checker.users = {b"a": ours, user.encode(): theirs}
    assert await checker.status(password.decode(), user="a") == 200
    assert await checker.status("p", user=user) == 401


async def test_no_password_is_kept_in_clear_or_told(guarded: Guarded, log: LogCapture) -> None:  # case 84
    async with guarded() as port:
        assert (await ask(port, headers=ALICE)).status == 200
        answers = [await ask(port, headers=basic("alice", f"{PASSWORD}{number}")) for number in range(WRONG + 5)]
        kept = [one for one in gc.get_objects() if isinstance(one, Passwords)]
        assert kept
        assert all(PASSWORD.encode() not in seal for one in kept for seal in one._good)
    told = repr(log.entries) + repr(answers)
    assert {answer.status for answer in answers} == {401, 429}
    assert "passwords_limited" in told
    for secret in (PASSWORD, "CANARY", HASH, b64encode(PASSWORD.encode()).decode()[:16]):
        assert secret not in told


async def test_a_bug_in_the_check_opens_nothing(
    guarded: Guarded, log: LogCapture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Iterator[bool]:
        raise RuntimeError("CANARY in the message")

    monkeypatch.setattr("exporter.web.passwords.bcrypt.checkpw", broken)
    async with guarded() as port:
        reply: Reply = await ask(port, headers=ALICE)
    assert (reply.status, reply.body) == (500, b"internal error\n")
    assert [entry["event"] for entry in log.entries] == ["request_failed"]


async def test_pipelined_requests_are_each_judged(guarded: Guarded) -> None:
    async with guarded() as port:
        good = b"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n" % ALICE["Authorization"].encode()
        bad = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answer = await send(port, good + bad)
    assert answer.count(TEXT) == 1
    assert parse(answer[answer.index(TEXT) + len(TEXT) :]).status == 401
