import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from acme import choices, load_text, login

from exporter.config import Account, ConfigError, Listen, Pace, Polling, Privacy, Server, load, read_listen
from exporter.model import Status
from exporter.vendors import VENDORS
from exporter.vendors.contract import Site

ZENDESK = {"ZENDESK_CLIENT_SECRET": "a-secret"}
EXAMPLE = Path(__file__).parents[2] / "config.yaml"

ACCOUNT = """
  - name: {name}
    vendor: acme
    credentials: {{user: exporter, password: a-secret}}
    options: {{base_url: https://acme.example.com}}
"""


def account(tmp_path: Path, more: str = "", **keys: str) -> Account:
    """Load one account with further options, and further keys of its own."""
    own = "".join(f"    {key}: {value}\n" for key, value in keys.items())
    text = ACCOUNT.format(name="a").replace(".com}", f".com{more}}}")
    return load_text(tmp_path, f"accounts:{text}{own}").accounts[0]


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    config = load_text(tmp_path, "accounts:" + ACCOUNT.format(name="support"))
    assert config.server == Server(listen=Listen("0.0.0.0", 10777), state_dir=None, reload=False)
    assert config.polling == Polling(interval=30, max_age=90, budget_share=0.5)
    assert config.privacy == Privacy(agent_label="id", pseudonym_key=None)
    (support,) = config.accounts
    assert (support.name, support.vendor, support.time_zone, support.statuses) == ("support", "acme", None, {})
    assert support.polling == Pace(interval=30, max_age=90, budget_share=0.5, endpoints={})
    assert support.allow_insecure_url is False
    assert login(support).password.reveal() == "a-secret"
    assert choices(support).base_url == "https://acme.example.com"


def test_everything_that_is_said_arrives_typed(tmp_path: Path) -> None:
    config = load_text(
        tmp_path,
        """
server: {listen: "[::1]:8080", state_dir: state, reload: true}
polling: {interval: 1m, max_age: 1h, budget_share: 25%}
privacy: {agent_label: pseudonym, pseudonym_key: 0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f}
accounts:
  - name: support.EU_1-a
    vendor: acme
    time_zone: Europe/Berlin
    statuses: {On Break: away, "off": offline}
    polling: {interval: 1m, endpoints: {totals: 1h}}
    credentials: {user: "12", password: 'it''s', key: "0123"}
    options:
      base_url: HTTPS://Acme.example.com:8443/api/
      queues: [{name: sales, numbers: [1, 360000000001]}]
      live: true
      limit: -3
      factor: 1.25
      region: ${REGION}
      patience: 1.5s
      part: 1
""",
    )
    assert config.server == Server(listen=Listen("::1", 8080), state_dir=tmp_path / "state", reload=True)
    (one,) = config.accounts
    assert one.time_zone == ZoneInfo("Europe/Berlin")
    assert one.statuses == {"On Break": Status.AWAY, "off": Status.OFFLINE}
    assert one.polling == Pace(interval=60, max_age=3600, budget_share=0.25, endpoints={"totals": 3600})
    assert (login(one).user, login(one).password.reveal()) == ("12", "it's")
    options = choices(one)
    assert options.base_url == "https://acme.example.com:8443/api"
    assert [(queue.name, queue.numbers) for queue in options.queues] == [("sales", (1, 360000000001))]
    assert (options.live, options.limit, options.factor) == (True, -3, 1.25)
    assert (options.region, options.patience, options.part) == ("eu", 1.5, 1.0)


def test_a_vendor_without_settings_needs_neither_credentials_nor_options(tmp_path: Path) -> None:
    config = load_text(tmp_path, "accounts: [{name: a, vendor: plain}]")
    assert config.accounts[0].vendor == "plain"


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("500ms", 0.5), ("1.5m", 90), ("1h", 3600), ('"30s"', 30), ("090s", 90)]
)
def test_a_duration_is_a_number_with_its_unit(text: str, seconds: float, tmp_path: Path) -> None:
    assert choices(account(tmp_path, f", patience: {text}")).patience == seconds


@pytest.mark.parametrize(("text", "ratio"), [("50%", 0.5), ("0.5", 0.5), ("100%", 1), ("1", 1), ("0.1%", 0.001)])
def test_a_share_is_a_percentage_or_a_ratio(text: str, ratio: float, tmp_path: Path) -> None:
    assert choices(account(tmp_path, f", part: {text}")).part == ratio


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("0.0.0.0:10777", Listen("0.0.0.0", 10777)),
        ("localhost:0", Listen("localhost", 0)),
        (":10777", Listen("", 10777)),
        ("[::1]:10777", Listen("::1", 10777)),
    ],
)
def test_an_address_to_listen_on_is_a_host_and_a_port(text: str, listen: Listen) -> None:
    assert read_listen(text) == listen


@pytest.mark.parametrize(
    "text", ["10777", "::1:10777", "host:", "host:65536", "1.2.3.400:1", "[1.2.3.4]:1", "a b:1"]
)
def test_an_address_that_nobody_can_listen_on_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        read_listen(text)


