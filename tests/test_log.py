import io
import json
import logging
import os
import subprocess
import sys
import textwrap
import threading
import warnings
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, BinaryIO, NoReturn
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.log import Journal, opened, raw
from exporter.log.flood import Flood

PLAIN = "canary-4f1c9d7e"
ODD = 'cänary/+"7\\=&? é'
KEY = "-----BEGIN KEY-----\nMIIEcanary7Zq1\nQw9canaryLast==\n-----END KEY-----\n"
SECRETS = (PLAIN, ODD, KEY)


class Memory(io.BytesIO):
    """A stream that keeps what it is given, and may be a terminal."""

    terminal = False

    def isatty(self) -> bool:
        return self.terminal


class Time:
    now = 1_790_000_000.5

    def __call__(self) -> float:
        return self.now


class Book:
    """A journal over a memory, and the lines it made."""

    def __init__(self, style: Any = "json", *, terminal: bool = False, secrets: Iterable[str] = SECRETS) -> None:
        self.stream = Memory()
        self.stream.terminal = terminal
        self.time = Time()
        self.journal = Journal(
            stream=self.stream,
            level="debug",
            style=style,
            secrets=lambda: secrets,
            wall=self.time,
            clock=self.time,
        )
        self.log = self.journal.log

    def read(self) -> str:
        self.journal.close(timeout=20)
        return self.stream.getvalue().decode("utf-8")

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.read().splitlines()]


def test_a_line_of_json_tells_when_how_grave_and_what() -> None:
    book = Book()
    book.log.bind(account="support-eu").warning("endpoint_broke", reason="timeout", after=1.5, again=None, ok=True)
    assert book.rows() == [
        {
            "timestamp": "2026-09-21T14:13:20.500Z",
            "level": "warning",
            "event": "endpoint_broke",
            "account": "support-eu",
            "reason": "timeout",
            "after": 1.5,
            "again": None,
            "ok": True,
        }
    ]


def test_a_line_for_a_person_reads_like_one() -> None:
    book = Book("console")
    book.log.info("reloaded", accounts=3, file="config.yaml", note="two words")
    assert book.read() == (
        '2026-09-21T14:13:20.500Z info     reloaded accounts=3 file=config.yaml note="two words"\n'
    )


@pytest.mark.parametrize(("terminal", "first"), [(True, "2"), (False, "{")])
def test_a_terminal_gets_the_lines_for_a_person(terminal: bool, first: str) -> None:  # noqa: FBT001 - a table
    book = Book("auto", terminal=terminal)
    book.log.error("x")
    text = book.read()
    assert text.startswith(first)
    assert ("\x1b[31m" in text) is terminal


def test_lines_below_the_level_are_not_written() -> None:
    stream = Memory()
    journal = Journal(stream=stream, level="warning", style="json", secrets=tuple)
    journal.log.info("quiet")
    journal.log.warning("loud")
    journal.close()
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["loud"]


def fail(text: str) -> NoReturn:
    raise RuntimeError(text)


def spellings(secret: str) -> dict[str, str]:
    data = secret.encode()
    return {
        "exact": secret,
        "inside": f"before{secret}after",
        "json": json.dumps({"x": secret}),
        "json, unescaped": json.dumps([secret], ensure_ascii=False),
        "repr": repr({"x": secret}),
        "url": quote(secret, safe=""),
        "url, lower case": quote(secret, safe="").lower(),
        "form": quote_plus(secret),
        "hex": data.hex(),
        "HEX": data.hex().upper(),
        "base64": b64encode(data).decode(),
        "basic": b64encode(b"user@example.org/token:" + data).decode(),
        "base64 + 1": b64encode(b"x" + data + b"yz").decode(),
        "base64 + 2": b64encode(b"xy" + data + b"z").decode(),
        "base64url": urlsafe_b64encode(b"\xff\xfe" + data).decode(),
    }


def leaks(secret: str) -> list[str]:
    """Return long enough pieces of a secret, in the spellings that matter."""
    spelt = [secret, quote(secret, safe=""), secret.encode().hex(), json.dumps(secret)[1:-1]]
    spelt += [b64encode(bytes(n) + secret.encode()).decode()[4:-4] for n in range(3)]
    return [form.lower() for form in spelt]


