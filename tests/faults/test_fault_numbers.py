"""Cases 7, 8, 10 to 15 and 26: numbers that are none, fields that are not as documented, names."""

from collections.abc import AsyncIterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from centre import AGENTS, FIRST_ID, QUEUES, Spoil
from fake_vendor import Asked, Said, answer
from spoilt import in_pages, with_fields, with_rows
from subject import Page
from trial import Trial, tried

HUGE = int("9" * 400)
TIMES = ("total_talk_time", "total_wrap_up_time", "total_call_duration")
COUNTS = ("calls_accepted", "calls_denied", "calls_missed")
ALL = (*TIMES, *COUNTS, "online_time", "available_time")
"""All that a sound answer tells of an agent's day."""


def first_person(value: object) -> Spoil:
    """Return a fault that puts it in the place of all numbers of the first agent."""
    return with_rows(lambda index, row: row if index else row | dict.fromkeys(ALL, value))


def of_agent(page: Page, metric: str, index: int, **labels: str) -> float | None:
    return page.value(metric, account="sick", agent=str(FIRST_ID + index), **labels)


def counted(page: Page, metric: str = "schema_drift_total", **labels: str) -> float:
    return page.sum(metric, account="sick", **labels)


def counts(trial: Trial) -> bool:
    """Whether it must count what it drops: the plain exporter has no metric for it, and is judged by the rest."""
    return trial.subject.program == "ours"


async def test_fault_07_what_is_no_finite_number(trial: Trial) -> None:
    def beyond(asked: Asked, sound: dict[str, Any]) -> Said:
        return _said(first_person("1e999"), asked, sound).replace(b'"1e999"', b"1e999  ")

    before = counted(await trial.subject.page())
    faults = map(first_person, (float("nan"), float("inf"), float("-inf")))
    for fault in (*faults, beyond):
        with trial.fault(fault, AGENTS, lawful=True, silent=[0]):
            page = await trial.recovered()
            if counts(trial):
                assert counted(page) > before, "it was dropped, and not counted"
                assert page.value("endpoint_up", account="sick", endpoint=AGENTS) == 1
            before = counted(page)
    await trial.recovered()


def _said(spoil: Spoil, asked: Asked, sound: dict[str, Any]) -> bytes:
    said = spoil(asked, sound)
    assert isinstance(said, bytes)
    return said


@pytest.mark.thorough
async def test_fault_08_numbers_of_hundreds_of_digits(trial: Trial) -> None:
    before = counted(await trial.subject.page())
    for number in (HUGE, -HUGE, str(HUGE)):
        with trial.fault(first_person(number), AGENTS, lawful=True, silent=[0]):
            assert counted(await trial.recovered()) > before or not counts(trial)

    def refused(asked: Asked, sound: dict[str, Any]) -> Said:
        body = _said(first_person(-12_345), asked, sound).partition(b"\r\n\r\n")[2]
        return answer(body.replace(b"-12345", b"9" * 5_000))

    with trial.fault(refused, AGENTS):  # Python itself makes no number of so many digits
        await trial.failed("decode")
    await trial.recovered()


_TOLD: list[tuple[object, float]] = [
    ("0", 0),
    ("12", 12),
    ("007", 7),
    (0, 0),
    (12.0, 12),
    ("12.0", 12),
    ("1e3", 1000),
]
_UNTOLD: list[object] = [None, "", "--", "-", "N/A"]
_NO_NUMBERS: list[object] = [
    *(
        True,
        False,
        [],
        [1],
        {},
        {"a": 1},
        "twelve",
        "1_000",
        "١٢",
        "¹",
        " 12",
        "12 ",
        "+12",
        "0x12",
        "1,000",
        "12:30",
    ),
    *("NaN", "Infinity", "1e999", -1, "-1", 1.5, "1.5", 2**53 + 2),
]
_TABLE = [*_TOLD, *((value, None) for value in (*_UNTOLD, *_NO_NUMBERS))]
"""What is sent where a number of holds is due, and what is shown."""


