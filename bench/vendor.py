"""A vendor that answers a thousand accounts from what it has ready: `python -m bench.vendor PORT AGENTS`.

It speaks as much HTTP as the exporter asks for. /arrivals tells when each request came, in seconds of the
monotonic clock, and forgets it.
"""

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import cast

import uvloop

from bench.centres import CENTRES
from bench.floor import Floor
from exporter.wire.http import Request

_CENTRE = CENTRES["Zendesk Talk"]
_QUEUE = {
    "agents_online": 4,
    "average_wait_time": 12,
    "callbacks_waiting": 0,
    "calls_waiting": 2,
    "embeddable_callbacks_waiting": 0,
    "longest_wait_time": 31,
}


def answers(agents: int) -> Mapping[str, bytes]:
    """Return what is said, by the last word of the path."""
    documents = {
        "current_queue_activity": {"current_queue_activity": _QUEUE},
        "agents_activity": _CENTRE.endpoints["agents_activity"](Floor(agents), Request("agents_activity", "u")),
        "account_overview": {"account_overview": {"total_calls": 12, "average_call_duration": 120}},
        "agents_overview": {"agents_overview": {"total_calls_accepted": 12, "total_talk_time": 1200}},
    }
    return {name: _http(json.dumps(document).encode()) for name, document in documents.items()}


def _http(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Connection(asyncio.Protocol):
    """One connection, kept for as long as the client likes."""

    def __init__(self, said: Mapping[str, bytes], arrivals: list[float]) -> None:
        """Share what is said, and what is remembered."""
        self._said = said
        self._arrivals = arrivals
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole; none has a body."""
        *whole, self._heard = (self._heard + data).split(b"\r\n\r\n")
        for head in whole:
            path = head.split(b" ", 2)[1].decode()
            if path == "/arrivals":
                self._transport.write(_http(json.dumps(self._arrivals).encode()))
                self._arrivals.clear()
                continue
            self._arrivals.append(time.monotonic())
            word = path.partition("?")[0].rpartition("/")[2].removesuffix(".json")
            self._transport.write(self._said[word])


async def _serve(port: int, agents: int) -> None:
    said, arrivals = answers(agents), list[float]()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(said, arrivals), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        uvloop.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
