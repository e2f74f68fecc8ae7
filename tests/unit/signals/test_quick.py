"""The quick way to read a line takes exactly what the strict way takes, with the same result, or nothing."""

import hashlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.signals.items import ItemFields, parse_item
from app.signals.kinds import Parsed
from app.signals.quick import quick_item
from app.signals.refused import Refused
from app.signals.wire import WireItem
from app.web.ndjson import BadLine, decode
from tests.hashes import keyed, pdq, sha


def strict(raw: bytes) -> tuple[Parsed, ItemFields] | None:
    line = decode(1, raw)
    if isinstance(line, BadLine):
        return None
    try:
        return parse_item(line.value)
    except Refused:
        return None


names = st.sampled_from([field.encode_name for field in msgspec.structs.fields(WireItem)] + ["extra"])
TEXTS = [
    "sha256", "pdq", "hmac_sha256", "vpdq", sha(1)["value"], "email", "key-1", "hasher",
    "2027-01-01T00:00:00Z", 'quo"te', "\u00e9", "\0", "a\nb", "",
]  # fmt: skip
OTHERS: list[Any] = [
    ["a", "b"], ["a", "a"], [], [[]], 80, 80.0, 8e1, -0, 1, 10**40, 101, True, None, {},
    {"scheme": "iwf", "code": "A1"}, {"tlp": "TLP:RED", "more": {"a": [1]}},
]  # fmt: skip
values = st.sampled_from(TEXTS + OTHERS)
GOOD = (sha(1), pdq(2), keyed(3), {**sha(4), "labels": ["a", "b"], "confidence": 50, "producer": "hasher-2"})


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A good item with members changed, added, or there twice, written in one of several ways."""
    members: list[tuple[str, Any]] = list(draw(st.sampled_from(GOOD)).items())
    members += draw(st.lists(st.tuples(names, values), max_size=3))
    members = draw(st.permutations(members))
    ascii_only, space = draw(st.booleans()), draw(st.sampled_from(["", " ", "\t", "\r", "\x0b"]))
    pairs = (
        f"{json.dumps(name)}{space}:{json.dumps(value, ensure_ascii=ascii_only)}" for name, value in members
    )
    return f"{space}{{{','.join(pairs)}}}{space}".encode("utf-8", "surrogatepass")


@given(raw=lines())
@example(raw=json.dumps(sha(1)).encode().replace(b'"type"', b'"type":"sha256","type"'))
@example(raw=json.dumps(sha(1)).encode().replace(b"sha256", b"sha\\u003256"))
@example(raw=json.dumps({**sha(1), "labels": ["a"]}).encode().replace(b'"a"', b"\xff"))
@example(raw=b"\xef\xbb\xbf" + json.dumps(sha(1)).encode())
@example(raw=json.dumps(pdq(1)).encode().replace(b"80", b"8" + b"0" * 5000))
def test_what_the_quick_way_takes_is_what_the_strict_way_makes_of_it(raw: bytes) -> None:
    quick = quick_item(raw)
    assert quick is None or quick == strict(raw)


@given(raw=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_it_takes_no_noise(raw: bytes) -> None:
    assert quick_item(raw) is None


@given(at=st.integers(0, 200), byte=st.binary(min_size=1, max_size=2), item=st.sampled_from(GOOD))
def test_a_line_with_bytes_changed_is_read_the_same_or_left(
    at: int, byte: bytes, item: dict[str, Any]
) -> None:
    raw = json.dumps(item).encode()
    raw = raw[: at % len(raw)] + byte + raw[at % len(raw) + 1 :]
    quick = quick_item(raw)
    assert quick is None or quick == strict(raw)


@pytest.mark.parametrize("item", GOOD)
def test_an_ordinary_line_is_taken(item: dict[str, Any]) -> None:
    raw = json.dumps(item).encode()
    assert quick_item(raw) == strict(raw) is not None


@pytest.mark.parametrize("value", [hashlib.sha256(b"").hexdigest(), "00" * 32, "call 07700 900123"])
def test_no_check_is_left_out(value: str) -> None:
    assert quick_item(json.dumps({"type": "sha256", "value": value}).encode()) is None
