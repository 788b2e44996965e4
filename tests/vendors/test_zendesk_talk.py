import os

import pytest
from replay import PAYLOADS, collect_all, exposed, recorded

from exporter.vendors.contract import Site
from exporter.vendors.zendesk_talk import ZendeskTalk
from exporter.wire.secret import Secret
from zoneinfo import ZoneInfo
from exporter.vendors.zendesk_talk.options import ZendeskCredentials, ZendeskOptions

CREDENTIALS = ZendeskCredentials(access_token=Secret(lambda: "x", "here"))

def vendor(**options):
    return ZendeskTalk(CREDENTIALS, ZendeskOptions(base_url="https://acme.zendesk.com", **options), Site(ZoneInfo("Europe/Berlin")))

@pytest.mark.parametrize("case", ["professional", "team", "pages", "empty"])
def test_recorded_answers_become_exactly_these_metrics(case):
    folder = PAYLOADS / "zendesk_talk" / case
    text = exposed(collect_all(vendor(), recorded(folder)))
    expected = folder / "metrics.txt"
    if os.environ.get("GOLDEN") == "write":
        expected.write_text(text)
    assert text == expected.read_text()
