"""Self-signed certificates of test clients, and the headers in which proxies hand them on."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


def certificate(name: str = "sync.example") -> x509.Certificate:
    key = generate_private_key(SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number())
    return made.not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, SHA256())


def der(found: x509.Certificate) -> bytes:
    return found.public_bytes(Encoding.DER)


def x5t(found: x509.Certificate) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(der(found)).digest()).rstrip(b"=").decode()


def rfc9440(found: x509.Certificate) -> str:
    """A byte sequence, as RFC 9440 section 2.2 has it."""
    return f":{base64.b64encode(der(found)).decode()}:"


def escaped_pem(found: x509.Certificate) -> str:
    """What nginx puts into `$ssl_client_escaped_cert`."""
    return quote(found.public_bytes(Encoding.PEM).decode(), safe="")
