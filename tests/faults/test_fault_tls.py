"""Case 30: certificates that prove nothing, and a TLS that is too old."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from certificates import Authority, Identity, dns
from trial import Trial, tried
from wire_cut import wire


def server(identity: Identity, folder: Path, name: str) -> ssl.SSLContext:
    """Return how a server proves itself by this identity."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*identity.written(folder, name))
    return context


def impostors(known: Authority) -> dict[str, Identity]:
    """Return who is not to be believed to be localhost."""
    names = ("localhost", dns("localhost"))
    return {
        "expired": known.identity(*names, ended=timedelta(hours=1)),
        "another host": known.identity("elsewhere.example", dns("elsewhere.example")),
        "unknown authority": Authority("another").identity(*names),
        "self-signed": known.identity(*names, by_itself=True),
    }


async def refused(trial: Trial) -> None:
    """See polls fail for TLS, and nothing of them get through."""
    heard = len(trial.sick.asked)
    page = await trial.failed("tls", times=2)
    await trial.aged_out()
    assert len(trial.sick.asked) == heard  # not one byte of HTTP, so no credentials
    if trial.subject.program == "ours":
        polls = page.sum("polls_total", account="sick")
        assert page.sum("api_requests_total", account="sick") <= polls + 2  # it would not get better by a retry


SELDOM = pytest.mark.thorough  # one is enough for every day


@pytest.mark.parametrize(
    "impostor",
    [
        "unknown authority",
        *(pytest.param(one, marks=SELDOM) for one in ("expired", "another host", "self-signed")),
    ],
)
async def test_fault_30_a_certificate_that_is_swapped_for_a_bad_one(
    program: str, tmp_path: Path, impostor: str
) -> None:
    known = Authority()
    (tmp_path / "known.pem").write_text(known.cert)
    good = server(known.identity("localhost", dns("localhost")), tmp_path, "good")
    bad = server(impostors(known)[impostor], tmp_path, "bad")
    environment = {"SSL_CERT_FILE": str(tmp_path / "known.pem")}
    async with (
        wire(good) as cut,
        tried(program, tmp_path, configure=cut.lay, environment=environment) as trial,
    ):
        await cut.mend(bad)
        await refused(trial)
        await cut.mend(good)
        await trial.recovered()


@contextmanager
def outdated(port: int, tls: ssl.SSLContext) -> Iterator[list[str]]:
    """Shake hands at the port by TLS 1.1 only, and note what came of it until the end of the block.

    In a thread: asyncio's server goes away without the alert that a real one sends.
    """
    tls.set_ciphers("ALL:@SECLEVEL=0")
    tls.minimum_version, tls.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    shaken: list[str] = []
    port_taken = socket.create_server(("127.0.0.1", port))

    def serve() -> None:
        with suppress(OSError):
            while True:
                caller, _ = port_taken.accept()
                try:
                    with tls.wrap_socket(caller, server_side=True) as safe:
                        shaken.append(str(safe.version()))
                except ssl.SSLError as failed:
                    shaken.append(failed.reason)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield shaken
    finally:
        port_taken.shutdown(socket.SHUT_RDWR)
        port_taken.close()
        thread.join()


@SELDOM
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_fault_30_a_server_that_knows_only_old_tls(program: str, tmp_path: Path) -> None:
    known = Authority()
    (tmp_path / "known.pem").write_text(known.cert)
    good, old = (server(known.identity("localhost", dns("localhost")), tmp_path, name) for name in ("new", "old"))
    environment = {"SSL_CERT_FILE": str(tmp_path / "known.pem")}
    async with (
        wire(good) as cut,
        tried(program, tmp_path, configure=cut.lay, environment=environment) as trial,
    ):
        await cut.cut()
        with outdated(cut.port, old) as shaken:
            await refused(trial)
        assert set(shaken) == {"UNSUPPORTED_PROTOCOL"}
        await cut.mend()
        await trial.recovered()
