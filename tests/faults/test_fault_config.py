"""Cases 56 and 60 to 63: configs that must be refused before anything is asked or served."""

from collections.abc import Callable
from pathlib import Path

import pytest
from centre import TOKEN
from fake_vendor import Asked, Said, answer, vendor
from refusal import Ended, ended, refused, stopped, written
from subject import serving, started

COMMANDS = ("run", pytest.param("check", marks=pytest.mark.thorough))

WRONG = f"""\
server: {{listen: "127.0.0.1:0"}}
server: {{listen: "127.0.0.1:0"}}  #! server
poling: {{interval: {TOKEN}}}  #! poling
polling:
  interval: [{TOKEN}]  #! polling.interval
  budget_share: {TOKEN}  #! polling.budget_share
accounts:
  - name: one
    vendor: zendesk_talk
    credentials:
      acess_token: {TOKEN}  #! accounts[0].credentials.acess_token
      access_token: {{a: {TOKEN}}}  #! accounts[0].credentials.access_token
      api_token_file: {TOKEN}  #! accounts[0].credentials.api_token_file
    options:
      base_url: "https://user:{TOKEN}@127.0.0.1:9"  #! accounts[0].options.base_url
      queues: [{{name: sales, phone_number_ids: [{TOKEN}]}}]  #! accounts[0].options.queues[0].phone_number_ids[0]
    {TOKEN}: x  #! accounts[0].(not shown)
"""
SOUND = """\
server: {listen: "127.0.0.1:0"}
polling: {interval: 10s}
accounts:
  - name: one
    vendor: zendesk_talk
    credentials: {access_token: a-token}
    options: {base_url: "http://127.0.0.1:9"}
"""


TAKEN_FOR_SOMETHING_ELSE = ("0123", "1e10", "yes", "12:30", "0o17", "1_000", "2026-03-09", ".inf", "off", "no")

FAR = "http://acme.example.com"
NEAR = ("10.1.2.3", "192.168.0.1", "169.254.169.254", "[fd00::1]", "172.16.9.9:8443")

PACES = (
    ("interval: 0s", "interval", "from 1s to 1h"),
    ("interval: -1s", "interval", "from 1s to 1h"),
    ("interval: 1ms", "interval", "from 1s to 1h"),
    ("interval: 2h", "interval", "from 1s to 1h"),
    ("max_age: 0s", "max_age", "from 1s to 24h"),
    ("{interval: 60s, max_age: 30s}", "", "a max_age of 60s or more"),
    ("budget_share: 101%", "budget_share", "up to 100%"),
    ("endpoints: {agents_activity: 1ms}", "endpoints.agents_activity", "from 1s to 1h"),
    ("deadline: 60s", "deadline", "unknown key"),  # ours follows from the interval, and is always shorter
)


def account(number: int, token: str = "a-token", url: str = '"http://127.0.0.1:9"', more: str = "") -> str:
    """Return one account, a line for each key that a test makes wrong."""
    return f"""
  - name: number-{number}
    vendor: zendesk_talk
    credentials:
      access_token: {token}
    options:
      base_url: {url}
{more and f"    {more}"}"""


def accounts(rows: list[str]) -> str:
    return 'server: {listen: "127.0.0.1:0"}\npolling: {interval: 10s}\naccounts:' + "".join(rows)


@pytest.mark.parametrize("command", COMMANDS)
def test_fault_56_keys_and_types_that_do_not_exist(command: str, program: str, tmp_path: Path) -> None:
    if program != "ours":  # it has no check, and may say in its own words what is wrong
        said = stopped(program, tmp_path, WRONG).said
        assert "canary" not in said, "a value is told"
        return
    report = refused(program, tmp_path, WRONG, command)
    assert "canary" not in "".join(report), "a value is told"
    missing = tmp_path / "nowhere.yaml"
    found = ended(program, tmp_path, missing, command)
    assert (found.code, found.said) == (2, f"{missing}: cannot be read: no such file or directory\n")


