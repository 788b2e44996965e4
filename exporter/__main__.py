"""`python -m exporter`, and the command `contact-center-exporter`."""

import gc
import os
import signal
import sys


def _occupy() -> None:
    """Put the null device in the place of each standard stream that was closed before we started.

    Its number would go to the event loop, which then takes our log for its own, and aborts when it closes it.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one


def main() -> None:
    """Run the command line and leave with its exit code.

    Signals come first. A reload must not end a program that is still loading, and process 1 of a container would
    not even notice that it is to end: both wait until `cli` knows what to do with them.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP, signal.SIGTERM})
    _occupy()
    gc.disable()  # what is loaded stays: to look for garbage in it takes a tenth of the start
    from exporter import cli  # noqa: PLC0415 - it takes half a second

    gc.enable()
    code = cli.main()
    if sys.stderr is not None:  # as it is where it was closed
        sys.stderr.flush()
    os._exit(code)  # Python would wait for threads, and a thread for a file system that is dead


if __name__ == "__main__":
    main()
