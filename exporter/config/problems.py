"""What is wrong with a config, told so that the reader can mend it at once."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from exporter.errors import ExporterError

_SHOWN: Final = 40  # characters: enough to recognise a value in its line, too few to flood a terminal


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
    """Return the text short and on one line: what does not print is escaped."""
    short = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in short)


def quoted(text: str) -> str:
    """Return the text as `cut` does, between double quotes."""
    return f'"{cut(text)}"'


def either(choices: Iterable[str]) -> str:
    """Return the choices as people list them: `a, b or c`."""
    *most, last = choices
    return f"{', '.join(most)} or {last}" if most else last
