"""What the exporter answers over HTTP: ready bytes and what is known already. No request here calls a vendor."""

from exporter.web.gate import Gate
from exporter.web.server import Limits, serve
from exporter.web.site import Page, Pulse, Site, build
from exporter.web.status import Reload
from exporter.web.web_config import read_terms

__all__ = ["Gate", "Limits", "Page", "Pulse", "Reload", "Site", "build", "read_terms", "serve"]
