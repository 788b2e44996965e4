import asyncio
import socket
import threading
from typing import Any

import pytest

from exporter.transport.names import Names


async def test_a_name_is_resolved_to_its_addresses() -> None:
    (found,) = await Names().resolve("127.0.0.1", 443, socket.AF_INET)
    assert (found["host"], found["port"], found["family"]) == ("127.0.0.1", 443, socket.AF_INET)


async def test_a_name_that_does_not_exist_is_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", missing)
    with pytest.raises(OSError, match="Name or service"):
        await Names().resolve("no-such-host.example", 443)


@pytest.mark.parametrize("host", [f"{'a' * 64}.example", "a..example"])
async def test_what_cannot_be_a_name_is_a_name_that_does_not_exist(host: str) -> None:
    with pytest.raises(socket.gaierror):
        await Names().resolve(host, 443)


async def test_a_hundred_names_that_hang_hold_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve, hanging, end = socket.getaddrinfo, threading.Semaphore(0), threading.Event()

    def hang(host: str, *rest: Any, **more: Any) -> Any:
        if host.startswith("hole"):
            hanging.release()
            end.wait()
        return resolve("127.0.0.1", *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    names = Names()
    waiting = [asyncio.create_task(names.resolve(f"hole{number}.example")) for number in range(100)]
    await asyncio.sleep(0)
    for _ in waiting:
        assert hanging.acquire(timeout=10)
    assert await names.resolve("fine.example", 443)
    waiting[0].cancel()
    end.set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert all(isinstance(outcome, list) for outcome in outcomes[1:])
