import gzip
import zlib
from itertools import count
from typing import Any

import pytest
from accounts import zendesk_talk
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families as parse_text
from reference import FORMS, WorldCollector, came, read, reference, series, shown
from replay import PAYLOADS, collect_all, recorded
from worlds import SNAPSHOTS, account, full_account, full_snapshot, world

from exporter.metrics.account import ACCOUNT
from exporter.metrics.exposition import FAMILIES, Exposition, Page
from exporter.metrics.family import Column
from exporter.metrics.process import ProcessMetrics
from exporter.metrics.segment import segment
from exporter.model import Agent, Queue, Snapshot, Status
from exporter.store import AccountState, World
from exporter.tally import Span, Tally

WAITING = Snapshot(queues=(Queue("sales", waiting=3),))
TALKING = Snapshot(queues=(Queue("sales", in_progress=5),))


def exposition() -> Exposition:
    return Exposition(CollectorRegistry())


def recorded_account() -> AccountState:
    return account(collect_all(zendesk_talk(), recorded(PAYLOADS / "zendesk_talk" / "professional")))


WORLDS = {
    "empty": world(),
    "one": world(recorded_account()),
    "untried": world(AccountState("zendesk_talk", "acme", {})),
    "interleaved": world(
        full_account("zendesk_talk", "acme"),
        full_account("zoho_voice", "beta", 2_000),
        account({"queues": WAITING}, "zendesk_talk", "gamma"),
        full_account("zoho_voice", "delta", 3_000),
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", list(WORLDS))
def test_the_page_says_what_the_client_library_says_of_the_same_world(name: str, form: str) -> None:
    page = shown(exposition().render(WORLDS[name]), form)
    assert read(page, form) == read(reference(WORLDS[name], form), form)
    assert bool(page.replace("# EOF\n", "")) is (name != "empty")


@pytest.mark.parametrize("name", list(WORLDS))
def test_both_forms_say_the_same_and_the_text_parser_reads_both(name: str) -> None:
    page = exposition().render(WORLDS[name])
    text, _ = read(shown(page, "text"), "text")
    openmetrics, _ = read(shown(page, "openmetrics"), "openmetrics")
    assert text == openmetrics == series(parse_text(shown(page, "openmetrics")))
    assert page.series == len(text)
    assert page.refused == 0


def test_families_stay_whole_though_their_accounts_are_interleaved() -> None:
    lines = shown(exposition().render(WORLDS["interleaved"]), "text").splitlines()
    heads = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert heads == [f"contact_center_{family.name}" for family in FAMILIES]
    accounts = [
        line.split('account="')[1].split('"')[0] for line in lines if line.startswith("contact_center_up{")
    ]
    assert accounts == ["acme", "beta", "gamma", "delta"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", list(WORLDS))
def test_the_compressed_page_is_one_gzip_member_of_the_same_bytes(name: str, form: str) -> None:
    page = exposition().render(WORLDS[name])
    plain, packed = shown(page, form).encode(), getattr(page, f"{form}_gzip")
    assert gzip.decompress(packed) == plain
    member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    assert member.decompress(packed) == plain
    assert member.eof
    assert not member.unused_data
    assert packed[-8:] == zlib.crc32(plain).to_bytes(4, "little") + len(plain).to_bytes(4, "little")


def test_the_metrics_about_the_process_stand_below_those_of_the_accounts() -> None:
    process = ProcessMetrics(CollectorRegistry(), "1.2.3")
    page = Exposition(process.registry).render(WORLDS["one"])
    for form in FORMS:
        names = [name for name, _, _ in read(shown(page, form), form)[1]]
        own = [name for name in names if "_exporter_" in name or not name.startswith("contact_center_")]
        assert 'exporter_build_info{python_version="' in shown(page, form)
        assert own == names[-len(own) :]
    assert 0 < page.series < len(read(shown(page, "text"), "text")[0])


def told(page: Page) -> set[str]:
    """Return the series of the contact centres, without those about their polls."""
    lines = shown(page, "text").splitlines()
    return {line.rsplit(" ", 1)[0] for line in lines if "contact_center_calls" in line and line[0] != "#"}


def test_an_account_that_is_gone_takes_its_series_along() -> None:
    pages = exposition()
    acme, beta = account({"queues": WAITING}), account({"queues": WAITING}, name="beta")
    assert len(told(pages.render(world(acme, beta)))) == 2
    left = pages.render(world(beta))
    assert told(left) == {
        'contact_center_calls_waiting{vendor="zendesk_talk",account="beta",queue="sales",channel="voice"}'
    }
    assert "acme" not in shown(left, "text")
    assert "acme" not in shown(left, "openmetrics")


def test_an_account_that_changes_its_vendor_keeps_no_series_of_the_old_one() -> None:
    pages = exposition()
    pages.render(world(account({"queues": WAITING})))
    page = pages.render(world(account({"agents": TALKING}, vendor="zoho_voice")))
    assert told(page) == {
        'contact_center_calls_in_progress{vendor="zoho_voice",account="acme",queue="sales",channel="voice"}'
    }
    assert "zendesk_talk" not in shown(page, "text")


def test_what_an_endpoint_no_longer_holds_leaves_and_the_rest_stays() -> None:
    pages = exposition()
    pages.render(world(account({"queues": WAITING, "agents": TALKING})))
    page = pages.render(world(account({"queues": None, "agents": TALKING})))
    assert told(page) == {
        'contact_center_calls_in_progress{vendor="zendesk_talk",account="acme",queue="sales",channel="voice"}'
    }
    assert "# HELP contact_center_calls_waiting " not in shown(page, "text")
    assert 'contact_center_endpoint_up{vendor="zendesk_talk",account="acme",endpoint="queues"} 0.0' in shown(
        page, "text"
    )


def test_a_status_that_changed_leaves_no_trace() -> None:
    pages = exposition()

    def agent(status: Status, word: str) -> World:
        return world(account({"agents": Snapshot(agents=(Agent("1", status=status, vendor_status=word),))}))

    pages.render(agent(Status.AWAY, "lunch"))
    page = shown(pages.render(agent(Status.AVAILABLE, "online")), "text")
    assert page.count("contact_center_agent_status{") == 1
    assert 'agent="1",status="available",vendor_status="online"} 1' in page


def test_of_a_series_that_two_endpoints_give_the_first_is_shown_and_the_other_counted() -> None:
    other = Snapshot(queues=(Queue("sales", waiting=9),))
    page = exposition().render(world(account({"queues": WAITING, "agents": other})))
    assert [line for line in shown(page, "text").splitlines() if line.endswith(" 3")]
    assert page.refused == 1


def test_what_did_not_change_is_not_made_again() -> None:
    pages = exposition()
    acme, beta = account({"queues": WAITING, "agents": full_snapshot(count())}), full_account(name="beta")
    first = pages.render(world(acme, beta))
    assert all(a is b for a, b in zip(first.text, pages.render(world(acme, beta)).text, strict=True))
    changed = replace(
        acme, endpoints={**acme.endpoints, "queues": account({"queues": TALKING}).endpoints["queues"]}
    )
    second = pages.render(world(changed, beta))
    fresh = {piece.split(b"{")[0] for piece in second.text if not any(piece is old for old in first.text)}
    about_polls = {f"contact_center_{family.name}".encode() for family in ACCOUNT}
    assert fresh - about_polls == {b"contact_center_calls_waiting", b"contact_center_calls_in_progress"}


def test_two_pages_share_the_lines_of_every_account_that_did_not_change() -> None:
    pages = exposition()
    acme, beta = account({"queues": WAITING}), account({"queues": WAITING}, name="beta")
    first = pages.render(world(acme, beta))
    second = pages.render(world(account({"queues": TALKING}), beta))
    lines = [piece for piece in second.text if b'calls_waiting{vendor="zendesk_talk",account="beta"' in piece]
    assert [piece.count(b"\n") for piece in lines] == [1]
    assert any(lines[0] is piece for piece in (*first.text, *first.openmetrics))
    assert any(lines[0] is piece for piece in second.openmetrics)


def test_a_change_in_one_account_does_not_render_another(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[str] = []

    def spy(family: Any, names: tuple[str, str], *rest: Any) -> Any:
        rendered.append(names[1])
        return segment(family, names, *rest)

    monkeypatch.setattr("exporter.metrics.exposition.segment", spy)
    pages = exposition()
    acme, beta = full_account(), full_account(name="beta")
    pages.render(world(acme, beta))
    rendered.clear()
    pages.render(world(acme, replace(beta, reauth_required=True)))
    assert set(rendered) == {"beta"}
    assert len(rendered) < len(FAMILIES) / 2  # its snapshots are the same, so theirs are not among them


@given(st.lists(SNAPSHOTS, min_size=1, max_size=2))
@settings(max_examples=40, deadline=None)
def test_whatever_a_snapshot_holds_the_page_is_sound_and_every_sample_accounted_for(
    snapshots: list[Snapshot],
) -> None:
    any_world = world(account({str(number): snapshot for number, snapshot in enumerate(snapshots)}))
    page = exposition().render(any_world)
    metrics = list(WorldCollector(any_world).collect())
    for form in FORMS:
        found, heads = read(shown(page, form), form)
        assert found == series(metrics)
        assert heads == [(metric.name, metric.type, metric.documentation) for metric in metrics]
        assert page.series == len(found)
    assert page.series + page.refused == came(any_world)


def test_a_family_that_says_the_same_again_is_not_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = []

    def spy(family: Any, *rest: Any) -> Any:
        rendered.append(family.name)
        return segment(family, *rest)

    monkeypatch.setattr("exporter.metrics.exposition.segment", spy)
    pages, acme = exposition(), full_account()
    pages.render(world(acme))
    rendered.clear()
    held = acme.endpoints["agents"].held
    assert held
    changed = replace(held, snapshot=replace(held.snapshot, agents_online=77))
    again = {**acme.endpoints, "agents": replace(acme.endpoints["agents"], held=changed)}
    pages.render(world(replace(acme, endpoints=again)))
    assert rendered == ["agents_online"]


def test_a_poll_of_one_endpoint_renders_the_histogram_of_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[tuple[str, object]] = []

    def spy(family: Any, names: Any, columns: list[Column], before: Any) -> Any:
        rendered.extend((family.name, key) for column in columns for key in column.keys)
        return segment(family, names, columns, before)

    monkeypatch.setattr("exporter.metrics.exposition.segment", spy)
    pages, tally = exposition(), Tally()
    for endpoint in ("queues", "agents"):
        tally.time(Span.POLL, endpoint, seconds=0.2)
    pages.render(world(account({}, counts=tally.counts())))
    rendered.clear()
    tally.time(Span.POLL, "agents", seconds=0.3)
    page = shown(pages.render(world(account({}, counts=tally.counts()))), "text")
    assert rendered == [("poll_duration_seconds", ("agents",))]
    counts = [line.rsplit("endpoint=")[1] for line in page.splitlines() if "poll_duration_seconds_count{" in line]
    assert counts == ['"queues"} 1', '"agents"} 2']


def test_after_a_page_that_could_not_be_made_the_next_one_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = exposition()
    pages.render(world(account({"queues": WAITING})))
    with monkeypatch.context() as broken:
        broken.setattr("exporter.metrics.exposition.Piece", None)
        with pytest.raises(TypeError):
            pages.render(world(account({"queues": TALKING})))
    assert told(pages.render(world(account({"queues": TALKING})))) == {
        'contact_center_calls_in_progress{vendor="zendesk_talk",account="acme",queue="sales",channel="voice"}'
    }


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_a_page_rendered_step_by_step_equals_one_rendered_from_scratch(data: st.DataObject) -> None:
    pool = data.draw(st.lists(SNAPSHOTS, min_size=1, max_size=3))
    states = st.builds(
        account,
        st.dictionaries(st.sampled_from("pqr"), st.none() | st.sampled_from(pool), max_size=3),
        vendor=st.sampled_from(["zendesk_talk", "zoho_voice"]),
        name=st.sampled_from("abc"),
        reauth_required=st.booleans(),
    )
    known = data.draw(st.lists(states, min_size=1, max_size=4))
    worlds = data.draw(st.lists(st.lists(st.sampled_from(known), max_size=3), min_size=2, max_size=6))
    pages = exposition()
    for accounts in worlds:
        page, fresh = pages.render(world(*accounts)), exposition().render(world(*accounts))
        for form in FORMS:
            assert shown(page, form) == shown(fresh, form)
            assert gzip.decompress(getattr(page, f"{form}_gzip")) == shown(fresh, form).encode()
        assert (page.series, page.refused) == (fresh.series, fresh.refused)


def test_an_account_that_cannot_be_rendered_costs_no_other() -> None:
    sick = Snapshot(agents=(Agent(id=5, logged_in_seconds=1.0),))  # type: ignore[arg-type]  # a fault of ours
    well = Snapshot(agents_online=3)
    exposition = Exposition(CollectorRegistry())
    page = exposition.render(world(account({"agents": sick}, name="sick"), account({"agents": well}, name="well")))
    text = b"".join(page.text).decode()
    assert page.broken == ("sick",)
    assert 'contact_center_agents_online{vendor="zendesk_talk",account="well"} 3' in text
    assert 'contact_center_up{vendor="zendesk_talk",account="sick"}' in text
