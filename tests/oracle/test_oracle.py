"""The floor's truth against /metrics: what the exporter shows of a contact centre whose every second is known."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from accounts import BERLIN, zendesk_talk
from floor_truth import Named, facts, vendors_view
from scene import AGENTS, NEVER_IN, SLEEPER, Fact, Scene, Series, differences, open_floor, series
from sockets import connected

from exporter.model import Status
from exporter.privacy import AgentLabel
from exporter.simulator.floor import Floor
from exporter.simulator.server import serve
from exporter.simulator.zendesk_oauth import ZendeskKeys
from exporter.simulator.zendesk_talk import Plan, ZendeskAccount
from exporter.simulator.zendesk_talk import ZendeskTalk as Dialect
from exporter.vendors.contract import Site
from exporter.vendors.zendesk_talk import ZendeskTalk
from exporter.vendors.zendesk_talk.options import GroupOption, QueueOption, ZendeskCredentials, ZendeskOptions
from exporter.wire.secret import Secret

PLAIN = Named()
NAMED = Named(
    queues={"sales": (36_001, 36_002), "support": (36_003,), "the rest": (36_004, 36_005)},
    groups={"sales": (360_001,), "back office": (360_003,)},
)


@pytest.fixture(scope="module")
def noon() -> Floor:
    """Return a floor in the middle of a day, which stands still."""
    floor = open_floor("2026-03-09")
    floor.advance(datetime(2026, 3, 9, 12, 30, tzinfo=BERLIN))
    return floor


class Account(Scene):
    """One Zendesk account on a floor."""

    def __init__(
        self, floor: Floor, plan: Plan = Plan.PROFESSIONAL, named: Named = PLAIN, label: AgentLabel = "name"
    ) -> None:
        self.named = named
        self.professional = plan is Plan.PROFESSIONAL
        super().__init__(
            floor,
            "zendesk_talk",
            zendesk_talk(Site(floor.plan.zone), **options(named)),
            Dialect(floor, ZendeskAccount(ZendeskKeys(access_token="token"), plan, page_size=5)),
            label=label,
            headers={"authorization": "Bearer token"},
        )

    def facts(self) -> dict[Series, Fact]:
        names = self.label == "name"
        return facts(self.floor, self.named, professional=self.professional, names=names)


def options(named: Named) -> dict[str, Any]:
    return {
        "queues": tuple(QueueOption(name, numbers) for name, numbers in named.queues.items()),
        "groups": tuple(GroupOption(name, groups) for name, groups in named.groups.items()),
    }


def pair(floor: Floor) -> list[Account]:
    """Return two accounts that differ in everything: plan, queues, groups, privacy."""
    return [Account(floor, Plan.PROFESSIONAL, NAMED, "id"), Account(floor, Plan.TEAM)]


async def check(kinds: list[Account]) -> None:
    for account in kinds:
        shown, true = series(await account.page()), account.facts()
        shown = {key: value for key, value in shown.items() if key[0] != "agent_status_since_timestamp_seconds"}
        assert differences(shown, true.items()) == []
        check_partition(shown)


def check_partition(shown: Mapping[Series, float]) -> None:
    """The states of an agent add up to the time logged in, and the statuses to the agents."""
    parts: dict[str, float] = {}
    for (name, labels), value in shown.items():
        if name == "seconds_in_state":
            agent = dict(labels)["agent"]
            parts[agent] = parts.get(agent, 0.0) + value
    for agent, seconds in parts.items():
        logged_in = shown["agent_logged_in_seconds_today", (("agent", agent),)]
        assert seconds == pytest.approx(logged_in, abs=3)
    by_status = sum(value for (name, _), value in shown.items() if name == "agents")
    assert by_status == len(parts) == sum(name == "agent_status" for name, _ in shown)


async def test_the_page_tells_the_truth_around_the_clock() -> None:
    floor = open_floor("2026-03-09")
    kinds = pair(floor)
    midnight = datetime(2026, 3, 9, tzinfo=BERLIN)
    for seconds in (-0.25, 0, 0.25, 601, 3 * 3600, 9.5 * 3600, 16 * 3600 + 0.5, 24 * 3600 - 0.25, 24 * 3600):
        floor.advance(midnight + timedelta(seconds=seconds))
        await check(kinds)


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
async def test_the_page_tells_the_truth_on_days_of_23_and_25_hours(day: str) -> None:
    floor = open_floor(day)
    kinds = pair(floor)
    midnight = floor.now + 7200
    length = 23 if day == "2026-03-29" else 25
    for hours in (0.001, 1.99, 2.01, 2.99, 3.01, 12, length - 0.001):
        floor.advance(datetime.fromtimestamp(midnight + hours * 3600, UTC))
        assert floor.today == midnight
        await check(kinds)
    floor.advance(datetime.fromtimestamp(midnight + length * 3600, UTC))
    assert floor.today == midnight + length * 3600
    await check(kinds)


@pytest.mark.parametrize("label", ["id", "name"])
@pytest.mark.parametrize("named", [PLAIN, Named(queues=NAMED.queues), Named(groups=NAMED.groups), NAMED])
@pytest.mark.parametrize("plan", [Plan.TEAM, Plan.PROFESSIONAL])
async def test_the_page_tells_the_truth_of_every_kind_of_account(
    noon: Floor, plan: Plan, named: Named, label: AgentLabel
) -> None:
    await check([Account(noon, plan, named, label)])


async def test_the_oracle_sees_the_people_it_is_meant_to_see(noon: Floor) -> None:
    page = series(await Account(noon).page())
    ids = [str(agent.id) for agent in noon.plan.agents]
    wrap_up = {agent: page["agent_wrap_up_seconds_today", (("agent", agent),)] for agent in ids}
    assert max(wrap_up.values()) == wrap_up[ids[SLEEPER]] > 3600
    of_never_in = {key: value for key, value in page.items() if ("agent", ids[NEVER_IN]) in key[1]}
    assert sum(of_never_in.values()) == 2  # the status offline, and the name
    names = {dict(labels)["agent_name"] for name, labels in page if name == "agent_info"}
    assert {'Seán "Ace" O\'Brien', "back\\slash Bob", "ليلى حداد", "two\ufffdlines"} <= names
    assert sum(dict(labels).get("agent_name") == "Ann Smith" for _, labels in page) == 2


async def test_nothing_of_the_vendors_is_left_unchecked(noon: Floor) -> None:
    account = Account(noon, named=NAMED)
    given = {name for endpoint in account.vendor.endpoints for name in endpoint.gives}
    never_sent = {"ai_agent_calls", "agent_status_since_timestamp_seconds"}
    assert {name for name, _ in account.facts()} == given - never_sent
    moving = [fact for fact in account.facts().values() if fact.value > 1]
    assert len(moving) > 150


async def test_the_days_numbers_fall_at_the_accounts_midnight_and_no_counter_goes_back() -> None:
    floor = open_floor("2026-03-09")
    account = Account(floor)
    midnight = datetime(2026, 3, 10, tzinfo=BERLIN)
    floor.advance(midnight - timedelta(seconds=1))
    before = await account.page()
    floor.advance(midnight + timedelta(seconds=1))
    after = await account.page()
    for (name, labels), value in series(after).items():
        if name.endswith("_today") or name == "seconds_in_state":
            assert value <= AGENTS * 1.0, (name, labels)
    counters = series(before, of_the_centre=False)
    counters = {key: value for key, value in counters.items() if key[0].endswith(("_total", "_count", "_bucket"))}
    assert len(counters) > 20
    later = series(after, of_the_centre=False)
    assert all(later[key] >= value for key, value in counters.items())


async def test_a_status_is_dated_to_the_poll_that_saw_it_begin() -> None:
    floor = open_floor("2026-03-09")
    floor.advance(datetime(2026, 3, 9, 9, tzinfo=BERLIN))
    account = Account(floor)
    since: dict[str, float | None] = {}
    views: dict[str, tuple[Status, str]] = {}
    for _ in range(25):
        floor.advance(datetime.fromtimestamp(floor.now + 15, UTC))
        for agent in floor.plan.agents:
            desk = floor.desks[agent.id]
            view = vendors_view(desk.status, desk.presence)
            if views.get(str(agent.id), view) != view:
                since[str(agent.id)] = floor.now
            views[str(agent.id)] = view
        assert await account.poll.poll("agents_activity") is None
        page = series(account.rendered())
        name = "agent_status_since_timestamp_seconds"
        shown = {dict(labels)["agent"]: value for (of, labels), value in page.items() if of == name}
        assert shown == pytest.approx(since)
    assert 3 < len(since) < AGENTS


async def test_the_page_tells_the_truth_through_real_sockets(noon: Floor) -> None:
    account = Account(noon, named=NAMED)
    async with serve({"acme": account.dialect}) as urls:
        keys = ZendeskCredentials(client_id="exporter", client_secret=Secret(lambda: "client-secret", "a test"))
        vendor = ZendeskTalk(keys, ZendeskOptions(base_url=urls["acme"], **options(NAMED)), Site(BERLIN))
        async with connected(vendor, 400) as client:
            account.start(vendor, client)
            shown = series(await account.page())
    assert differences(shown, account.facts().items()) == []
