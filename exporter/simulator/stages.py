"""The simulated vendors: a literal table of how an account is opened on a floor, and how a config reads it."""

from collections.abc import Callable, Mapping

from msgspec import Struct

from exporter.simulator import kore_ai, liveperson, voximplant, zendesk_talk, zoho_voice
from exporter.simulator.exchange import Dialect
from exporter.simulator.floor import Floor


class Stage(Struct, frozen=True):
    """One vendor's account, played on a floor."""

    open: Callable[[Floor], Dialect]
    config: Callable[[Floor, str], str]
    """Returns the account's entry in a config.yaml, where the dialect is served at the given base URL."""


STAGES: Mapping[str, Stage] = {
    "zendesk_talk": Stage(zendesk_talk.opened, zendesk_talk.config),
    "zoho_voice": Stage(zoho_voice.opened, zoho_voice.config),
    "voximplant": Stage(voximplant.opened, voximplant.config),
    "kore_ai": Stage(kore_ai.opened, kore_ai.config),
    "liveperson": Stage(liveperson.opened, liveperson.config),
}
"""By vendor, in the order of their ports."""
