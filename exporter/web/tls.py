"""The section `tls_server_config` of web.yaml, and what OpenSSL makes of it."""

import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tempfile import NamedTemporaryFile
from typing import Annotated, Final, Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import Struct

from exporter.config.problems import Misfit, either, quoted
from exporter.config.secrets import known_secret
from exporter.config.types import Form, Location, Place
from exporter.wire.secret import Secret

_VERSIONS: Final[Mapping[str, ssl.TLSVersion]] = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_ASKED_FOR: Final[Mapping[str, ssl.VerifyMode]] = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_CIPHERS: Final[Mapping[str, str]] = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
_CURVES: Final[Mapping[str, str]] = {
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
    "X25519": "X25519",
}
_UNVERIFIED: Final = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")
_STRANGERS: Final = dict.fromkeys(  # the last is for a key of another kind than the certificate's
    ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"),
    "the key does not belong to the first certificate",
)
_STRICT: Final = "client_auth_type: RequireAndVerifyClientCert"


def _read_auth(text: str, _: Place) -> str:
    if text in _UNVERIFIED:
        wrong = f"{text} takes certificates without verifying them, which Python cannot do"
        raise Misfit(wrong, "RequireAndVerifyClientCert, or NoClientCert, which protects as much")
    return _read_word(text, _ASKED_FOR)


def _read_version(text: str, _: Place) -> str:
    if text in {"TLS10", "TLS11"}:
        raise Misfit("older than TLS 1.2, which is the oldest that is spoken", either(_VERSIONS))
    return _read_word(text, _VERSIONS)


def _read_cipher(text: str, _: Place) -> str:
    if text.startswith("TLS_") and "_WITH_" not in text:
        raise Misfit("Python offers all cipher suites of TLS 1.3 or none", "those of TLS 1.2 alone")
    return _read_word(text, _CIPHERS)


def _read_word(text: str, known: Mapping[str, object]) -> str:
    if text not in known:
        raise Misfit(f"unknown value {quoted(text)}", either(known))
    return text


Pem = Annotated[Secret, Form(lambda text, _: known_secret(text, "web.yaml"), secret=True)]
Version = Annotated[str, Form(_read_version)]


class TlsServer(Struct, frozen=True, kw_only=True):
    """What the section says. Certificates and keys are texts in PEM, or the files that hold them."""

    cert: Pem | None = None
    cert_file: Location | None = None
    key: Pem | None = None
    key_file: Location | None = None
    client_ca: Pem | None = None
    client_ca_file: Location | None = None
    client_auth_type: Annotated[str, Form(_read_auth)] = "NoClientCert"
    client_allowed_sans: tuple[str, ...] | None = None
    """Of these names a client's certificate must have one; None: any will do."""
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"
    cipher_suites: tuple[Annotated[str, Form(_read_cipher)], ...] = ()
    """Of TLS 1.2; none: as OpenSSL chooses."""
    prefer_server_cipher_suites: bool = True
    curve_preferences: tuple[Literal["CurveP256", "CurveP384", "CurveP521", "X25519"], ...] = ()
    """None: as OpenSSL chooses."""

    def __post_init__(self) -> None:
        for name in ("cert", "key", "client_ca"):
            given = getattr(self, name) is not None, getattr(self, f"{name}_file") is not None
            if all(given):
                raise Misfit(f"{name} is given beside {name}_file", "only one of the two")
            if not any(given) and name != "client_ca":
                raise Misfit(f"{name}_file is missing", f"it, or {name} with the text itself")
        self._check_clients()
        if self.min_version > self.max_version:
            raise Misfit("min_version is newer than max_version", "min_version: TLS12")
        if self.cipher_suites and self.min_version == "TLS13":
            raise Misfit("cipher_suites are of TLS 1.2, which min_version excludes", "only one of the two")
        if len(self.curve_preferences) > 1:
            wrong = "Python offers one of curve_preferences alone, or all that OpenSSL chooses"
            raise Misfit(wrong, "one curve, or leave the key out")

    def _check_clients(self) -> None:
        trusted = self.client_ca is not None or self.client_ca_file is not None
        if self.client_auth_type == "NoClientCert":
            if trusted or self.client_allowed_sans is not None:
                raise Misfit("client_ca and client_allowed_sans have no effect without client_auth_type", _STRICT)
        elif not trusted:
            raise Misfit(f"{self.client_auth_type} needs an authority to trust", "client_ca_file")
        if self.client_allowed_sans == ():
            raise Misfit("client_allowed_sans is empty: nobody could come in", "a name, or leave the key out")


