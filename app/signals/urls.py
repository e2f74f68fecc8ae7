"""One text for one web address, so that members who hash the same address get the same `url_sha256`.

The signal is the SHA-256 of the UTF-8 bytes of `normalise_url(address)`. The rules, by the steps of
RFC 3986 section 6, in order:

1. White space around the address is dropped. The scheme must be http or https, and stays as it is.
2. User information (`user:password@`) and the fragment (`#…`) are dropped: the first may name a person,
   the second never reaches a server (sections 3.2.1 and 3.5).
3. Characters that RFC 3986 does not allow are percent-encoded as UTF-8 (RFC 3987 section 3.1), without any
   Unicode normalisation; a `%` that begins no triplet becomes `%25`. Triplets of unreserved characters are
   decoded, the others get upper-case digits (6.2.2.2 and 6.2.2.1).
4. Scheme and host are lower case; one final dot of the host is dropped. A host outside ASCII is refused:
   convert it first (`xn--…`), because Unicode tables differ from member to member. An IPv6 address takes the
   form of RFC 5952.
5. An empty port and the default port (80, 443) are dropped, leading zeros too (6.2.3).
6. Dot segments are removed from the path (5.2.4, 6.2.2.3); an empty path becomes `/` (6.2.3).
7. The query stays as it is after step 3, its order and an empty `?` included: servers may tell them apart.
"""

import hashlib
import re
from ipaddress import IPv6Address
from typing import Final

from app.signals.refused import RefusalReason, Refused

MAX_URL_CHARACTERS: Final = 8192

# RFC 3986 appendix B, for addresses with an authority, without the fragment.
_PARTS = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.IGNORECASE | re.DOTALL)
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[a-z0-9_.\-]+)(?::([0-9]{0,5}))?", re.IGNORECASE)
_TRIPLET_OR_CHARACTER = re.compile(r"%[0-9A-Fa-f]{2}|.", re.DOTALL)
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PATH = _UNRESERVED | frozenset("!$&'()*+,;=:@/")
_QUERY = _PATH | frozenset("?")
_DEFAULT_PORT = {"http": 80, "https": 443}


def url_digest(address: str) -> bytes:
    """The 32 raw bytes of the `url_sha256` signal of an address.

    Raises:
        Refused: as for `normalise_url`.
    """
    return hashlib.sha256(normalise_url(address).encode("ascii")).digest()


def normalise_url(address: str) -> str:
    """The one ASCII text of an http or https address, by the rules above; normalising twice changes nothing.

    Raises:
        Refused: `wrong_format` or `too_large`; the address itself is never repeated.
    """
    if len(address) > MAX_URL_CHARACTERS:
        raise Refused(RefusalReason.TOO_LARGE, f"An address has at most {MAX_URL_CHARACTERS} characters.")
    parts = _PARTS.fullmatch(address.strip())
    if parts is None:
        raise _bad_address()
    scheme, authority, path, query = parts.groups()
    scheme = scheme.lower()
    host = _host_and_port(authority.rpartition("@")[2], scheme)
    return f"{scheme}://{host}{_remove_dot_segments(_escape(path, _PATH))}{_escape(query or '', _QUERY)}"


def _bad_address() -> Refused:
    return Refused(
        RefusalReason.WRONG_FORMAT,
        "Give an absolute http or https address with a host in ASCII (xn-- form for other scripts).",
    )


def _host_and_port(text: str, scheme: str) -> str:
    parts = _HOST_PORT.fullmatch(_escape(text, _UNRESERVED | frozenset("[]:")))
    if parts is None:
        raise _bad_address()
    host = parts[1].lower()
    port = int(parts[2] or _DEFAULT_PORT[scheme])
    if host.startswith("["):
        try:
            host = f"[{IPv6Address(host[1:-1]).compressed}]"
        except ValueError:
            raise _bad_address() from None
    else:
        host = host.removesuffix(".")
    if not host or port > 65535:
        raise _bad_address()
    return host if port == _DEFAULT_PORT[scheme] else f"{host}:{port}"


def _escape(text: str, allowed: frozenset[str]) -> str:
    return _TRIPLET_OR_CHARACTER.sub(lambda found: _escape_one(found[0], allowed), text)


def _escape_one(found: str, allowed: frozenset[str]) -> str:
    if len(found) == 3:
        character = chr(int(found[1:], 16))
        return character if character in _UNRESERVED else found.upper()
    if found in allowed:
        return found
    try:
        return "".join(f"%{byte:02X}" for byte in found.encode())
    except UnicodeEncodeError:
        raise _bad_address() from None


def _remove_dot_segments(path: str) -> str:
    """RFC 3986 section 5.2.4 for an absolute or empty path."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
