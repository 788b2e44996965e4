"""Figure c3: answers changed at random neither break the exporter nor make it tell what nobody said."""

from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from mutants import VENDORS, Mutant, of
from prometheus_client import CollectorRegistry
from provenance import Told
from replay import AT
from subject import Page

from exporter.errors import PollFailed
from exporter.metrics.exposition import Exposition
from exporter.model import Snapshot, with_transitions
from exporter.privacy import veil
from exporter.store import AccountState, EndpointState, Held, World
from exporter.vocabulary import Vocabulary

AT_ONCE = 50
"""Mutants that share a page, each as an account of its own: so each is also shown to leave the others alone."""
REMEMBERING = ("zoho_voice",)
"""Vendors whose module remembers what earlier polls brought, here those of the recorded answers."""
ABOUT_POLLS = ("up", "endpoint_up", "last_success_timestamp_seconds", "reauth_required")
SHOWN = veil("name", "acme")

Record = Callable[[str, object], None]


def judged(vendor: str, seed: int, count: int) -> Counter[str]:
    """Let so many mutants through the whole of the exporter's inside, and return what became of them."""
    found = Counter[str]()
    every = of(vendor, seed, count)
    for first in range(0, count, AT_ONCE):
        found += _page(vendor, every[first : first + AT_ONCE], seed, first)
    return found


def _page(vendor: str, some: Sequence[Mutant], seed: int, first: int) -> Counter[str]:
    found = Counter[str]()
    told: dict[str, Told] = {}
    accounts = {}
    for number, mutant in enumerate(some, first):
        where = f"{vendor}, seed {seed}, mutant {number}: {mutant.recording.folder} {mutant.recording.endpoint}"
        try:
            snapshot, bodies = mutant.snapshot()
            shown = _shown(snapshot, mutant)
        except PollFailed as failed:
            found[failed.reason] += 1
            continue
        except Exception as crash:
            raise AssertionError(f"{where}: {type(crash).__name__} of {mutant.body[:2000]!r}") from crash
        found["read"] += 1
        before = [reply.body for reply in mutant.recording.replies] if vendor in REMEMBERING else []
        told[where] = Told(vendor, [*bodies, *before], mutant.recording.seen)
        state = EndpointState(Held(shown, AT.timestamp(), 1e12), AT.timestamp(), None, tried=True)
        accounts[where] = AccountState(vendor, where, {mutant.recording.endpoint: state})
    rendered = Exposition(CollectorRegistry()).render(World(accounts))
    assert not rendered.broken, rendered.broken
    page = Page(b"".join(rendered.text).decode("utf-8"))  # as Prometheus reads it: no series may come twice
    assert len([one for one in page.samples if "account" in one[1]]) == rendered.series
    found["refused samples"] += rendered.refused
    for family, labels, value in page.samples:
        where = labels["account"]
        if family not in ABOUT_POLLS:
            found["numbers"] += 1
            assert told[where].explains(family, labels, value), (
                f"{where}: {family} {labels} {value} was never told"
            )
    return found


def _shown(snapshot: Snapshot, mutant: Mutant) -> Snapshot:
    """Do what a poll does with what was read."""
    before = mutant.recording.seen[mutant.recording.endpoint]
    dated = with_transitions(snapshot, before, AT.timestamp())
    return SHOWN(Vocabulary().bounded(dated))


def _told_of(found: Counter[str], record: Record) -> None:
    assert found["read"] > found["decode"] / 4, "hardly any mutant was still an answer"
    assert found["numbers"]
    record("tried", sum(n for kind, n in found.items() if kind not in ("numbers", "refused samples")))
    record("numbers traced to what was told", found["numbers"])


@pytest.mark.parametrize("vendor", VENDORS)
def test_mutants_of_recorded_answers_break_nothing_and_invent_nothing(
    vendor: str, record_property: Record
) -> None:
    _told_of(judged(vendor, 1, 2_000), record_property)


def test_nobody_waits_where_a_list_of_those_who_do_came_empty() -> None:
    family, labels = "longest_wait_seconds", {"queue": "7"}
    rows = ('{"sq_queue_id": 7, "tasks": []}', '{"sq_queue_id": 7, "tasks": null}', '{"sq_queue_id": 7}')
    told = [Told("voximplant", [b'{"result": [%s]}' % row.encode()], {}) for row in rows]
    assert [one.explains(family, labels, 0.0) for one in told] == [True, False, False]
    assert not told[0].explains(family, labels, 1.0)


def test_a_call_that_tells_no_duration_lasts_from_its_answer_to_its_end() -> None:
    row = b'{"logs": [{"answer_time": "1774771200000", "end_time": "1774771830000"}, {"duration": "10:30"}]}'
    told = Told("zoho_voice", [row], {})
    assert told.explains("contact_seconds_today", {"queue": "7"}, 1260.0)
    assert not told.explains("contact_seconds_today", {"queue": "7"}, 1261.0)


@pytest.mark.million
@pytest.mark.parametrize("seed", range(100, 110))
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_million_mutants_break_nothing_and_invent_nothing(
    vendor: str, seed: int, record_property: Record
) -> None:
    _told_of(judged(vendor, seed, 20_000), record_property)