async def test_fault_10_other_kinds_where_a_number_is_due(program: str, tmp_path: Path) -> None:
    async with tried(program, tmp_path, agents=12) as trial:
        for part in (_TABLE[first : first + 12] for first in range(0, len(_TABLE), 12)):
            sent = [value for value, _ in part]
            with trial.fault(with_fields(calls_missed=[str] * 12, calls_put_on_hold=sent), AGENTS, lawful=True):
                page = await trial.recovered()
            missed = page.of("agent_calls_today", account="sick", outcome="missed")
            accepted = page.of("agent_calls_today", account="sick", outcome="accepted")
            assert {one["agent"]: n for one, n in missed} == {one["agent"]: n for one, n in accepted}
            shown = [of_agent(page, "agent_holds_today", index) for index in range(len(part))]
            assert shown == [expected for _, expected in part], sent
        assert counted(page) >= 2 or not counts(trial)
        with trial.fault(with_fields(calls_missed=_UNTOLD), AGENTS, lawful=True):
            drift = counted(await trial.recovered())
            page = await trial.recovered()
            assert counted(page) == drift, "a word for no number is as documented"
            assert of_agent(page, "agent_calls_today", 0, outcome="missed") is None


async def test_fault_11_a_field_renamed_and_one_that_nobody_knows(trial: Trial) -> None:
    def renamed(_index: int, row: dict[str, Any]) -> dict[str, Any]:
        return row | {"total_wrapup_time": row.pop("total_wrap_up_time")}

    with trial.fault(with_fields(extra=[{"deep": [1, {"x": None}]}]), AGENTS, lawful=True):
        page = await trial.recovered()
        assert not counted(page), "what nobody asked for is no drift"
    with trial.fault(with_rows(renamed), AGENTS, lawful=True):
        page = await trial.recovered()
        assert not page.of("agent_wrap_up_seconds_today", account="sick")
        assert counted(page, endpoint=AGENTS) >= 1 or not counts(trial)
        assert page.of("agent_calls_today", account="sick")

    def envelope(_asked: Asked, sound: dict[str, Any]) -> Said:
        return answer({"queue_activity": sound[QUEUES]})

    with trial.fault(envelope, QUEUES):
        await trial.failed("schema", endpoint=QUEUES)
    page = await trial.recovered()
    assert page.of("agent_wrap_up_seconds_today", account="sick")


async def test_fault_12_a_new_word_for_a_status(trial: Trial) -> None:
    def coaching(index: int, row: dict[str, Any]) -> dict[str, Any]:
        return row | {"agent_state": "COACHING"} if index == 0 else row

    with trial.fault(with_rows(coaching), AGENTS, lawful=True):
        await trial.recovered()
        page = await trial.recovered()
        states = page.of("agent_status", account="sick", agent=str(FIRST_ID))
        assert [labels["vendor_status"] for labels, _ in states] == ["COACHING"], "the old status stays"
        assert states[0][0]["status"] == "other"
        assert page.value("agents", account="sick", status="other") == 1
        assert page.value("agents", account="sick", status="available") == trial.sick.agents - 1
        assert counted(page, "unknown_status_total") >= 1
    assert trial.subject.log.count('"unknown_status"') == 1, "one line, however often it comes"

    def inventive(_asked: Asked, sound: dict[str, Any]) -> Said:
        number = sound[AGENTS][0]["online_time"]
        rows = [one | {"agent_state": f"state {number} {n}"} for n, one in enumerate(sound[AGENTS])]
        return answer({**sound, AGENTS: rows})

    with trial.fault(inventive, AGENTS, lawful=True):  # other words with each poll, without end
        for _ in range(8):
            await trial.recovered()
    assert trial.subject.log.count('"unknown_status"') <= 20
    await trial.recovered()


