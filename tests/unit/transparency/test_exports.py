"""Exports: blocks are proven in one piece, lines have the published form, an archive is whole or refused."""

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from app.transparency.blocks import block_proof, block_tiles, block_width, verify_block
from app.transparency.errors import BadProof
from app.transparency.exports import (
    Opening,
    block_line,
    closing_line,
    entry_line,
    reached_line,
    reduced_line,
    whole,
)
from app.transparency.tiles import Tile, TileReader
from app.transparency.tree import inclusion_proof, leaf_hash, root_of
from schemas import documents
from tests.unit.transparency.stored import Log

STEPS = [1, 2, 255, 256, 257, 300, 511, 512, 513, 1_000, 66_000]
LOG = Log(STEPS)
FORM = Draft202012Validator(documents.load(documents.AUDIT_EXPORT))
sizes = st.sampled_from(STEPS)


def leaves_of(index: int, size: int) -> list[bytes]:
    width = block_width(index, size)
    return [leaf_hash(f"entry {n}".encode()) for n in range(256 * index, 256 * index + width)]


def reader(size: int) -> TileReader:
    return TileReader(size, LOG.fetch)


@settings(max_examples=60, deadline=None)
@given(sizes, st.data())
def test_a_block_is_proven_in_one_piece(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, (size - 1) // 256))
    leaves = leaves_of(index, size)
    proof = block_proof(index, size, reader(size))
    assert verify_block(index, size, b"".join(leaves), proof, LOG.roots[size]) == leaves
    # A leaf's own path is its path inside the block, and then that of the block.
    path = inclusion_proof(256 * index, size, reader(size))
    assert path[len(path) - len(proof) :] == proof
    changed = data.draw(st.integers(0, len(leaves) - 1))
    wrong = [*leaves[:changed], sha256(leaves[changed]).digest(), *leaves[changed + 1 :]]
    for bad in (b"".join(wrong), b"".join(leaves[:-1]), b"".join(leaves) + leaves[0], b""):
        with pytest.raises(BadProof):
            verify_block(index, size, bad, proof, LOG.roots[size])
    for place in (index + 1, -1, (size - 1) // 256 + 1):
        with pytest.raises(BadProof):
            verify_block(place, size, b"".join(leaves), proof, LOG.roots[size])
    with pytest.raises(BadProof):
        verify_block(index, size, b"".join(leaves), [*proof, leaves[0]], LOG.roots[size])


def test_a_block_of_a_small_tree_is_the_tree() -> None:
    assert block_proof(0, 255, reader(255)) == []
    assert root_of(leaves_of(0, 255)) == LOG.roots[255]


@settings(max_examples=30, deadline=None)
@given(sizes, st.data())
def test_the_tiles_of_blocks_are_all_that_they_need(size: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, size - 1))
    end = data.draw(st.integers(start, min(size, start + 600)))
    held = {tile: LOG.fetch(tile) for tile in block_tiles(start, end, size)}

    def fetch(tile: Tile) -> bytes:
        return held[tile]

    for index in range(start // 256, -(-end // 256) if end > start else 0):
        assert json.loads(block_line(index, size, TileReader(size, fetch)))
    assert bool(held) == (end > start)


def written(start: int, end: int, size: int, **more: Any) -> list[dict[str, Any]]:
    opening = Opening(origin="example.org/audit", start=start, end=end, note=b"a\n\n\xe2\x80\x94 b c\n")
    entries = more.get("entries") or [(n, b'{"n":%d}' % n) for n in range(start, end)]
    lines = list(whole(opening, size, entries, reader(size)))
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    return [json.loads(line) for line in lines]


def test_an_archive_holds_each_block_before_its_entries() -> None:
    lines = written(256, 768, 1_000)
    for line in lines:
        FORM.validate(line)
    told = [next(iter(line)) for line in lines]
    assert told == ["export", "block", *["index"] * 256, "block", *["index"] * 256, "closed"]
    assert lines[0]["export"]["from"] == 256
    assert lines[0]["export"]["to"] == 768
    assert [line["block"]["index"] for line in lines if "block" in line] == [1, 2]
    assert lines[-1]["closed"] == {"entries": 512, "next": None, "until": 768}


def test_a_range_may_begin_and_end_inside_blocks() -> None:
    lines = written(250, 258, 300)
    assert [next(iter(line)) for line in lines] == [
        "export", "block", *["index"] * 6, "block", "index", "index", "closed",
    ]  # fmt: skip
    assert [next(iter(line)) for line in written(0, 0, 1)] == ["export", "closed"]


@pytest.mark.parametrize("indexes", [[], [0], [0, 2], [1, 0], [0, 0, 1], [0, 1, 2], [1, 2]])
def test_an_archive_with_a_gap_is_not_written_to_its_end(indexes: list[int]) -> None:
    opening = Opening(origin="example.org/audit", start=0, end=2, note=b"a\n\n")
    entries = [(n, b"{}") for n in indexes]
    with pytest.raises(ValueError, match="every entry of its range"):
        list(whole(opening, 300, entries, reader(300)))


def test_every_other_line_has_its_form_too() -> None:
    entry = b'{"id":"\xc3\xa9"}'
    selection = Opening(
        origin="example.org/audit", start=0, end=9, note=b"a\n", asked={"action": "set.read"}, proofs=True
    )
    lines = [
        selection.line(), entry_line(7, entry), entry_line(7, entry, [sha256(b"").digest()]),
        reduced_line(entry), reached_line("abc", 8), reached_line("abc", None), closing_line(3, "abc", 9),
        closing_line(3, "abc", None),
    ]  # fmt: skip
    for line in lines:
        FORM.validate(json.loads(line))
    assert lines[1] == b'{"index":7,"entry":{"id":"\xc3\xa9"}}\n'
    assert not FORM.is_valid({**json.loads(lines[1]), "reduced": True})
    assert not FORM.is_valid({"export": {**json.loads(lines[0])["export"], "kind": "whole"}})
