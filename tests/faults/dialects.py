"""Accounts of the other vendors: recorded answers, served as they were, and what a fault puts in their place."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from centre import TOKEN
from fake_vendor import Asked, Said, answer, vendor
from replay import PAYLOADS, recorded

from exporter.wire.http import Request

CONFIGS = {
    "voximplant": "credentials: {{account_id: 1, api_key: {token}}}\n"
    '    options: {{base_url: "{url}", engine: acd, application_id: 7}}',
    "zoho_voice": "credentials: {{client_id: a, client_secret: {token}, refresh_token: {token}}}\n"
    '    options: {{base_url: "{url}", accounts_url: "{url}"}}\n'
    "    polling: {{interval: 60s, max_age: 180s}}",
    "liveperson": "credentials: {{client_id: a, client_secret: {token}}}\n"
    '    options: {{base_url: "{url}", account_id: "12345678", family: chat}}',
}
FOLDERS = {"voximplant": "voximplant/acd", "zoho_voice": "zoho_voice/full", "liveperson": "liveperson/chat"}


@dataclass
class Foreign:
    """An account at another vendor than the oracle's two."""

    vendor: str
    url: str = ""
    struck: int = 0
    _spoil: Callable[[Asked], Said | None] | None = None

    @property
    def config(self) -> str:
        """Its entry among the accounts."""
        words = CONFIGS[self.vendor].format(token=TOKEN, url=self.url)
        return f"  - name: foreign\n    vendor: {self.vendor}\n    {words}\n"

    def answer(self, asked: Asked) -> Said:
        said = self._spoil(asked) if self._spoil else None
        self.struck += said is not None
        return said or self._recorded(asked)

    def _recorded(self, asked: Asked) -> Said:
        address = urlsplit(asked.target)
        if address.path.endswith("/token"):
            return answer({"access_token": "given", "expires_in": 3600})
        kind = asked.headers.get("content-type")
        query = tuple(parse_qsl(address.query))
        request = Request("any", f"http://any{address.path}", query, body=asked.body, content_type=kind)
        reply = recorded(PAYLOADS / FOLDERS[self.vendor])(request)
        return answer(reply.body, reply.status)

    @contextmanager
    def fault(self, path: str, body: object, status: int = 200) -> Iterator[None]:
        """Answer so where the address ends so, until the end of the block; that it never happened is an error."""
        said = answer(body if isinstance(body, bytes) else json.dumps(body).encode(), status)
        self.struck = 0
        self._spoil = lambda asked: said if urlsplit(asked.target).path.endswith(path) else None
        try:
            yield
        finally:
            self._spoil = None
        assert self.struck, "the fault was never injected"


@asynccontextmanager
async def foreign(name: str) -> AsyncIterator[Foreign]:
    """Serve it on the loopback until the end of the block."""
    account = Foreign(name)
    async with vendor(account.answer) as site:
        account.url = site.url
        yield account
