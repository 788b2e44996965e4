"""What one request must carry to be believed: a header, a signature over its URL, a secret field of its form."""

from collections.abc import Callable
from urllib.parse import urlencode

from oauthlib import oauth1

from exporter.transport.exchange import Proof, address
from exporter.wire.http import Request


def header(text: str, name: str = "Authorization") -> Callable[[Request], Proof]:
    """Return what proves each request by the same header."""
    proof = Proof(((name, text),))
    return lambda _: proof


def signature(client_key: str, client_secret: str, token: str, token_secret: str) -> Callable[[Request], Proof]:
    """Return what signs each request by OAuth 1.0a: the URL as it is sent, and no body, since none is a form."""
    client = oauth1.Client(
        client_key, client_secret=client_secret, resource_owner_key=token, resource_owner_secret=token_secret
    )

    def prove(request: Request) -> Proof:
        _, headers, _ = client.sign(str(address(request)), http_method=request.method)
        return Proof((("Authorization", headers["Authorization"]),))

    return prove


def form_fields(fields: tuple[tuple[str, str], ...]) -> Callable[[Request], Proof]:
    """Return what puts secret fields into each request's form."""
    secret = urlencode(fields).encode()
    return lambda request: Proof(body=b"&".join(part for part in (request.body, secret) if part))
