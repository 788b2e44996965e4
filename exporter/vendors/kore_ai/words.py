"""The vendor's words for what an agent does, and for where a contact comes from."""

from collections.abc import Iterable, Mapping

from exporter.model import Channel, State, Status, state

TOLD = (Status.AVAILABLE, Status.BUSY, Status.AWAY, Status.OFFLINE)
"""All the statuses that there are."""

_SOURCES = {
    Channel.VOICE: ("voice", "campaign", "ivr", "ivrvoice", "korevg", "audiocodes", "twiliovoice", "alexa"),
    Channel.CHAT: ("chat", "rtm", "web-sdk", "web/mobile client"),
    Channel.EMAIL: ("email",),
    Channel.MESSAGING: (
        *("digital", "sms", "rcs", "whatsapp", "wfacebook", "facebook", "twitter", "telegram", "line", "wechat"),
        *("slack", "msteams", "spark", "ringcentral", "jabber", "yammer", "mattermost", "liveperson", "unblu"),
    ),
}
_CHANNELS = {source: channel for channel, sources in _SOURCES.items() for source in sources}


def channel_of(source: str) -> Channel:
    """Return the channel of a source as the account has it; each inbox for e-mail is a source of its own."""
    word = source.casefold()
    return Channel.EMAIL if word.startswith("email") else _CHANNELS.get(word, Channel.OTHER)


class Words:
    """What a status means, by its primary word; the config may teach more of these, and any secondary one."""

    def __init__(self, taught: Mapping[str, Status]) -> None:
        self._taught = {word.casefold(): status for word, status in taught.items()}
        self._known = {**{str(status): status for status in TOLD}, **self._taught}

    def state(self, primary: str, secondary: str | None) -> State:
        """Return the status, and the word that the agent chose."""
        word = secondary or primary
        status = self._taught.get(word.casefold()) or self._known.get(primary.casefold(), Status.OTHER)
        return state(status, word)

    def unknown(self, words: Iterable[tuple[str | None, str | None]]) -> frozenset[str]:
        """Return the primary words that nobody has mapped yet, nor the secondary ones beside them."""
        return frozenset(
            primary
            for primary, secondary in set(words)
            if primary
            and primary.casefold() not in self._known
            and (secondary or "").casefold() not in self._taught
        )
