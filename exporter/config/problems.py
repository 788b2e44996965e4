"""What is wrong with a config, told so that the reader can mend it at once."""

import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from exporter.errors import ExporterError

_HARMLESS: Final = re.compile(  # words, numbers, and names of variables
    r"[A-Za-z_ ]{1,24}[0-9]{0,2}|[0-9:.eE+-]{1,12}|0[ox][0-9A-Fa-f]{1,8}|<<|(\$\{)?[A-Z][A-Z0-9_]{0,39}\}?",
    re.ASCII,
)


class Misfit(ValueError):
    """A value that does not fit its field: what is wrong (never quoting a secret), and what to write instead."""

    def __init__(self, wrong: str, write: str = "") -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.write = write


class Problem(Struct, frozen=True):
    """One thing to mend in the config file."""

    line: int | None
    """Counted from 1; None where the whole file is meant."""
    path: str
    """Where it is in the structure, for example `accounts[1].credentials.client_id`; empty for the whole."""
    wrong: str
    write: str = ""
    """What to write instead; empty where `wrong` says it all."""

    def told(self, file: str) -> str:
        """Return the problem as one line."""
        place = file if self.line is None else f"{file}:{self.line}"
        advice = f"; write {self.write}" if self.write else ""
        return ": ".join(filter(None, (place, self.path, self.wrong + advice)))


class ConfigError(ExporterError):
    """The config cannot be used. Its text is the whole report, a line for each problem, in the file's order."""

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        super().__init__("\n".join(problem.told(file) for problem in self.problems))


def cut(text: str) -> str:
    """Return the text if it is a plain word or a number; anything else may be a secret in the wrong place."""
    return text if _HARMLESS.fullmatch(text) else "(not shown)"


def quoted(text: str) -> str:
    """Return the text between double quotes, if `cut` shows it."""
    return f'"{text}"' if _HARMLESS.fullmatch(text) else "(not shown)"


def either(choices: Iterable[str]) -> str:
    """Return the choices as people list them: `a, b or c`."""
    *most, last = choices
    return f"{', '.join(most)} or {last}" if most else last
