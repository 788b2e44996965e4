"""Secrets that nobody may ever read anywhere, and how one finds them whatever was made of them."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from pathlib import Path
from urllib.parse import quote, quote_plus

import bcrypt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

EMAIL = "canary.owner@secret.example"
SERVICE_ACCOUNT_ID = "5f3a6b1e-0000-4000-8000-000000000000"
TYPED = (
    *("zendesk client secret", "zendesk refresh token", "zendesk api token", "zendesk access token"),
    *("zoho client secret", "zoho refresh token", "voximplant api key", "kore client secret"),
    *("liveperson app secret", "liveperson access token", "liveperson access token secret"),
    *("liveperson client secret", "pseudonym key", "web password", "under a wrong key"),
)
"""What people type into configs and files."""
ISSUED = (
    *("zendesk issued", "zendesk rotated", "zoho issued", "liveperson issued"),
    *("voximplant issued", "kore issued"),
)
"""What vendors give out, and what is signed for them."""


class Canaries:
    """24 of them, and whatever else of theirs has been on the wire."""

    def __init__(self) -> None:
        self.of = {name: _made(name) for name in (*TYPED, *ISSUED[:4])}
        self.of["zendesk e-mail"] = EMAIL
        self.of["voximplant private key"], key = _pem(), _pem()
        self.of["voximplant service account"] = key
        self.of["web password hash"] = bcrypt.hashpw(self.of["web password"].encode(), bcrypt.gensalt(10)).decode()
        self.service_account = json.dumps(
            {"account_id": 1, "key_id": SERVICE_ACCOUNT_ID, "private_key": key, "account_email": EMAIL}
        )
        self.signed: dict[str, str] = {}
        """Seen on the wire: the last two of the 24, and signatures."""

    def __len__(self) -> int:
        return len(self.of.keys() | set(ISSUED))

    def signed_for(self, name: str, token: str) -> None:
        """Look for this as well from now on."""
        self.signed[name] = token

    def found(self, text: str, *, but: frozenset[str] = frozenset()) -> set[str]:
        """Return the names of those that a text has in any form; `but` are there lawfully."""
        lower = text.lower()
        sought = {name: _forms(value) for name, value in {**self.signed, **self.of}.items()}
        return {
            name
            for name, forms in sought.items()
            if name not in but and any(form.lower() in lower for form in forms)
        }


def _made(name: str) -> str:
    """Return a secret that is written in another way in each encoding."""
    return f'{sha256(name.encode()).hexdigest()[:40]}+/="&<%>~{name[0]}'


def _pem() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _forms(secret: str) -> frozenset[str]:
    lines = [line for line in secret.splitlines() if len(line) > 20 and "PRIVATE KEY" not in line]
    return frozenset(form for part in (secret, *lines) for form in _encoded(part))


def _encoded(text: str) -> Iterator[str]:
    data = text.encode()
    yield from (text, data.hex(), quote(text), quote(text, safe=""), quote_plus(text), escape(text))
    yield from (json.dumps(text)[1:-1], repr(text)[1:-1], json.dumps(json.dumps(text)[1:-1])[1:-1])
    for before in range(
        3
    ):  # wherever in a longer text it stands, but for the characters mixed with its neighbours
        first, last = (0, 2, 3)[before], -((before + len(data)) % 3 > 0) - 1
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(bytes(before) + data).decode().rstrip("=")[first:last]


def accounts_of(
    canaries: Canaries, url: str, prefix: str, folder: Path, *, plain: bool = False, third: int | None = None
) -> str:
    """Return config entries with all ways of all five vendors to prove who one is; `plain`: the one that it knows.

    `third`, a number, leaves two of three ways out, but for the first.

    Secrets are in files of the folder, but for one in the config itself, and one in the environment.
    """

    def file(name: str) -> str:
        path = folder / name.replace(" ", "-")
        path.write_text(canaries.of[name])
        return json.dumps(str(path))

    (folder / "service-account.json").write_text(canaries.service_account)
    zendesk = f'options: {{base_url: "{url}"}}'
    ways = {
        "bearer": ("zendesk_talk", 'access_token: "${ZENDESK_ACCESS_TOKEN}"', zendesk),
        "grant": (
            "zendesk_talk",
            (
                f"client_id: exporter, client_secret_file: {file('zendesk client secret')}, "
                f"refresh_token_file: {file('zendesk refresh token')}"
            ),
            zendesk,
        ),
        "basic": ("zendesk_talk", f"email: {EMAIL}, api_token_file: {file('zendesk api token')}", zendesk),
        "zoho": (
            "zoho_voice",
            (
                f"client_id: exporter, client_secret_file: {file('zoho client secret')}, "
                f"refresh_token_file: {file('zoho refresh token')}"
            ),
            f'options: {{base_url: "{url}", accounts_url: "{url}"}}',
        ),
        "vox-key": (
            "voximplant",
            f"account_id: 1, api_key: {json.dumps(canaries.of['voximplant api key'])}",
            f'options: {{base_url: "{url}", engine: acd, application_id: 7}}',
        ),
        "vox-signed": (
            "voximplant",
            f"account_id: 1, key_id: {SERVICE_ACCOUNT_ID}, private_key_file: {file('voximplant private key')}",
            f'options: {{base_url: "{url}", engine: acd, application_id: 7}}',
        ),
        "vox-service": (
            "voximplant",
            f"service_account_file: {json.dumps(str(folder / 'service-account.json'))}",
            f'options: {{base_url: "{url}", engine: smartqueue, application_id: 7}}',
        ),
        "kore": (
            "kore_ai",
            f"client_id: cs-1, client_secret_file: {file('kore client secret')}",
            f'options: {{base_url: "{url}", account_id: a1, stream_id: st-1}}',
        ),
        "lp-signed": (
            "liveperson",
            (
                f"app_key: 3b5c0f7d, app_secret_file: {file('liveperson app secret')}, "
                f"access_token_file: {file('liveperson access token')}, "
                f"access_token_secret_file: {file('liveperson access token secret')}"
            ),
            f'options: {{base_url: "{url}", account_id: "1", family: chat}}',
        ),
        "lp-client": (
            "liveperson",
            f"client_id: exporter, client_secret_file: {file('liveperson client secret')}",
            f'options: {{base_url: "{url}", account_id: "1", family: messaging}}',
        ),
    }
    if plain:
        token = json.dumps(canaries.of["zendesk access token"])
        ways = {"bearer": ("zendesk_talk", f"access_token: {token}", zendesk)}
    some = [way for n, way in enumerate(ways) if third is None or not n or n % 3 == third % 3]
    return "".join(
        f"""
  - name: {prefix}-{way}
    vendor: {vendor}
    credentials: {{{credentials}}}
    {options}
"""
        for way in some
        for vendor, credentials, options in [ways[way]]
    )


def environment(canaries: Canaries) -> Mapping[str, str]:
    """Return what must be in the environment for these accounts."""
    return {"ZENDESK_ACCESS_TOKEN": canaries.of["zendesk access token"]}
