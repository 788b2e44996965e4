"""Why an answer is none: the vendor sends its errors with HTTP 200."""

import msgspec
from msgspec import Struct

from exporter.errors import NotAllowed, PollFailed, Reason, Refused, Throttled, Transient, Unreadable
from exporter.wire.http import Reply
from exporter.wire.verdict import by_status, retry_after


class Fault(Struct, frozen=True):
    """One error; its text is in the vendor's words and not repeated."""

    code: int


class Faults(Struct, frozen=True):
    """An answer that may be an error, in either form."""

    error: Fault | None = None
    errors: list[Fault] | Fault | None = None

    @property
    def code(self) -> int | None:
        """The first error's number; None where there is no error."""
        several = self.errors if isinstance(self.errors, list) else [self.errors]
        return next((fault.code for fault in (self.error, *several) if fault), None)


_FAULTS = msgspec.json.Decoder(Faults, strict=False)


def judged(reply: Reply) -> PollFailed | None:
    """Return why this reply is no answer, or None where it is one."""
    try:
        code = _FAULTS.decode(reply.body).code
    except (msgspec.ValidationError, RecursionError):
        code = 0  # it has an error that cannot be read, or is no object at all
    except (msgspec.MsgspecError, UnicodeDecodeError):
        code = None  # no JSON: the status may tell, and reading it will
    if reply.status != 200:
        return by_status(reply, f"error {code}" if code else "")
    return None if code is None else _by_code(code, reply)


def _by_code(code: int, reply: Reply) -> PollFailed:  # noqa: C901, PLR0911 - a table: one arm a meaning
    """Return what the vendor's number means."""
    told = f"error {code}"
    match code:
        case 100 | 433 | 447:
            return Refused(f"{told}: the vendor does not accept the credentials; check account_id and the key")
        case 456:
            return Refused(f"{told}: the token is past its end; check this machine's clock")
        case 455:
            return Refused(f"{told}: the token begins in the future; set this machine's clock")
        case 104:
            return NotAllowed(Reason.FORBIDDEN, f"{told}: the service account lacks a role that may read this")
        case 340 | 162 | 416 | 484 | 515 | 314:
            wait = retry_after(reply.headers, reply.at)
            return Throttled(f"{told}: the vendor asks for fewer calls", wait)
        case 1 | 2 | 4 | 19 | 21:
            return Transient(Reason.VENDOR, f"{told}: the vendor has a fault of its own")
        case 127 | 131 | 281:
            return Unreadable(
                Reason.VENDOR, f"{told}: the account is not active, not verified or out of money; see its panel"
            )
        case 527:
            return Unreadable(Reason.VENDOR, f"{told}: the vendor does not answer calls through this network")
        case 558:
            return Unreadable(Reason.HTTP_4XX, f"{told}: there is no such application; check application_id")
        case 0:
            return Unreadable(Reason.SCHEMA, "the answer is no object, or has an error without a number")
        case _:
            return Unreadable(Reason.HTTP_4XX, f"{told}: the vendor refuses the request")
