"""The one way out: what must not be reached, and how an answer must not come."""

import gzip
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_network

import pytest

from app.errors import Unreachable
from app.outgoing import BODY_LIMIT, Outgoing
from tests.elsewhere import LOOPBACK, NAME, Authority, Elsewhere, Names, Talk, client_of, document, serving

JSON = ("application/json",)
BODY = b'{"keys": []}'


@pytest.fixture
def server(context: ssl.SSLContext) -> Iterator[Elsewhere]:
    with serving(context, document(BODY)) as found:
        yield found


@pytest.fixture
def outgoing(server: Elsewhere, authority: Authority) -> Outgoing:
    return client_of(server, authority.trust())


@contextmanager
def refused(reason: str) -> Iterator[None]:
    with pytest.raises(Unreachable) as caught:
        yield
    assert caught.value.reason == reason
    assert not any(character.isdigit() for character in caught.value.detail.replace("200", "").replace(
        str(BODY_LIMIT), ""
    ))  # fmt: skip


def test_a_document_is_fetched_from_the_checked_address_under_its_name(
    server: Elsewhere, outgoing: Outgoing
) -> None:
    answer = outgoing.get(server.url("/a/jwks.json?of=bank"), JSON)

    assert (answer.status, answer.body, answer.media_type) == (200, BODY, "application/json")
    head = server.asked[0].decode()
    assert head.startswith("GET /a/jwks.json?of=bank HTTP/1.1\r\n")
    assert f"Host: {NAME}:{server.port}\r\n" in head
    assert "cookie" not in head.lower()
    assert "Accept-Encoding: identity\r\n" in head


@pytest.mark.parametrize(
    "url",
    [
        "http://keys.bank.example/jwks.json",
        "ftp://keys.bank.example/jwks.json",
        "file:///etc/passwd",
        "HTTPS://keys.bank.example/",
        "//keys.bank.example/",
        "https:keys.bank.example",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://127.0.0.0x1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[fe80::1%25eth0]/",
        "https://localhost/",
        "https://metadata/",
        "https://keys.bank.example./",
        "https://keys..example/",
        "https://-keys.bank.example/",
        "https://keys_bank.example/",
        "https://k\u00e9ys.bank.example/",
        "https://127\u30020\u30020\u30021/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://%6b%65ys.bank.example/",
        "https://user@keys.bank.example/",
        "https://user:secret@keys.bank.example/",
        "https://keys.bank.example@127.0.0.1/",
        "https://keys.bank.example:443@127.0.0.1/",
        "https://keys.bank.example\\@127.0.0.1/",
        "https://keys.bank.example#@127.0.0.1/",
        "https://keys.bank.example/jwks.json#fragment",
        "https://keys.bank.example/a b",
        "https://keys.bank.example/\r\nHost: other.example",
        "https://keys.bank.example/\tjwks",
        "https://keys.bank.example/%zz",
        "https://keys.bank.example:/",
        "https://keys.bank.example:0443/",
        "https://keys.bank.example:+443/",
        "https://keys.bank.example: 443/",
        "https://keys.bank.example:443:80/",
        "https://keys.bank.example:0/",
        " https://keys.bank.example/",
        "https://keys.bank.example/\n",
        "https://" + "a." * 130 + "example/",
        "https://keys.bank.example/" + "a" * 2_000,
        "",
    ],
)
def test_a_url_that_is_not_https_to_a_plain_name_is_refused_before_any_name_is_asked(url: str) -> None:
    names = Names(["127.0.0.1"])

    with refused("url"):
        Outgoing(resolve=names).get(url, JSON)

    assert names.asked == []


@pytest.mark.parametrize("port", [80, 22, 6379, 8443, 65535, 65536, 99999])
def test_only_ports_that_were_allowed_are_asked(port: int) -> None:
    names = Names(["127.0.0.1"])

    with refused("port"):
        Outgoing(resolve=names).get(f"https://keys.bank.example:{port}/", JSON)

    assert names.asked == []


