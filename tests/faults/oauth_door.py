"""Zendesk's OAuth before an account: gives out tokens, counts who asks for them, lets nobody else in."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from centre import TOKEN
from fake_vendor import Asked, Said, answer

FIRST_REFRESH = "canary-refresh-0"

Fields = dict[str, Any]


def no_word(_: Fields) -> Said | None:
    """Let the token endpoint answer as it should."""
    return None


@dataclass
class Door:
    """What opens the account, and what has been tried."""

    rotates: bool = False
    """Whether each use of a refresh token kills it and brings a new one."""
    life: object = 1800
    """What is told as `expires_in`; None leaves it out."""
    secret: str = "canary-client-secret"
    refresh: str = FIRST_REFRESH
    """The refresh token that is good at present."""
    locked: bool = False
    """Whether not even a good token opens."""
    dies_at: str = ""
    """A word in the address of the request at which all access tokens die, once."""
    said: Callable[[Fields], Said | None] = no_word
    """What the token endpoint says instead, after it has done its work."""
    calls: list[Fields] = field(default_factory=list)
    """The fields of each token call."""
    at: list[float] = field(default_factory=list)
    """When each came."""
    wait: asyncio.Event | None = None
    """What a token call waits for."""
    refused: int = 0
    """How many requests were answered with 401."""
    seen: list[str] = field(default_factory=list)
    """The access token of each request that was let in."""
    _alive: set[str] = field(default_factory=set)

    def __call__(self, asked: Asked) -> Said | Awaitable[Said] | None:
        if asked.target == "/oauth/tokens":
            said = self._grant(json.loads(asked.body))
            return said if self.wait is None else _after(self.wait, said)
        if self.dies_at and self.dies_at in asked.target:
            self.dies_at = ""
            self.revoke()
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self.locked or token not in self._alive:
            self.refused += 1
            return answer({"error": "invalid_token"}, 401)
        self.seen.append(token)
        return None

    def revoke(self) -> None:
        """Let every access token die."""
        self._alive.clear()

    def _grant(self, fields: Fields) -> Said:
        self.calls.append(fields)
        self.at.append(time.monotonic())
        if fields["client_secret"] != self.secret:
            return answer({"error": "invalid_client"}, 401)
        if fields["grant_type"] == "refresh_token" and fields["refresh_token"] != self.refresh:
            return answer({"error": "invalid_grant"}, 400)
        new = {"access_token": f"canary-access-{len(self.calls)}", "token_type": "bearer"}
        if self.life is not None:
            new["expires_in"] = self.life  # type: ignore[assignment]  # whatever the test wants to be told
        if self.rotates and fields["grant_type"] == "refresh_token":
            new["refresh_token"] = self.refresh = f"canary-refresh-{len(self.calls)}"
        said = self.said(fields)
        if said is not None:
            return said
        self._alive.add(new["access_token"])
        return answer(new)


async def _after(event: asyncio.Event, said: Said) -> Said:
    await event.wait()
    return said


@dataclass(frozen=True)
class Secrets:
    """The files of an account's secrets, and of the tokens that it keeps."""

    folder: Path

    def __post_init__(self) -> None:
        self.write("secret", "canary-client-secret")
        self.write("refresh", FIRST_REFRESH)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def kept(self, account: str = "sick") -> Fields:
        """Return what the subject has kept of its grant."""
        kept: Fields = json.loads((self.folder / "state" / f"{account}.grant.json").read_text())
        return kept

    def refreshing(self, config: str) -> str:
        """Return the config with a grant of the first account that has a refresh token."""
        given = f"client_id: exporter, client_secret_file: {self.folder}/secret"
        config = config.replace("server: {", f"server: {{state_dir: {self.folder}/state, ")
        return config.replace(f"access_token: {TOKEN}", f"{given}, refresh_token_file: {self.folder}/refresh", 1)

    def plain(self, config: str) -> str:
        """Return the config with a grant of the first account that has a client's secret alone."""
        given = f"client_id: exporter, client_secret_file: {self.folder}/secret"
        return config.replace(f"access_token: {TOKEN}", given, 1)
