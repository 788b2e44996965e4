"""The envelope: LivePerson's answers to questions without a version come in one, with a status of their own."""

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from exporter.wire.http import Reply


class Meta(Struct, frozen=True, rename="camel"):
    """About the answer inside."""

    response_code: int
    """Its HTTP status, whatever that of the envelope is."""


class Envelope(Struct, frozen=True):
    """An answer, and its status."""

    meta: Meta
    body: Raw = Raw(b"")


_MARK = b'"responseCode"'
_ENVELOPES = msgspec.json.Decoder(Envelope, strict=False)


def opened(reply: Reply) -> Reply:
    """Return the answer inside of an envelope, with the status that is told there; another one as it is."""
    if _MARK not in reply.body:  # a look for the word costs a sixth of a decoding that comes to nothing
        return reply
    try:
        envelope = _ENVELOPES.decode(reply.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return reply
    return replace(reply, status=envelope.meta.response_code, body=bytes(envelope.body))
