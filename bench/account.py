"""One account of the exporter that polls a centre without a network: vendor's bytes in, published bytes out."""

import json
import time
from concurrent.futures import Executor

import structlog
from structlog.typing import FilteringBoundLogger

from bench.centres import Centre
from bench.floor import BEAT, Floor
from exporter.ledger import Ledger
from exporter.poll import AccountPoll, Pace
from exporter.privacy import veil
from exporter.store import Store
from exporter.tally import Tally
from exporter.transport.rounds import Follow, ask_all
from exporter.wire.http import Reply, Request


class Line:
    """The way to a vendor that answers at once."""

    reauth_required = False

    def __init__(self, centre: Centre, agents: int) -> None:
        """Answer from a floor with so many agents."""
        self._centre = centre
        self._floor = Floor(agents)
        self._judge = centre.account().judge
        self.bodies: list[tuple[str, bytes]] = []
        """What was said since the last turn, with the endpoint that said it."""
        self.seconds = 0.0
        """CPU that the vendor's part has taken since then, which is not the exporter's."""

    @property
    def now(self) -> float:
        """The time on the floor, in seconds since the Unix epoch."""
        return self._floor.now

    def turn(self) -> None:
        """Let the floor live until the next poll."""
        began = time.process_time()
        self._floor.live()
        self.bodies.clear()
        self.seconds = time.process_time() - began

    async def collect(
        self,
        requests: tuple[Request, ...],
        follow: Follow,
        deadline: float,
    ) -> tuple[Reply, ...]:
        """Ask as the transport does."""
        del deadline
        return await ask_all(requests, follow, self._answer)

    async def _answer(self, request: Request) -> Reply:
        body = self._body(request)
        reply = Reply(request, 200, body, self.now, {"content-type": "application/json"})
        failure = self._judge(reply)
        if failure:
            raise failure
        return reply

    def _body(self, request: Request) -> bytes:
        began = time.process_time()
        body = json.dumps(self._centre.endpoints[request.endpoint](self._floor, request)).encode()
        self.bodies.append((request.endpoint, body))
        self.seconds += time.process_time() - began
        return body


class Tape(Line):
    """The same few turns again and again, said once and for all: for a vendor who must cost nothing."""

    TURNS = 3

    def __init__(self, centre: Centre, agents: int) -> None:
        """Say nothing yet."""
        super().__init__(centre, agents)
        self._said: list[dict[Request, bytes]] = []
        self._number = -1

    def turn(self) -> None:
        """Go on to the next turn, or to the first one again."""
        self._number += 1
        self.seconds = 0.0
        if len(self._said) < self.TURNS:
            super().turn()
            self._said.append({})

    def _body(self, request: Request) -> bytes:
        said = self._said[self._number % self.TURNS]
        if request not in said:
            said[request] = super()._body(request)
        return said[request]


class Polled:
    """The account, polled whenever one wants it."""

    def __init__(self, centre: Centre, line: Line, store: Store, worker: Executor, name: str = "acme") -> None:
        """Begin with nothing tried; `worker` reads what comes."""
        self._centre = centre
        self._line = line
        vendor, tally = centre.account(), Tally()
        paces = {one.name: Pace(BEAT, 3 * BEAT, BEAT) for one in vendor.endpoints}
        self._poll = AccountPoll(
            name=name,
            vendor_name=centre.vendor,
            vendor=vendor,
            paces=paces,
            asker=line,
            tally=tally,
            ledger=Ledger(tally, vendor.limit.calls_per_minute),
            veil=veil("id", name, b""),
            store=store,
            worker=worker,
            wall=lambda: line.now,
            log=silence(),
        )

    async def turn(self) -> None:
        """Poll every endpoint once.

        Raises:
            PollFailed: the exporter does not understand the centre.
        """
        self._line.turn()
        for endpoint in self._centre.endpoints:
            failure = await self._poll.poll(endpoint)
            if failure:
                raise failure


def silence() -> FilteringBoundLogger:
    """Return a log that keeps nothing."""
    log: FilteringBoundLogger = structlog.wrap_logger(
        structlog.ReturnLogger(), wrapper_class=structlog.make_filtering_bound_logger("critical")
    )
    return log
