from pathlib import Path

import pytest
from msgspec.structs import replace

from exporter.config import Account, ConfigError
from exporter.plan import paces, plan, read, told, vendor_of
from exporter.poll import Pace

TOKEN = "credentials: {access_token: CANARY}"
GRANT = "credentials: {client_id: me, client_secret: CANARY}"
ROTATING = "credentials: {client_id: me, client_secret: CANARY, refresh_token: CANARY}"

TOLD = """\
support-eu (zendesk_talk), planned for 40 agents
  current_queue_activity  every    30 s      2.0 calls/min         8 series
  agents_activity         every    30 s      2.0 calls/min       737 series
  account_overview        every   300 s      0.2 calls/min        21 series
  agents_overview         every   300 s      0.2 calls/min        22 series
  4.4 calls a minute of our 200 (50% of the vendor's 400), about 920 series

support-us (zendesk_talk), planned for 1,250 agents
  current_queue_activity  every     5 s     12.0 calls/min         8 series
  agents_activity         every     5 s    156.0 calls/min    22,517 series
  account_overview        every    50 s      1.2 calls/min        21 series
  agents_overview         every    50 s      1.2 calls/min        22 series
  170.4 calls a minute of our 20 (10% of the vendor's 200), about 22,700 series
  too many calls: polls will be cut short. Make the interval 11.4 times as long, raise budget_share, \
or ask for fewer queues and groups"""


def read_text(directory: Path, accounts: str, rest: str = "") -> tuple[Account, ...]:
    path = directory / "config.yaml"
    path.write_text(f"accounts:\n{accounts}{rest}", encoding="utf-8")
    return read(path, {}).accounts


def account_text(name: str = "acme", polling: str = "{}", credentials: str = TOKEN, options: str = "") -> str:
    return (
        f"  - name: {name}\n"
        "    vendor: zendesk_talk\n"
        f"    {credentials}\n"
        f"    polling: {polling}\n"
        f"    options: {{base_url: https://{name}.zendesk.com{options}}}\n"
    )


def account(directory: Path, polling: str = "{}", options: str = "") -> Account:
    [one] = read_text(directory, account_text(polling=polling, options=options))
    return one


def problems(directory: Path, accounts: str, rest: str = "") -> list[str]:
    with pytest.raises(ConfigError) as refused:
        read_text(directory, accounts, rest)
    assert "CANARY" not in str(refused.value)
    return str(refused.value).replace(str(directory / "config.yaml"), "config.yaml").splitlines()


@pytest.mark.parametrize(
    ("polling", "expected"),
    [
        (
            "{}",
            {
                "current_queue_activity": Pace(30, 90, 30),
                "agents_activity": Pace(30, 90, 30),
                "account_overview": Pace(300, 900, 30),
                "agents_overview": Pace(300, 900, 30),
            },
        ),
        (
            "{interval: 10s, max_age: 25s}",
            {
                "current_queue_activity": Pace(10, 25, 10),
                "agents_activity": Pace(10, 25, 10),
                "account_overview": Pace(100, 250, 10),
                "agents_overview": Pace(100, 250, 10),
            },
        ),
        (
            "{endpoints: {agents_activity: 1m, account_overview: 15s}}",
            {
                "current_queue_activity": Pace(30, 90, 30),
                "agents_activity": Pace(60, 180, 30),
                "account_overview": Pace(15, 45, 15),
                "agents_overview": Pace(300, 900, 30),
            },
        ),
    ],
    ids=["default", "interval", "endpoints"],
)
def test_slow_endpoints_come_every_few_intervals_and_may_be_as_much_older(
    tmp_path: Path, polling: str, expected: dict[str, Pace]
) -> None:
    one = account(tmp_path, polling)
    assert paces(one, vendor_of(one)) == expected


def test_an_endpoint_that_the_vendor_does_not_have_is_named_with_those_it_has(tmp_path: Path) -> None:
    polling = "{endpoints: {agents: 1m, agents_activity: 1m}}"
    assert problems(tmp_path, account_text() + account_text("beta", polling)) == [
        (
            "config.yaml: accounts[1].polling.endpoints.agents: zendesk_talk has no such endpoint; write "
            "current_queue_activity or agents_activity or account_overview or agents_overview"
        )
    ]


