"""The negative control: the exporter that one would write in an afternoon. `python plain.py SPEED run --config X`.

It shows the same Zendesk fields under the same names, so that the suite can judge it by the same rules. It is
meant to be ordinary, not bad: a session, `resp.json()`, `Gauge.labels().set()`, a page rendered on the loop.
"""

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web
from hurry import hurried
from injected import inject
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest

log = logging.getLogger("plain")
STATS = "/api/v2/channels/voice/stats/"
OURS = ("vendor", "account")


class Metrics:
    """All its metrics, under the names of contract."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def gauge(name: str, *labels: str) -> Gauge:
            return Gauge(f"contact_center_{name}", name, [*OURS, *labels], registry=self.registry)

        self.up = gauge("up")
        self.last_success = gauge("last_success_timestamp_seconds", "endpoint")
        self.waiting = gauge("calls_waiting", "queue", "channel")
        self.longest = gauge("longest_wait_seconds", "queue", "channel")
        self.average = gauge("average_wait_seconds", "queue", "channel")
        self.online = gauge("agents_online")
        self.talk = gauge("agent_talk_seconds_today", "agent")
        self.wrap_up = gauge("agent_wrap_up_seconds_today", "agent")
        self.calls = gauge("agent_calls_today", "agent", "outcome")
        self.holds = gauge("agent_holds_today", "agent")
        self.status = gauge("agent_status", "agent", "status", "vendor_status")
        self.failures = Counter(
            "contact_center_poll_failures", "failures", [*OURS, "endpoint", "reason"], registry=self.registry
        )


class Account:
    """One account, asked for ever."""

    def __init__(self, entry: dict[str, Any], interval: float, metrics: Metrics) -> None:
        self.labels = ("zendesk_talk", entry["name"])
        self.url = entry["options"]["base_url"]
        self.credentials = {name.removesuffix("_file"): text for name, text in entry["credentials"].items()}
        for name, path in entry["credentials"].items():
            if name.endswith("_file"):
                self.credentials[name.removesuffix("_file")] = Path(path).read_text().strip()
        self.token = self.credentials.get("access_token")
        self.session = aiohttp.ClientSession()
        self.interval = interval
        self.metrics = metrics

    async def run(self) -> None:
        while True:
            for endpoint, show in (("current_queue_activity", self.queues), ("agents_activity", self.agents)):
                try:
                    await show(f"{self.url}{STATS}{endpoint}.json")
                except Exception as fault:
                    log.exception("poll of %s failed", endpoint)
                    self.metrics.up.labels(*self.labels).set(0)
                    self.metrics.failures.labels(*self.labels, endpoint, type(fault).__name__).inc()
                else:
                    self.metrics.up.labels(*self.labels).set(1)
                    self.metrics.last_success.labels(*self.labels, endpoint).set_to_current_time()
            await asyncio.sleep(self.interval)

    async def get(self, url: str) -> Any:
        if not self.token:
            await self.log_in()
        async with self.session.get(url, headers={"Authorization": f"Bearer {self.token}"}) as reply:
            if reply.status == 401 and "client_id" in self.credentials:
                await self.log_in()
            reply.raise_for_status()
            return await reply.json()

    async def log_in(self) -> None:
        kind = "refresh_token" if "refresh_token" in self.credentials else "client_credentials"
        fields = {**self.credentials, "grant_type": kind}
        async with self.session.post(f"{self.url}/oauth/tokens", json=fields) as reply:
            reply.raise_for_status()
            answer = await reply.json()
        self.token = answer["access_token"]
        if "refresh_token" in answer:
            self.credentials["refresh_token"] = answer["refresh_token"]

    async def queues(self, url: str) -> None:
        row = (await self.get(url))["current_queue_activity"]
        where = (*self.labels, "all", "voice")
        self.metrics.waiting.labels(*where).set(row["calls_waiting"])
        self.metrics.longest.labels(*where).set(row["longest_wait_time"])
        self.metrics.average.labels(*where).set(row["average_wait_time"])
        self.metrics.online.labels(*self.labels).set(row["agents_online"])

    async def agents(self, url: str | None) -> None:
        while url:
            page = await self.get(url)
            for row in page["agents_activity"]:
                who = (*self.labels, str(row["agent_id"]))
                self.metrics.talk.labels(*who).set(row["total_talk_time"])
                self.metrics.wrap_up.labels(*who).set(row["total_wrap_up_time"])
                self.metrics.calls.labels(*who, "accepted").set(row["calls_accepted"])
                self.metrics.calls.labels(*who, "missed").set(row["calls_missed"])
                if "calls_put_on_hold" in row:
                    self.metrics.holds.labels(*who).set(row["calls_put_on_hold"])
                self.metrics.status.labels(*who, row["agent_state"], row["agent_state"]).set(1)
            url = page["next_page"]


async def serve(config: dict[str, Any]) -> None:
    metrics = Metrics()

    async def page(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    site = web.Application()
    site.router.add_get("/metrics", page)
    runner = web.AppRunner(site)
    await runner.setup()
    host, _, port = config["server"]["listen"].rpartition(":")
    await web.TCPSite(runner, host, int(port)).start()
    interval = float(config["polling"]["interval"].removesuffix("s"))
    accounts = [Account(entry, interval, metrics) for entry in config["accounts"]]
    await asyncio.gather(*(account.run() for account in accounts))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("speed", type=float)
    parser.add_argument("command")
    parser.add_argument("--config", type=Path)
    arguments = parser.parse_args()
    inject(arguments.speed, os.environ)
    logging.basicConfig(stream=sys.stderr)
    config = yaml.safe_load(arguments.config.read_text())
    with asyncio.Runner(loop_factory=hurried(arguments.speed)) as runner:
        runner.run(serve(config))


if __name__ == "__main__":
    main()