class Pems(Struct, frozen=True):
    """The texts that the section means, whether they stand there or in files."""

    cert: bytes
    key: bytes
    client_ca: bytes = b""


class Tls(Struct, frozen=True):
    """A section in force."""

    section: TlsServer
    pems: Pems
    context: ssl.SSLContext

    def admits(self, certificate: bytes | None) -> bool:
        """Tell whether a verified certificate (DER; None: there is none) has one of the names that may enter."""
        allowed = self.section.client_allowed_sans
        return allowed is None or (certificate is not None and not _names(certificate).isdisjoint(allowed))


def _names(certificate: bytes) -> frozenset[str]:
    """Return the subject alternative names that are DNS names, e-mail or IP addresses, or URIs."""
    try:
        extensions = x509.load_der_x509_certificate(certificate).extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return frozenset()
    kinds = (x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier)
    texts = {name for kind in kinds for name in names.get_values_for_type(kind)}
    return frozenset(texts | {str(address) for address in names.get_values_for_type(x509.IPAddress)})


def check_certificates(pem: bytes) -> None:
    """Pass where a text holds certificates.

    Raises:
        Misfit: there is none, or one is broken.
    """
    try:
        x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise Misfit("holds no sound certificate in PEM") from None


def check_key(pem: bytes) -> None:
    """Pass where a text holds a private key.

    Raises:
        Misfit: there is none that can be used.
    """
    try:
        load_pem_private_key(pem, None)
    except TypeError:
        raise Misfit("the key is encrypted, and nobody can be asked for its passphrase", "a plain key") from None
    except (ValueError, UnsupportedAlgorithm):
        raise Misfit("holds no sound private key in PEM") from None


def build(section: TlsServer, pems: Pems) -> Tls:
    """Return the section in force.

    Raises:
        Misfit: OpenSSL refuses it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[section.min_version]
    context.maximum_version = _VERSIONS[section.max_version]
    context.options |= ssl.OP_NO_RENEGOTIATION
    if not section.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    context.verify_mode = _ASKED_FOR[section.client_auth_type]
    # Each certificate of client_ca is trusted, whether it is a root or not.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        if section.cipher_suites:
            _choose(context, [_CIPHERS[suite] for suite in section.cipher_suites])
        for curve in section.curve_preferences:
            context.set_ecdh_curve(_CURVES[curve])
        if pems.client_ca:
            context.load_verify_locations(cadata=pems.client_ca.decode("ascii", "replace"))
        with _lent(pems.cert) as cert, _lent(pems.key) as key:
            context.load_cert_chain(cert, key)
    except ssl.SSLError as error:
        raise Misfit(_STRANGERS.get(error.reason, f"OpenSSL refuses it: {error.reason or error}")) from None
    return Tls(section, pems, context)


def _choose(context: ssl.SSLContext, ciphers: list[str]) -> None:
    context.set_ciphers(":".join(ciphers))
    if not {cipher["name"] for cipher in context.get_ciphers()}.issuperset(ciphers):
        raise Misfit("OpenSSL has not all of these cipher_suites here", "others, or leave the key out")


@contextmanager
def _lent(data: bytes) -> Iterator[str]:
    """Lend data to OpenSSL, which reads files only; where the system can, without a disk."""
    if hasattr(os, "memfd_create"):
        with open(os.memfd_create("pem"), "wb", buffering=0) as file:  # noqa: PTH123 - it has no path
            file.write(data)
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with NamedTemporaryFile(buffering=0) as file:
            file.write(data)
            yield file.name
