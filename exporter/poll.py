"""One loop for each endpoint of an account: when to poll, for how long, and what next after a failure."""

import asyncio
import hashlib
import math
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace
from structlog.typing import FilteringBoundLogger

from exporter.errors import GrantLost, NotAllowed, PollFailed, Reason, Refused, Throttled, Unreadable
from exporter.ledger import Ledger
from exporter.model import Snapshot, with_transitions
from exporter.store import AccountState, EndpointState, Held, Store, Trouble
from exporter.tally import Event, Span, Tally
from exporter.vendors.contract import Endpoint, Moment, Vendor
from exporter.vocabulary import Vocabulary
from exporter.wire.http import Reply, Request
from exporter.wire.verdict import kept_for

_LONGEST_POLL = 25.0
_LONGEST_PAUSE = 900.0
_PATIENCE = 5  # failures in a row before an endpoint is asked less often
_MOST_DOUBLINGS = 16  # of the interval: more than lead to the longest pause, and no more than a float bears
_LIVE = 2  # intervals between two polls of an endpoint whose latest success still says that the vendor answers
_STANDING = (Throttled, Refused, GrantLost)  # the client holds them for the account, and lets no call through
_AGE_ROUNDING = 2.0  # seconds: a cache tells whole ones, and an answer is on its way for a while
_MOST_WORDS = 20  # unknown status words that are logged, each once


