"""Cases 4 and 24 in other vendors' dialects: nobody, and errors that come as HTTP 200."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from dialects import Foreign, foreign
from subject import Page, Subject
from trial import Trial, tried

ONE_VENDOR = pytest.mark.ours_only("the plain exporter knows one vendor")


@asynccontextmanager
async def beside(vendor: str, program: str, folder: Path) -> AsyncIterator[tuple[Foreign, Trial]]:
    """Run the program with an account of another vendor beside the oracle's two."""
    async with (
        foreign(vendor) as account,
        tried(program, folder, configure=lambda config: config + account.config) as trial,
    ):
        yield account, trial


async def failing(subject: Subject, reason: str) -> Page:
    """Return the page on which one more poll of the foreign account has failed for this reason."""

    def failures(page: Page) -> float:
        return page.sum("poll_failures_total", account="foreign", reason=reason)

    before = failures(await subject.page())
    return await subject.until(lambda page: failures(page) > before, reason)


async def well(subject: Subject, endpoint: str) -> Page:
    return await subject.until(
        lambda page: page.value("endpoint_up", account="foreign", endpoint=endpoint) == 1, f"{endpoint} is up"
    )


@pytest.mark.thorough
@ONE_VENDOR
async def test_fault_04_a_mapping_in_which_nobody_is(program: str, tmp_path: Path) -> None:
    async with beside("liveperson", program, tmp_path) as (account, trial):
        page = await well(trial.subject, "queuestate")
        assert page.of("calls_waiting", account="foreign")
        failures = page.sum("poll_failures_total", account="foreign", endpoint="queuestate")
        with account.fault("/queuestate", {"skills": {}}):
            page = await trial.subject.until(
                lambda page: not page.of("calls_waiting", account="foreign"), "the queues leave"
            )
            assert page.value("endpoint_up", account="foreign", endpoint="queuestate") == 1
            assert page.sum("poll_failures_total", account="foreign", endpoint="queuestate") == failures
        await trial.subject.until(lambda page: page.of("calls_waiting", account="foreign"), "the queues return")


@pytest.mark.thorough
@ONE_VENDOR
async def test_fault_24_an_error_with_http_200_at_voximplant(program: str, tmp_path: Path) -> None:
    async with beside("voximplant", program, tmp_path) as (account, trial):
        page = await well(trial.subject, "GetACDState")
        assert page.of("calls_waiting", account="foreign")
        for code, reason in ((558, "http_4xx"), (1, "vendor"), (340, "throttled"), (456, "credentials")):
            with account.fault("", {"error": {"code": code, "msg": "canary-in-an-error"}}):
                page = await failing(trial.subject, reason)
            assert f"error {code}" in trial.subject.log
            await well(trial.subject, "GetACDState")


@pytest.mark.thorough
@ONE_VENDOR
async def test_fault_24_an_error_with_http_200_at_zoho(program: str, tmp_path: Path) -> None:
    async with beside("zoho_voice", program, tmp_path) as (account, trial):
        await well(trial.subject, "users")
        for body, reason in (
            ({"error": "canary-in-an-error"}, "vendor"),
            ({"response": {"message": "too many requests, try again after 20 seconds"}}, "throttled"),
            ({"error": "INVALID_OAUTHTOKEN"}, "credentials"),
            ({"code": "ZVT022", "status": "error", "message": "canary-in-an-error"}, "forbidden"),
        ):
            with account.fault("/zv/api/users", body):
                await failing(trial.subject, reason)
