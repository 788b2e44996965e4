"""One account of each vendor, as the config would build it."""

from zoneinfo import ZoneInfo

from exporter.vendors.contract import Site, Vendor
from exporter.vendors.kore_ai import KoreAi
from exporter.vendors.kore_ai.options import KoreCredentials, KoreOptions
from exporter.vendors.liveperson import LivePerson
from exporter.vendors.liveperson.options import LivePersonCredentials, LivePersonOptions
from exporter.vendors.voximplant import Voximplant
from exporter.vendors.voximplant.options import VoximplantCredentials, VoximplantOptions
from exporter.vendors.zendesk_talk import ZendeskTalk
from exporter.vendors.zendesk_talk.options import GroupOption, ZendeskCredentials, ZendeskOptions
from exporter.vendors.zoho_voice import ZohoVoice
from exporter.vendors.zoho_voice.options import ZohoCredentials, ZohoOptions
from exporter.wire.secret import Secret

BERLIN = ZoneInfo("Europe/Berlin")


def zendesk_talk(site: Site = Site(BERLIN), **options: object) -> ZendeskTalk:  # noqa: B008 - frozen
    """Return an account with a token made by hand."""
    credentials = ZendeskCredentials(access_token=Secret(lambda: "token", "a test"))
    return ZendeskTalk(credentials, ZendeskOptions(base_url="https://acme.zendesk.com", **options), site)  # type: ignore[arg-type]


def voximplant(site: Site = Site(BERLIN), **options: object) -> Voximplant:  # noqa: B008 - frozen
    """Return an account with an API key, seen through the engine acd unless said otherwise."""
    credentials = VoximplantCredentials(account_id=1, api_key=Secret(lambda: "key", "a test"))
    return Voximplant(credentials, VoximplantOptions(**({"engine": "acd", "application_id": 7} | options)), site)  # type: ignore[arg-type]


def liveperson(site: Site = Site(BERLIN), **options: object) -> LivePerson:  # noqa: B008 - frozen
    """Return an account with an OAuth 2.0 client, of the family chat unless said otherwise."""
    credentials = LivePersonCredentials(client_id="exporter", client_secret=Secret(lambda: "secret", "a test"))
    given = {"account_id": "12345678", "family": "chat", "base_url": "https://acme.example"} | options
    return LivePerson(credentials, LivePersonOptions(**given), site)  # type: ignore[arg-type]


def kore_ai(site: Site = Site(BERLIN), **options: object) -> KoreAi:  # noqa: B008 - frozen
    """Return an account with two queues, whose times are in seconds unless said otherwise."""
    credentials = KoreCredentials(client_id="cs-1", client_secret=Secret(lambda: "s3cret" * 8, "a test"))
    given = {
        "account_id": "63f07d26f04465685df4c0de",
        "stream_id": "st-e19dd469-90f5-5655-b0b2-858de901c0de",
        "queues": ("qu-577416d-3745-40e7-904c-85ba1a04c0de", "qu-268eda9-ba47-4b03-ab29-d1909c38c0de"),
        "wait_unit": "seconds",
    } | options
    return KoreAi(credentials, KoreOptions(**given), site)  # type: ignore[arg-type]


def zoho_voice(site: Site = Site(BERLIN), **options: object) -> ZohoVoice:  # noqa: B008 - frozen
    """Return an account of the American data centre whose calls are read all together unless said otherwise."""
    secret = Secret(lambda: "secret", "a test")
    credentials = ZohoCredentials(client_id="1000.EXPORTER", client_secret=secret, refresh_token=secret)
    return ZohoVoice(credentials, ZohoOptions(**options), site)  # type: ignore[arg-type]


ACCOUNTS: dict[str, Vendor] = {
    "zendesk_talk": zendesk_talk(groups=(GroupOption("sales", (1,)),)),
    "voximplant": voximplant(),
    "voximplant smartqueue": voximplant(engine="smartqueue"),
    "liveperson": liveperson(skill_ids=(4101, 4102, 4103)),
    "liveperson messaging": liveperson(family="messaging", skill_ids=(4101, 4102, 4103)),
    "kore_ai": kore_ai(),
    "kore_ai stats": kore_ai(queue_source="queue_stats", version="v3", wait_unit="milliseconds"),
    "zoho_voice": zoho_voice(queues=(3029000004016033, 3029000004016044)),
}
"""The first word is the vendor."""

PAYLOADS = {
    "zendesk_talk": "zendesk_talk/professional",
    "voximplant": "voximplant/acd",
    "voximplant smartqueue": "voximplant/smartqueue",
    "liveperson": "liveperson/chat",
    "liveperson messaging": "liveperson/messaging",
    "kore_ai": "kore_ai/performance",
    "kore_ai stats": "kore_ai/stats",
    "zoho_voice": "zoho_voice/full",
}
"""The folder in which each account's answers say as much as they can."""
