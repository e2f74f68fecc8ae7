"""The one way out: every request of ours to an address that somebody else named passes through here.

https to a name; the name is resolved once, every address of the answer must be public, and the connection
goes to an address that was checked, while certificate, SNI and Host are the name's. No redirect is followed,
no proxy, cookie or compression is used, and one deadline holds for all of it, however slowly bytes drip in.
Never call it inside a transaction.
"""

import re
import socket
import ssl
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from urllib.parse import urlsplit

import httpcore

from app.addresses import Address, Network, is_public, read_address, within
from app.errors import Unreachable
from app.pinned import Deadline, Pinned

SECONDS = 5.0
"""For the whole exchange: resolving, connecting, TLS, asking, reading."""
BODY_LIMIT = 64_000
URL_LIMIT = 2_000
ADDRESSES_TRIED = 4
PORTS = frozenset({443})
_RESOLVERS = 4

# The last label begins with a letter: what resolvers read as a number (0x7f.1, 2130706433) is no name.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_URL = re.compile(
    rf"https://(?P<host>(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?)(?::(?P<port>[1-9][0-9]{{0,4}}))?"
    r"(?P<target>/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*"
    r"(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?)?"
)
_HOST_LIMIT = 253

Resolve = Callable[[str, int], Sequence[str]]
"""Addresses of a name, as text; raises `OSError` where there are none."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A checked URL, taken apart."""

    host: str
    port: int
    path: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """Names in lower case; the last one where a name comes twice."""
    body: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Outgoing:
    """Asks servers that others named.

    Args:
        ports: those that a URL may name.
        resolve: how names become addresses.
        also: networks that may be reached although they are not public. No setting leads here: tests name
            their loopback.
        trust: certificate authorities; the system's if left out.
        seconds: for one whole exchange.
    """

    def __init__(
        self,
        *,
        ports: Collection[int] = PORTS,
        resolve: Resolve | None = None,
        also: Collection[Network] = (),
        trust: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self._ports = frozenset(ports)
        self._resolve = resolve or resolve_name
        self._also = tuple(also)
        self._trust = trust
        self._seconds = seconds
        self._resolvers = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="resolve")

    def check(self, url: str) -> Target:
        """What a URL leads to, as far as its text says.

        Raises:
            Unreachable: it has another scheme, no name, user information, a fragment, or a port not allowed.
        """
        found = _URL.fullmatch(url) if len(url) <= URL_LIMIT else None
        if found is None or len(found["host"]) > _HOST_LIMIT:
            raise Unreachable(
                "Give an https:// URL with a full host name in lower case: no address, no user, no fragment.",
                reason="url",
            )
        port = int(found["port"] or 443)
        if port not in self._ports:
            raise Unreachable("This port is not allowed. Use the standard port of https.", reason="port")
        return Target(host=found["host"], port=port, path=found["target"] or "/")

    def get(self, url: str, media_types: Collection[str]) -> Answer:
        """Fetch a document.

        Raises:
            Unreachable: as for `send`, or the answer is not 200, or of another content type.
        """
        answer = self.send("GET", url, headers={"Accept": ", ".join(media_types)})
        if answer.status != 200:
            raise Unreachable(
                "The other server must answer 200 itself: no redirect is followed.", reason="status"
            )
        if answer.media_type not in media_types:
            raise Unreachable(
                f"The answer must be Content-Type: {' or '.join(media_types)}.", reason="media_type"
            )
        return answer

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """One request and its whole answer, whatever its status.

        Raises:
            Unreachable: the URL or what it leads to is not allowed, or there is no fit answer in time.
        """
        target = self.check(url)
        asked = {
            "Host": target.host if target.port == 443 else f"{target.host}:{target.port}",
            "User-Agent": "halyard",
            "Accept-Encoding": "identity",
            "Connection": "close",
            **(headers or {}),
        }
        where = httpcore.URL(scheme=b"https", host=target.host, port=target.port, target=target.path)
        backend = Pinned(self._addresses, Deadline(self._seconds))
        return _exchange(method, where, asked, body, backend, self._trust or _system_trust())

    def _addresses(self, host: str, port: int, seconds: float) -> list[Address]:
        """Every address of a name, or none: one that is not allowed spoils the answer."""
        texts = _resolved(self._resolvers, self._resolve, host, port, seconds)
        found = [_plain_address(text) for text in texts]
        if not all(is_public(address) or within(address, self._also) for address in found):
            raise Unreachable("The host name leads to an address that is not public.", reason="address")
        return list(dict.fromkeys(found))[:ADDRESSES_TRIED]


