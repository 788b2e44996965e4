"""Case 51: vendors whose clock is not ours, or ours not theirs."""

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from msgspec.structs import replace
from subject import Page
from trial import tried

from exporter.simulator import server
from exporter.simulator.demo import demo_plan
from exporter.simulator.exchange import Answer, Asked, Dialect
from exporter.simulator.floor import Floor
from exporter.simulator.voximplant import Voximplant, VoximplantAccount, VoximplantKeys

BORNE, REFUSED = (300, -20), (600, -600)
"""Seconds by which a vendor's clock is ahead: tokens live ten minutes, and are dated half a minute early."""


class Dated:
    """A vendor that tells its time with each answer, as all of them do."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def expire_tokens(self) -> None:
        self._dialect.expire_tokens()

    def answer(self, asked: Asked) -> Answer:
        said = self._dialect.answer(asked)
        return replace(said, headers={**said.headers, "Date": formatdate(asked.at, usegmt=True)})


def key_pair() -> tuple[str, str]:
    """Return the key of a service account, and its public half."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.thorough  # four accounts more
@pytest.mark.ours_only("the plain exporter signs nothing")
async def test_fault_51_a_vendor_whose_clock_is_wrong(program: str, tmp_path: Path) -> None:
    """Where it is too wrong, who runs us is told by how much, in the log, on the status page and by `doctor`."""
    private, public = key_pair()
    (tmp_path / "key.pem").write_text(private)
    floor = Floor(demo_plan(ZoneInfo("UTC"), agents=4), datetime.now(UTC), 0)
    account = VoximplantAccount(keys=VoximplantKeys(public_key=public))
    async with AsyncExitStack() as stack:
        entries = ""
        for ahead in (*BORNE, *REFUSED):
            vendor = {"vendor": Dated(Voximplant(floor, account))}
            clock = server.serve(vendor, clock=lambda ahead=ahead: time.time() + ahead)  # type: ignore[misc]
            urls = await stack.enter_async_context(clock)
            entries += f"""
  - name: clock{ahead}
    vendor: voximplant
    credentials: {{account_id: {account.keys.account_id}, key_id: key-id, private_key_file: {tmp_path}/key.pem}}
    options: {{base_url: "{urls["vendor"]}", engine: {account.engine}, application_id: {account.application_id}}}
"""
        trial = await stack.enter_async_context(tried(program, tmp_path, extra=entries, speed=6))
        await trial.subject.until(
            lambda page: all(page.value("up", account=f"clock{ahead}") == 1 for ahead in BORNE),
            "the borne ones",
        )
        page = await trial.subject.until(
            lambda page: all(failed(page, ahead) for ahead in REFUSED), "the others are refused"
        )
        assert not any(failed(page, ahead) for ahead in BORNE), trial.subject.log
        _, status = await trial.subject.ask("/")
        for ahead in REFUSED:
            words = {f"clock is {ahead + late:+d} s from ours" for late in (-3, -2, -1, 0)}
            assert any(one in trial.subject.log for one in words), trial.subject.log
            assert any(one in status for one in words)
        told = await doctor(tmp_path)
        for ahead in (300, *REFUSED):
            assert any(f"clock is {ahead + late:+d} s from ours" in told for late in (-3, -2, -1, 0)), told


def failed(page: Page, ahead: int) -> bool:
    """Whether an account was refused."""
    return bool(page.sum("poll_failures_total", account=f"clock{ahead}", reason="credentials"))


async def doctor(folder: Path) -> str:
    """Return what `doctor` says of the subject's config."""
    words = ("-m", "exporter", "doctor", "--config", str(folder / "config.yaml"))
    child = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=asyncio.subprocess.PIPE)
    out, _ = await child.communicate()
    return out.decode()
