"""The composition root: builds everything from a Config, runs it in one task group, and swaps it on reload."""

import asyncio
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace
from prometheus_client import CollectorRegistry
from structlog.typing import FilteringBoundLogger

from exporter import __version__, web
from exporter.account import opened, veil_of
from exporter.config import Account, Config, ConfigError, Privacy
from exporter.lease import candidate
from exporter.ledger import Ledger
from exporter.metrics.process import ProcessMetrics
from exporter.metrics.publisher import Publisher
from exporter.plan import UNKEPT, paces, rations_tokens, vendor_of
from exporter.poll import AccountPoll
from exporter.store import Store, World
from exporter.tally import Tally
from exporter.transport import tls_context

_BEAT = 0.1  # seconds between two heartbeats
_LAG_BEATS = 600  # the lag on /metrics is the worst of so many: of a minute, so that each scrape sees each stall
_READ_SECONDS = 10.0  # in which a config is read, if its file system is alive; POST /-/reload may wait for two
_MOST_PROBLEMS = 20  # of a refused config that are logged, a line each
_RESTART = 5.0  # seconds before a part that broke by a fault of ours begins again


class Terms(Struct, frozen=True):
    """All that the polls of an account depend on: if a reload leaves it the same, they go on untouched."""

    account: Account
    privacy: Privacy
    state_dir: Path | None


