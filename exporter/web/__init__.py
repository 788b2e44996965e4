"""What the exporter answers over HTTP: ready bytes and what is known already. No request here calls a vendor."""

from exporter.web.server import Limits, serve
from exporter.web.site import Page, Pulse, Site, build

__all__ = ["Limits", "Page", "Pulse", "Site", "build", "serve"]
