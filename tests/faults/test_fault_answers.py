"""Cases 1 to 26: what a vendor may answer."""

import json
from typing import Any

from centre import AGENTS, QUEUES
from fake_vendor import Asked, Last, Said, answer
from trial import Trial


async def test_fault_01_an_html_page_where_json_is_due(trial: Trial) -> None:
    def page(_asked: Asked, _sound: dict[str, Any]) -> Said:
        return answer(b"<html><body>Sorry</body></html>", content_type="text/html")

    with trial.fault(page):
        await trial.failed("content_type")
        await trial.aged_out()
    await trial.recovered()


async def test_fault_05_a_body_shorter_than_announced(trial: Trial) -> None:
    def cut(_asked: Asked, sound: dict[str, Any]) -> Said:
        whole = answer(sound)
        return Last(whole[: len(whole) - 40])

    with trial.fault(cut, AGENTS):
        await trial.failed("truncated")
        await trial.aged_out()
        assert (await trial.subject.page()).of("calls_waiting", account="sick")
    await trial.recovered()


async def test_fault_06_a_body_cut_where_it_is_still_valid(trial: Trial) -> None:
    def cut(_asked: Asked, sound: dict[str, Any]) -> Said:
        body = json.dumps({**sound, AGENTS: sound[AGENTS][:2]}).encode()
        return Last(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + body)

    with trial.fault(cut, AGENTS):
        await trial.failed("truncated")
    await trial.recovered()


async def test_fault_23_one_endpoint_fails_and_the_other_works(trial: Trial) -> None:
    with trial.fault(lambda *_: answer({"error": "Internal"}, status=500), AGENTS):
        await trial.failed("http_5xx")
        page = await trial.aged_out()
        assert page.value("endpoint_up", account="sick", endpoint=QUEUES) == 1
        assert page.value("up", account="sick") == 1
    await trial.recovered()
