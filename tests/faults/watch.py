"""The oracle that watches every fault: what a scrape must show, and must never show, whatever happens."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from centre import AGENTS, QUEUES, TOKEN, Centre, told
from hurry import MAX_AGE
from subject import Page, Subject

EVERY = 0.1
"""Seconds between two scrapes."""
SLACK = 0.75
"""Seconds that a machine with other work to do may take longer than a rule says."""
SLOWEST = 1.0
"""Seconds that a scrape may take: far less than any poll that /metrics could wait for."""
NEVER_SHOWN = (TOKEN, "Canary", "canary-")


@dataclass
class Watch:
    """Scrapes without pause, and writes down what no exporter may do.

    O1 it lives and answers, and says that it does; O2 in time, and the sound accounts are there; O3 what is old
    goes, and what tells so stays; O4 each number is one that was sent whole, of one answer an endpoint, never of
    an older one than before; O7 no secret and no person's name; O8 who is missing was counted.
    """

    subject: Subject
    sick: Centre
    sound: Sequence[Centre]
    speed: float
    wrong: list[str] = field(default_factory=list)
    scrapes: int = 0
    checked: int = 0
    """Numbers that told which answer they come from."""
    slowest: float = 0.0
    slowest_beat: float = 0.0
    """Seconds: the longest that /-/healthy took."""
    heart: bool = True
    """Whether its loops tick now, so that /-/healthy must say so."""
    oldest: float = 0.0
    """Seconds: the age of the oldest number that was ever shown."""
    lawful: AbstractSet[int] = frozenset({200})
    """How a scrape may be answered now: a test that makes others right says so for as long as they are."""
    patience: float = SLOWEST
    """Seconds that a scrape may take now; likewise."""
    over: bool = False
    """Whether nobody wants to know any more: a cancellation alone gets lost where a scrape times out with it."""
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _latest: dict[tuple[str, str], int] = field(default_factory=dict)
    _seen: dict[str, set[str]] = field(default_factory=dict)

    @property
    def oldest_allowed(self) -> float:
        return MAX_AGE / self.speed + SLACK

    @property
    def figures(self) -> Mapping[str, float]:
        """What the report sums up."""
        return {
            "oracle: scrapes": self.scrapes,
            "oracle: numbers": self.checked,
            "oracle: slowest scrape, s": round(self.slowest, 4),
            "oracle: slowest beat, s": round(self.slowest_beat, 4),
            "oracle: oldest number, s": round(self.oldest, 2),
        }

    async def run(self) -> None:
        """Scrape until it is over."""
        while not self.over:
            async with self._turn:
                await self._look()
            await asyncio.sleep(EVERY)

    async def _look(self) -> None:
        began = time.monotonic()
        took, status, text = await self._asked("/metrics")
        self.slowest = max(self.slowest, took)
        self._require(status in self.lawful | {0}, f"O2: a scrape was answered with {status}")
        if status == 200:
            self.judge(text, began)
        if self.heart and self.subject.program == "ours":  # the plain exporter has no such door
            await self._feel()

    async def _feel(self) -> None:
        """Ask whether its loops tick; once more where they have not, for this machine may have stood still."""
        took, status, _ = await self._asked("/-/healthy")
        self.slowest_beat = max(self.slowest_beat, took)
        if status not in self.lawful | {0} and self.heart:
            await asyncio.sleep(EVERY)
            _, status, _ = await self._asked("/-/healthy")
            self._require(status in self.lawful or not self.heart, f"O1: /-/healthy says {status}")

    async def _asked(self, path: str) -> tuple[float, int, str]:
        """Return after how long what is answered; 0 where nothing is, which is a fault of its own."""
        began = self.subject.clock()
        try:
            status, text = await self.subject.ask(path, Accept_Encoding="gzip")
        except (aiohttp.ClientError, TimeoutError) as failed:
            self._accuse(f"O1: {path} met with {type(failed).__name__}")
            return 0.0, 0, ""
        took = self.subject.clock() - began
        self._require(took < self.patience, f"O2: {path} took {took:.2f} s")
        return took, status, text

    @asynccontextmanager
    async def resting(self) -> AsyncIterator[None]:
        """Do not look until the end of the block: the program is stopped, or not there. Then begin anew."""
        async with self._turn:
            yield
            self.forget()

    def forget(self) -> None:
        """Begin anew: the program was started again, and knows nothing of before."""
        self._latest.clear()
        self._seen.clear()

    def judge(self, text: str, at: float) -> None:
        """Hold a page against what the accounts have sent."""
        self.scrapes += 1
        for canary in NEVER_SHOWN:
            self._require(canary not in text, f"O7: the page shows {canary!r}")
        try:
            page = Page(text)
        except AssertionError as refused:
            self._accuse(f"O2: Prometheus would refuse the page: {refused}")
            return
        for centre in (self.sick, *self.sound):
            self._judge(page, centre, at)

    def _judge(self, page: Page, centre: Centre, at: float) -> None:
        numbers: dict[str, set[int]] = {}
        people: dict[tuple[str, str], set[str]] = {}
        for metric, labels, value in page.samples:
            if labels.get("account") != centre.name:
                continue
            try:
                found = told(metric, labels, value)
            except AssertionError as invented:
                self._accuse(f"O4: {invented}")
                continue
            if found:
                self.checked += 1
                numbers.setdefault(found.endpoint, set()).add(found.number)
                if found.agent:
                    people.setdefault((metric, found.endpoint), set()).add(found.agent)
        for endpoint, several in numbers.items():
            self._judge_numbers(centre, endpoint, several, at)
        for (metric, endpoint), present in people.items():
            belong = centre.ids(endpoint, numbers[endpoint])
            self._require(present == belong, f"O8: {metric} of {sorted(present)} where {sorted(belong)} belong")
        if centre is not self.sick:
            self._judge_presence(centre, numbers.keys() & {QUEUES, AGENTS})
        if any(name == centre.name for name, _ in self._latest):
            up = page.of("up", account=centre.name)
            self._require(len(up) == 1, f"O3: {centre.name} has {len(up)} series of up")

    def _judge_presence(self, centre: Centre, present: AbstractSet[str]) -> None:
        """What was there of a sound account stays."""
        seen = self._seen.setdefault(centre.name, set())
        self._require(present >= seen, f"O2: {sorted(seen - present)} of the sound account {centre.name} is gone")
        seen |= present

    def _judge_numbers(self, centre: Centre, endpoint: str, several: set[int], at: float) -> None:
        where = f"{endpoint} of {centre.name}"
        self._require(len(several) == 1, f"O4: {where} mixes the answers {sorted(several)}")
        sent = centre.sent.get(endpoint, {})
        for number in several:
            if number not in sent:
                self._accuse(f"O4: {where} shows answer {number}, which was never sent whole and valid")
                continue
            key = (centre.name, endpoint)
            before = self._latest.get(key, 0)
            self._require(number >= before, f"O4: {where} went back from answer {before} to {number}")
            self._latest[key] = max(number, before)
            if endpoint in (QUEUES, AGENTS):  # the others come ten times as seldom, and live as much longer
                age = at - sent[number]
                self.oldest = max(self.oldest, age)
                self._require(age <= self.oldest_allowed, f"O3: {where} is {age:.2f} s old")

    def _require(self, holds: bool, wrong: str) -> None:  # noqa: FBT001 - a fact and what it means
        if not holds:
            self._accuse(wrong)

    def _accuse(self, wrong: str) -> None:
        if wrong not in self.wrong and len(self.wrong) < 20:
            self.wrong.append(wrong)


@asynccontextmanager
async def watched(watch: Watch) -> AsyncIterator[Watch]:
    """Watch until the end of the block."""
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        watch.over = True
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled() and (fault := task.exception()):
        raise fault
