"""Case 83: two replicas with one config, and nobody to tell them apart."""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import promql
import pytest
from accounts import BERLIN
from centre import QUEUES
from hurry import SPEED
from subject import Page, Subject, serving, started
from trial import config_of, tried
from watch import Watch, watched

from exporter.simulator.demo import demo_plan
from exporter.simulator.exchange import Answer, Asked
from exporter.simulator.floor import Floor
from exporter.simulator.server import serve
from exporter.simulator.zendesk_oauth import ZendeskKeys
from exporter.simulator.zendesk_talk import Plan, ZendeskAccount, ZendeskTalk

FIRST = "first-of-a-chain"


@pytest.mark.thorough
@pytest.mark.ours_only("it tells nobody what it asks")
@pytest.mark.needs("promtool")
async def test_fault_83_two_replicas_poll_the_same_accounts(
    program: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    folder = tmp_path / "second"
    folder.mkdir()
    async with (
        tried(program, tmp_path) as trial,
        started(program, config_of(trial.sick, trial.sound), folder) as second,
    ):
        await serving(second)
        watch = Watch(second, trial.sick, [trial.sound], SPEED)
        async with watched(watch):
            polls = trial.sick.polls(QUEUES)
            await second.until(lambda _: trial.sick.polls(QUEUES) >= polls + 10, "ten polls of both")
        assert not watch.wrong, "\n".join(watch.wrong)
        pages = [await trial.subject.page(), await second.page()]
        told = [page.sum("api_requests_total", account="sick") for page in pages]
        assert sum(told) <= len(trial.sick.asked), "more calls are told than were made"
        assert sum(told) > 1.2 * max(told), "that the quota is spent twice cannot be seen"
        record_property("calls told by both, to those made", round(sum(told) / len(trial.sick.asked), 2))
        judge(pages, tmp_path)


def judge(pages: list[Page], folder: Path) -> None:
    """Ask promtool whether the boards' query shows an account once that is scraped twice."""
    picked = {"vendor": ".+", "account": ".+", "queue": ".+"}
    query = re.sub(r"\$([a-z]+)", lambda name: picked[name[1]], promql.of_account(promql.waiting))
    labels = ("account", "queue", "channel", "vendor")
    series = [
        {
            "series": "contact_center_calls_waiting{"
            + ", ".join(f'{name}="{one[name]}"' for name in labels)
            + f', instance="{number}"}}',
            "values": f"{value}x10",
        }
        for number, page in enumerate(pages)
        for one, value in page.of("calls_waiting")
    ]
    latest = {
        one["account"]: max(
            value for page in pages for _, value in page.of("calls_waiting", account=one["account"])
        )
        for one, _ in pages[0].of("calls_waiting")
    }
    samples = [
        {"labels": f'{{account="{name}", vendor="zendesk_talk"}}', "value": value}
        for name, value in latest.items()
    ]
    expected = [{"expr": query, "eval_time": "5m", "exp_samples": samples}]
    file = folder / "test.yml"
    file.write_text(
        json.dumps({"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": expected}]})
    )
    run = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


class Chain:
    """A Zendesk account whose refresh tokens rotate, and who asked it for tokens."""

    def __init__(self) -> None:
        floor = Floor(demo_plan(BERLIN, 10), datetime(2026, 3, 9, 8, tzinfo=BERLIN))
        self.account = ZendeskTalk(
            floor, ZendeskAccount(ZendeskKeys(refresh_token=FIRST), plan=Plan.ENTERPRISE_PLUS)
        )
        self.renewals: list[int] = []

    def answer(self, asked: Asked) -> Answer:
        answered = self.account.answer(asked)
        if asked.endpoint == "tokens":
            self.renewals.append(answered.status)
        return answered


@asynccontextmanager
async def replicas(program: str, chain: Chain, folder: Path, *states: Path) -> AsyncIterator[list[Subject]]:
    """Run replicas of one account, each started when the one before has polled, with these folders for tokens."""
    async with serve({"chain": chain}) as urls:  # type: ignore[dict-item]  # as much of a dialect as is served
        url = urls["chain"]
        keys = f"client_id: exporter, client_secret: client-secret, refresh_token: {FIRST}"
        found: list[Subject] = []

        def config(state: Path) -> str:
            return f"""
server: {{listen: "127.0.0.1:{{port}}", state_dir: {state}}}
polling: {{interval: 10s, max_age: 30s, budget_share: 100%}}
accounts:
  - name: chain
    vendor: zendesk_talk
    credentials: {{{keys}}}
    options: {{base_url: "{url}", plan: enterprise_plus}}
"""

        first, second = (folder / name for name in ("one", "two"))
        first.mkdir()
        second.mkdir()
        async with started(program, config(states[0]), first) as one:
            await serving(one)
            await one.until(lambda page: page.value("up", account="chain") == 1, "the first polls")
            async with started(program, config(states[1]), second) as two:
                await serving(two)
                found = [one, two]
                yield found
                for subject in found:
                    assert await subject.stop() == 0
                    assert FIRST not in subject.log


@pytest.mark.thorough
@pytest.mark.ours_only("it knows no grants")
async def test_fault_83_replicas_that_share_a_folder_renew_one_at_a_time(program: str, tmp_path: Path) -> None:
    chain, shared = Chain(), tmp_path / "state"
    async with replicas(program, chain, tmp_path, shared, shared) as pods:
        await pods[1].until(lambda page: page.value("up", account="chain") == 1, "the second polls")
        assert chain.renewals == [200], "the second had no need of a token of its own"
        for expiries in range(1, 4):
            polls = [(await pod.page()).sum("polls_total", account="chain") for pod in pods]
            chain.account.expire_tokens()
            await asyncio.gather(
                *(
                    pod.until(
                        lambda page, before=before: (
                            page.sum("polls_total", account="chain") > before + 4  # type: ignore[misc]
                            and page.value("up", account="chain") == 1
                        ),
                        "both poll again",
                    )
                    for pod, before in zip(pods, polls, strict=True)
                )
            )
            assert set(chain.renewals) == {200}, "a token was used that the other had used up"
            assert len(chain.renewals) <= 1 + 2 * expiries
        for pod in pods:
            assert (await pod.page()).value("reauth_required", account="chain") == 0


@pytest.mark.ours_only("it knows no grants")
async def test_fault_83_a_replica_without_the_tokens_of_the_other_stops_asking(
    program: str, tmp_path: Path
) -> None:
    chain = Chain()
    async with replicas(program, chain, tmp_path, tmp_path / "a", tmp_path / "b") as pods:
        page = await pods[1].until(lambda page: page.value("reauth_required", account="chain") == 1, "it gives up")
        asked = len(chain.renewals)
        assert chain.renewals == [200, 400]
        polls = page.sum("polls_total", account="chain")
        await pods[1].until(lambda page: page.sum("polls_total", account="chain") > polls + 6, "more polls")
        assert len(chain.renewals) == asked, "it asks with a token that is used up"
        assert (await pods[0].page()).value("up", account="chain") == 1
