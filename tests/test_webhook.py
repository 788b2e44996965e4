"""What the webhook of the whole stack makes of Alertmanager's messages."""

import json
from typing import Any
from urllib.request import Request, urlopen

from webhook import lines, receiving

MESSAGE = {
    "receiver": "operators",
    "alerts": [
        {
            "status": "firing",
            "startsAt": "2026-11-21T06:29:04.123Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "labels": {"alertname": "QueueWaitHigh"},
            "annotations": {"summary": "Somebody has waited 2m 32s"},
        },
        {
            "status": "resolved",
            "startsAt": "2026-11-21T06:29:04.123Z",
            "endsAt": "2026-11-21T06:40:19.123Z",
            "labels": {"alertname": "TooManyWaiting"},
            "annotations": {},
        },
    ],
}


def test_each_alert_of_a_message_becomes_a_line() -> None:
    assert list(lines(MESSAGE)) == [
        "06:29:04  operators  firing  QueueWaitHigh: Somebody has waited 2m 32s",
        "06:40:19  operators  resolved  TooManyWaiting",
    ]


def test_a_message_is_passed_on_whole() -> None:
    told: list[dict[str, Any]] = []
    with (
        receiving(0, told.append) as port,
        urlopen(
            Request(f"http://127.0.0.1:{port}/operators", json.dumps(MESSAGE).encode(), method="POST"), timeout=10
        ) as reply,
    ):
        assert reply.status == 204
    assert told == [MESSAGE]
