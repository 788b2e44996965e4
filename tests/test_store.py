from functools import partial

import pytest
from msgspec.structs import replace

from exporter.errors import Reason
from exporter.model import Snapshot
from exporter.store import AccountState, EndpointState, Held, Store, Trouble, World
from exporter.tally import Event, Span, Tally

TROUBLE = Trouble(Reason.TIMEOUT, "took too long", 1.0)


def held(expires: float) -> EndpointState:
    return EndpointState(Held(Snapshot(agents_online=1), 50.0, expires), 50.0, tried=True)


def account(name: str = "acme", **endpoints: EndpointState) -> AccountState:
    return AccountState("zendesk_talk", name, endpoints)


def world(*accounts: AccountState) -> World:
    return World({one.name: one for one in accounts})


def test_what_is_too_old_is_not_in_the_world_and_its_history_is() -> None:
    old = world(account(agents=held(10.0), queues=held(20.0)))
    at = old.at(10.0).accounts["acme"].endpoints
    assert at == {"agents": EndpointState(None, 50.0, tried=True), "queues": held(20.0)}
    assert old.accounts["acme"].endpoints["agents"].held


def test_until_it_expires_a_snapshot_is_there() -> None:
    young = world(account(agents=held(10.0)))
    assert young.at(9.999) == young
    assert young.at(9.999).accounts["acme"] is young.accounts["acme"]


def test_one_account_that_is_too_old_costs_no_other() -> None:
    both = world(account("acme", agents=held(10.0)), account("beta", agents=held(99.0)))
    at = both.at(50.0)
    assert list(at.accounts) == ["acme", "beta"]
    assert at.accounts["acme"].endpoints["agents"].held is None
    assert at.accounts["beta"] is both.accounts["beta"]


def test_the_next_expiry_is_the_soonest_of_what_is_held() -> None:
    some = world(account("acme", agents=held(30.0), queues=EndpointState()), account("beta", agents=held(20.0)))
    assert some.next_expiry() == 20.0
    assert some.at(20.0).next_expiry() == 30.0
    assert some.at(30.0).next_expiry() is None
    assert World().next_expiry() is None


@pytest.mark.parametrize(
    ("states", "up"),
    [
        ([], False),
        ([EndpointState()], False),
        ([EndpointState(trouble=TROUBLE, tried=True)], False),
        ([replace(held(10.0), trouble=TROUBLE)], False),
        ([held(10.0)], True),
        ([EndpointState(tried=True)], True),
        ([EndpointState(trouble=TROUBLE, tried=True), held(10.0)], True),
        ([EndpointState(trouble=TROUBLE, tried=True), EndpointState()], False),
    ],
)
def test_an_account_is_up_when_the_latest_poll_of_any_endpoint_succeeded(
    states: list[EndpointState], *, up: bool
) -> None:
    endpoints = {str(number): state for number, state in enumerate(states)}
    assert AccountState("zendesk_talk", "acme", endpoints).up is up


def test_the_store_replaces_the_world_and_never_changes_it() -> None:
    told: list[World] = []
    store = Store(lambda: told.append(store.world))
    worlds = [store.world]
    before = []
    changes = [
        partial(store.put, account("acme", agents=EndpointState())),
        partial(store.put, account("beta", agents=held(10.0))),
        partial(store.put, account("acme", agents=held(20.0))),
        partial(store.keep, ("beta",)),
        partial(store.keep, ()),
    ]
    for change in changes:
        before.append(repr(worlds[-1]))
        change()
        worlds.append(store.world)
    assert list(map(repr, worlds[:-1])) == before
    assert told == worlds[1:]
    assert len({id(one) for one in worlds}) == len(worlds)
    assert [list(one.accounts) for one in worlds] == [
        [],
        ["acme"],
        ["acme", "beta"],
        ["acme", "beta"],
        ["beta"],
        [],
    ]
    assert worlds[3].accounts["acme"].endpoints["agents"] == held(20.0)
    assert worlds[3].accounts["beta"] is worlds[2].accounts["beta"]


def test_the_accounts_that_are_kept_come_in_the_order_that_is_asked_for() -> None:
    store = Store()
    for name in ("acme", "beta", "gamma"):
        store.put(account(name))
    store.keep(("gamma", "unknown", "acme"))
    assert list(store.world.accounts) == ["gamma", "acme"]


def test_counts_that_were_taken_do_not_change_with_the_tally() -> None:
    tally = Tally()
    tally.add(Event.REQUEST, "agents", "200")
    tally.time(Span.POLL, "agents", seconds=2.0)
    counts = tally.counts()
    before = repr(counts)
    tally.add(Event.REQUEST, "agents", "200", by=2)
    tally.add(Event.REQUEST, "agents", "500", by=0)
    tally.time(Span.POLL, "agents", seconds=3.0)
    assert repr(counts) == before
    later = tally.counts()
    assert later.events[Event.REQUEST] == {("agents", "200"): 3.0, ("agents", "500"): 0.0}
    assert (later.spans[Span.POLL][("agents",)].count, later.spans[Span.POLL][("agents",)].sum) == (2, 5.0)