async def test_fault_13_the_same_agent_twice(trial: Trial) -> None:
    def strange(row: dict[str, Any]) -> dict[str, Any]:
        """Return a row whose numbers nobody may show: the first row of an agent counts."""
        return row | dict.fromkeys(ALL, 123)

    duplicates = {"reason": "duplicate"}
    with trial.fault(with_rows(lambda _, row: [row, strange(row)]), AGENTS, lawful=True):
        page = await trial.recovered()
        if counts(trial):
            assert counted(page, "rows_dropped_total", **duplicates) >= trial.sick.agents
            assert page.value("agents", account="sick", status="available") == trial.sick.agents
    before = counted(await trial.recovered(), "rows_dropped_total", **duplicates)

    def shifted(asked: Asked, sound: dict[str, Any]) -> Said:
        rows = deepcopy(sound[AGENTS])
        rows.insert(3, strange(rows[2]))  # at 3 a row to the page, the last of the first begins the second
        return in_pages(3)(asked, {**sound, AGENTS: rows})

    with trial.fault(shifted, AGENTS, lawful=True):
        page = await trial.recovered()
        assert counted(page, "rows_dropped_total", **duplicates) > before or not counts(trial)
    await trial.recovered()


NAMED = "\nprivacy: {agent_label: name}"


@pytest.fixture
async def named(program: str, tmp_path: Path) -> AsyncIterator[Trial]:
    """A subject that may show names, and people who bear none of the canaries'."""
    async with tried(program, tmp_path, person="Person {}", extra=NAMED, agents=12) as one:
        yield one


@pytest.mark.thorough
@pytest.mark.ours_only("the plain exporter shows no names")
async def test_fault_14_two_agents_of_one_name(named: Trial) -> None:
    with named.fault(with_rows(lambda _, row: row | {"name": "Ann Smith"}), AGENTS, lawful=True):
        await named.recovered()
        page = await named.subject.until(
            lambda page: page.of("agent_info", account="sick", agent_name="Ann Smith")
        )
        people = [labels["agent"] for labels, _ in page.of("agent_info", account="sick", agent_name="Ann Smith")]
        assert sorted(people) == sorted(named.sick.ids())
        assert len(page.of("agent_talk_seconds_today", account="sick")) == named.sick.agents
    await named.recovered()


STRANGE = [
    *("\ud800", "a\ud800b", "\x00", "two\nlines", 'quo"te', "back\\slash", "car\rriage", "\u202eright to left"),
    *("\u2028", "\ufeff", "x" * 5_000, "\U0001f600" * 300),
]


async def test_fault_15_names_and_words_that_no_page_bears(named: Trial) -> None:
    def strange(index: int, row: dict[str, Any]) -> dict[str, Any]:
        return row | {"name": STRANGE[index], "agent_state": STRANGE[index], "via": STRANGE[index]}

    with named.fault(with_rows(strange), AGENTS, lawful=True):
        page = await named.recovered()  # it has parsed the page: Prometheus would
        status, _ = await named.subject.ask("/metrics", Accept="application/openmetrics-text; version=1.0.0")
        assert status == 200
        shown = [
            (labels, label)
            for metric, label in (("agent_status", "vendor_status"), ("agent_info", "agent_name"))
            for labels, _ in page.of(metric, account="sick")
        ]
        assert len(shown) >= named.sick.agents
        for labels, label in shown:
            text, sent = labels[label], STRANGE[int(labels["agent"]) - FIRST_ID]
            assert 0 < len(text) <= 128
            assert not set(text) & set("\ud800\x00\n\r\u2028\ufeff\u202e")
            if sent in ('quo"te', "back\\slash"):
                assert text == sent, "it does not parse back"
    assert named.subject.log.isprintable() or "\u202e" not in named.subject.log
    await named.recovered()


@pytest.mark.thorough
async def test_fault_26_numbers_below_zero_and_beyond_reason(trial: Trial) -> None:
    before = counted(await trial.subject.page())
    for value in (-1, -0.5, 1e308, -1e308, 2**53 + 2):
        with trial.fault(first_person(value), AGENTS, lawful=True, silent=[0]):
            assert counted(await trial.recovered()) > before or not counts(trial)
    with trial.fault(
        with_fields(online_time=[100_000.0], total_hold_time=[90_000, 86_400.5]), AGENTS, lawful=True
    ):
        page = await trial.recovered()  # longer than a day, as Zoho's are that began before it: the vendor's word
        assert of_agent(page, "agent_hold_seconds_today", 0) == 90_000
        assert of_agent(page, "agent_hold_seconds_today", 1) == 86_400.5
    await trial.recovered()
