import asyncio
import fcntl
import os
import stat
import threading
from pathlib import Path

import pytest
from fake_vendor import store

from exporter.errors import PollFailed, Reason
from exporter.transport import GrantStore, grants
from exporter.transport.grants import Grant

GRANT = Grant("f1ngerpr1nt", "acc355", 1e9, "r3fresh")


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    assert await store(tmp_path / "new" / "folder").keep(GRANT)
    assert await store(tmp_path / "new" / "folder").load() == GRANT


async def test_without_a_directory_nothing_is_kept_and_nothing_fails() -> None:
    memory = store(None)
    assert await memory.keep(GRANT)
    assert await memory.load() is None
    assert not memory.lasting


async def test_only_the_owner_may_read_what_is_kept(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "acme.grant.json.new").write_text("left over, and open to all")
    (tmp_path / "state" / "acme.grant.json.new").chmod(0o666)
    await store(tmp_path / "state").keep(GRANT)
    (file,) = (tmp_path / "state").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    await store(tmp_path / "made").keep(GRANT)
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"configured": 1}', b"[]", b"\xff\xfe", b"null", b'{"access_token": "\xff"}', b"[" * 100_000],
)
async def test_a_torn_file_is_told_and_then_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "acme.grant.json").write_bytes(content)
    told: list[str] = []
    kept = store(tmp_path, told)
    assert await kept.load() is None
    assert len(told) == 1
    assert "acme.grant.json" in told[0]
    assert await kept.keep(GRANT)
    assert await kept.load() == GRANT


async def test_a_write_that_breaks_off_leaves_the_old_grant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    kept = store(tmp_path, told)
    await kept.keep(GRANT)
    for step in ("fsync", "fdopen"):
        with monkeypatch.context() as broken:
            broken.setattr(os, step, full)
            assert not await kept.keep(Grant("other"))
        assert await kept.load() == GRANT
    assert len(told) == 2
    assert "No space left" in told[0]
    assert "r3fresh" not in "".join(told)


def full(fd: int, *_: object) -> None:
    if _:
        os.close(fd)
    raise OSError(28, "No space left on device")


async def test_the_new_grant_is_flushed_before_it_takes_the_place_of_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, rename = os.fsync, Path.replace

    def noted_fsync(fd: int) -> None:
        steps.append("flush directory" if stat.S_ISDIR(os.fstat(fd).st_mode) else "flush file")
        fsync(fd)

    def noted_rename(self: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_rename)
    await store(tmp_path).keep(GRANT)
    assert steps == ["flush file", "rename", "flush directory"]


async def test_an_account_name_cannot_lead_out_of_the_directory(tmp_path: Path) -> None:
    for name in ("../../etc/passwd", "a/b", "..", "ä b"):
        kept = GrantStore(tmp_path / "state", name, print)
        await kept.keep(GRANT)
        assert await kept.load() == GRANT
    assert len(names(tmp_path / "state")) == 4
    assert names(tmp_path) == ["state"]


def test_a_grant_does_not_show_itself() -> None:
    assert repr(GRANT) == str(GRANT) == "Grant(***)"


async def test_one_renews_at_a_time_of_all_that_share_the_directory(tmp_path: Path) -> None:
    first, second = store(tmp_path), store(tmp_path)
    async with first.turn():
        waiting = asyncio.create_task(second.turn().__aenter__())
        await asyncio.wait({waiting}, timeout=0.05)
        assert not waiting.done()
        async with GrantStore(tmp_path, "another account", print).turn():
            pass
    async with asyncio.timeout(10):
        await waiting


async def test_who_was_cancelled_while_it_waited_does_not_keep_the_turn(tmp_path: Path) -> None:
    first, second = store(tmp_path), store(tmp_path)
    async with first.turn():
        waiting = asyncio.create_task(second.turn().__aenter__())
        await asyncio.wait({waiting}, timeout=0.05)
        waiting.cancel()
    async with asyncio.timeout(10), store(tmp_path).turn():
        pass


async def test_a_turn_that_never_comes_is_a_failure_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with store(tmp_path).turn():
        monkeypatch.setattr(grants, "TURN_SECONDS", 0.0)
        with pytest.raises(PollFailed, match="another process that shares state_dir") as failed:
            await store(tmp_path).turn().__aenter__()
    assert failed.value.reason is Reason.TIMEOUT


async def test_waiting_in_vain_leaves_no_thread_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with store(tmp_path).turn():
        before = threading.active_count()
        monkeypatch.setattr(grants, "TURN_SECONDS", 0.0)
        for _ in range(5):
            with pytest.raises(PollFailed):
                await store(tmp_path).turn().__aenter__()
        async with asyncio.timeout(10):
            while threading.active_count() > before:  # noqa: ASYNC110 - a thread tells nobody of its end
                await asyncio.sleep(0.01)


async def test_a_disk_that_is_dead_takes_one_thread_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive, kept, before = threading.Event(), store(tmp_path), {*threading.enumerate()}
    monkeypatch.setattr(grants, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(fcntl, "flock", lambda *_: alive.wait(60))
    for _ in range(5):
        with pytest.raises(PollFailed, match="the disk is silent"):
            await kept.turn().__aenter__()
    begun = {*threading.enumerate()} - before
    alive.set()
    assert len(begun) == 1


async def test_where_nothing_can_be_locked_it_goes_on_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(fcntl, "flock", lambda *_: full(0))
    async with store(tmp_path, told).turn(), store(tmp_path, told).turn():
        pass
    assert len(told) == 2
    assert "cannot be locked" in told[0]


async def test_a_dead_file_system_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    kept, alive = store(tmp_path, told), threading.Event()
    with monkeypatch.context() as dead:
        dead.setattr(grants, "DISK_SECONDS", 0.0)
        dead.setattr(os, "fsync", lambda _: alive.wait(60))
        assert not await kept.keep(GRANT)
        with pytest.raises(TimeoutError):
            await kept.load()  # at once: nobody else is sent there
        assert len(told) == 2
        assert "the file system does not answer" in told[0]
    alive.set()
    assert kept._deed
    await asyncio.wrap_future(kept._deed)
    assert await kept.load() == GRANT
