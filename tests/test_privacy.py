import hashlib
import hmac
import re
from typing import get_args

import pytest
from replay import exposed, samples

from exporter.model import Agent, Dropped, Measure, Queue, Snapshot, Status, Total, count_by_status
from exporter.privacy import MOST_AGENTS, MOST_QUEUES, MOST_TOTALS, AgentLabel, veil

KEY = b"k" * 32
PEOPLE = (
    Agent("7001", "Ann Smith", via="+49 30 1234567", status=Status.AWAY, vendor_status="lunch", accepted=3),
    Agent("7002", "Bob Ångström", via="phone", status=Status.BUSY, talk_seconds=12.5, since=99.0),
    Agent("7003", None, status=Status.AWAY),
)
CENTRE = Snapshot(
    agents=PEOPLE,
    queues=(Queue("sales", waiting=2),),
    agents_by_status=count_by_status(PEOPLE),
    dropped={Dropped.INVALID: 4},
)
PERSONAL = ("Ann", "Smith", "Bob", "ngstr", "1234567", "phone")


def page(mode: AgentLabel) -> str:
    return exposed({"agents": veil(mode, "acme", KEY)(CENTRE)})


@pytest.mark.parametrize("mode", ["id", "pseudonym", "none"])
def test_names_and_devices_leave_only_where_the_config_says_name(mode: AgentLabel) -> None:
    veiled = veil(mode, "acme", KEY)(CENTRE)
    for word in PERSONAL:
        assert word not in page(mode)
        assert word not in repr(veiled)
        assert word in page("name")


def test_ids_leave_in_the_modes_that_show_them() -> None:
    shown = {mode: re.findall(r'agent="(\w+)"', page(mode)) for mode in ("id", "name")}
    assert set(shown["id"]) == set(shown["name"]) == {"7001", "7002", "7003"}
    for mode in ("pseudonym", "none"):
        assert not re.search("700[123]", page(mode))
    assert "agent=" not in page("none")


def test_whatever_is_hidden_the_numbers_are_the_same() -> None:
    assert list(samples(page("id")).values()) == list(samples(page("pseudonym")).values())
    for mode in get_args(AgentLabel):
        veiled = veil(mode, "acme", KEY)(CENTRE)
        assert veiled.agents_by_status == CENTRE.agents_by_status
        assert veiled.queues == CENTRE.queues
        assert veiled.dropped == {Dropped.INVALID: 4}


def test_a_veiled_agent_is_the_same_but_for_the_person() -> None:
    by_id = veil("id", "acme")(CENTRE).agents or ()
    assert by_id[1] == Agent("7002", status=Status.BUSY, talk_seconds=12.5, since=99.0)
    assert veil("name", "acme")(CENTRE) == CENTRE
    assert veil("none", "acme")(CENTRE).agents is None


def pseudonyms(account: str = "acme", key: bytes = KEY, people: tuple[Agent, ...] = PEOPLE) -> list[str]:
    return [agent.id for agent in veil("pseudonym", account, key)(Snapshot(agents=people)).agents or ()]


def test_a_pseudonym_is_the_same_each_time_and_another_in_another_account_or_with_another_key() -> None:
    assert pseudonyms() == pseudonyms()
    assert pseudonyms(people=PEOPLE[::-1]) == pseudonyms()[::-1]
    every = [*pseudonyms(), *pseudonyms("beta"), *pseudonyms(key=b"K" * 32)]
    assert len(set(every)) == len(every)
    assert all(re.fullmatch("p:[0-9a-f]{16}", one) for one in every)


def test_a_pseudonym_is_the_keyed_hash_that_the_documentation_names() -> None:
    digest = hmac.new(KEY, b"acme\x007001", hashlib.sha256).hexdigest()
    assert pseudonyms()[0] == f"p:{digest[:16]}"


def test_account_and_id_cannot_be_pushed_into_one_another() -> None:
    assert pseudonyms("acme", people=(Agent("1x"),)) != pseudonyms("acme1", people=(Agent("x"),))


def test_an_id_that_is_no_legal_text_has_a_pseudonym_too() -> None:
    assert len(pseudonyms(people=(Agent("\ud800"),))) == 1


@pytest.mark.parametrize("mode", ["id", "pseudonym", "name"])
def test_beyond_the_cap_agents_are_counted_and_not_shown(mode: AgentLabel) -> None:
    crowd = tuple(Agent(str(number), status=Status.AWAY) for number in range(MOST_AGENTS + 3))
    by_status = count_by_status(crowd)
    full = Snapshot(agents=crowd, agents_by_status=by_status, dropped={Dropped.INVALID: 4})
    veiled = veil(mode, "acme", KEY)(full)
    assert len(veiled.agents or ()) == MOST_AGENTS
    assert veiled.dropped == {Dropped.INVALID: 4, Dropped.OVER_CAP: 3}
    assert veiled.agents_by_status == by_status
    assert (by_status or {})[Status.AWAY] == MOST_AGENTS + 3
    assert full.dropped == {Dropped.INVALID: 4}
    exact = veil(mode, "acme", KEY)(Snapshot(agents=crowd[:MOST_AGENTS]))
    assert Dropped.OVER_CAP not in exact.dropped


@pytest.mark.parametrize("mode", get_args(AgentLabel))
def test_beyond_their_caps_queues_and_totals_are_counted_and_not_shown(mode: AgentLabel) -> None:
    queues = tuple(Queue(str(number), waiting=1) for number in range(MOST_QUEUES + 2))
    totals = (Total(Measure.CALLS, 1.0, "inbound", "7"),) * (MOST_TOTALS + 3)
    crowd = tuple(Agent(str(number)) for number in range(MOST_AGENTS + 5))
    veiled = veil(mode, "acme", KEY)(Snapshot(agents=crowd, queues=queues, totals=totals))
    assert (veiled.queues, veiled.totals) == (queues[:MOST_QUEUES], totals[:MOST_TOTALS])
    assert veiled.dropped == {Dropped.OVER_CAP: 5 if mode == "none" else 10}
    few = Snapshot(queues=queues[:MOST_QUEUES], totals=totals[:MOST_TOTALS])
    assert veil(mode, "acme", KEY)(few) == few


@pytest.mark.parametrize("mode", get_args(AgentLabel))
def test_nobody_and_nobody_told_stay_what_they_are(mode: AgentLabel) -> None:
    lines = Snapshot(queues=(Queue("sales"),))
    assert veil(mode, "acme", KEY)(lines) == lines
    assert veil(mode, "acme", KEY)(Snapshot(agents=())).agents in ((), None)
