"""Web addresses: one text for one address, so that members hash alike."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.signals import kinds
from app.signals.kinds import RefusalReason, Refused
from app.signals.urls import normalise_url, url_digest


@pytest.mark.parametrize(
    ("address", "normal"),
    [
        ("HTTP://www.EXAMPLE.com/", "http://www.example.com/"),  # RFC 3986 section 6.2.2.1
        ("http://example.com/%7esmith/%c3%a9", "http://example.com/~smith/%C3%A9"),  # 6.2.2.1, 6.2.2.2
        ("http://example.com/a/b/c/./../../g", "http://example.com/a/g"),  # 5.2.4
        ("http://example.com/mid/content=5/../6", "http://example.com/mid/6"),  # 5.2.4
        ("http://example.com/../../x", "http://example.com/x"),
        ("http://example.com/a/%2e%2e/b", "http://example.com/b"),
        ("http://example.com/a/..", "http://example.com/"),
        ("http://example.com/a//b/", "http://example.com/a//b/"),
        ("http://example.com", "http://example.com/"),  # 6.2.3
        ("http://example.com:/", "http://example.com/"),  # 6.2.3
        ("http://example.com:0080/", "http://example.com/"),  # 6.2.3
        ("https://example.com:443/", "https://example.com/"),
        ("https://example.com:80/", "https://example.com:80/"),
        ("http://example.com./", "http://example.com/"),
        ("http://user:pass@example.com/a#part", "http://example.com/a"),
        ("  http://example.com/a b\u00e9\n", "http://example.com/a%20b%C3%A9"),
        ("http://example.com/100%/a%2Fb", "http://example.com/100%25/a%2Fb"),
        ("http://example.com?b=2&a=1", "http://example.com/?b=2&a=1"),
        ("http://example.com/a?", "http://example.com/a?"),
        ("http://[2001:DB8:0::1]:8080/", "http://[2001:db8::1]:8080/"),
        ("http://xn--bcher-kva.example/", "http://xn--bcher-kva.example/"),
    ],
)
def test_an_address_takes_its_normal_form(address: str, normal: str) -> None:
    assert normalise_url(address) == normal


@pytest.mark.parametrize(
    "address",
    [
        "",
        "example.com/a",
        "ftp://example.com/",
        "mailto:someone@example.com",
        "http://",
        "http://./",
        "http:///path",
        "http://b\u00fccher.example/",
        "http://exa mple.com/",
        "http://example.com:99999/",
        "http://example.com:x/",
        "http://[::g]/",
        "http://[1.2.3.4]/",
        "http://example.com/\ud800",
    ],
)
def test_what_is_no_absolute_web_address_is_refused(address: str) -> None:
    with pytest.raises(Refused) as caught:
        normalise_url(address)
    assert caught.value.reason is RefusalReason.WRONG_FORMAT


def test_an_endless_address_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        normalise_url("http://example.com/" + "a" * 8192)
    assert caught.value.reason is RefusalReason.TOO_LARGE


@given(st.text(), st.text(), st.sampled_from(["http://example.com", "HTTPS://u@[::1]:444", "http://A.b:80"]))
def test_normalising_twice_changes_nothing(path: str, query: str, origin: str) -> None:
    normal = normalise_url(f"{origin}/{path}?{query}")
    assert normal.isascii()
    assert normalise_url(normal) == normal


@given(st.lists(st.sampled_from(["a", ".", "..", "%2e", "", "%", "%2F", "é"]), max_size=8))
def test_normalising_dot_segments_twice_changes_nothing(segments: list[str]) -> None:
    normal = normalise_url("http://example.com/" + "/".join(segments))
    assert normalise_url(normal) == normal
    assert not {".", ".."} & set(normal.split("/"))


def test_the_digest_of_an_address_is_the_value_of_its_signal() -> None:
    digest = url_digest("HTTP://EXAMPLE.com")
    assert digest == hashlib.sha256(b"http://example.com/").digest()
    assert kinds.parse({"type": "url_sha256", "value": digest.hex()}).value == digest
