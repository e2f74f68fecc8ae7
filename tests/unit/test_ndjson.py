"""Reading NDJSON: what is taken, what is refused, and that neither stops the rest."""

import hashlib
import io
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.inflate import Readable
from app.web.ndjson import BadLine, Chunk, Line, chunks, decode

_MARK = b"\xef\xbb\xbf"


def read(data: bytes, **limits: int) -> list[Line | BadLine]:
    return read_from(io.BytesIO(data), **limits)


def read_from(stream: Readable, **limits: int) -> list[Line | BadLine]:
    return [line for chunk in chunks(stream, **limits) for line in decoded(chunk)]


def decoded(chunk: Chunk) -> list[Line | BadLine]:
    return [decode(number, raw) for number, raw in chunk.lines]


class Drip:
    """A stream that gives a few bytes at a time, as a network does."""

    def __init__(self, data: bytes, step: int) -> None:
        self._data = io.BytesIO(data)
        self._step = step

    def read(self, _size: int, /) -> bytes:
        return self._data.read(self._step)


class Breaking:
    """A connection that is lost after a few whole lines and a part of one."""

    def __init__(self, data: bytes) -> None:
        self._blocks = [data]

    def read(self, _size: int, /) -> bytes:
        if not self._blocks:
            raise ConnectionError
        return self._blocks.pop()


def test_lines_are_numbered_as_they_stand_in_the_body_and_empty_ones_are_left_out() -> None:
    assert read(b'{"a":1}\r\n\n  \n{"b":"\xc3\xa9"}') == [Line(1, {"a": 1}), Line(4, {"b": "é"})]


def test_a_byte_order_mark_before_the_first_line_says_nothing() -> None:
    assert read(b'\xef\xbb\xbf{"a":1}\r\n{"a":2}') == [Line(1, {"a": 1}), Line(2, {"a": 2})]


@pytest.mark.parametrize("step", [1, 2, 7])
def test_lines_come_out_whole_however_the_network_cuts_them(step: int) -> None:
    data = "\n".join(json.dumps({"n": n, "t": "é"}, ensure_ascii=False) for n in range(20)).encode()
    assert read_from(Drip(data, step)) == [Line(n + 1, {"n": n, "t": "é"}) for n in range(20)]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"a":"\xff"}', "broken_utf8"),
        (b"{}\xef\xbb\xbf", "malformed_json"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "malformed_json"),
        (b'{"a":1', "malformed_json"),
        (b'{"a":1} {"a":2}', "malformed_json"),
        (b'{"a":NaN}', "malformed_json"),
        (b'{"a":1e999}', "malformed_json"),
        (b'{"a":' + b"9" * 5000 + b"}", "malformed_json"),
        (b'{"a":1,"a":2}', "duplicate_key"),
        (b'{"a":{"b":1,"b":1}}', "duplicate_key"),
        (b"[" * 100 + b"]" * 100, "too_deep"),
        (b"[" * 100_000 + b"]" * 100_000, "too_deep"),
        (b'{"a":"\\u0000"}', "unsupported_escape"),
        (b'{"a":"\\ud800"}', "unsupported_escape"),
        (b'"' + b"x" * 1_000_000 + b'"', "line_too_long"),
    ],
)
def test_a_bad_line_gets_its_reason_and_the_next_one_is_taken(raw: bytes, reason: str) -> None:
    bad, good = read(raw + b'\n{"ok":true}\n')
    assert isinstance(bad, BadLine)
    assert (bad.number, bad.reason) == (1, reason)
    assert bad.hint
    assert good == Line(2, {"ok": True})


def test_many_brackets_are_not_deep() -> None:
    value = [[n] for n in range(50)]
    assert read(json.dumps(value).encode()) == [Line(1, value)]


def test_a_line_of_many_megabytes_is_skipped_without_being_held() -> None:
    largest = 0

    class Watched(Drip):
        def read(self, size: int, /) -> bytes:
            nonlocal largest
            largest = max(largest, size)
            return super().read(size)

    data = b"x" * 10_000_000 + b"\n{}\n"
    lines = read_from(Watched(data, 65_536), line_limit=1_000)
    assert [line.number for line in lines] == [1, 2]
    assert isinstance(lines[0], BadLine)
    assert largest <= 65_536


def test_a_long_last_line_without_an_end_is_refused_too() -> None:
    assert [line.number for line in read(b"{}\n" + b"x" * 2_000, line_limit=1_000)] == [1, 2]


def test_a_chunk_holds_no_more_lines_and_bytes_than_it_may() -> None:
    data = b"".join(b'{"n":"%04d"}\n' % n for n in range(2_500))
    assert [len(chunk.lines) for chunk in chunks(io.BytesIO(data))] == [1_000, 1_000, 500]
    assert [len(chunk.lines) for chunk in chunks(io.BytesIO(data), size=120)][:3] == [10, 10, 10]


def test_a_chunk_is_given_out_before_more_is_read() -> None:
    """What follows a chunk is asked of the network only after the chunk's work is done."""
    stream = Drip(b"1\n2\n3\n4\n", 2)
    reader = chunks(stream, lines=2)
    assert decoded(next(reader)) == [Line(1, 1), Line(2, 2)]
    assert stream.read(8) == b"3\n"


def test_what_a_lost_connection_had_not_completed_is_not_taken() -> None:
    reader = chunks(Breaking(b'{"a":1}\n{"a":2}\n{"a":'), lines=1)
    assert [decoded(next(reader)), decoded(next(reader))] == [[Line(1, {"a": 1})], [Line(2, {"a": 2})]]
    with pytest.raises(ConnectionError):
        next(reader)


@given(
    parts=st.lists(
        st.sampled_from([b"{}", b"[1]", b"\n", b"\r\n", b" ", b"x" * 50, b"\xff", b"\xef\xbb\xbf"])
    ),
    steps=st.tuples(st.integers(1, 200), st.integers(1, 200)),
)
def test_chunks_and_their_digests_depend_on_the_bytes_alone(
    parts: list[bytes], steps: tuple[int, int]
) -> None:
    data = b"".join(parts)
    one, other = (list(chunks(Drip(data, step), lines=2, size=60, line_limit=40)) for step in steps)
    assert one == other
    for chunk in one:
        assert chunk.digest in {hashlib.sha256(data[:end]).digest() for end in range(1, len(data) + 1)}
    digests = [chunk.digest for chunk in one]
    assert len(set(digests)) == len(digests)


def test_a_body_of_nothing_but_line_ends_is_not_held() -> None:
    tracemalloc.start()
    assert read_from(Repeated(b"\n" * 65_536, 50)) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


class Repeated:
    """The same block so many times."""

    def __init__(self, block: bytes, count: int) -> None:
        self._block, self._count = block, count

    def read(self, _size: int, /) -> bytes:
        self._count -= 1
        return self._block if self._count >= 0 else b""
