"""JSON with one meaning or none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Malformed
from app.web.bodies import DEPTH_LIMIT, parse_json

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_plain_json_is_read_as_it_is(value):
    text = json.dumps(value)
    if "\\u0000" not in text and "\\ud" not in text:
        assert parse_json(text.encode()) == value


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "not JSON"),
        (b'{"a":1,"a":2}', "same key twice"),
        (b'{"a":{"b":1,"b":1}}', "same key twice"),
        (b"[NaN]", "NaN"),
        (b"[Infinity]", "NaN"),
        (b"[1e999]", "too large"),
        (b'["\xff"]', "UTF-8"),
        (b'["\\ud800"]', "surrogate"),
        (b'["a\\u0000b"]', "NUL"),
        (b"[" * 100 + b"]" * 100, "deeper"),
        (b"[" * 100_000, "deeper"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "deeper"),
        (b"1" * 5000, "too long"),
        (b"", "not JSON"),
    ],
)
def test_what_has_no_single_meaning_is_refused_with_the_reason(body, said):
    with pytest.raises(Malformed, match=said):
        parse_json(body)


def test_brackets_inside_text_are_not_depth():
    assert parse_json(json.dumps(["[" * 500, 'a"[[[\\"']).encode())[0] == "[" * 500


def test_nesting_up_to_the_limit_is_read():
    assert parse_json(b"[" * DEPTH_LIMIT + b"]" * DEPTH_LIMIT) != []


def test_the_reason_never_repeats_what_was_sent():
    with pytest.raises(Malformed) as caught:
        parse_json(b'{"secret-value": 1, "secret-value": 2}')
    assert "secret-value" not in caught.value.detail
