"""`python -m exporter`, and the command `contact-center-exporter`."""

import os
import signal
import sys


def main() -> None:
    """Run the command line and leave with its exit code.

    Signals come first. A reload must not end a program that is still loading, and process 1 of a container would
    not even notice that it is to end: both wait until `cli` knows what to do with them.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP, signal.SIGTERM})
    from exporter import cli  # noqa: PLC0415 - it takes half a second

    code = cli.main()
    sys.stderr.flush()
    os._exit(code)  # Python would wait for threads, and a thread for a file system that is dead


if __name__ == "__main__":
    main()
