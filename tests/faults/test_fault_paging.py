"""Cases 21 and 25: pages that lead on for ever, and answers from a cache."""

from pathlib import Path
from typing import Any

import pytest
from centre import AGENTS, FIRST_ID, Spoil
from fake_vendor import Asked, Said, answer
from spoilt import next_page, page_of
from trial import Trial, tried


def leading(where: Any) -> Spoil:
    """Return a fault whose every page brings somebody new, and leads to the page that `where` makes of its own."""

    def led(asked: Asked, sound: dict[str, Any]) -> Said:
        page = page_of(asked)
        row = sound[AGENTS][0] | {"agent_id": FIRST_ID + page - 1}
        following = where(page)
        address = following if isinstance(following, str) else next_page(asked, following)
        return answer({AGENTS: [row], "count": 1, "next_page": address}, 200, x_rate_limit="1000000")

    return led


@pytest.mark.thorough
async def test_fault_21_pages_that_lead_in_a_circle(trial: Trial) -> None:
    asked = len(trial.sick.asked)
    with trial.fault(
        leading(lambda _: 1), AGENTS
    ):  # the first leads to itself under another name, and that to itself
        await trial.failed("paging")
    with trial.fault(leading(lambda page: page % 3 + 1), AGENTS):
        await trial.failed("paging")
        page = await trial.aged_out()
    assert page.sum("agents", account="sick") == 0
    assert len(trial.sick.asked) - asked < 100, "the circle was followed round and round"
    await trial.recovered()  # else the pauses, after many failures in a row, take most of the time
    for address in ("https://elsewhere.example/x.json?page=2", "not an address", "http://[", "file:///etc/passwd"):
        with trial.fault(leading(lambda _, address=address: address), AGENTS):
            await trial.failed("origin", "paging")
    await trial.recovered()


@pytest.mark.thorough
async def test_fault_21_pages_without_end(program: str, tmp_path: Path) -> None:
    async with tried(program, tmp_path, speed=2) as trial:
        asked = len(trial.sick.asked)
        with trial.fault(leading(lambda page: page + 1), AGENTS):
            # The budget or the deadline may come before the cap of pages: either way the poll fails whole.
            page = await trial.failed("paging", "timeout", "budget")
        assert page.of("agent_talk_seconds_today", account="sick"), "what was there stays"
        assert len(trial.sick.asked) - asked < 2_100
        await trial.recovered()


async def test_fault_25_an_answer_older_than_the_one_before(trial: Trial) -> None:
    # No vendor dates its statistics; what comes out of a cache on the way says how old it is (RFC 9111, `Age`).
    def cached(age: str) -> Spoil:
        return lambda _, sound: answer(sound, 200, age=age)

    with trial.fault(cached("3600"), AGENTS):
        await trial.failed("stale")
        await trial.aged_out()
    for age in ("0", "1", "garbage", "-5", "9" * 400):
        with trial.fault(cached(age), AGENTS, lawful=True):
            await trial.recovered()
    await trial.recovered()