def test_a_pace_that_the_vendor_forbids_is_refused_for_each_endpoint(tmp_path: Path) -> None:
    assert problems(tmp_path, account_text(polling="{interval: 4s, endpoints: {agents_activity: 5s}}")) == [
        (
            "config.yaml: accounts[0].polling: current_queue_activity would be polled every 4s, "
            "faster than the vendor allows or gains by; write 5s or more"
        )
    ]
    assert account(tmp_path, "{interval: 5s}").polling.interval == 5


def test_a_token_that_changes_with_each_use_needs_a_place_to_keep_it(tmp_path: Path) -> None:
    assert problems(tmp_path, account_text(credentials=ROTATING)) == [
        (
            "config.yaml: server.state_dir: the refresh token of accounts[0] changes with each use and must be "
            "kept; write a directory that survives a restart"
        )
    ]
    assert read_text(tmp_path, account_text(credentials=ROTATING), "server: {state_dir: state}\n")
    assert read_text(tmp_path, account_text(credentials=GRANT))


def test_all_problems_are_told_together(tmp_path: Path) -> None:
    bad = account_text(polling="{interval: 1s, endpoints: {nothing: 1m}}", credentials=ROTATING)
    assert len(problems(tmp_path, bad)) == 4


def test_the_plan_adds_up_what_the_paces_and_the_calls_of_a_poll_say(tmp_path: Path) -> None:
    queues = ", queues: [{name: a, phone_number_ids: [1]}, {name: b, phone_number_ids: [2]}]"
    planned = plan(account(tmp_path, "{budget_share: 25%}", queues), agents=250)
    assert [(one.name, one.interval, one.calls_per_minute) for one in planned.endpoints] == [
        ("current_queue_activity", 30, 6.0),  # the whole account, and each of two queues
        ("agents_activity", 30, 6.0),  # three pages
        ("account_overview", 300, 0.4),
        ("agents_overview", 300, 0.2),
    ]
    assert planned.calls_per_minute == pytest.approx(12.6)
    assert (planned.limit, planned.share, planned.budget) == (200, 0.25, 50)
    assert planned.series > sum(one.series for one in planned.endpoints) > 250
    assert planned.fits
    assert replace(planned, share=12.6 / 0.75 / 200).fits
    assert not replace(planned, share=12.5 / 0.75 / 200).fits


def test_a_poll_that_cannot_end_in_its_time_does_not_fit_however_seldom_it_comes(tmp_path: Path) -> None:
    planned = plan(account(tmp_path, "{endpoints: {agents_activity: 1h}}"), agents=5_600)
    assert planned.calls_per_minute < 0.75 * planned.budget
    assert planned.fits  # 56 pages: 25 at once, and 75 a minute for the 25 seconds of a poll
    assert not plan(account(tmp_path, "{endpoints: {agents_activity: 1h}}"), agents=5_700).fits


def test_the_plan_is_told_so_that_a_person_can_read_it(tmp_path: Path) -> None:
    easy, hard = read_text(
        tmp_path,
        account_text("support-eu", options=", plan: professional")
        + account_text("support-us", "{interval: 5s, budget_share: 10%}"),
    )
    assert told([plan(easy, 40), plan(hard, 1_250)]) == TOLD


def test_an_endpoint_with_a_limit_of_its_own_is_held_against_that_too(tmp_path: Path) -> None:
    def zoho(queues: int) -> Account:
        ids = ", ".join(map(str, range(1, queues + 1)))
        path = tmp_path / "config.yaml"
        path.write_text(
            "accounts:\n  - name: acme\n    vendor: zoho_voice\n    time_zone: UTC\n"
            "    credentials: {client_id: a, client_secret: b, refresh_token: c}\n"
            f"    options: {{queues: [{ids}]}}\n    polling: {{interval: 60s, budget_share: 30%}}\n",
            encoding="utf-8",
        )
        return read(path, {}).accounts[0]

    assert plan(zoho(5), agents=10).fits  # of nine calls a minute a quarter at once, and 25 seconds of the rest
    assert told([plan(zoho(6), agents=10)]).splitlines()[-1] == (
        "  too many calls of logs, which has a limit of its own: polls will be cut short. Make the interval "
        "1.2 times as long, raise budget_share, or ask for fewer queues and groups"
    )
