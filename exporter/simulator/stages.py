"""The simulated vendors: a literal table of how an account is opened on a floor, and how a config reads it."""

from collections.abc import Callable, Mapping

from msgspec import Struct

from exporter.simulator import zendesk_talk
from exporter.simulator.exchange import Dialect
from exporter.simulator.floor import Floor


class Stage(Struct, frozen=True):
    """One vendor's account, played on a floor."""

    open: Callable[[Floor], Dialect]
    config: Callable[[Floor, str], str]
    """Returns the account's entry in a config.yaml, where the dialect is served at the given base URL."""


STAGES: Mapping[str, Stage] = {
    "zendesk_talk": Stage(zendesk_talk.opened, zendesk_talk.config),
}
"""By vendor, in the order of their ports."""
