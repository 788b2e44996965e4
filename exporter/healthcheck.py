"""Whether the exporter on this machine is alive, asked where its config says that it listens.

`python -m exporter.healthcheck` is `contact-center-exporter healthcheck` without loading the rest of the program:
who asks every half minute would else spend more on the question than the exporter spends on its work.
"""

import argparse
import os
import ssl
import sys
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

from exporter.config.load import content
from exporter.config.models import Server
from exporter.config.nodes import Malformed, at, parse
from exporter.config.types import Address, Listen, Place
from exporter.config.walk import BAD, Walk

_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where nobody can be asked
_PATIENCE = 4.0  # seconds of silence
_HUNG_UP = (HTTPException, ssl.SSLError, ConnectionResetError, BrokenPipeError)
_WHO_ASKS = 401
_CLOSED = b"closed: "  # by a web config that is broken: a restart would not mend it


def main() -> None:
    """Exit with 0 if the exporter is alive, else with 1 and a line on standard error."""
    parser = argparse.ArgumentParser(prog="exporter.healthcheck", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("config.yaml"), help="default: %(default)s")
    sys.exit(problem(listens(parser.parse_args().config)))


def listens(config: Path) -> Listen:
    """Return `server.listen` of a config file in which all else may be wrong, or its default if it cannot be read.

    That is no reason to be ill: an exporter goes on with the config that it has, whatever the file has become.
    """
    with suppress(OSError, Malformed):
        server = at(parse(content(config)), "server") if config.is_file() else None  # a pipe might never end
        if server and (node := at(server, "listen")):
            listen = Walk(Place(config.parent, os.environ), []).read(node, Address, "server.listen")
            if listen is not BAD:
                return listen  # type: ignore[no-any-return]  # an Address is read as a Listen
    return Server().listen


def problem(listen: Listen, patience: float = _PATIENCE) -> str | None:
    """Return why the exporter that listens there is not alive, or None if it is.

    It is, too, when it first wants to know who asks. Each of its silences may last `patience` seconds.
    """
    host = _EVERYWHERE.get(listen.host, listen.host)
    try:
        status = _status(host, listen.port, patience)
    except OSError as fault:
        return f"{host}, port {listen.port}: {(fault.strerror or 'no answer').lower()}"
    return f"{host}, port {listen.port}: /-/healthy answers {status}" if status >= 500 else None


def _status(host: str, port: int, patience: float) -> int:
    """Return the status of /-/healthy: that over TLS, whoever's the certificate is, if there is none without.

    An event loop that hangs does not hang up: a server that does wants a client's certificate, and is alive.
    """
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    plain = HTTPConnection(host, port, timeout=patience)
    for connection in (plain, HTTPSConnection(host, port, timeout=patience, context=trusting)):
        with closing(connection), suppress(*_HUNG_UP):
            connection.request("GET", "/-/healthy")
            reply = connection.getresponse()
            return _WHO_ASKS if reply.read(len(_CLOSED)) == _CLOSED else reply.status
    return _WHO_ASKS


if __name__ == "__main__":
    main()
