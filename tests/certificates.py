"""An authority of our own, and what it signs."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from msgspec import Struct

_LIFE = timedelta(days=2)


def dns(name: str) -> x509.GeneralName:
    return x509.DNSName(name)


def ip(address: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(address))


class Identity(Struct, frozen=True):
    """A certificate and its key, as texts in PEM."""

    cert: str
    key: str
    encrypted_key: str

    def written(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write both into files, and return their paths."""
        paths = folder / f"{name}.pem", folder / f"{name}.key"
        for path, text in zip(paths, (self.cert, self.key), strict=True):
            path.write_text(text)
        return paths


class Authority:
    """Signs certificates."""

    def __init__(self, name: str = "an authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self.cert = self._signed(self._name, self._key, (), authority=True)

    def identity(
        self, name: str, *names: x509.GeneralName, ended: timedelta | None = None, by_itself: bool = False
    ) -> Identity:
        """Return one who is known by these subject alternative names.

        `ended` is how long ago its certificate has expired; `by_itself`, whether nobody but it has signed that.
        """
        key = ec.generate_private_key(ec.SECP256R1())

        def text(encryption: KeySerializationEncryption) -> str:
            return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()

        until = _LIFE if ended is None else -ended
        signer = key if by_itself else None
        cert = self._signed(_named(name), key, names, authority=False, until=until, signer=signer)
        return Identity(cert, text(NoEncryption()), text(BestAvailableEncryption(b"a passphrase")))

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        names: tuple[x509.GeneralName, ...],
        *,
        authority: bool,
        until: timedelta = _LIFE,
        signer: ec.EllipticCurvePrivateKey | None = None,
    ) -> str:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if signer else self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * _LIFE)
            .not_valid_after(now + until)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(signer or self._key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
