"""Cases 49 to 51: midnights, days of 23 and 25 hours, and a vendor whose clock is wrong."""

import asyncio
import json
import re
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo, available_timezones

import pytest
from fake_vendor import Asked, answer, vendor
from hurry import SPEED
from injected import Wall
from subject import Page
from trial import tried

from exporter.simulator import server
from exporter.simulator.demo import demo_plan
from exporter.simulator.floor import Floor
from exporter.simulator.stages import STAGES
from exporter.vendors.day import midnight

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"),
    *("America/Santiago", "Africa/Cairo", "America/Havana", "Asia/Beirut", "Pacific/Chatham", "America/St_Johns"),
)
"""Half hours, quarters, half an hour of summer, and midnights that are left out or come twice."""
MOMENTS = (
    datetime(2026, 3, 29, 12, 0, 30, tzinfo=UTC),  # Berlin: 23 hours; Beirut: no midnight
    datetime(2026, 10, 25, 22, 30, 30, tzinfo=UTC),  # Berlin: 25 hours
    datetime(2026, 9, 6, 12, 0, 30, tzinfo=UTC),  # Santiago: no midnight
    datetime(2026, 4, 24, 12, 0, 30, tzinfo=UTC),  # Cairo: no midnight
    datetime(2026, 11, 1, 12, 0, 30, tzinfo=UTC),  # Havana: two midnights; New York: 25 hours
)


def day_began(at: datetime, zone: ZoneInfo) -> datetime:
    """Return the first minute of the local day, found by looking at all that could be."""
    today = at.astimezone(zone).date()
    back = at.replace(second=0, microsecond=0)
    minutes = (back - MINUTE * number for number in range(27 * 60))
    return min(one for one in minutes if one.astimezone(zone).date() == today)


@pytest.mark.ours_only("the plain exporter asks for no day")
def test_fault_50_days_of_every_zone_begin_where_they_begin() -> None:
    """In all time zones, on each day of two years on which a clock is set, and on those beside it."""
    tried_days = 0
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        for day in (date(2026, 1, 1) + DAY * number for number in range(730)):
            noons = [datetime.combine(day + DAY * days, time(12), zone) for days in (-1, 1)]
            if noons[0].utcoffset() != noons[1].utcoffset():
                noon = datetime.combine(day, time(12), zone)
                began = day_began(noon.astimezone(UTC), zone)
                assert midnight(noon.astimezone(UTC), zone).astimezone(UTC) == began, (name, day)
                tried_days += 1
    assert tried_days > 500


class Windows:
    """A LivePerson that tells nothing, and notes for how many minutes of the day it is asked."""

    def __init__(self, wall: Wall) -> None:
        self._wall = wall
        self.asked: dict[str, list[tuple[float, int]]] = {}

    def answer(self, asked: Asked) -> bytes:
        address = urlsplit(asked.target)
        if address.path.endswith("/agentactivity"):
            account = address.path.split("/account/")[1].split("/")[0]
            minutes = int(parse_qs(address.query)["timeframe"][0])
            self.asked.setdefault(account, []).append((self._wall.now(), minutes))
        return answer({})


@pytest.mark.thorough  # five days in twelve zones
@pytest.mark.ours_only("the plain exporter speaks Zendesk's dialect alone")
async def test_fault_50_the_day_is_asked_for_from_its_beginning(program: str, tmp_path: Path) -> None:
    wall = Wall(tmp_path / "wall", SPEED)
    windows = Windows(wall)
    async with vendor(windows.answer) as site:
        keys = "app_key: a, app_secret: canary-a, access_token: canary-b, access_token_secret: canary-c"
        extra = "".join(
            f"""
  - name: zone{number}
    vendor: liveperson
    time_zone: {name}
    credentials: {{{keys}}}
    options: {{account_id: "{number}", family: chat, base_url: "{site.url}"}}
"""
            for number, name in enumerate(ZONES)
        )
        async with tried(program, tmp_path, extra=extra, environment={"WALL": str(wall.file)}) as trial:
            for moment in MOMENTS:
                wall.shift(moment.timestamp() - wall.now())
                await asyncio.sleep(0.5)  # what began before has ended
                windows.asked.clear()
                await trial.subject.until(lambda _: len(windows.asked) == len(ZONES), "all zones are asked for")
                for number, name in enumerate(ZONES):
                    at, minutes = windows.asked[str(number)][0]
                    began = day_began(datetime.fromtimestamp(at, UTC), ZoneInfo(name)).timestamp()
                    told = min(int((at - began) / 60), 1440)  # LivePerson looks back 24 hours at most
                    assert told - 1 <= minutes <= told, (name, moment)


