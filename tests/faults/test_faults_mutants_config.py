"""Figure c3 for configs: whatever stands there, a Config or one clear report comes of it, and no secret."""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from mutants import of_bytes

from exporter.config import ConfigError
from exporter.plan import read

Record = Callable[[str, object], None]

ROOT = Path(__file__).parents[2]
CANARY = "Zq9vXk2LmWp8Rt5y"
PIECES = tuple(CANARY[first : first + 6] for first in range(len(CANARY) - 5))
"""What tells of the secret even where it was cut or had something put into it."""
_SECRET = re.compile(
    r"(\b(?:client_secret|refresh_token|api_token|access_token|access_token_secret|app_secret|api_key|"
    r"private_key|key): *)(?:\"[^\"\n]*\"|[^\s,}\n]+)"
)
_WORDS = (
    "",
    "null",
    "~",
    "yes",
    "0123",
    "1e10",
    "12:30",
    "-1",
    "0",
    "1ms",
    ".nan",
    ".inf",
    "[]",
    "{}",
    "!!python/object:os.system",
    "&a",
    "*a",
    "<<: *a",
    "- ",
    "? ",
    "|",
    ">",
    "%YAML 1.1",
    "---",
    "...",
    "\t",
    '"',
    "'",
    "\x00",
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    "${HOME}",
    "${NO_SUCH}",
    "${",
    "http://10.0.0.1",
    "https://",
    "x" * 5_000,
    "[" * 40,
    "{a: " * 40,
)


@cache
def sources() -> tuple[str, ...]:
    """Return every example of a config, its secrets replaced by one that can be found again."""
    whole = (ROOT / "config.yaml").read_text()
    head, *accounts = re.split(r"^(?=  - name:)", whole, flags=re.MULTILINE)
    pages = [page.read_text() for page in sorted((ROOT / "docs").rglob("*.md"))]
    block = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
    examples = [text for page in pages for text in block.findall(page)]
    found = [text for text in examples if "accounts:" in text and "vendor:" in text]
    blocks = [whole, *found, *(head + account for account in accounts)]
    return tuple(_SECRET.sub(rf"\g<1>{CANARY}", text) for text in blocks)


def mutated(seed: int, count: int) -> Iterator[bytes]:
    """Yield so many changed configs, always the same for a seed."""
    dice = random.Random(seed)
    for _ in range(count):
        text = dice.choice(sources())
        if dice.random() < 0.4:
            yield of_bytes(dice, text.encode())
            continue
        lines = text.splitlines()
        for _ in range(dice.choice((1, 1, 2, 3))):
            here, there = dice.randrange(len(lines)), dice.randrange(len(lines))
            match dice.randrange(7):
                case 0:
                    lines[here : here + 1] = []
                case 1:
                    lines.insert(there, lines[here])
                case 2:
                    lines[here], lines[there] = lines[there], lines[here]
                case 3:
                    lines[here] = dice.choice((" ", "  ", "    ", "- ")) + lines[here]
                case 4:
                    lines[here] = lines[here].removeprefix("  ")
                case 5:
                    key, colon, _ = lines[here].partition(":")
                    lines[here] = f"{key}{colon} {dice.choice(_WORDS)}"
                case _:
                    lines[here] = re.sub(r"\b\w+\b", dice.choice(_WORDS).replace("\\", ""), lines[here], count=1)
            lines = lines or [""]
        yield "\n".join(lines).encode("utf-8", "replace")


def judged(folder: Path, seed: int, count: int) -> Counter[str]:
    found = Counter[str]()
    path = folder / "config.yaml"
    for number, body in enumerate(mutated(seed, count)):
        path.write_bytes(body)
        try:
            read(path, {"HOME": "/nowhere"})
        except ConfigError as refused:
            found["refused"] += 1
            told = str(refused)
            assert not any(piece in told for piece in PIECES), f"seed {seed}, mutant {number}: {told}\n{body!r}"
        except BaseException as crash:
            raise AssertionError(f"seed {seed}, mutant {number}: {type(crash).__name__} of {body!r}") from crash
        else:
            found["read"] += 1
    return found


def test_mutants_of_configs_are_read_or_refused_and_no_secret_is_told(
    tmp_path: Path, record_property: Record
) -> None:
    found = judged(tmp_path, 1, 600)
    assert min(found["read"], found["refused"]) > 100
    record_property("tried", found.total())


@pytest.mark.million
@pytest.mark.parametrize("seed", range(100, 110))
def test_a_hundred_thousand_mutants_of_configs(tmp_path: Path, record_property: Record, seed: int) -> None:
    record_property("tried", judged(tmp_path, seed, 10_000).total())
