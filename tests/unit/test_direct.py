"""Asking servers that the operator named: private addresses are fine, other machines over http are not."""

import ssl
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address

import pytest

from app import outgoing
from app.errors import Unreachable
from app.outgoing import BODY_LIMIT, Direct
from tests.elsewhere import Authority, document, serving


@pytest.fixture
def local(authority: Authority) -> ssl.SSLContext:
    return authority.server_context("localhost")


@pytest.fixture
def resolving(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Every name leads to this address."""

    def to(address: str) -> None:
        ip_address(address)
        monkeypatch.setattr(outgoing, "resolve_name", lambda _host, _port: [address])

    return to


def refused(asks: Direct, url: str) -> str:
    """Why there is no answer."""
    with pytest.raises(Unreachable) as caught:
        asks.post(url, b"", "text/plain")
    return caught.value.reason


def test_a_private_address_is_reached_under_its_name(local: ssl.SSLContext, authority: Authority) -> None:
    def talk(connection: ssl.SSLSocket) -> None:
        """What is left unread when a connection closes takes the answer with it: read the body first."""
        if not server.asked[-1].endswith(b"body"):
            assert connection.recv(64) == b"body"
        document(b"answer", media_type="text/plain")(connection)

    with serving(local, talk) as server:
        url = f"https://localhost:{server.port}/w1/add-checkpoint"
        answer = Direct(trust=authority.trust()).post(url, b"body", "application/octet-stream")
    assert (answer.status, answer.body, answer.media_type) == (200, b"answer", "text/plain")
    head = server.asked[0].decode()
    assert head.startswith("POST /w1/add-checkpoint HTTP/1.1\r\n")
    assert f"Host: localhost:{server.port}\r\n" in head
    assert "Content-Length: 4\r\n" in head


@pytest.mark.parametrize("url", ["http://witness.example/", "http://localhost:1/"])
def test_http_is_for_this_machine_only(resolving: Callable[[str], None], url: str) -> None:
    resolving("192.0.2.7")
    assert refused(Direct(seconds=1), url) == "address"


def test_a_certificate_of_nobody_known_or_for_another_name_is_refused(
    context: ssl.SSLContext, local: ssl.SSLContext, authority: Authority
) -> None:
    for presented, asks in ((context, Direct(trust=authority.trust())), (local, Direct())):
        with serving(presented, document(b"")) as server:
            assert refused(asks, f"https://localhost:{server.port}/") == "certificate"


def test_a_redirect_is_an_answer_and_is_not_followed(local: ssl.SSLContext, authority: Authority) -> None:
    talk = document(b"", status="302 Found", Location="https://localhost:1/")
    with serving(local, talk) as server:
        url = f"https://localhost:{server.port}/"
        answer = Direct(trust=authority.trust()).post(url, b"", "text/plain")
    assert answer.status == 302
    assert len(server.asked) == 1


def test_an_answer_that_is_too_large_or_never_comes_is_refused(
    local: ssl.SSLContext, authority: Authority
) -> None:
    def silent(connection: ssl.SSLSocket) -> None:
        with suppress(OSError):
            connection.recv(1)

    for talk, reason in ((document(b"x" * (BODY_LIMIT + 1)), "size"), (silent, "timeout")):
        with serving(local, talk) as server:
            asks = Direct(trust=authority.trust(), seconds=1)
            assert refused(asks, f"https://localhost:{server.port}/") == reason
