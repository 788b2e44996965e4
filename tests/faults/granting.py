"""An account with a grant that is kept on the disk, and a vendor that says nothing at all."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from centre import TOKEN, Centre
from crowd import PATIENCE
from fake_vendor import Asked, Said, answer


@dataclass
class Granting(Centre):
    """An account whose refresh token is replaced at each use; older ones open as well."""

    tokens: int = 0

    def answer(self, asked: Asked) -> Said | Awaitable[Said]:
        """Give out a pair of tokens that lives for a minute, or answer as Zendesk does."""
        if asked.target != "/oauth/tokens":
            return super().answer(asked)
        self.tokens += 1
        pair = {"access_token": f"canary-access-{self.tokens}", "refresh_token": f"canary-refresh-{self.tokens}"}
        return answer({**pair, "token_type": "bearer", "expires_in": 60})


def granted(config: str) -> str:
    """Return the config with a grant in place of the first account's token, kept beside it."""
    grant = "client_id: one, client_secret: canary-secret, refresh_token: canary-refresh-0"
    config = config.replace(f"access_token: {TOKEN}", grant, 1)
    return config.replace('{port}"}', '{port}", state_dir: state}')


def kept(folder: Path) -> dict[str, Any]:
    """Return the tokens on the disk; that they are torn is an error."""
    found: dict[str, Any] = json.loads((folder / "state" / "sick.grant.json").read_text())
    return found


def silent(_asked: Asked, _sound: dict[str, Any]) -> Said:
    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.sleep(PATIENCE)
        yield b""

    return nothing()