def tell(log: Any, text: str) -> None:
    """Let a text out through every door that a line has."""
    log.info("detail", detail=text)
    log.info(text)
    log.info("nested", data={"list": [{"deep": (text,)}], text: 1})
    log.info("error", error=ValueError(text))
    log.info("bytes", body=text.encode())
    log.bind(place=text).info("bound")
    log.info("long", detail="x" * 480 + text)
    try:
        fail(text)
    except RuntimeError:
        log.exception("broke")


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("spelling", spellings(PLAIN))
@pytest.mark.parametrize("secret", SECRETS, ids=["plain", "odd", "key"])
def test_a_secret_leaves_in_no_spelling_through_no_door(  # case 84
    secret: str, spelling: str, style: str
) -> None:
    book = Book(style)
    tell(book.log, spellings(secret)[spelling])
    text = book.read()
    assert text.count("\n") >= 8
    assert not [form for form in leaks(secret) if form in text.lower()]
    assert "canary" not in text.lower()


def test_the_lines_of_a_key_are_secrets_too() -> None:
    book = Book()
    book.log.info("x", detail="it read MIIEcanary7Zq1 here")
    assert book.rows()[0]["detail"] == "it read *** here"


def test_half_a_secret_is_not_left_where_a_text_is_cut() -> None:
    book = Book()
    for length in range(490, 515):
        book.log.info("x", detail="x" * length + PLAIN, always=True)
    assert "canary" not in book.read()


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "access_token",
        "client_secret",
        "password",
        "Authorization",
        "api-key",
        "key",
        "Set-Cookie",
        "private_key",
        "agent_name",
        "display_name",
        "email",
        "phone_number",
        "X-Auth",
    ],
)
def test_a_field_with_the_name_of_a_secret_or_a_person_is_hidden(name: str) -> None:
    book = Book()
    book.log.info("x", **{name: "unknown-value"})
    book.log.info("y", headers={"a": {name: ["unknown-value", 7]}})
    rows = book.rows()
    assert (rows[0][name], rows[1]["headers"]) == ("***", {"a": {name: "***"}})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***"),
        ("{'auth': 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln-bmF0'}", "{'auth': '***'}"),
        ("https://acme.example/api?api_key=abc&x=1 failed", "https://acme.example/api?*** failed"),
        ("sent client_secret=abc123&scope=read", "sent client_secret=***&scope=read"),
        ('{"access_token": "abc123", "n": 1}', '{"access_token": "***", "n": 1}'),
        ("no user ann.smith@example.org here", "no user *** here"),
        (
            "HTTP 401: the vendor does not accept the credentials",
            "HTTP 401: the vendor does not accept the credentials",
        ),
        ("config.yaml:3: client_secret: write a text", "config.yaml:3: client_secret: write a text"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_though_nobody_knows_it(text: str, shown: str) -> None:
    book = Book()
    book.log.info("x", detail=text)
    assert book.rows()[0]["detail"] == shown


def test_a_number_that_is_a_secret_is_hidden() -> None:
    book = Book(secrets=["20251127"])
    book.log.info("x", id=20251127, other=20251128)
    assert {key: book.rows()[0][key] for key in ("id", "other")} == {"id": "***", "other": 20251128}


def test_secrets_are_sought_as_they_are_now_and_as_they_were_when_they_cannot_be_read() -> None:
    found = [["first-one"], ["second-one"]]
    stream = Memory()
    journal = Journal(stream=stream, level="info", style="json", secrets=lambda: found.pop(0))
    for _ in range(3):
        journal.log.info("x", detail="first-one second-one")
    journal.close()
    details = [json.loads(line)["detail"] for line in stream.getvalue().splitlines()]
    assert details == ["*** second-one", "first-one ***", "first-one ***"]


FORGED = (
    'Ann"} 1\n{"level": "error", "event": "forged"}\r\x1b[2J\x1b]0;x\x07\x9b31m\u202egnp\u2028\x00\ud800'
    + "A" * 5_000
)


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_hostile_text_is_one_short_line_of_harmless_characters(style: str) -> None:  # case 87
    book = Book(style)
    book.log.info("unknown_status", word=FORGED)
    book.log.info(FORGED)
    lines = book.read().split("\n")
    assert [bool(line) for line in lines] == [True, True, False]
    assert all(line.isprintable() and len(line) < 700 for line in lines)
    assert all("\x1b" not in line for line in lines)
    if style == "json":
        assert all(line.isascii() for line in lines)
        assert json.loads(lines[0])["word"] == FORGED[:511] + "…"


def test_a_forged_line_in_a_traceback_cannot_be_taken_for_one() -> None:
    book = Book("console")
    try:
        fail("first\n2026-01-01T00:00:00Z error    forged")
    except RuntimeError:
        book.log.exception("broke")
    first, *rest = book.read().splitlines()
    assert first.endswith("error    broke")
    assert len(rest) > 3
    assert all(row.startswith("    | ") for row in rest)


def test_a_traceback_shows_no_local_variables_and_ends_with_the_error() -> None:  # T21
    book = Book()

    def connect(api_key: str) -> None:
        headers = {"x": api_key}
        raise RuntimeError(f"refused after {len(headers)} header")

    try:
        connect("a-key-that-nobody-knows")
    except RuntimeError:
        book.log.exception("broke", detail="here")
    row = book.rows()[0]
    assert "a-key-that-nobody-knows" not in row["exception"].replace('connect("a-key-that-nobody-knows")', "")
    assert row["exception"].endswith("RuntimeError: refused after 1 header")
    assert (row["level"], row["detail"]) == ("error", "here")


def test_a_long_traceback_keeps_its_end() -> None:
    book = Book()
    try:
        fail("x" * 9_000 + " the end")
    except RuntimeError:
        book.log.exception("broke")
    assert book.rows()[0]["exception"].endswith(" the end")
    assert len(book.rows()[0]["exception"]) == 2_048


class Stubborn:
    def __str__(self) -> str:
        raise ValueError(PLAIN)


@pytest.mark.parametrize(
    "value",
    [
        Stubborn(),
        object(),
        10**5_000,
        float("nan"),
        float("inf"),
        "\ud800",
        b"\xff",
        {1: {2: {3: {4: {5: 6}}}}},
        {None: 1},
        {"x" * 999: "y" * 999},
        ["\U0001f600" * 600] * 99,
        ValueError(Stubborn()),
        {PLAIN},
        range(9),
        Exception,
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("style", ["json", "console"])
def test_no_value_breaks_a_line(value: object, style: str) -> None:
    book = Book(style)
    book.log.info("x", value=value, other="there")
    text = book.read()
    assert text.count("\n") == 1
    assert "there" in text
    assert len(text) < 8_000
    if style == "json":
        json.loads(text, parse_constant=lambda _: pytest.fail("no JSON"))


def test_a_value_that_contains_itself_does_not_break_a_line() -> None:
    book = Book()
    loop: list[Any] = []
    loop.append(loop)
    book.log.info("x", value=loop)
    assert book.rows()[0]["value"] == [[["…"]]]


def test_a_line_with_very_many_fields_is_bounded() -> None:
    book = Book()
    book.log.info("x", **{f"field{n}": "\U0001f600" * 600 for n in range(100)})
    assert book.rows()[0]["cut"] == "the line was too long"


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(
        st.text(min_size=1).filter(lambda name: name not in {"event", "self", "always", "kind", "exc_info"}),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=6,
        ),
        max_size=4,
    )
)
def test_whatever_is_logged_is_one_line_of_json(fields: dict[str, Any]) -> None:
    book = Book()
    book.log.info("x", **{key: value for key, value in fields.items() if key != "method_name"})
    assert [row["event"] for row in book.rows()] == ["x"]


def test_a_flood_is_summarised() -> None:
    book = Book()
    for number in range(100):
        book.log.warning("poll_broke", account="a", number=number)
        book.log.warning("poll_broke", account="b")
    book.time.now += 61
    book.log.warning("poll_broke", account="a", number="later")
    book.time.now += 61
    book.log.info("something_else")
    rows = book.rows()
    assert [row.get("number") for row in rows if row.get("account") == "a"] == [0, 1, 2, 3, 4, "later"]
    assert [row.get("suppressed") for row in rows if row.get("account") == "a"] == [None] * 5 + [95]
    assert [row.get("suppressed") for row in rows if row.get("account") == "b"] == [None] * 5 + [95]
    assert rows[-1]["event"] == "something_else"


def test_a_flood_that_goes_on_has_one_line_a_minute() -> None:
    book = Book()
    for _ in range(600):
        book.log.error("x")
        book.time.now += 1
    rows = book.rows()
    assert 14 <= len(rows) <= 16
    assert sum(row.get("suppressed", 0) for row in rows) + len([row for row in rows if row is not rows[-1]]) in {
        599,
        600,
    }


def test_what_was_kept_back_is_told_at_the_end() -> None:
    book = Book()
    for _ in range(8):
        book.log.error("broke", part="publisher")
    last = book.rows()[-1]
    assert {key: last[key] for key in ("level", "event", "part", "suppressed")} == {
        "level": "error",
        "event": "broke",
        "part": "publisher",
        "suppressed": 3,
    }


def test_a_change_of_state_is_always_told() -> None:
    book = Book()
    for _ in range(50):
        book.log.warning("endpoint_broke", always=True)
    rows = book.rows()
    assert len(rows) == 50
    assert "always" not in rows[0]


def test_kinds_without_number_cost_no_memory_without_end() -> None:
    time = Time()
    flood = Flood(time)
    passed = sum(flood.admit(("info", str(number))) is not None for number in range(5_000))
    assert passed == 1_005
    assert flood.sweep(everything=True) == [(("info", "others"), 3_995)]
    assert flood.sweep(everything=True) == []


class Stuck(Memory):
    """A stream whose first write does not end until it is freed: a pipe that nobody reads."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.freed = threading.Event(), threading.Event()

    def write(self, data: Any, /) -> int:
        self.entered.set()
        self.freed.wait(20)
        return super().write(data)


def test_a_stuck_stream_holds_nobody_up_and_the_lost_lines_are_counted() -> None:  # case 77
    stream = Stuck()
    journal = Journal(stream=stream, level="info", style="json", secrets=tuple)
    journal.log.info("first")
    stream.entered.wait(20)
    for number in range(1_500):
        journal.log.info("x", number=number, always=True)
    assert journal.dropped == 500
    journal.close(timeout=0.01)
    stream.freed.set()
    journal.close(timeout=20)
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["first"] + ["x"] * 1_000


def full_pipe() -> tuple[BinaryIO, BinaryIO]:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    return os.fdopen(reading, "rb", buffering=0), os.fdopen(writing, "wb", buffering=0)


def test_a_stream_that_fails_costs_its_lines_and_no_more() -> None:  # case 77, T22
    class Closed(Memory):
        def write(self, data: Any, /) -> int:
            self.close()
            return super().write(data)

    reading, writing = full_pipe()
    with reading, writing, open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123 - as raw does it
        for stream in (full, writing, Closed()):
            journal = Journal(stream=stream, level="info", style="json", secrets=tuple)
            for _ in range(3):
                journal.log.info("x")
            journal.close(timeout=20)
            assert journal.dropped == 3


def test_a_short_write_is_completed() -> None:
    class Narrow(Memory):
        def write(self, data: Any, /) -> int:
            return super().write(bytes(data[:7]))

    stream = Narrow()
    journal = Journal(stream=stream, level="info", style="json", secrets=tuple)
    journal.log.info("x", detail="y" * 100)
    journal.close(timeout=20)
    assert json.loads(stream.getvalue())["detail"] == "y" * 100


@pytest.mark.parametrize("closed", ["stdout", "pipe"])
def test_a_process_ends_well_whatever_became_of_its_output(closed: str) -> None:  # case 77
    program = """
        import sys
        from exporter.log import opened, raw
        with opened(stream=raw(1), level="info", style="json", secrets=tuple) as journal:
            for number in range(1_400):
                journal.log.info("x", number=number, detail="y" * 400, always=True)
        sys.stderr.write(str(journal.dropped))
    """
    reading, writing = os.pipe()
    command = [sys.executable, "-c", textwrap.dedent(program)]
    if closed == "stdout":
        command = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False)
    for descriptor in (reading, writing):
        os.close(descriptor)
    assert done.returncode == 0, done.stderr
    assert (int(done.stderr) > 0) is (closed == "pipe")


def test_libraries_log_through_the_same_chain() -> None:
    stream = Memory()
    with opened(stream=stream, level="info", style="json", secrets=lambda: SECRETS) as journal:
        library = logging.getLogger("asyncio")
        library.info("read %s of %s", 7, PLAIN)
        library.debug("too fine")
        library.log(25, "between")
        try:
            fail(PLAIN)
        except RuntimeError:
            library.exception("Task exception was never retrieved")
        for number in range(20):
            library.warning("accept failed for %d", number)
        warnings.showwarning("old", DeprecationWarning, "file.py", 1)
        assert journal.dropped == 0
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [row["event"] for row in rows[:2]] == ["read 7 of ***", "between"]
    assert rows[2]["exception"].endswith("RuntimeError: ***")
    assert [row["event"] for row in rows if "accept" in row["event"]] == [
        *(f"accept failed for {number}" for number in range(5)),
        "accept failed for %d",
    ]
    assert {row["logger"] for row in rows} == {"asyncio", "py.warnings"}
    assert "canary" not in stream.getvalue().decode()
    assert journal.handler not in logging.getLogger().handlers


def test_a_record_whose_arguments_do_not_fit_is_a_line_all_the_same() -> None:
    book = Book()
    book.journal.handler.emit(logging.LogRecord("lib", 20, "file", 1, "wrong %d", ("no number",), None))
    assert book.rows()[0]["event"] == "wrong %d"


def test_a_descriptor_that_was_closed_leads_to_nowhere() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    with raw(writing) as stream:
        assert stream.name == os.devnull
