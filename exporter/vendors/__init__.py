"""The vendors that this exporter speaks with: a literal table."""

from collections.abc import Mapping

from exporter.vendors.contract import Vendor
from exporter.vendors.zendesk_talk import ZendeskTalk

VENDORS: Mapping[str, type[Vendor]] = {
    "zendesk_talk": ZendeskTalk,
}