PRIVATE = [
    "0.0.0.0",  # noqa: S104 - nothing listens there, it must not be asked
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:0:a00:1::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:a00:1::1",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
    "2606:4700::1111%2",
    "0x7f.1",
    "2130706433",
    "nonsense",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_to_an_address_that_is_not_public_is_refused(address: str) -> None:
    with refused("address"):
        Outgoing(resolve=Names([address])).get(f"https://{NAME}/", JSON)


@pytest.mark.parametrize("address", ["10.0.0.1", "::1", "64:ff9b::a00:1"])
@pytest.mark.parametrize("public", ["8.8.8.8", "2606:4700::1111"])
def test_one_private_address_among_public_ones_spoils_the_answer(public: str, address: str) -> None:
    for answer in ([public, address], [address, public]):
        with refused("address"):
            Outgoing(resolve=Names(answer)).get(f"https://{NAME}/", JSON)


@pytest.mark.parametrize("answer", [[], None])
def test_a_name_without_an_address_is_refused(answer: list[str] | None) -> None:
    def nowhere(_host: str, _port: int) -> list[str]:
        if answer is None:
            raise OSError("no such name")
        return answer

    with refused("name"):
        Outgoing(resolve=nowhere).get(f"https://{NAME}/", JSON)


def test_a_name_is_asked_once_and_what_it_answers_later_reaches_nobody(
    server: Elsewhere, authority: Authority
) -> None:
    """Rebinding: allowed when it is checked, another address when it is connected to."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    outgoing = client_of(server, authority.trust(), names)

    assert outgoing.get(server.url(), JSON).body == BODY
    assert names.asked == [NAME]
    with refused("address"):
        outgoing.get(server.url(), JSON)


def test_without_leave_of_its_own_loopback_is_refused_whatever_listens_there(
    server: Elsewhere, authority: Authority
) -> None:
    outgoing = Outgoing(
        ports={server.port}, resolve=Names(["127.0.0.1"]), trust=authority.trust()
    )  # as in production, but for the port

    with refused("address"):
        outgoing.get(server.url(), JSON)
    assert server.asked == []


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
def test_no_redirect_is_followed(server: Elsewhere, outgoing: Outgoing, status: str) -> None:
    server.talk = document(BODY, status=status, Location=server.url("/elsewhere"))

    with refused("status"):
        outgoing.get(server.url(), JSON)

    assert len(server.asked) == 1


@pytest.mark.parametrize("status", ["204 No Content", "206 Partial", "404 Not Found", "500 Error"])
def test_only_200_is_an_answer(server: Elsewhere, outgoing: Outgoing, status: str) -> None:
    server.talk = document(b"", status=status)

    with refused("status"):
        outgoing.get(server.url(), JSON)


def test_no_proxy_of_the_environment_is_used(
    server: Elsewhere, outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert outgoing.get(server.url(), JSON).body == BODY


def dripping(head: bytes) -> Talk:
    """Sends a little every tenth of a second, so that no single read takes long."""

    def talk(connection: ssl.SSLSocket) -> None:
        connection.sendall(head)
        pause = threading.Event()
        while True:
            connection.sendall(b"x")
            pause.wait(0.1)

    return talk


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "head", [HEAD + b"Content-Length: 9000\r\n\r\n", HEAD + b"X-Slow: ", b"HTTP/1.1 200 "]
)
def test_a_slow_drip_has_no_longer_than_a_silent_server(
    server: Elsewhere, authority: Authority, head: bytes
) -> None:
    server.talk = dripping(head)
    begun = time.monotonic()

    with refused("timeout"):
        client_of(server, authority.trust(), seconds=0.5).get(server.url(), JSON)

    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("drips", [False, True], ids=["silent", "dripping"])
def test_a_tls_handshake_that_does_not_end_has_no_longer_either(authority: Authority, *, drips: bool) -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            plain, _ = listener.accept()
            with plain, suppress(OSError):
                plain.sendall(b"\x16\x03\x03\x3f\xff")  # the head of a record of 16 kB
                while not stop.wait(0.05):
                    plain.sendall(b"\x02")

        thread = threading.Thread(target=drip, daemon=True)
        if drips:
            thread.start()
        outgoing = Outgoing(
            ports={listener.getsockname()[1]}, resolve=Names(["127.0.0.1"]), also=LOOPBACK,
            trust=authority.trust(), seconds=0.5,
        )  # fmt: skip
        begun = time.monotonic()
        with refused("timeout"):
            outgoing.get(f"https://{NAME}:{listener.getsockname()[1]}/", JSON)
        assert time.monotonic() - begun < 2
        stop.set()
        if drips:
            thread.join(5)


def test_a_resolver_that_does_not_answer_has_no_longer_either() -> None:
    release = threading.Event()

    def stuck(_host: str, _port: int) -> list[str]:
        release.wait(10)
        return ["8.8.8.8"]

    with refused("timeout"):
        Outgoing(resolve=stuck, seconds=0.2).get(f"https://{NAME}/", JSON)
    release.set()


def chunked(size: int) -> Talk:
    def talk(connection: ssl.SSLSocket) -> None:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(0, size, 1_000):
            connection.sendall(b"3e8\r\n" + b" " * 1_000 + b"\r\n")
        connection.sendall(b"0\r\n\r\n")

    return talk


@pytest.mark.parametrize(
    "talk", [document(b" " * (BODY_LIMIT + 1)), chunked(BODY_LIMIT + 1_000)], ids=["said", "chunked"]
)
def test_more_than_the_limit_is_refused_whether_its_size_is_said_or_not(
    server: Elsewhere, outgoing: Outgoing, talk: Talk
) -> None:
    server.talk = talk
    with refused("size"):
        outgoing.get(server.url(), JSON)


@pytest.mark.parametrize("talk", [document(b" " * BODY_LIMIT), chunked(BODY_LIMIT)], ids=["said", "chunked"])
def test_exactly_the_limit_is_taken(server: Elsewhere, outgoing: Outgoing, talk: Talk) -> None:
    server.talk = talk
    assert len(outgoing.get(server.url(), JSON).body) == BODY_LIMIT


def test_a_compressed_answer_is_not_unpacked_but_refused(server: Elsewhere, outgoing: Outgoing) -> None:
    server.talk = document(gzip.compress(b" " * 50_000_000), Content_Encoding="gzip")

    with refused("encoding"):
        outgoing.get(server.url(), JSON)


@pytest.mark.parametrize(
    "media_type", ["text/html", "text/plain; charset=application/json", "", "application/jsonp"]
)
def test_another_content_type_is_refused(server: Elsewhere, outgoing: Outgoing, media_type: str) -> None:
    server.talk = document(BODY, media_type=media_type)

    with refused("media_type"):
        outgoing.get(server.url(), JSON)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        HEAD + b"Content-Length: 100\r\n\r\n{}",
        HEAD + b"Content-Length: -1\r\n\r\n{}",
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        HEAD + b"X: " + b"x" * 200_000,
    ],
    ids=["nothing", "another protocol", "cut off", "negative", "two lengths", "endless head"],
)
def test_what_is_not_http_or_breaks_off_is_refused(server: Elsewhere, outgoing: Outgoing, raw: bytes) -> None:
    server.talk = lambda connection: connection.sendall(raw)

    with refused("network"):
        outgoing.get(server.url(), JSON)


@pytest.mark.parametrize("how", ["signed by itself", "for another name", "for an address", "ended"])
def test_a_certificate_that_does_not_prove_the_name_is_refused(authority: Authority, how: str) -> None:
    context = {
        "signed by itself": lambda: authority.server_context(signed=False),
        "for another name": lambda: authority.server_context("other.example"),
        "for an address": lambda: authority.server_context("127.0.0.1"),
        "ended": lambda: authority.server_context(days=-1),
    }[how]()

    with serving(context, document(BODY)) as server, refused("certificate"):
        client_of(server, authority.trust()).get(server.url(), JSON)


def test_the_systems_trust_does_not_know_a_private_authority(server: Elsewhere) -> None:
    outgoing = Outgoing(ports={server.port}, resolve=Names(["127.0.0.1"]), also=LOOPBACK)

    with refused("certificate"):
        outgoing.get(server.url(), JSON)


def test_old_versions_of_tls_are_refused(authority: Authority) -> None:
    context = authority.server_context()
    with warnings.catch_warnings(action="ignore"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1

    with serving(context, document(BODY)) as server, refused("network"):
        client_of(server, authority.trust()).get(server.url(), JSON)


def test_an_address_that_does_not_answer_is_passed_over_for_the_next_checked_one(
    server: Elsewhere, authority: Authority
) -> None:
    outgoing = Outgoing(
        ports={server.port}, resolve=Names(["::1", "127.0.0.1"]), trust=authority.trust(),
        also=[ip_network("127.0.0.1/32"), ip_network("::1/128")],
    )  # fmt: skip

    assert outgoing.get(server.url(), JSON).body == BODY