@pytest.mark.parametrize(
    "url", ["http://localhost:8080", "http://127.0.0.1:8080/zendesk", "http://[::1]:8080", "https://8.8.8.8"]
)
def test_loopback_may_be_http_and_a_public_address_is_a_host(url: str, tmp_path: Path) -> None:
    assert choices(account(tmp_path, f', mirrors: ["{url}"]')).mirrors == (url,)


@pytest.mark.parametrize("url", ["http://acme.example.com", "https://10.0.0.1", "http://[fd00::1]:8080"])
def test_an_account_may_allow_itself_an_insecure_url(url: str, tmp_path: Path) -> None:
    one = account(tmp_path, f', mirrors: ["{url}"]', allow_insecure_url="true")
    assert choices(one).mirrors == (url,)


def test_the_permission_of_one_account_is_not_that_of_the_next(tmp_path: Path) -> None:
    insecure = ACCOUNT.format(name="a").replace("https", "http") + "    allow_insecure_url: true\n"
    assert load_text(tmp_path, f"accounts:{insecure}").accounts
    with pytest.raises(ConfigError, match=r"accounts\[1\]\.options\.base_url: http shows"):
        load_text(tmp_path, f"accounts:{insecure}{ACCOUNT.format(name='b').replace('https', 'http')}")


@pytest.mark.parametrize(
    ("common", "own", "age"),
    [("", "30s", 90), ("", "1m", 180), ("interval: 5m", "30s", 90), ("max_age: 2m", "1m", 120)],
)
def test_where_no_max_age_is_said_it_is_three_intervals_and_at_least_90_seconds(
    common: str, own: str, age: float, tmp_path: Path
) -> None:
    account = ACCOUNT.format(name="a")
    config = load_text(tmp_path, f"polling: {{{common}}}\naccounts:{account}    polling: {{interval: {own}}}\n")
    assert config.accounts[0].polling.max_age == age


def test_the_pace_of_an_account_is_its_own_and_else_the_common_one(tmp_path: Path) -> None:
    accounts = ACCOUNT.format(name="a") + "    polling: {interval: 10s}\n" + ACCOUNT.format(name="b")
    config = load_text(
        tmp_path, f"polling: {{interval: 20s, max_age: 2m, budget_share: 10%}}\naccounts:{accounts}"
    )
    a, b = config.accounts
    assert a.polling == Pace(interval=10, max_age=120, budget_share=0.1)
    assert b.polling == Pace(interval=20, max_age=120, budget_share=0.1)


def test_a_reload_leaves_the_accounts_equal_that_nobody_touched(tmp_path: Path) -> None:
    a = ACCOUNT.format(name="a") + "    time_zone: Asia/Kolkata\n    statuses: {lunch: away}\n"
    before = load_text(tmp_path, f"accounts:{a}{ACCOUNT.format(name='b')}")
    after = load_text(
        tmp_path, f"accounts:{ACCOUNT.format(name='c')}{a}{ACCOUNT.format(name='b').replace('a-secret', 'new')}"
    )
    assert before == load_text(tmp_path, f"# moved by a line\naccounts:{a}{ACCOUNT.format(name='b')}")
    assert after.accounts[1] == before.accounts[0]
    assert after.accounts[2] != before.accounts[1]


def test_the_example_has_a_working_account_of_each_vendor_zendesk_first() -> None:
    account, *others = load(EXAMPLE, VENDORS, {}).accounts
    assert [account.vendor, *(other.vendor for other in others)] == list(VENDORS)
    assert "client_id='exporter', client_secret=Secret(***)" in repr(account.credentials)


def test_the_variable_that_the_example_proposes_is_named_where_it_is_not_set(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    (variable,) = re.findall(r"\$\{\w+\}", text)
    (tmp_path / "config.yaml").write_text(text.replace(" client-secret ", f" {variable} "), encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r"^\S+:\d+: accounts\[0\]\.credentials\.client_secret: .*ZENDESK_CLIENT_SECRET"
    ):
        load(tmp_path / "config.yaml", VENDORS, {})
    assert load(tmp_path / "config.yaml", VENDORS, ZENDESK).accounts


def test_what_is_commented_out_in_the_example_is_right_and_shows_the_defaults(tmp_path: Path) -> None:
    text = re.sub(r"(?m)^( *)# ( *(?:- |[a-z_]+:|\"[^\"]*\":).*)$", r"\1\2", EXAMPLE.read_text(encoding="utf-8"))
    text = re.sub(r"(?m)^ *(client_secret_file|pseudonym_key_file):.*$", "", text)
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    config = load(tmp_path / "config.yaml", VENDORS, {})
    account = config.accounts[0]
    assert config.server == Server(state_dir=tmp_path / "state")
    assert (config.polling, config.privacy) == (Polling(interval=10), Privacy())  # the demo's own pace
    assert account.statuses == {"On Break": Status.AWAY}
    vendor = VENDORS[account.vendor](
        account.credentials, account.options, Site(account.time_zone, account.statuses)
    )
    assert account.polling.endpoints.keys() < {endpoint.name for endpoint in vendor.endpoints}