@pytest.mark.thorough
@pytest.mark.ours_only("the plain exporter knows one vendor")
async def test_fault_60_a_text_that_yaml_would_change(tmp_path: Path) -> None:
    rows = [
        account(number, f"{text}  #! accounts[{number}].credentials.access_token")
        for number, text in enumerate(TAKEN_FOR_SOMETHING_ELSE)
    ]
    report = refused("ours", tmp_path, accounts(rows))
    for line, text in zip(report, TAKEN_FOR_SOMETHING_ELSE, strict=True):
        assert "quote it" in line
        assert text not in line.partition("access_token:")[2].split(), "a secret is told"

    def nobody(_: Asked) -> Said:
        return answer({}, status=500)

    ids = "".join(
        f"""
  - name: account-{number}
    vendor: liveperson
    credentials: {{app_key: "1", app_secret: "{text}", access_token: t, access_token_secret: ts}}
    options: {{account_id: {text}, family: messaging, base_url: "{{url}}"}}"""
        for number, text in enumerate(("0123", "1e10", "yes", "1_000"))
    )
    async with vendor(nobody) as site:  # an id needs no quotes, and is not changed either
        config = 'server: {listen: "127.0.0.1:{port}"}\npolling: {interval: 10s}\naccounts:' + ids
        async with started("ours", config.replace("{url}", site.url), tmp_path) as subject:
            await serving(subject)
            await subject.until(lambda page: page.sum("polls_total") > 20, "all have been polled")
            assert await subject.stop() == 0
    asked = {part for one in site.asked for part in one.target.partition("?")[0].split("/")}
    assert {"0123", "1e10", "yes", "1_000"} <= asked
    assert not {"83", "10000000000", "10000000000.0", "true", "True", "1000"} & asked


@pytest.fixture(scope="module")
def sound(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """What a check of a sound config costs: the price of any start."""
    folder = tmp_path_factory.mktemp("sound")
    if request.config.getoption("--subject") == "plain":
        return Ended(0, "", 0.5, 50.0)  # it has no check
    found = ended("ours", folder, written(folder, SOUND), "check")
    assert found.code == 0, found.said
    return found


def bomb() -> str:
    rows = [f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    rows = ["polling: &a", "  interval: 10s", "  a0: &a0 [x, x, x, x, x, x, x, x, x]", *rows]
    return SOUND.replace("polling: {interval: 10s}", "\n".join(rows))


HOSTILE: tuple[tuple[str, Callable[[], str], str], ...] = (
    ("a bomb of aliases", bomb, "anchors (&) are not allowed"),
    ("nested 2,000 deep", lambda: SOUND + "x: " + "[" * 2_000 + "]" * 2_000, "nested deeper than 32 levels"),
    ("keys nested 2,000 deep", lambda: SOUND + "x: " + "{a: " * 2_000, "nested deeper than 32 levels"),
    ("100 MB", lambda: SOUND + "# a comment\n" * (100 * 2**20 // 12), "larger than 1 MiB"),
)


@pytest.mark.parametrize(
    "hostile",
    [pytest.param((make, told), id=name, marks=pytest.mark.thorough) for name, make, told in HOSTILE],
)
def test_fault_61_a_file_made_to_exhaust(
    hostile: tuple[Callable[[], str], str],
    sound: Ended,
    program: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    make, told = hostile
    found = stopped(program, tmp_path, make())
    if program == "ours":
        assert found.code == 2, f"exit code {found.code}: {found.said[-2000:]}"
        assert told in found.said
        assert len(found.said) < 10_000
    seconds, mib = found.seconds - sound.seconds, found.mib - sound.mib
    record_property("CPU to refuse, s <= 1", round(seconds, 3))
    record_property("MiB to refuse <= 64", round(mib, 1))
    assert seconds < 1, f"{seconds:.2f} s of a core more than a sound config"
    assert mib < 64, f"{mib:.0f} MiB more than a sound config"


@pytest.mark.thorough
@pytest.mark.ours_only("the plain exporter would send its token there")
def test_fault_62_a_url_that_shows_the_credentials(tmp_path: Path) -> None:
    def wrong(number: int) -> str:
        return f"  #! accounts[{number}].options.base_url"

    urls = [FAR, *(f'"https://{host}"' for host in NEAR)]
    rows = [account(number, url=url + wrong(number)) for number, url in enumerate(urls)]
    allowed = "allow_insecure_url: true"  # of one account, and none of the others
    rows += [account(100 + number, url=url, more=allowed) for number, url in enumerate(urls)]
    report = refused("ours", tmp_path, accounts(rows), "check")  # which reads as run does, and asks nobody
    assert "http shows the credentials to the network" in report[0]
    assert all("a private address" in line for line in report[1:])
    assert all("allow_insecure_url: true in the account" in line for line in report)


@pytest.mark.thorough
def test_fault_63_a_pace_that_nobody_could_keep(program: str, tmp_path: Path) -> None:
    rows = []
    for number, (pace, key, _) in enumerate(PACES):
        place = f"accounts[{number}].polling{key and f'.{key}'}"
        inside = pace if pace.startswith("{") else f"{{{pace}}}"
        rows.append(account(number, more=f"polling: {inside}  #! {place}"))
    if program != "ours":
        stopped(program, tmp_path, accounts(rows))
        return
    for line, (_, _, bound) in zip(refused(program, tmp_path, accounts(rows)), PACES, strict=True):
        assert bound in line
