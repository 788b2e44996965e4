import re
from html.parser import HTMLParser

from msgspec.structs import replace
from plain_http import ask, server
from sample_world import NOW, account, centre, held, sick, world

from exporter.errors import Reason
from exporter.model import ALL_QUEUES, Agent, Channel, Queue, Snapshot, Status
from exporter.store import EndpointState, World
from exporter.web import Pulse, Reload
from exporter.web.figures import figures
from exporter.web.html import Html, join, tag
from exporter.web.status import parts
from exporter.wire.http import Budget

HOSTILE = "<script>alert('x')</script>\"&\u202e\x00\ud800" + "A" * 500


class Shown(HTMLParser):
    """What a person sees: all texts, and tables as rows; and whether all tags are closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the parser's signature
        self.tags.append(tag)
        if tag not in {"meta", "link"}:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text += data if {"li", "small"} & set(self.open) else f"{data} "
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def page_of(seen: World) -> str:
    return "".join(parts(seen, NOW, "css{}"))


def shown(seen: World) -> Shown:
    return Shown(page_of(seen))


def test_the_page_is_whole_and_refreshes_itself_without_a_script() -> None:
    page = shown(centre())
    assert page.open == []
    assert "script" not in page.tags
    assert '<meta http-equiv="refresh" content="15">' in page_of(centre())
    assert "As of 2026-09-21 14:13:20 UTC" in re.sub(r"\s+", " ", page.text)


async def test_the_page_allows_its_own_style_and_nothing_else() -> None:
    async with server() as port:
        reply = await ask(port, "GET /")
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert b" style=" not in reply.body
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_accounts_that_need_somebody_come_first() -> None:
    names = re.findall(r"<h2>(.*?)</h2>.*?class=\"state \w+\">(.*?)<", page_of(centre()))
    assert names == [
        ("bookings", "Down"),
        ("support-us", "Partly up"),
        ("support-eu", "Up"),
        ("pilot", "Not asked yet"),
    ]


def test_an_account_that_is_down_says_why_where_and_since_when() -> None:
    text = re.sub(r"\s+", " ", shown(centre()).text)
    assert "credentials HTTP 401: the vendor does not accept the credentials; check that they are valid" in text
    assert "current_queue_activity, agents_activity · since 2026-09-21 14:00:46 UTC (12 min 34 s)" in text
    assert text.count("HTTP 401") == 1


def test_a_dead_grant_says_that_new_credentials_are_due() -> None:
    dead = account("a", {"queues": sick(Reason.REAUTH_REQUIRED, "make a new grant")})
    assert "new credentials are due" not in page_of(world(dead))
    assert "new credentials are due" in page_of(world(replace(dead, reauth_required=True)))


def test_a_queue_is_a_row() -> None:
    rows = shown(centre()).rows
    assert ["Queue", "Channel", "Waiting", "Longest wait", "Average wait", "Agents"] in rows
    assert ["Support DE", "voice", "11", "6 min 52 s", "2 min 13 s", "—"] in rows
    assert ["Tier 2", "voice", "—", "—", "—", "available 4on contact 11wrap up 2"] in rows
    assert ["Night shift", "voice", "—", "—", "—", "none"] in rows
    assert ["All queues", "voice", "1", "9 s", "9 s", "—"] in rows


def test_an_endpoint_is_a_row() -> None:
    rows = shown(centre()).rows
    assert ["agents_activity", "up", "12 s", "2026-09-21 14:13:08 UTC"] in rows
    assert ["agents_activity", "forbidden", "—", "2026-09-20 14:13:20 UTC"] in rows
    assert ["agents_activity", "not asked yet", "—", "—"] in rows


def test_what_is_known_to_be_zero_is_zero_and_what_is_not_known_is_a_dash() -> None:
    zero = Queue("zero", waiting=0, longest_wait_seconds=0.0, average_wait_seconds=0.0, agents={})
    unknown = Queue("unknown")
    rows = shown(world(account("a", {"queues": held(Snapshot(queues=(zero, unknown)))}))).rows
    assert ["zero", "voice", "0", "0 s", "0 s", "none"] in rows
    assert ["unknown", "voice", "—", "—", "—", "—"] in rows


def test_an_account_of_which_nothing_is_known_shows_no_digit() -> None:
    page = page_of(world(account("a", {"queues": EndpointState()})))
    card = page[page.index("<section") : page.index("</section>")]
    assert not re.search(r"\d", re.sub(r"<[^>]*>", "", card))


def test_agents_by_status_are_a_bar_whose_parts_fill_it_and_a_legend_that_counts() -> None:
    page = page_of(centre())
    widths = [float(width) for width in re.findall(r'<rect [^>]*width="([\d.]+)" height', page)]
    assert len(widths) == 6
    assert abs(sum(widths) - 100) < 0.01
    assert "on contact 58" in re.sub(r"\s+", " ", shown(centre()).text)


def test_a_centre_without_agents_has_an_empty_bar() -> None:
    none = Snapshot(agents_by_status=dict.fromkeys(Status, 0))
    assert "<rect" not in page_of(world(account("a", {"agents": held(none)})))


def test_the_budget_is_told_as_far_as_it_is_known() -> None:
    text = re.sub(r"\s+", " ", shown(centre()).text)
    assert "API calls left 188 of 200 a minute" in text
    assert "API calls left — of 200 a minute" in text


def test_a_sum_says_of_how_many_accounts_it_is() -> None:
    text = re.sub(r"\s+", " ", shown(centre()).text)
    assert "Accounts up 2 of 4 Contacts waiting 18 from 2 of 4 accounts" in text
    assert "Longest wait 1 h 02 min from 2 of 4 accounts" in text
    assert "Agents online 154 from 2 of 4 accounts" in text


def test_waiting_of_the_whole_account_is_not_added_to_that_of_its_queues() -> None:
    rows = (Queue(ALL_QUEUES, waiting=7), Queue("a", waiting=3), Queue("b", waiting=4))
    assert figures(account("x", {"queues": held(Snapshot(queues=rows))})).waiting == 7


def test_waiting_is_not_known_where_a_queue_does_not_tell() -> None:
    rows = (Queue("a", waiting=3), Queue("b"))
    assert figures(account("x", {"queues": held(Snapshot(queues=rows))})).waiting is None


def test_what_two_endpoints_say_of_a_queue_is_put_together() -> None:
    first = held(Snapshot(queues=(Queue("a", waiting=3), Queue("a", channel=Channel.CHAT, waiting=1))))
    second = held(Snapshot(queues=(Queue("a", name="Sales", agents={Status.AWAY: 2}),)))
    found = figures(account("x", {"queues": first, "agents": second})).queues
    assert found == (
        Queue("a", name="Sales", waiting=3, agents={Status.AWAY: 2}),
        Queue("a", channel=Channel.CHAT, waiting=1),
    )


def test_a_list_of_names_names_the_queues_of_every_channel_and_adds_those_of_which_nothing_else_is_known() -> None:
    lines = Snapshot(
        queues=(Queue("1", channel=Channel.CHAT, waiting=2), Queue("1", channel=Channel.EMAIL, waiting=3))
    )
    names = Snapshot(queues=(Queue("1", "Sales"), Queue("2", "Support")))
    shown = figures(account("a", {"live": held(lines), "names": held(names)})).queues
    assert [(one.id, one.name, one.channel, one.waiting) for one in shown] == [
        ("1", "Sales", Channel.CHAT, 2),
        ("1", "Sales", Channel.EMAIL, 3),
        ("2", "Support", Channel.VOICE, None),
    ]


def test_of_very_many_queues_the_busiest_are_shown_in_their_order() -> None:
    rows = [Queue(f"q{n}", waiting=n % 7, longest_wait_seconds=float(n)) for n in range(100)]
    page = shown(world(account("x", {"queues": held(Snapshot(queues=tuple(rows)))})))
    names = [row[0] for row in page.rows if re.fullmatch(r"q\d+", row[0])]
    assert names == [f"q{n}" for n in range(60, 100)]
    assert "The 40 busiest of 100 queues" in page.text


async def test_data_that_is_too_old_is_not_on_the_page() -> None:
    old = account("x", {"queues": held(Snapshot(queues=(Queue("old-queue", waiting=3),)), expires=50.0)})
    for now, there in ((49.0, True), (50.0, False)):
        async with server(world=lambda: world(old), pulse=lambda now=now: Pulse(0.0, now, now)) as port:
            assert (b"old-queue" in (await ask(port, "GET /")).body) is there


def test_people_are_not_on_the_page() -> None:
    assert centre().accounts["support-eu"].endpoints["agents_activity"].held
    people = Snapshot(agents=(Agent("4711", "Ann Smith", via="+49 30 1234"),), agents_by_status={Status.AWAY: 1})
    page = page_of(world(account("x", {"agents": held(people)})))
    assert not re.search("Ann|Smith|4711|1234", page)


def test_hostile_texts_are_texts() -> None:
    queue = Queue("q", name=HOSTILE)
    page = page_of(
        world(
            account(HOSTILE, {HOSTILE: held(Snapshot(queues=(queue,))), "x": sick(Reason.VENDOR, HOSTILE)}),
        )
    )
    assert "<script" not in page
    assert Shown(page).open == []
    assert page.encode().isascii() or page.isprintable()
    assert "A" * 200 not in re.sub(r"<li>.*?</li>", "", page)


async def test_hostile_texts_leave_the_page_a_page() -> None:
    broken = world(account(HOSTILE, {HOSTILE: sick(Reason.VENDOR, HOSTILE)}))
    async with server(world=lambda: broken) as port:
        reply = await ask(port, "GET /")
    assert reply.status == 200
    reply.body.decode("utf-8")


def test_a_clock_that_was_set_back_makes_no_negative_age() -> None:
    ahead = account("x", {"queues": held(Snapshot(), age=-3_600)}, Budget())
    assert ["queues", "up", "0 s", "2026-09-21 15:13:20 UTC"] in shown(world(ahead)).rows


def test_no_account_at_all_says_what_to_do() -> None:
    assert "add one under accounts in config.yaml" in page_of(World())


async def test_a_reload_that_was_refused_is_told_with_its_reasons_until_one_succeeds() -> None:
    problems = (HOSTILE, *(f"config.yaml:{line}: accounts: no" for line in range(2, 31)))
    refused = [Reload(NOW - 90, NOW - 3_600, problems)]
    async with server(refused=lambda: refused[-1] if refused else None) as port:
        page = (await ask(port, "GET /")).body.decode()
        refused.clear()
        after = (await ask(port, "GET /")).body.decode()
    seen = Shown(page)
    assert seen.open == []
    assert "<script" not in page
    assert "The last reload was refused" in seen.text
    assert (
        "2026-09-21 14:11:50 UTC (1 min 30 s ago); in use is the config read at 2026-09-21 13:13:20" in seen.text
    )
    assert "config.yaml:20: accounts: no" in seen.text
    assert "config.yaml:21:" not in seen.text
    assert "and 10 more: contact-center-exporter check tells them all" in seen.text
    assert "reload" not in Shown(after).text


def test_markup_comes_only_from_tags() -> None:
    assert tag("b", "<i>", tag("i", "&"), class_='"x', aria_hidden="true") == (
        '<b class="&quot;x" aria-hidden="true">&lt;i&gt;<i>&amp;</i></b>'
    )
    assert join("a\x1b\u202e\ud800\n", Html("<br>")) == "a\ufffd\ufffd\ufffd\ufffd<br>"
