"""Receives Alertmanager's webhooks on 127.0.0.1, and prints what it is told: one line an alert."""

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread
from typing import Any

Tell = Callable[[dict[str, Any]], object]
"""Takes one message, as https://prometheus.io/docs/alerting/latest/configuration/#webhook_config describes it."""


@contextmanager
def receiving(port: int, tell: Tell) -> Iterator[int]:
    """Receive messages one by one while the context lasts, and pass each on; give the port, a free one for 0.

    Raises:
        OSError: the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            tell(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing of requests: what they tell is told."""

    with HTTPServer(("127.0.0.1", port), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def lines(message: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each alert of a message: since when, to whom, whether it is over, and what is wrong."""
    for alert in message["alerts"]:
        since = alert["endsAt" if alert["status"] == "resolved" else "startsAt"]
        told = ": ".join(filter(None, (alert["labels"]["alertname"], alert["annotations"].get("summary"))))
        yield f"{since[11:19]}  {message['receiver']}  {alert['status']}  {told}"


def main() -> None:
    """Print until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=10790, help="default: %(default)s")
    arguments = parser.parse_args()
    with (
        suppress(KeyboardInterrupt),
        receiving(arguments.port, lambda message: print(*lines(message), sep="\n", flush=True)),
    ):
        Event().wait()


if __name__ == "__main__":
    main()
