"""One account of each vendor, as the config would build it."""

from zoneinfo import ZoneInfo

from exporter.vendors.contract import Site, Vendor
from exporter.vendors.zendesk_talk import ZendeskTalk
from exporter.vendors.zendesk_talk.options import GroupOption, ZendeskCredentials, ZendeskOptions
from exporter.wire.secret import Secret

BERLIN = ZoneInfo("Europe/Berlin")


def zendesk_talk(site: Site = Site(BERLIN), **options: object) -> ZendeskTalk:  # noqa: B008 - frozen
    """Return an account with a token made by hand."""
    credentials = ZendeskCredentials(access_token=Secret(lambda: "token", "a test"))
    return ZendeskTalk(credentials, ZendeskOptions(base_url="https://acme.zendesk.com", **options), site)  # type: ignore[arg-type]


ACCOUNTS: dict[str, Vendor] = {
    "zendesk_talk": zendesk_talk(groups=(GroupOption("sales", (1,)),)),
}
