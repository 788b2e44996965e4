"""The Domain API: it tells, to anybody who asks, at which host a service of an account lives."""

from urllib.parse import urlsplit

from msgspec import Struct, field

from exporter.errors import NotAllowed, Reason, Unreadable
from exporter.wire.decode import decode
from exporter.wire.http import LookUp, Reply, Request
from exporter.wire.verdict import by_status

HOSTS = (".liveperson.net", ".lpsnmedia.net")
"""Whose hosts are LivePerson's."""


class Domain(Struct, frozen=True):
    """Where one service lives: a host without its scheme."""

    base_uri: str = field(name="baseURI")
    service: str | None = None


class Domains(Struct, frozen=True):
    """One service, as it is asked for; or all of them, which a proxy may answer with."""

    base_uri: str | None = field(name="baseURI", default=None)
    base_uris: list[Domain] = field(name="baseURIs", default_factory=list)


def found_at(domain_api_url: str, account_id: str, service: str) -> LookUp:
    """Return the question at which origin a service of an account lives."""
    url = f"{domain_api_url}/api/account/{account_id}/service/{service}/baseURI.json"
    return LookUp(Request("baseURI", url, (("version", "1.0"),), about=service), HOSTS, read_origin)


def read_origin(reply: Reply) -> str:
    """Return the origin that a reply of the Domain API tells.

    Raises:
        PollFailed: it tells none.
    """
    if reply.status in {400, 401, 403, 404}:  # it asks for no credentials, so none are refused
        unknown = f"the domain look-up knows no {reply.request.about} of this account; check account_id"
        raise NotAllowed(Reason.NOT_FOUND, f"HTTP {reply.status}: {unknown}")
    if verdict := by_status(reply):
        raise verdict
    told = decode(reply.body, Domains).value
    hosts = [told.base_uri, *(one.base_uri for one in told.base_uris if one.service == reply.request.about)]
    host = next(filter(None, hosts), None)
    if host is None:
        raise Unreadable(Reason.SCHEMA, f"the domain look-up names no host for {reply.request.about}")
    return f"{urlsplit(reply.request.url).scheme}://{host.lower()}"
