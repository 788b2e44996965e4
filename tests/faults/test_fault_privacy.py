"""Cases 86 to 88: answers that lead elsewhere, words that forge lines, and people."""

import json
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from centre import AGENTS, TOKEN, Centre, served
from fake_vendor import Asked, Said, Vendor, answer, vendor
from subject import Page, Subject, serving, started
from trial import Trial, config_of, tried

PAGE = "/api/v2/channels/voice/stats/agents_activity.json?page=2"
FORGED = '{"level": "error", "event": "forged"}'
HOSTILE = f'x"}} 1\n{FORGED}\n2026-11-21T08:00:00.000Z error    forged\r\x1b[31m\x1b]0;t\x07 away'
LONGEST_VALUE, LONGEST_LINE = 512, 16_384
PHONE, MAIL = "+49 30 5550123", "canary.person@secret.example"


@asynccontextmanager
async def elsewhere() -> AsyncIterator[Vendor]:
    """Serve what nobody is meant to ask."""
    async with vendor(lambda _: answer({})) as site:
        yield site


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}{path}",
        pytest.param("http://localhost:{port}{path}", marks=pytest.mark.thorough),
        pytest.param("https://127.0.0.1:{port}{path}", marks=pytest.mark.thorough),
        pytest.param("http://127.0.0.1:{own}@127.0.0.1:{port}{path}", marks=pytest.mark.thorough),
        pytest.param("//127.0.0.1:{port}{path}", marks=pytest.mark.thorough),
        pytest.param("http://127.0.0.1:{port}/latest/meta-data", marks=pytest.mark.thorough),
    ],
)
async def test_fault_86_a_next_page_at_another_host(url: str, trial: Trial) -> None:
    async with elsewhere() as other:
        own = trial.sick.url.rpartition(":")[2]
        leading = url.format(port=other.port, own=own, path=PAGE)
        with trial.fault(lambda _, sound: answer({**sound, "next_page": leading}), AGENTS):
            await trial.failed("origin", "paging", times=2)
        assert other.connections == 0, f"{[(one.line, one.headers) for one in other.asked]}"
        await trial.subject.ask(f"/metrics?target=http://127.0.0.1:{other.port}/&name[]=up")
        assert other.connections == 0
    await trial.recovered()


@pytest.mark.thorough
@pytest.mark.ours_only("it knows Zendesk alone")
async def test_fault_86_a_token_and_a_directory_that_name_another_host(program: str, tmp_path: Path) -> None:
    async with elsewhere() as other:

        def told(asked: Asked) -> Said:
            foreign = f"localhost:{other.port}"
            if "token" in asked.target:
                return answer({"access_token": "t", "expires_in": 3600, "api_domain": f"http://{foreign}"})
            if "baseURI" in asked.target:
                return answer(
                    {"service": "x", "account": "1", "baseURI": foreign, "baseURIs": [{"baseURI": foreign}]}
                )
            return answer({})

        async with vendor(told) as site:
            pace = "polling: {interval: 60s, max_age: 180s}"
            extra = f"""
  - name: zoho
    vendor: zoho_voice
    {pace}
    credentials: {{client_id: exporter, client_secret: {TOKEN}, refresh_token: {TOKEN}}}
    options: {{base_url: "{site.url}", accounts_url: "{site.url}"}}
  - name: liveperson
    vendor: liveperson
    {pace}
    credentials: {{client_id: exporter, client_secret: {TOKEN}}}
    options: {{account_id: "1", family: chat, domain_api_url: "{site.url}"}}
"""
            async with tried(program, tmp_path, extra=extra) as trial:
                for name, reasons in {"zoho": {"schema", "vendor"}, "liveperson": {"origin"}}.items():
                    page = await trial.subject.until(
                        lambda page, name=name: page.sum("poll_failures_total", account=name),  # type: ignore[misc]
                        f"{name} fails",
                    )
                    assert {one["reason"] for one, _ in page.of("poll_failures_total", account=name)} <= reasons
                await trial.subject.until(
                    lambda page: page.sum("polls_total", account="liveperson") > 5, "more polls"
                )
        targets = [one.target for one in site.asked]
        assert any("token" in target for target in targets)
        assert any("baseURI" in target for target in targets)
        assert other.connections == 0


