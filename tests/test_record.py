from pathlib import Path

import pytest

from exporter.log.redaction import Redaction
from exporter.record import Veil
from exporter.simulator.exchange import Asked
from exporter.simulator.recorded import Recorded, arguments, place


def test_what_is_anybodys_own_is_replaced_wherever_it_stands() -> None:
    document = {
        "agent_id": 7,
        "name": "Jane Doe",
        "forwarding_number": 493012345678,
        "email": {"value": "jane@example.com", "since": 3},
        "userId": "jane@example.com",
        "caller": {"id": "+493012345678"},
        "note": "+49 30 1234567",
        "jane@example.com": {"calls": 3},
        "phone_number_ids": [1, 2],
        "agents": [{"name": "Jane Doe"}, {"name": None}],
    }
    veiled = Veil().over(document)
    assert "jane" not in str(veiled).lower()
    assert "4930" not in str(veiled)
    assert veiled["name"] == veiled["agents"][0]["name"] == "name 1"
    assert (veiled["agent_id"], veiled["phone_number_ids"]) == (7, [1, 2])
    assert veiled["forwarding_number"] == 0
    assert veiled["agents"][1]["name"] is None


def test_what_a_vendor_repeats_of_our_secrets_is_not_kept_and_the_next_page_is() -> None:
    redaction = Redaction(lambda: ["k3y of the account"])
    redaction.refresh()
    document = {"debug": "you sent k3y%20of%20the%20account, Bearer abc.def", "next": "https://a.example/?page=2"}
    assert Veil(redaction.secretless).over({**document, "headers": {"authorization": "abc"}}) == {
        "debug": "you sent ***, Bearer ***",
        "next": "https://a.example/?page=2",
        "headers": {"authorization": "authorization 1"},
    }


@pytest.mark.parametrize("query", [(), (("ids", "1,2"),), (("ids", ",".join(map(str, range(1000)))),)])
def test_an_answer_is_found_where_it_was_put(tmp_path: Path, query: tuple[tuple[str, str], ...]) -> None:
    file = place(tmp_path, "/api/v2/stats.json", query)
    file.parent.mkdir(parents=True)
    file.write_text('{"next": "{origin}/more"}')
    answer = Recorded(tmp_path).answer(
        Asked("GET", "/api/v2/stats.json", 0.0, query, headers={"host": "127.0.0.1:9"})
    )
    assert (answer.status, answer.body) == (200, b'{"next": "http://127.0.0.1:9/more"}')


def test_no_path_leads_out_of_the_folder(tmp_path: Path) -> None:
    assert place(tmp_path, "/../../etc/passwd").is_relative_to(tmp_path)
    assert Recorded(tmp_path).answer(Asked("GET", "/../../etc/passwd", 0.0)).status == 404


def test_whoever_asks_for_a_token_gets_one(tmp_path: Path) -> None:
    assert b"access_token" in Recorded(tmp_path).answer(Asked("POST", "/oauth/tokens", 0.0)).body


def test_pages_asked_for_in_a_body_have_files_of_their_own_whenever_they_are_asked(tmp_path: Path) -> None:
    asked = {
        "form": b"count=100&offset=%d&from_date=2026-03-0%d+00%%3A00%%3A00",
        "json": b'{"filter": {"offset": %d, "dateFilter": {"date": "2026-03-0%d"}}}',
    }
    for kind, body in asked.items():
        for page in (0, 100):
            file = place(tmp_path, f"/{kind}", arguments((), body % (page, 1)))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f'{{"page": {page}}}')
    for kind, body in asked.items():
        for page in (0, 100):
            answer = Recorded(tmp_path).answer(Asked("POST", f"/{kind}", 0.0, body=body % (page, 9)))
            assert answer.body == b'{"page": %d}' % page


def test_what_opens_the_door_is_in_no_file_name() -> None:
    assert arguments((), b"account_id=7&api_key=s3cret&count=1") == (("count", "1"),)
