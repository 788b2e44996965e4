"""A Lease as an API server keeps it: one version at a time, and a write must name the one that it replaces."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from copy import deepcopy
from typing import Any

from msgspec import convert, to_builtins

from exporter.lease.kubernetes import Conflict, Found, Spec

Whole = dict[str, Any]
_MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)")


class Status(Exception):
    """An answer that is no lease."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Shelf:
    """Keeps the lease, checks what is written, and remembers every spec that it had."""

    def __init__(self) -> None:
        self.whole: Whole | None = None
        self.history: list[dict[str, Any]] = []
        self._version = 100

    @property
    def spec(self) -> dict[str, Any]:
        assert self.whole is not None
        spec: dict[str, Any] = self.whole["spec"]
        return spec

    @property
    def holder(self) -> str | None:
        return self.spec.get("holderIdentity") if self.whole else None

    def get(self) -> Whole:
        if self.whole is None:
            raise Status(404)
        return deepcopy(self.whole)

    def post(self, new: Whole) -> Whole:
        if self.whole is not None:
            raise Status(409)
        return self._keep({**new, "metadata": {**new["metadata"], "uid": f"uid-{self._version}"}})

    def put(self, new: Whole) -> Whole:
        if self.whole is None:
            raise Status(409 if "uid" in new["metadata"] else 404)
        if "resourceVersion" not in new["metadata"]:
            raise Status(422)
        if new["metadata"]["resourceVersion"] != self.whole["metadata"]["resourceVersion"]:
            raise Status(409)
        return self._keep(new)

    def _keep(self, new: Whole) -> Whole:
        spec = {key: value for key, value in new["spec"].items() if value is not None}
        times = [value for key, value in spec.items() if key.endswith("Time")]
        if not all(_MICRO_TIME.fullmatch(time) for time in times):
            raise Status(400)
        if spec.get("leaseDurationSeconds", 1) <= 0 or spec.get("leaseTransitions", 0) < 0:
            raise Status(422)
        if self.whole and {**new, "spec": spec} == self.whole:
            return self.get()  # what changes nothing makes no new version
        self._version += 1
        metadata = {**new["metadata"], "resourceVersion": str(self._version)}
        self.whole = deepcopy({**new, "metadata": metadata, "spec": spec})
        self.history.append(spec)
        return self.get()


async def _nothing() -> None:
    pass


class Access:
    """One candidate's way to the shelf, without sockets. It can be slow, or broken on either way."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self.there: Callable[[], Awaitable[None]] = _nothing
        """Awaited before the shelf is reached; what it raises is the candidate's answer."""
        self.back: Callable[[], Awaitable[None]] = _nothing
        """Awaited after it."""
        self.open = False

    async def read(self) -> Found | None:
        await self._go()
        whole = self._shelf.whole and self._shelf.get()
        await self.back()
        return Found(convert(whole["spec"], Spec), whole) if whole else None

    async def write(self, spec: Spec, over: Found | None) -> None:
        new = dict(over.whole) if over else {"metadata": {"name": "lease"}, "spec": {}}
        new["spec"] = new["spec"] | to_builtins(spec)
        await self._go()
        try:
            (self._shelf.put if over else self._shelf.post)(new)
        except Status as status:
            if status.code == 409:
                raise Conflict from None
            raise
        await self.back()

    async def close(self) -> None:
        self.open = False

    async def _go(self) -> None:
        self.open = True
        await self.there()
        await asyncio.sleep(0)