class Direct:
    """Asks servers that the operator named in the settings: any address will do, a private one too.

    https, or http on this machine. No redirect is followed, no proxy, cookie or compression is used, and one
    deadline holds, as for `Outgoing`. Never call it inside a transaction.

    Args:
        trust: certificate authorities; the system's if left out.
        seconds: for one whole exchange.
    """

    def __init__(self, *, trust: ssl.SSLContext | None = None, seconds: float = SECONDS) -> None:
        self._trust = trust
        self._seconds = seconds
        self._resolvers = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="resolve")

    def post(self, url: str, body: bytes, media_type: str) -> Answer:
        """Send a body, and read the whole answer, whatever its status.

        Args:
            url: an address of the settings, which have checked its form.

        Raises:
            Unreachable: there is no fit answer in time, or http leads to another machine.
        """
        parts = urlsplit(url)
        asked = {
            "Host": parts.netloc,
            "User-Agent": "halyard",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "Content-Type": media_type,
        }
        port = parts.port or (443 if parts.scheme == "https" else 80)
        where = httpcore.URL(
            scheme=parts.scheme, host=parts.hostname or "", port=port, target=parts.path or "/"
        )
        local = parts.scheme == "http"
        backend = Pinned(partial(self._addresses, local=local), Deadline(self._seconds))
        return _exchange("POST", where, asked, body, backend, self._trust or _system_trust())

    def _addresses(self, host: str, port: int, seconds: float, *, local: bool) -> list[Address]:
        found = [
            _plain_address(text) for text in _resolved(self._resolvers, resolve_name, host, port, seconds)
        ]
        if local and not all(address.is_loopback for address in found):
            raise Unreachable("http is for this machine only: use https.", reason="address")
        return found[:ADDRESSES_TRIED]


def resolve_name(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _resolved(
    resolvers: ThreadPoolExecutor, resolve: Resolve, host: str, port: int, seconds: float
) -> Sequence[str]:
    """What a name leads to: at least one address."""
    asked = resolvers.submit(resolve, host, port)
    try:
        texts = asked.result(timeout=seconds)
    except TimeoutError:
        asked.cancel()
        raise
    except (OSError, UnicodeError) as error:
        raise Unreachable("The host name has no address.", reason="name") from error
    if not texts:
        raise Unreachable("The host name has no address.", reason="name")
    return texts


def _exchange(
    method: str,
    where: httpcore.URL,
    headers: Mapping[str, str],
    body: bytes | None,
    backend: Pinned,
    trust: ssl.SSLContext,
) -> Answer:
    """One request over a connection of its own, and its whole answer."""
    pool = httpcore.ConnectionPool(
        ssl_context=trust, max_connections=1, max_keepalive_connections=0, retries=0, network_backend=backend
    )
    try:
        with pool, pool.stream(method, where, headers=list(headers.items()), content=body) as answer:
            return _read(answer)
    except (httpcore.TimeoutException, TimeoutError) as error:
        raise Unreachable("The other server does not answer in time.", reason="timeout") from error
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(
            "The other server's certificate does not hold: it must be valid, trusted, for this name.",
            reason="certificate",
        ) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        raise Unreachable("The other server cannot be reached, or breaks off.", reason="network") from error


def _plain_address(text: str) -> Address:
    """An address that is exactly what it is written as: a mapped one is not unwrapped here, but refused."""
    address = read_address(text)
    if address is None or (address.version == 4 and ":" in text):
        raise Unreachable("The host name leads to an address that is not public.", reason="address")
    return address


@cache
def _system_trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _read(answer: httpcore.Response) -> Answer:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Unreachable("The answer must come without Content-Encoding.", reason="encoding")
    said = headers.get("content-length", "0")
    body = bytearray()
    if not said.isdigit() or int(said) > BODY_LIMIT:
        raise _too_large()
    for part in answer.iter_stream():
        body += part
        if len(body) > BODY_LIMIT:
            raise _too_large()
    return Answer(status=answer.status, headers=headers, body=bytes(body))


def _too_large() -> Unreachable:
    return Unreachable(f"The answer is larger than {BODY_LIMIT} bytes.", reason="size")
