"""Who leads: one candidate at a time, and no clock is ever compared with that of another machine."""

import asyncio
import math
import random
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Final, Protocol

from msgspec.structs import replace
from structlog.typing import FilteringBoundLogger

from exporter.config import Lease
from exporter.errors import ExporterError
from exporter.lease.kubernetes import MOUNT, ClusterLease, Conflict, Found, Spec, Unknown

STOPPING: Final = 6.0
"""Seconds before the lease can be another's in which a leader stops: a token call that is under way gets five."""
_LOOKS: Final = 6  # at the lease, and renewals of it, in its duration
_JITTER: Final = 0.2
_LONGEST_CALL: Final = 10.0
_MOMENT: Final = 0.1  # past the end of a lease: a timer may be early
_FAREWELL: Final = 2.0  # seconds for giving the lease back
_FREED: Final = 1  # seconds for which a lease that was given back is held by nobody: the least that the API takes


class Leased(Protocol):
    """The lease, wherever it is kept."""

    async def read(self) -> Found | None:
        """Return it as it is now, or raise Unknown."""

    async def write(self, spec: Spec, over: Found | None) -> None:
        """Write it over what was found, or raise Conflict or Unknown."""

    async def close(self) -> None:
        """End the connection."""


class Election:
    """One candidate. It knows of the others only what the lease says.

    A lease that is seen unchanged for its whole duration, by the candidate's own monotonic clock, is free. Its
    holder counts from the moment before it asked for the last renewal, and stops STOPPING seconds before that
    duration is over: before anybody can have seen the lease unchanged for so long.
    """

    def __init__(
        self,
        lease: Leased,
        identity: str,
        duration: float,
        *,
        wall: Callable[[], float],
        log: FilteringBoundLogger,
        on_failure: Callable[[], None],
    ) -> None:
        """Stand by as `identity`, which no other candidate may have; `duration` is that of the lease, in seconds.

        `wall` tells the seconds since the Unix epoch, for who reads the lease; `on_failure` is called each time
        the lease could be neither read nor written.
        """
        self.seen = False
        """Whether the lease could be read once: without that there is no standing by."""
        self._lease = lease
        self._identity = identity
        self._duration = duration
        self._wall = wall
        self._log = log.bind(identity=identity)
        self._on_failure = on_failure
        self._clock = asyncio.get_running_loop().time
        self._beat = duration / _LOOKS
        self._patience = min((duration - STOPPING) / 3, _LONGEST_CALL)
        self._record: Spec | None = None
        self._free_at = -math.inf  # on the loop's clock, if the record does not change
        self._ours_until = -math.inf
        self._trouble = ""

    async def run(self, lead: Callable[[bool], Awaitable[None]]) -> None:
        """Contend until cancelled: `lead(True)` when the lease is ours, `lead(False)` when it is about to end.

        The lease is given back only when `lead(False)` has returned: by then nothing may be going on any more.
        """
        while True:
            try:
                await self._take()
                await lead(True)
                await self._keep()
            finally:
                await lead(False)
                await self._give_back()
            await asyncio.sleep(self._beat)  # let another try: it may reach the API server better

    async def _take(self) -> None:
        while not (claimed := await self._claimed()):
            wait = self._beat * random.uniform(1 - _JITTER, 1 + _JITTER)
            await asyncio.sleep(wait if claimed is None else min(wait, self._free_at - self._clock() + _MOMENT))
        self._log.info("lease_taken", always=True)

    async def _keep(self) -> None:
        """Return when the lease is another's, or was not renewed for so long that it may soon be."""
        pause = self._beat
        try:
            async with asyncio.timeout_at(self._ours_until) as end:
                while True:
                    await asyncio.sleep(pause * random.uniform(1 - _JITTER, 1 + _JITTER))
                    claimed = await self._claimed()
                    if claimed is False:
                        self._log.warning("lease_lost", detail="another replica holds it", always=True)
                        return
                    if claimed:
                        end.reschedule(self._ours_until)
                    pause = self._beat if claimed else self._beat / 3
        except TimeoutError:
            self._log.warning("lease_lost", detail="it could not be renewed in time", always=True)

    async def _claimed(self) -> bool | None:
        """Take or renew the lease if we may, and return whether it is ours; None where that is not known."""
        try:
            async with asyncio.timeout(self._patience):
                found = await self._lease.read()
                self.seen = True
                if not self._may_claim(found):
                    self._recovered()
                    return False
                asked = self._clock()
                await self._lease.write(self._claim(found), found)
        except Conflict:
            return None
        except (Unknown, TimeoutError) as fault:
            self._failed(fault)
            return None
        self._recovered()
        self._ours_until = asked + self._duration - STOPPING
        return True

    def _may_claim(self, found: Found | None) -> bool:
        spec, now = found.spec if found else None, self._clock()
        if spec != self._record:  # a lease that somebody deleted is waited for too: its holder may go on
            self._record = spec
            self._free_at = now + ((spec and spec.lease_duration_seconds) or self._duration)
        if spec is None:
            return now < self._ours_until or now >= self._free_at
        return spec.holder_identity in {None, "", self._identity} or now >= self._free_at

    def _claim(self, found: Found | None) -> Spec:
        before = found.spec if found else None
        ours = before is not None and before.holder_identity == self._identity
        now = self._now()
        return Spec(
            holder_identity=self._identity,
            lease_duration_seconds=math.ceil(self._duration),
            acquire_time=before.acquire_time if before and ours else now,
            renew_time=now,
            lease_transitions=(before.lease_transitions or 0) + (not ours) if before else 0,
        )

    async def _give_back(self) -> None:
        """Let a successor begin at once, if the lease is still ours."""
        try:
            async with asyncio.timeout(_FAREWELL):
                while (found := await self._lease.read()) and found.spec.holder_identity == self._identity:
                    free = replace(
                        found.spec,
                        holder_identity=None,
                        lease_duration_seconds=_FREED,
                        renew_time=self._now(),
                    )
                    try:
                        await self._lease.write(free, found)
                    except Conflict:
                        continue
                    self._log.info("lease_given_back", always=True)
                    break
        except (Unknown, TimeoutError) as fault:
            self._failed(fault)
        finally:
            await self._lease.close()

    def _now(self) -> str:
        """Return the time as a MicroTime, which the API takes with six decimals and no others."""
        return datetime.fromtimestamp(self._wall(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _failed(self, fault: ExporterError | TimeoutError) -> None:
        self._on_failure()
        trouble = str(fault) or "the API server does not answer in time"
        if trouble != self._trouble:
            self._trouble = trouble
            self._log.warning("lease_unknown", detail=trouble, always=True)

    def _recovered(self) -> None:
        if self._trouble:
            self._trouble = ""
            self._log.info("lease_known_again", always=True)


def candidate(
    terms: Lease,
    environ: Mapping[str, str],
    *,
    wall: Callable[[], float],
    log: FilteringBoundLogger,
    on_failure: Callable[[], None],
) -> Election:
    """Return this process as a candidate for the lease of its cluster, named after its pod and unlike any other.

    Raises:
        ConfigError: this is no pod, or it has no service account.
    """
    lease = ClusterLease.in_pod(terms, environ, MOUNT)
    identity = f"{socket.gethostname()}_{secrets.token_hex(4)}"  # its pod may be started again, under its name
    return Election(lease, identity, terms.duration, wall=wall, log=log, on_failure=on_failure)