class Pace(Struct, frozen=True):
    """How often one endpoint is polled, and how long its snapshots may be shown. All in seconds."""

    interval: float
    max_age: float
    spread: float
    """The first poll falls somewhere in this time, at a place that stays the same from start to start."""

    @property
    def deadline(self) -> float:
        """How long one poll may take, retries and pages included."""
        return min(0.8 * self.interval, _LONGEST_POLL)

    def offset(self, *names: str) -> float:
        """Return when the first poll of the endpoint with these names is due, counted from the start."""
        digest = hashlib.blake2b("\x00".join(names).encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64 * self.spread

    def pause(self, failure: PollFailed | None, failures: int) -> float:
        """Return how long to wait at least for the next poll, after so many failures in a row."""
        if isinstance(failure, NotAllowed):
            return _LONGEST_PAUSE
        doublings = min(max(0, failures - _PATIENCE + 1), _MOST_DOUBLINGS)
        return min(self.interval * 2.0**doublings, max(_LONGEST_PAUSE, self.interval))


class Asker(Protocol):
    """The account's way to its vendor: the transport's client."""

    @property
    def reauth_required(self) -> bool:
        """Whether a person must make a new grant."""

    async def collect(
        self,
        requests: tuple[Request, ...],
        follow: Callable[[Reply, tuple[Reply, ...]], tuple[Request, ...]],
        deadline: float,
    ) -> tuple[Reply, ...]:
        """Return the replies to the requests and to what they lead to, within `deadline` seconds.

        Raises:
            PollFailed: the first failure; but for optional requests, a poll is whole or nothing.
        """


async def ask(vendor: Vendor, endpoint: str, moment: Moment, asker: Asker, deadline: float) -> tuple[Reply, ...]:
    """Return all replies of one poll of an endpoint.

    Raises:
        PollFailed: the first failure.
    """

    def follow(reply: Reply, before: tuple[Reply, ...]) -> tuple[Request, ...]:
        return vendor.follow(reply, before, moment)

    return await asker.collect(vendor.requests(endpoint, moment), follow, deadline)


def broken(fault: Exception) -> PollFailed:
    """Return what a poll fails with where a fault of our own ends it."""
    return Unreadable(Reason.INTERNAL, f"a fault of the exporter itself: {type(fault).__name__}")


class AccountPoll:
    """Polls one account for as long as it runs, and puts what it learns into the store."""

    def __init__(
        self,
        *,
        name: str,
        vendor_name: str,
        vendor: Vendor,
        paces: Mapping[str, Pace],
        asker: Asker,
        tally: Tally,
        ledger: Ledger,
        veil: Callable[[Snapshot], Snapshot],
        store: Store,
        worker: Executor,
        wall: Callable[[], float],
        log: FilteringBoundLogger,
    ) -> None:
        """Begin with nothing tried; `worker` runs what takes more than a moment, `wall` tells the time."""
        self._vendor = vendor
        self._paces = paces
        self._asker = asker
        self._tally = tally
        self._ledger = ledger
        self._veil = veil
        self._store = store
        self._worker = worker
        self._wall = wall
        self._log = log.bind(vendor=vendor_name, account=name)
        self._seen: dict[str, Held] = {}
        self._taken: dict[str, float] = {}  # when, on the clock that nobody sets
        self._failures: dict[str, int] = {}
        self._told: set[tuple[str, Reason]] = set()
        self._words: set[str] = set()
        self._vocabulary = Vocabulary()
        endpoints = {
            one.name: EndpointState(live=one.every <= _LIVE, max_age=paces[one.name].max_age)
            for one in vendor.endpoints
        }
        self._state = AccountState(vendor_name, name, endpoints)
        for endpoint in vendor.endpoints:
            for event in (Event.POLL, Event.POLL_SKIPPED):
                tally.add(event, endpoint.name, by=0)
        self._publish()

    async def run(self) -> None:
        """Poll every endpoint at its pace, until cancelled.

        Raises:
            ExceptionGroup: a fault of ours ended all of them, and is what keeps them; they may be run again.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                for endpoint in self._vendor.endpoints:
                    tasks.create_task(self._follow(endpoint), name=f"{self._state.name} {endpoint.name}")
        except ExceptionGroup as faults:
            for endpoint in self._vendor.endpoints:
                self._trouble(endpoint.name, broken(faults.exceptions[0]), self._wall())
            self._publish()
            raise

    async def _follow(self, endpoint: Endpoint) -> None:
        """Poll one endpoint: at a steady beat, never twice at once, and never twice to catch up."""
        now = asyncio.get_running_loop().time
        pace = self._paces[endpoint.name]
        due = now() + pace.offset(self._state.vendor, self._state.name, endpoint.name)
        while True:
            await asyncio.sleep(due - now())
            failure = await self.poll(endpoint.name)
            pause = pace.pause(failure, self._failures.get(endpoint.name, 0))
            missed = max(0, int((now() - due) / pace.interval))
            if missed:
                self._tally.add(Event.POLL_SKIPPED, endpoint.name, by=missed)
            beats = max(missed + 1, math.ceil(pause / pace.interval))
            due += beats * pace.interval

    async def poll(self, endpoint: str) -> PollFailed | None:
        """Poll one endpoint once, publish what came of it, and return why nothing did."""
        loop = asyncio.get_running_loop()
        at, began = self._wall(), loop.time()
        self._tally.add(Event.POLL, endpoint)
        try:
            seen, shown, age = await self._ask(endpoint, at, began)
        except PollFailed as failed:
            failure: PollFailed | None = failed.with_traceback(None)  # its frames hold the answers
        except Exception as fault:  # noqa: BLE001 - a fault of ours must not end the loop: it is told, and tried again
            self._log.exception("poll_broke", endpoint=endpoint)
            failure = broken(fault)
        else:
            failure = None
            expires = began + min(self._paces[endpoint].max_age - age, (shown.window_end or math.inf) - at)
            self._seen[endpoint], self._taken[endpoint] = Held(seen, at - age, expires), began - age
            self._keep(endpoint, Held(shown, at - age, expires))
        self._tally.time(Span.POLL, endpoint, seconds=loop.time() - began)
        if failure:
            self._fail(endpoint, failure, at)
        self._publish()
        return failure

    async def _ask(self, endpoint: str, at: float, began: float) -> tuple[Snapshot, Snapshot, float]:
        """Return what the vendor said, for the vendor alone, what of it may be shown, and its age in seconds.

        What is too old to be shown is too old to learn from: who was not looked at in between may have left
        a status and come back to it.
        """
        moment = Moment(
            datetime.fromtimestamp(at, UTC),
            seen={name: held.snapshot for name, held in self._seen.items() if held.expires > began},
            memory={name: held.snapshot.memory for name, held in self._seen.items()},
        )
        replies = await ask(self._vendor, endpoint, moment, self._asker, self._paces[endpoint].deadline)
        age = max((kept_for(reply.headers) for reply in replies), default=0.0)
        before = self._taken.get(endpoint, -math.inf)
        if age >= self._paces[endpoint].max_age or (age and began - age < before - _AGE_ROUNDING):
            raise Unreadable(
                Reason.STALE,
                f"a cache answered with what is {age:.0f} s old; keep caches off the way to the vendor",
            )
        seen, shown = await asyncio.get_running_loop().run_in_executor(
            self._worker, self._read, endpoint, replies, moment
        )
        return seen, shown, age

    def _read(self, endpoint: str, replies: tuple[Reply, ...], moment: Moment) -> tuple[Snapshot, Snapshot]:
        try:
            read = self._vendor.read(endpoint, replies, moment)
        except StopIteration as fault:
            raise RuntimeError(
                "a vendor let StopIteration out"
            ) from fault  # no future takes it: we would wait for ever
        seen = with_transitions(read, moment.seen.get(endpoint), moment.at.timestamp())
        return seen, self._veil(replace(self._vocabulary.bounded(seen), memory=None))

    def _keep(self, endpoint: str, held: Held) -> None:
        shown = held.snapshot
        for reason, rows in shown.dropped.items():
            if rows:
                self._tally.add(Event.ROW_DROPPED, reason, by=rows)
        if shown.drift:
            self._tally.add(Event.DRIFT, endpoint, by=len(shown.drift))
        self._tell_unknown(shown.unknown_statuses)
        before = self._state.endpoints[endpoint].trouble
        if before:
            after = round(held.taken - before.since)
            self._log.info("endpoint_recovered", endpoint=endpoint, after_seconds=after, always=True)
        self._failures[endpoint] = 0
        self._told = {told for told in self._told if told[0] != endpoint}
        state = self._state.endpoints[endpoint]
        self._change(endpoint, replace(state, held=held, last_success=held.taken, trouble=None, tried=True))

    def _tell_unknown(self, words: frozenset[str]) -> None:
        if words:
            self._tally.add(Event.UNKNOWN_STATUS, by=len(words))
        for word in sorted(words - self._words)[: _MOST_WORDS - len(self._words)]:
            self._words.add(word)
            self._log.warning("unknown_status", word=word, teach="statuses in the account's config")

    def _fail(self, endpoint: str, failure: PollFailed, at: float) -> None:
        if not isinstance(failure, _STANDING):
            self._failures[endpoint] = self._failures.get(endpoint, 0) + 1
        self._tally.add(Event.POLL_FAILED, endpoint, failure.reason)
        if (endpoint, failure.reason) not in self._told:  # each reason once, until the endpoint recovers
            self._told.add((endpoint, failure.reason))
            told = {"reason": failure.reason, "detail": failure.detail}
            self._log.warning("endpoint_broke", endpoint=endpoint, **told, always=True)
        self._trouble(endpoint, failure, at)

    def _trouble(self, endpoint: str, failure: PollFailed, at: float) -> None:
        state = self._state.endpoints[endpoint]
        since = state.trouble.since if state.trouble else at
        self._change(endpoint, replace(state, trouble=Trouble(failure.reason, failure.detail, since), tried=True))

    def _change(self, endpoint: str, state: EndpointState) -> None:
        self._state = replace(self._state, endpoints={**self._state.endpoints, endpoint: state})

    def _publish(self) -> None:
        self._state = replace(
            self._state,
            budget=self._ledger.latest,
            reauth_required=self._asker.reauth_required,
            counts=self._tally.counts(),
        )
        self._store.put(self._state)
