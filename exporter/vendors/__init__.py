"""The vendors that this exporter speaks with: a literal table."""

from collections.abc import Mapping

from exporter.vendors.contract import Vendor
from exporter.vendors.kore_ai import KoreAi
from exporter.vendors.liveperson import LivePerson
from exporter.vendors.voximplant import Voximplant
from exporter.vendors.zendesk_talk import ZendeskTalk
from exporter.vendors.zoho_voice import ZohoVoice

VENDORS: Mapping[str, type[Vendor]] = {
    "zendesk_talk": ZendeskTalk,
    "zoho_voice": ZohoVoice,
    "voximplant": Voximplant,
    "kore_ai": KoreAi,
    "liveperson": LivePerson,
}