class Exporter:
    """One running exporter: its accounts, its page, and the server that shows them."""

    def __init__(
        self,
        config: Config,
        *,
        read: Callable[[], Config],
        log: FilteringBoundLogger,
        lines_dropped: Callable[[], int],
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Build it inside a running loop; `read` reads the config anew for a reload, `wall` tells the time.

        Raises:
            ConfigError: the config's web_config or ha cannot be used here.
        """
        self._config = config
        self._read = read
        self._log = log
        self._wall = wall
        self._clock = asyncio.get_running_loop().time
        self._worker = ThreadPoolExecutor(1, "worker")  # not the loop's own: a DNS black hole would block that one
        self._tls = tls_context()
        self._process = ProcessMetrics(CollectorRegistry(), __version__)
        self._process.log_lines_dropped.set_function(lines_dropped)
        self._config_read = wall()
        self._refused: web.Reload | None = None
        self._process.config_read(self._config_read)
        failed, lease = self._process.lease_failures.inc, config.server.lease
        self._election = config.server.ha and candidate(lease, os.environ, wall=wall, log=log, on_failure=failed)
        self._leading = self._election is None
        self._process.is_leader.set(self._leading)
        self._changed = asyncio.Event()
        self.store = Store(self._changed.set)
        self._publisher = Publisher(self._process, self._shown, self._changed, self._worker)
        self._accounts: dict[str, tuple[Terms, asyncio.Task[None]]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        guarded = config.server.web_config
        self._gate = web.Gate(guarded, os.environ, log) if guarded else None
        self.scheme = "https" if self._gate and self._gate.tls else "http"
        self._reloading = asyncio.Lock()
        self._next_reload: asyncio.Task[tuple[str, ...]] | None = None
        self._stopping = False
        self._started = self._beat = self._clock()

    async def run(self, stop: asyncio.Event, listening: Callable[[int], None] = lambda _: None) -> None:
        """Poll and serve until `stop` is set; `listening` is called with the port once /metrics is served.

        Raises:
            OSError: the address cannot be bound.
        """
        listen = self._config.server.listen
        gate = self._gate
        door = gate.handshake if gate and gate.tls else None
        async with (
            gate or nullcontext(),
            web.serve(self._site(), listen.host, listen.port, door=door) as port,
            asyncio.TaskGroup() as tasks,
        ):
            own = [tasks.create_task(self._watch("heartbeat", self._heartbeat))]
            own.append(tasks.create_task(self._watch("publisher", self._publisher.run)))
            contending = None
            try:
                await self._apply(self._config)
                if self._election:
                    contend = partial(self._election.run, self._lead)
                    contending = tasks.create_task(self._watch("election", contend))
                listening(port)
                await stop.wait()
                self._log.info("stopping")
            finally:
                self._stopping = True  # a reload that is under way must not begin what nobody would end
                if contending:
                    contending.cancel()
                    await asyncio.wait({contending})  # the lease is given back
                await self._end(tuple(self._accounts))
                for task in own:
                    task.cancel()
                self._worker.shutdown(wait=False, cancel_futures=True)

    async def reload(self) -> tuple[str, ...]:
        """Read the config anew and put it in force; on any problem the old one goes on, and they are returned.

        All who ask while a reload is under way share the next one.
        """
        if self._next_reload is None:
            self._next_reload = asyncio.create_task(self._reload_next())
        return await asyncio.shield(self._next_reload)

    async def _reload_next(self) -> tuple[str, ...]:
        async with self._reloading:
            self._next_reload = None  # who asks from now on may mean a newer file
            problems = await self._reload()
            if problems:
                self._refused = web.Reload(self._wall(), self._config_read, problems)
                self._process.config_refused()
            else:
                self._refused, self._config_read = None, self._wall()
                self._process.config_read(self._config_read)
            self._changed.set()
            return problems

    async def _reload(self) -> tuple[str, ...]:
        reader = ThreadPoolExecutor(1, "config")  # its own: if the file system is dead, the page still goes on
        try:
            async with asyncio.timeout(_READ_SECONDS):
                config = await asyncio.get_running_loop().run_in_executor(reader, self._read)
        except TimeoutError:
            problem = f"the config could not be read in {_READ_SECONDS:g} s: its file system does not answer"
            self._log.error("reload_refused", problem=problem, always=True)
            return (problem,)
        except ConfigError as refused:
            problems = tuple(str(refused).splitlines())
            for problem in problems[:_MOST_PROBLEMS]:
                self._log.error("reload_refused", problem=problem, always=True)
            return problems
        except Exception as fault:  # noqa: BLE001 - a fault of ours must not end what runs well
            self._log.exception("reload_broke")
            return (f"a fault of the exporter itself: {type(fault).__name__}",)
        finally:
            reader.shutdown(wait=False)
        before, server = self._config.server, config.server
        if replace(server, state_dir=None) != replace(before, state_dir=None):
            detail = "of server, only state_dir takes effect before the next start"
            self._log.warning("server_unchanged", detail=detail)
        await self._apply(config)
        self._log.info("reloaded", accounts=len(config.accounts), always=True)
        return ()

    async def _apply(self, config: Config) -> None:
        """End the accounts that are gone or changed, begin those that are new or changed, leave the others."""
        self._config = config
        wanted = self._wanted()
        await self._end(tuple(name for name, (terms, _) in self._accounts.items() if wanted.get(name) != terms))
        wanted = self._wanted()  # anew: it may be another's turn meanwhile
        for name, terms in wanted.items():
            if name not in self._accounts:
                poll = self._watch(name, partial(self._poll, terms))
                self._accounts[name] = (terms, asyncio.create_task(poll, name=name))
        await asyncio.sleep(0)  # the new ones enter the World, which then takes the order of the config
        self.store.keep(tuple(wanted))

    def _wanted(self) -> dict[str, Terms]:
        """Return the accounts that are to be polled now."""
        config = self._config
        accounts = config.accounts if self._leading and not self._stopping else ()
        return {one.name: Terms(one, config.privacy, config.server.state_dir) for one in accounts}

    async def _end(self, names: tuple[str, ...]) -> None:
        """End these at once, and return when all that were ever ended are over."""
        for name in names:
            task = self._accounts.pop(name)[1]
            task.cancel()  # only once: the second time would cut short what it does to end well
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        if self._ending:
            await asyncio.wait(self._ending)

    async def _lead(self, leading: bool) -> None:  # noqa: FBT001 - the election's own words
        """Begin to poll; or end it, and return when no poll is going on and no account on the page."""
        self._leading = leading
        self._process.is_leader.set(leading)
        self._process.lease_taken.inc(leading)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._apply(self._config))
            both.create_task(self._publisher.publish())

    def _shown(self) -> World:
        return self.store.world if self._leading else World()

    async def _poll(self, terms: Terms) -> None:
        account = terms.account
        vendor = vendor_of(account)
        tally = Tally()
        ledger = Ledger(tally, vendor.limit.calls_per_minute)
        if rations_tokens(vendor) and terms.state_dir is None:
            self._log.warning("tokens_not_kept", vendor=account.vendor, account=account.name, detail=UNKEPT)
        async with opened(
            account, vendor, ledger=ledger, state_dir=terms.state_dir, tls=self._tls, log=self._log
        ) as client:
            poll = AccountPoll(
                name=account.name,
                vendor_name=account.vendor,
                vendor=vendor,
                paces=paces(account, vendor),
                asker=client,
                tally=tally,
                ledger=ledger,
                veil=veil_of(terms.privacy, account.name),
                store=self.store,
                worker=self._worker,
                wall=self._wall,
                log=self._log,
            )
            await self._watch(account.name, poll.run)  # the account keeps its numbers and counters

    async def _watch(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        """Run a part for ever: what breaks by a fault of ours is told, and begins again."""
        while True:
            try:
                await part()
            except Exception:  # noqa: BLE001 - whatever it is, it must not end the other parts
                self._log.exception("part_broke", part=name)
                self._process.parts_restarted.inc()
            await asyncio.sleep(_RESTART)

    async def _heartbeat(self) -> None:
        """Measure how late the loop comes, and show that it comes at all."""
        lags = deque[float](maxlen=_LAG_BEATS)
        while True:
            due = self._clock() + _BEAT
            await asyncio.sleep(_BEAT)
            self._beat = self._clock()
            lags.append(self._beat - due)
            self._process.loop_lag.set(max(lags))

    def _standing_by(self) -> bool | None:
        """Tell whether another replica polls; None where that is not known."""
        return not self._leading if self._election is None or self._election.seen else None

    def _site(self) -> web.Site:
        return web.build(
            page=self._publisher.current,
            world=self._shown,
            pulse=lambda: web.Pulse(self._started, self._beat, self._clock(), self._standing_by()),
            reload=self.reload if self._config.server.reload else None,
            refused=lambda: self._refused,
            clock=self._wall,
            log=self._log,
            gate=self._gate,
        )
