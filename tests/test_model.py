import pytest

from exporter.model import Agent, Histogram, Snapshot, Status, count_by_status, with_transitions


def agent(status: Status | None, word: str = "", since: float | None = None, name: str = "1") -> Agent:
    return Agent(name, status=status, vendor_status=word, since=since)


def seen(*agents: Agent) -> Snapshot:
    return Snapshot(agents=agents)


def test_agents_are_counted_by_status_with_every_nought() -> None:
    agents = [agent(Status.AWAY), agent(Status.AWAY), agent(Status.BUSY)]
    assert count_by_status(agents) == {**dict.fromkeys(Status, 0), Status.AWAY: 2, Status.BUSY: 1}


def test_nobody_is_nought_and_one_who_is_not_told_makes_every_nought_a_guess() -> None:
    assert count_by_status([]) == dict.fromkeys(Status, 0)
    assert count_by_status([agent(None)]) is None
    assert count_by_status([agent(Status.OFFLINE), agent(None)]) is None


@pytest.mark.parametrize(
    ("before", "now", "since"),
    [
        pytest.param(agent(Status.AWAY), agent(Status.BUSY), 100.0, id="changed"),
        pytest.param(agent(Status.AWAY, since=7.0), agent(Status.BUSY), 100.0, id="changed again"),
        pytest.param(agent(Status.AWAY, "lunch"), agent(Status.AWAY, "training"), 100.0, id="another word"),
        pytest.param(agent(Status.AWAY, since=7.0), agent(Status.AWAY), 7.0, id="stayed"),
        pytest.param(agent(Status.AWAY), agent(Status.AWAY), None, id="stayed since before we looked"),
        pytest.param(agent(None), agent(Status.AWAY), None, id="not told before"),
        pytest.param(agent(Status.AWAY, since=7.0), agent(None), None, id="no longer told"),
        pytest.param(agent(Status.AWAY, name="2"), agent(Status.AWAY), None, id="new"),
        pytest.param(agent(Status.AWAY), agent(Status.BUSY, since=42.0), 42.0, id="told by the vendor"),
        pytest.param(agent(Status.AWAY, since=7.0), agent(Status.AWAY, since=42.0), 42.0, id="told anew"),
        pytest.param(agent(Status.AWAY, since=0.0), agent(Status.AWAY), 0.0, id="since the epoch"),
    ],
)
def test_a_status_dates_from_the_change_that_was_seen(before: Agent, now: Agent, since: float | None) -> None:
    [dated] = with_transitions(seen(now), seen(before), 100.0).agents or ()
    assert dated == agent(now.status, now.vendor_status, since)


@pytest.mark.parametrize("old", [None, Snapshot(), Snapshot(agents=()), Snapshot(agents_online=3)])
def test_with_nothing_to_compare_nothing_is_dated(old: Snapshot | None) -> None:
    new = seen(agent(Status.AWAY))
    assert with_transitions(new, old, 100.0) == new


def test_the_rest_of_the_snapshot_and_the_order_of_its_agents_stay() -> None:
    new = Snapshot(agents=(agent(Status.AWAY, name="2"), agent(Status.BUSY)), agents_online=2, drift=("x",))
    dated = with_transitions(new, seen(agent(Status.AWAY), agent(Status.AWAY, name="2")), 100.0)
    assert (dated.agents_online, dated.drift) == (2, ("x",))
    assert [(one.id, one.since) for one in dated.agents or ()] == [("2", None), ("1", 100.0)]
    assert with_transitions(Snapshot(agents=None), seen(agent(Status.AWAY)), 100.0).agents is None


def test_a_histogram_counts_each_value_at_every_bound_it_does_not_pass() -> None:
    empty = Histogram.empty(0.5, 1.0, 2.5)
    histogram = empty.with_value(0.5).with_value(1.5).with_value(99.0)
    assert histogram == Histogram((0.5, 1.0, 2.5), at_most=(1, 1, 2), count=3, sum=101.0)
    assert empty == Histogram((0.5, 1.0, 2.5), at_most=(0, 0, 0), count=0, sum=0.0)
