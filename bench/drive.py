"""The client, in a process of its own: `python -m bench.drive PORT PATH SECONDS PAUSE` prints the times."""

import json
import subprocess
import sys
import time
from http.client import HTTPConnection
from typing import cast


def scrape(port: int, path: str, seconds: float, pause: float) -> list[float]:
    """Ask for the compressed page again and again over one connection; return the seconds of each answer.

    At least one is taken; `pause` seconds lie between two.
    """
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        began = time.perf_counter()
        connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        response = connection.getresponse()
        response.read()
        times.append(time.perf_counter() - began)
        if response.status != 200:
            raise SystemExit(f"{path} was answered with {response.status}")
        time.sleep(pause)
    connection.close()
    return times


def driven(port: int, path: str = "/metrics", seconds: float = 1.0, pause: float = 0.0) -> list[float]:
    """Do so from another process, so that the client's work is not the server's."""
    words = [sys.executable, "-m", "bench.drive", str(port), path, str(seconds), str(pause)]
    told = subprocess.run(words, stdout=subprocess.PIPE, check=True)  # noqa: S603 - ourselves
    return cast("list[float]", json.loads(told.stdout))


if __name__ == "__main__":
    print(json.dumps(scrape(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))))