@pytest.mark.parametrize("style", ["json", pytest.param("console", marks=pytest.mark.thorough)])
@pytest.mark.ours_only("it writes no log that a program could read")
async def test_fault_87_words_that_would_be_lines_of_their_own(style: str, program: str, tmp_path: Path) -> None:
    def hostile(_: Asked, sound: dict[str, Any]) -> Said:
        first, *others = sound[AGENTS]
        return answer({**sound, AGENTS: [{**first, "agent_state": HOSTILE}, *others]})

    async with tried(program, tmp_path, arguments=("--log-format", style)) as trial:
        with trial.fault(hostile, AGENTS, lawful=True):
            page = await trial.subject.until(
                lambda page: page.sum("unknown_status_total", account="sick"), "an unknown word"
            )
            (told,) = [one for one, _ in page.of("agent_status", account="sick", status="other")]
            cleaned = re.sub(r"[\x00-\x1f]", "\ufffd", HOSTILE)
            assert told["vendor_status"] == cleaned
        with trial.fault(lambda *_: answer({"error": HOSTILE, "message": FORGED}, status=500), AGENTS):
            await trial.failed("http_5xx")
        await trial.recovered()
        lines = trial.subject.log.split("\n")
        assert "\x1b" not in trial.subject.log
        assert "\r" not in trial.subject.log
        (word,) = (line for line in lines if "unknown_status" in line)
        assert len(word) <= LONGEST_LINE
        for line in filter(None, lines):
            if style == "json":
                found = json.loads(line)
                assert found["event"] != "forged"
                assert all(len(value) <= LONGEST_VALUE for value in found.values() if isinstance(value, str))
            else:
                assert re.match(r"\d{4}-\S+Z (info|warning) +[a-z_]+", line), line


async def test_fault_88_people_are_nowhere_by_default(trial: Trial) -> None:
    def personal(_: Asked, sound: dict[str, Any]) -> Said:
        about = {
            "forwarding_number": PHONE,
            "email": MAIL,
            "avatar_url": f"https://a.example/{MAIL}",
            "via": PHONE,
        }
        return answer({**sound, AGENTS: [{**one, **about} for one in sound[AGENTS]]})

    with trial.fault(personal, AGENTS, lawful=True):
        page = await trial.recovered()
        told = [page.text, (await trial.subject.ask("/"))[1]]
    with trial.fault(lambda *_: answer({"error": f"no {MAIL}, Canary Person0, {PHONE}"}, status=400), AGENTS):
        await trial.failed("http_4xx")
        told += [(await trial.subject.page()).text, (await trial.subject.ask("/"))[1]]
    files = [path.read_text(errors="replace") for path in trial.subject.folder.rglob("*") if path.is_file()]
    for text in (*told, *files):  # the log is one of the files
        for word in ("Canary Person", MAIL, "secret.example", PHONE, "5550123"):
            assert word not in text
    await trial.recovered()


@pytest.mark.ours_only("it has no pseudonyms")
async def test_fault_88_pseudonyms_are_of_a_key_and_an_account(
    program: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    key = tmp_path / "key"
    key.write_text("a" * 40)
    privacy = f"\nprivacy: {{agent_label: pseudonym, pseudonym_key_file: {key}}}\n"
    async with AsyncExitStack() as stack:
        one, two = [await stack.enter_async_context(served(Centre(name))) for name in ("one", "two")]
        async with started(program, config_of(one, two) + privacy, tmp_path) as subject:
            await serving(subject)
            first = await shown(subject, "one")
            assert first & await shown(subject, "two") == set(), "one person looks the same in two accounts"
            assert not re.search(r"36000000000\d", (await subject.page()).text)
            polls = one.polls(AGENTS)
            one.agents = 4
            await subject.until(lambda page: people(page, "one") < first, "who left is gone")
            record_property("polls until who left is gone", one.polls(AGENTS) - polls)
            assert one.polls(AGENTS) - polls <= 2
            one.agents = 5
            await subject.until(lambda page: people(page, "one") == first, "who comes back is the same")
            key.write_text("b" * 40)
            subject.process.send_signal(signal.SIGHUP)
            other = await shown(subject, "one", but=first)
            assert other & first == set(), "another key, the same pseudonyms"
            key.write_text("a" * 40)
            subject.process.send_signal(signal.SIGHUP)
            assert await shown(subject, "one", but=other) == first
            assert await subject.stop() == 0
            assert "aaaa" not in subject.log


def people(page: Page, account: str) -> set[str]:
    return {labels["agent"] for labels, _ in page.of("agent_talk_seconds_today", account=account)}


async def shown(subject: Subject, account: str, but: set[str] = set()) -> set[str]:  # noqa: B006 - never changed
    """Return the agents of an account, five and all others than those."""
    page = await subject.until(
        lambda page: len(people(page, account)) == 5 and not people(page, account) & but, "five agents"
    )
    return people(page, account)
