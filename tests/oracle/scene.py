"""One account on a simulated floor, and what the exporter's page says of it: what every vendor's oracle needs."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time
from typing import NamedTuple
from urllib.parse import urlsplit

import structlog
from accounts import BERLIN
from msgspec.structs import replace
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from replay import gather

from exporter.ledger import Ledger
from exporter.metrics.exposition import Exposition
from exporter.metrics.families import CENTRE
from exporter.metrics.family import PREFIX
from exporter.poll import AccountPoll, Asker, Pace
from exporter.privacy import AgentLabel, veil
from exporter.simulator.demo import demo_plan
from exporter.simulator.exchange import Asked, Dialect
from exporter.simulator.floor import Floor
from exporter.store import Store
from exporter.tally import Tally
from exporter.vendors.contract import Vendor
from exporter.wire.http import Reply, Request

AGENTS = 14
SLEEPER, NEVER_IN = 5, 7
"""Of the demo's agents: one who forgets to end wrap-ups, and one who never logs in."""

Series = tuple[str, tuple[tuple[str, str], ...]]
"""A metric's name after the prefix, and its labels in alphabetical order, `vendor` and `account` left out."""

Span = tuple[float, float]
"""How far below a number the page may be: from, and up to but not including."""
EXACT: Span = 0.0, 0.0
WHOLE: Span = 0.0, 1.0
"""The vendor cuts durations and means to whole numbers: what is shown is less than one below the truth."""

_OF_A_CENTRE = {family.name for family in CENTRE}
_SUFFIXES = ("_bucket", "_sum", "_count")


class Fact(NamedTuple):
    """One number, and how far below it the page may be."""

    value: float
    below: Span

    def fits(self, shown: float) -> bool:
        least, most = self.below
        return least <= self.value - shown < most or self.value == shown


Told = Iterable[tuple[Series, Fact]]


def fact(name: str, value: float, below: Span = EXACT, /, **labels: object) -> tuple[Series, Fact]:
    return (name, tuple(sorted((key, str(label)) for key, label in labels.items()))), Fact(value, below)


def differences(shown: Mapping[Series, float], told: Told) -> list[str]:
    """Return what is missing, what is invented, and what is wrong; nothing where the page tells the truth."""
    facts = list(told)
    true = dict(facts)
    assert len(true) == len(facts)
    return [
        *(f"missing: {key}" for key in true.keys() - shown.keys()),
        *(f"invented: {key} {shown[key]}" for key in shown.keys() - true.keys()),
        *(
            f"wrong: {key} {shown[key]}, in truth {true[key].value}"
            for key in shown.keys() & true.keys()
            if not true[key].fits(shown[key])
        ),
    ]


def open_floor(day: str) -> Floor:
    """Open a floor two hours before a local day begins; its first agent serves two groups."""
    first, *others = demo_plan(BERLIN, AGENTS).agents
    agents = (replace(first, groups=(360_001, 360_003)), *others)
    midnight = datetime.combine(datetime.fromisoformat(day), time(), BERLIN)
    plan = replace(demo_plan(BERLIN, AGENTS), agents=agents)
    return Floor(plan, datetime.fromtimestamp(midnight.timestamp() - 7200, UTC))


class Scene:
    """One account on a floor, asked without a socket at the floor's own time."""

    reauth_required = False

    def __init__(
        self,
        floor: Floor,
        vendor_name: str,
        vendor: Vendor,
        dialect: Dialect,
        *,
        label: AgentLabel = "name",
        headers: Mapping[str, str] = {},
    ) -> None:
        """`headers` are sent with each request: what the dialect takes for credentials."""
        self.floor = floor
        self.vendor_name = vendor_name
        self.vendor = vendor
        self.dialect = dialect
        self.label = label
        self.headers = headers
        self.start(vendor, self)

    def start(self, vendor: Vendor, asker: Asker) -> None:
        """Begin with nothing polled; `asker` is the way to the vendor."""
        self.store = Store()
        tally = Tally()
        self.worker = ThreadPoolExecutor(1)
        self.poll = AccountPoll(
            name="acme",
            vendor_name=self.vendor_name,
            vendor=vendor,
            paces={one.name: Pace(30, 90, 30) for one in vendor.endpoints},
            asker=asker,
            tally=tally,
            ledger=Ledger(tally, None),
            veil=veil(self.label, "acme"),
            store=self.store,
            worker=self.worker,
            wall=lambda: self.floor.now,
            log=structlog.wrap_logger(None, processors=[structlog.testing.LogCapture()]),
        )

    async def collect(
        self,
        requests: tuple[Request, ...],
        follow: Callable[[Reply, tuple[Reply, ...]], tuple[Request, ...]],
        _deadline: float,
    ) -> tuple[Reply, ...]:
        """Ask the simulator without a socket, at the floor's own time."""
        return gather(self.vendor, requests, follow, self.answer)

    def answer(self, request: Request) -> Reply:
        """Ask the dialect as the transport would, with this scene's headers for credentials."""
        address = urlsplit(request.url)
        headers = {name.lower(): value for name, value in (*request.headers, *self.headers.items())}
        if request.content_type:
            headers["content-type"] = request.content_type
        asked = Asked(
            request.method,
            address.path,
            self.floor.now,
            request.query,
            headers | {"host": address.netloc},
            request.body or b"",
            address.scheme,
        )
        answer = self.dialect.answer(asked)
        told = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(request, answer.status, answer.body, self.floor.now, told)

    async def page(self) -> str:
        """Poll every endpoint, and return what a scrape would show."""
        for endpoint in self.vendor.endpoints:
            assert await self.poll.poll(endpoint.name) is None, endpoint.name
        return self.rendered()

    def rendered(self) -> str:
        """Return what a scrape would show."""
        page = Exposition(CollectorRegistry()).render(self.store.world)
        assert page.refused == 0
        return b"".join(page.text).decode()


def series(text: str, *, of_the_centre: bool = True) -> dict[Series, float]:
    """Read a page as Prometheus would."""
    found: dict[Series, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name.removeprefix(PREFIX)
            is_histogram = family.type == "histogram" and sample.name.endswith(_SUFFIXES)
            family_name = name.rpartition("_")[0] if is_histogram else name
            if (family_name in _OF_A_CENTRE) is of_the_centre:
                labels = {key: value for key, value in sample.labels.items() if key not in {"vendor", "account"}}
                key = (name, tuple(sorted(labels.items())))
                assert key not in found
                found[key] = sample.value
    return found
