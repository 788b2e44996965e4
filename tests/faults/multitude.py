"""A Zendesk account with more agents than anybody has."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from centre import TOKEN
from fake_vendor import Asked, Said, answer
from subject import Subject

FIRST = 700_000_000
NAME = "crowd"


def row(agent: int, talk: int = 1) -> dict[str, Any]:
    """Return what Zendesk tells of an agent, with as little as makes a good row."""
    return {
        "agent_id": FIRST + agent,
        "agent_state": "online" if agent % 5 else "away",
        "call_status": None,
        **dict.fromkeys(("total_talk_time", "total_wrap_up_time", "calls_accepted", "calls_missed"), talk),
        "name": f"Canary Person {agent}",
        "avatar_url": "https://example.invalid/avatar.png",
    }


def document(agents: Iterable[int], next_page: str | None = None, talk: int = 1) -> dict[str, Any]:
    """Return one page of the agents."""
    rows = [row(agent, talk) for agent in agents]
    return {"agents_activity": rows, "count": len(rows), "next_page": next_page, "previous_page": None}


@dataclass
class Crowd:
    """How many it has, and how it tells them."""

    url: str = ""
    mode: str = "few"
    answers: int = 0
    """Of the first pages, how many were sent since the mode was set."""
    sent: int = 0
    """Bytes of these and of their pages."""
    _pages: dict[str, Any] = field(default_factory=dict)

    def entry(self) -> str:
        """Return the account as the config has it."""
        return f"""
  - name: {NAME}
    vendor: zendesk_talk
    credentials: {{access_token: {TOKEN}}}
    options: {{base_url: "{self.url}", plan: enterprise_plus}}
"""

    def become(self, mode: str) -> None:
        """Answer in another way from now on."""
        self.answers = self.sent = 0
        self.mode = mode

    def answer(self, asked: Asked) -> Said:
        if "agents_activity" not in asked.target:
            return answer({}, status=404)
        self.answers += "page=" not in asked.target
        modes: Mapping[str, Callable[[], Said]] = {
            "few": lambda: answer(document(range(10))),
            "many": lambda: answer(self._kept("many", range(25_000))),
            "one body": self._stream,
            "pages": lambda: self._page(asked),
            "churn": self._new,
        }
        return modes[self.mode]()

    def _new(self) -> Said:
        first = self.answers * 1_000
        return answer(document(range(first, first + 1_000), talk=self.answers))

    def _kept(self, name: str, agents: Iterable[int]) -> bytes:
        if name not in self._pages:
            self._pages[name] = json.dumps(document(agents), separators=(",", ":")).encode()
        return bytes(self._pages[name])

    async def _stream(self) -> AsyncIterator[bytes]:
        """Send a million agents in one body, as far as somebody takes it."""
        yield b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{"agents_activity":['
        chunk = b",".join(json.dumps(row(agent)).encode() for agent in range(1_000))
        for number in range(1_000):
            self.sent += len(chunk)
            yield (b"," if number else b"") + chunk
        yield b"]}"

    def _page(self, asked: Asked) -> Said:
        """Send a million agents, some thousand to a page, each page with a next one."""
        number = int(asked.target.partition("page=")[2] or 0)
        rows = self._kept("page", range(20_000))
        following = f'"next_page":"{self.url}/api/v2/channels/voice/stats/agents_activity.json?page={number + 1}"'
        body = rows.replace(b'"next_page":null', following.encode()).replace(b'"count":20000', b'"count":1000000')
        self.sent += len(body)
        return answer(body)


def peak(subject: Subject) -> float:
    """Return the most memory that it ever held, in MiB."""
    (line,) = (one for one in Path(f"/proc/{subject.pid}/status").read_text().splitlines() if "VmHWM" in one)
    return int(line.split()[1]) / 2**10
