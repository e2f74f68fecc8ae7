"""The client certificate of a request, as the proxy that ended TLS hands it on (RFC 8705, RFC 9440).

Whoever may speak to this server could write such a header. So it counts only where the operator named it, and
only from an address of the proxies; they must replace whatever a caller sent under this name.
"""

import base64
import hashlib
import re
from ipaddress import ip_address, ip_network
from urllib.parse import unquote

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate
from flask import request

from app.config import Config

TEXT_LIMIT = 16_384
_BYTE_SEQUENCE = re.compile(r":([A-Za-z0-9+/]+={0,2}):")
_MARK = "-----BEGIN"


def thumbprint(config: Config) -> str | None:
    """`x5t#S256` of this request's client certificate; None without one, or where no proxy vouches for it.

    Raises:
        ValueError: a trusted proxy handed on what is not one certificate in the configured form.
    """
    if not config.certificate_header or not _from_proxy(config):
        return None
    text = request.headers.get(config.certificate_header, "").strip()
    return thumbprint_of(text, config.certificate_format) if text else None


def thumbprint_of(text: str, form: str) -> str:
    """SHA-256 of a certificate in DER, in base64url (RFC 8705 section 3.1).

    Args:
        form: `rfc9440`, a byte sequence of RFC 8941; or `pem`, URL-encoded as nginx writes it.

    Raises:
        ValueError: it is not one certificate in this form.
    """
    if len(text) > TEXT_LIMIT:
        raise ValueError("too long")
    der = _der_of_pem(text) if form == "pem" else _der_of_bytes(text)
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()


def _der_of_bytes(text: str) -> bytes:
    found = _BYTE_SEQUENCE.fullmatch(text)
    if found is None:
        raise ValueError("no byte sequence")
    der = base64.b64decode(found[1], validate=True)
    load_der_x509_certificate(der)
    return der


def _der_of_pem(text: str) -> bytes:
    pem = unquote(text, errors="strict")
    if pem.count(_MARK) != 1:
        raise ValueError("not one certificate")
    return load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)


def caller(config: Config) -> str | None:
    """The caller's address; where the proxies' networks are named, what is told counts only from there."""
    if config.proxy_networks and not _from_proxy(config):
        return _peer()
    return request.remote_addr


def _peer() -> str | None:
    found: str | None = request.environ.get("werkzeug.proxy_fix.orig", request.environ).get("REMOTE_ADDR")
    return found


def _from_proxy(config: Config) -> bool:
    """Whether the immediate peer, before anything that it says of others, is one of the proxies."""
    try:
        address = ip_address(_peer() or "")
    except ValueError:
        return False
    return any(address in ip_network(network) for network in config.proxy_networks)
