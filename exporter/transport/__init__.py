"""The only outgoing HTTP: one client an account, which paces, authorises, retries and judges its calls."""

from exporter.transport.client import Client, Watch
from exporter.transport.exchange import open_session, tls_context
from exporter.transport.grants import GrantStore

__all__ = ["Client", "GrantStore", "Watch", "open_session", "tls_context"]