FALLING = ("seconds_in_state", "agent_talk_seconds_today", "calls_today", "agent_calls_today")
ANEW = ("queue_wait_seconds_",)
"""A histogram of the day begins anew, and says so."""


def counters(page: Page) -> dict[tuple[str, str], float]:
    """Return all that must never fall while the process runs."""
    return {
        (name, json.dumps(labels, sort_keys=True)): value
        for name, labels, value in page.samples
        if re.search("_(total|bucket|count|sum)$", name) and not name.startswith(ANEW)
    }


def totals(page: Page, account: str) -> dict[str, float]:
    """Return the day's sums of an account."""
    return {name: page.sum(name, account=account) for name in FALLING if page.of(name, account=account)}


@pytest.mark.thorough  # some minutes of the subject's before and after midnight
@pytest.mark.ours_only("the plain exporter speaks Zendesk's dialect alone")
async def test_fault_49_a_midnight(program: str, tmp_path: Path) -> None:
    """The same contact centre in five dialects: every total of the day falls, and no counter does."""
    zone, speed = ZoneInfo("Europe/Berlin"), 6.0
    wall = Wall(tmp_path / "wall", speed)
    turn = datetime(2026, 6, 16, tzinfo=zone)
    opens = turn - timedelta(minutes=3.5)
    floor = Floor(demo_plan(zone, agents=10), opens - DAY, 0)
    floor.advance(opens)
    async with AsyncExitStack() as stack:
        dialects = {name: stage.open(floor) for name, stage in STAGES.items()}
        urls = await stack.enter_async_context(server.serve(dialects, clock=lambda: floor.now))
        entries = "".join(STAGES[name].config(floor, url) for name, url in urls.items())
        wall.shift(opens.timestamp() - datetime.now(UTC).timestamp())
        pacing = asyncio.create_task(follow(floor, wall))
        stack.callback(pacing.cancel)
        trial = await stack.enter_async_context(
            tried(program, tmp_path, speed=speed, extra=f"\n{entries}", environment={"WALL": str(wall.file)})
        )
        accounts = re.findall("name: (\\S+)\n", entries)
        await trial.subject.until(lambda page: all(totals(page, name) for name in accounts), "all five")
        assert wall.now() < turn.timestamp() - 5
        await trial.settled()
        before: dict[str, dict[str, float]] = {name: {} for name in accounts}
        pages = [await trial.subject.page()]
        while wall.now() < turn.timestamp() + 200:
            await asyncio.sleep(0.25)
            pages.append(await trial.subject.page())
            if wall.now() < turn.timestamp() - 5:
                for name in accounts:
                    before[name] |= totals(pages[-1], name)
        after = {name: totals(pages[-1], name) for name in accounts}
        for old, new in pairwise(map(counters, pages)):
            assert not [key for key, value in old.items() if new.get(key, value) < value]
        for name in accounts:
            both = before[name].keys() & after[name].keys()
            assert both, (name, before[name], after[name])
            for metric in both:
                assert after[name][metric] < 0.5 * before[name][metric], (name, metric)
        assert not pacing.done()


async def follow(floor: Floor, wall: Wall) -> None:
    """Let the floor live by the subject's clock."""
    while True:
        await asyncio.sleep(0.05)
        if wall.file.with_suffix(".began").exists():
            floor.advance(datetime.fromtimestamp(wall.now(), UTC))
