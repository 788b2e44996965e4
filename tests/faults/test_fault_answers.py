"""Cases 1 to 6, 16 and 22 to 23: answers that are none, are cut, or say that there is nobody."""

import json
from typing import Any

import pytest
from centre import AGENTS, QUEUES
from fake_vendor import Asked, Last, Said, answer
from spoilt import always, encoded, in_pages, raw, until_closed
from trial import Trial

_DEEP = b'{"error": ' + b"[" * 50_000  # a parser that is called at all would be heard of


async def test_fault_01_a_page_for_people_where_json_is_due(trial: Trial) -> None:
    with trial.fault(raw(b"<html><body>Sorry</body></html>", content_type="text/html")):
        await trial.failed("content_type")
        await trial.failed("content_type", endpoint=QUEUES)
        await trial.aged_out()
    await trial.recovered()  # else the pauses, after many failures in a row, take most of the time
    for body, kind in (
        (b"\xef\xbb\xbf<!DOCTYPE html>", "application/json"),  # the header alone decides nothing
        (b"Please log in", "text/html; charset=utf-8"),
        (b"<" + _DEEP, "text/html"),
    ):
        with trial.fault(raw(body, content_type=kind), AGENTS):
            await trial.failed("content_type")
    with trial.fault(always(answer(b"<html>" + _DEEP, status=502, content_type="text/html")), AGENTS):
        await trial.failed("http_5xx")
    await trial.recovered()


@pytest.mark.thorough
async def test_fault_02_json_under_another_content_type(trial: Trial) -> None:
    for kind in ("text/plain; charset=utf-8", "text/html", "application/octet-stream", "nonsense"):
        with trial.fault(encoded(content_type=kind), lawful=True):
            await trial.recovered()
    limited = answer(b"Number of allowed API requests per minute exceeded", status=429, content_type="text/plain")
    with trial.fault(always(limited), AGENTS):
        await trial.failed("throttled")
    with trial.fault(lambda _, sound: answer(sound, status=500), AGENTS):  # an answer all the same, but for it
        await trial.failed("http_5xx")
    await trial.recovered(polls=4)  # Zendesk did not say for how long it wanted silence


async def test_fault_03_an_empty_body(trial: Trial) -> None:
    bodies = (answer(b""), answer(b" \r\n\t"), answer(b"\xef\xbb\xbf"), b"HTTP/1.1 204 No Content\r\n\r\n")
    for said in bodies[1:]:
        with trial.fault(always(said)):
            page = await trial.failed("empty_body")
            assert page.value("agents_online", account="sick") != 0
    with trial.fault(lambda *_: bodies[0]):
        await trial.failed("empty_body")
        page = await trial.aged_out()
        assert page.value("agents_online", account="sick") is None
        assert not page.of("agents", account="sick")
    await trial.recovered()


async def test_fault_04_a_list_in_which_nobody_is(trial: Trial) -> None:
    def nobody(_asked: Asked, sound: dict[str, Any]) -> Said:
        return answer({**sound, AGENTS: [], "count": 0})

    before = await trial.subject.page()
    polled = trial.sick.polls(AGENTS)
    with trial.fault(nobody, AGENTS, lawful=True, silent=range(trial.sick.agents)):
        page = await trial.subject.until(
            lambda page: not page.of("agent_talk_seconds_today", account="sick"), "the agents leave"
        )
        assert trial.sick.polls(AGENTS) - polled <= 2, "they left because of their age"
    assert page.value("endpoint_up", account="sick", endpoint=AGENTS) == 1
    assert page.sum("poll_failures_total", account="sick") == before.sum("poll_failures_total", account="sick")
    assert page.value("agents", account="sick", status="available") == 0
    assert page.of("calls_waiting", account="sick")
    await trial.recovered()


async def test_fault_05_a_body_shorter_than_announced(trial: Trial) -> None:
    def cut(_asked: Asked, sound: dict[str, Any]) -> Said:
        whole = answer(sound)
        return Last(whole[: len(whole) - 40])

    six_of_hundred = Last(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"a":1')
    chunked = Last(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{}")
    with trial.fault(always(six_of_hundred), QUEUES):
        await trial.failed("truncated", endpoint=QUEUES)
    with trial.fault(always(chunked), QUEUES):
        await trial.failed("truncated", endpoint=QUEUES)
    with trial.fault(cut, AGENTS):
        await trial.failed("truncated")
        await trial.aged_out()
        assert (await trial.subject.page()).of("calls_waiting", account="sick")
    await trial.recovered()


async def test_fault_06_a_body_cut_where_it_is_still_valid(trial: Trial) -> None:
    def cut(_asked: Asked, sound: dict[str, Any]) -> Said:
        return until_closed(json.dumps({**sound, AGENTS: sound[AGENTS][:2]}).encode())

    with trial.fault(cut, AGENTS):
        await trial.failed("truncated")
    for rest in (b"{}", b"[]", b"0", b"null", b'"agents_activity"'):  # no envelope, no answer
        with trial.fault(always(until_closed(rest)), QUEUES):
            await trial.failed("schema", endpoint=QUEUES)
    await trial.recovered()
    await trial.recovered(QUEUES)


async def test_fault_16_text_that_is_not_utf_8(trial: Trial) -> None:
    for coding in ("utf-16", "utf-16-le", "utf-32"):
        with trial.fault(encoded(coding), AGENTS):
            await trial.failed("decode")
    with trial.fault(lambda _, sound: answer(json.dumps(sound).encode()[:-1] + b', "x": "\xff\xfe"}'), AGENTS):
        await trial.failed("decode")
    for lawful in (
        encoded("utf-8-sig"),
        encoded("utf-8", content_type="application/json; charset=rot13"),
        encoded("utf-8", content_type="application/json; charset=utf-16"),
        encoded("utf-8", content_type='application/json; charset="'),
    ):
        with trial.fault(lawful, lawful=True):
            await trial.recovered()


async def test_fault_22_the_third_of_five_pages_fails(trial: Trial) -> None:
    with trial.fault(in_pages(1), AGENTS, lawful=True):
        await trial.recovered()

    def third(page: int, _asked: Asked) -> Said | None:
        return answer({"error": "Internal"}, status=500) if page == 3 else None

    with trial.fault(in_pages(1, before=third), AGENTS):
        page = await trial.failed("http_5xx")
        assert page.of("agent_talk_seconds_today", account="sick"), "what was there stays"
        await trial.aged_out()
    await trial.recovered()


async def test_fault_23_one_endpoint_fails_and_the_other_works(trial: Trial) -> None:
    def success(page: Any, endpoint: str) -> float:
        return float(page.value("last_success_timestamp_seconds", account="sick", endpoint=endpoint))

    with trial.fault(always(answer({"error": "Internal"}, status=500)), AGENTS):
        first = await trial.failed("http_5xx")
        page = await trial.aged_out()
        assert page.value("endpoint_up", account="sick", endpoint=QUEUES) == 1
        assert page.value("up", account="sick") == 1
        assert success(page, AGENTS) == success(first, AGENTS)
        assert success(page, QUEUES) > success(first, QUEUES)
        assert page.of("calls_waiting", account="sick") != first.of("calls_waiting", account="sick")
    await trial.recovered()
