"""Tiles and bundles: the examples of C2SP tlog-tiles, paths there and back, and proofs read out of files."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.transparency.errors import BadTile
from app.transparency.tiles import (
    Bundle,
    Tile,
    TileReader,
    bundles_between,
    decode_bundle,
    encode_bundle,
    exists,
    parse_path,
    tile_of,
    tiles_between,
    tiles_of,
    unpack,
    width_at,
)
from app.transparency.tree import (
    Frontier,
    consistency_nodes,
    consistency_proof,
    edge,
    inclusion_nodes,
    inclusion_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from tests.unit.transparency import naive
from tests.unit.transparency.stored import Log, entry

quick = settings(max_examples=60)
things = st.one_of(
    st.builds(Tile, st.integers(0, 63), st.integers(0, 2**55 - 1), st.integers(1, 256)),
    st.builds(Bundle, st.integers(0, 2**55 - 1), st.integers(1, 256)),
)

BAD_PATHS = [
    "", "tile", "tile/", "tile/0", "tile/0/", "tile/0/0", "tile/0/00", "tile/0/0000", "/tile/0/000",
    "tile/0/000/", "tile/00/000", "tile/01/000", "tile/64/000", "tile/100/000", "tile/-1/000", "tile/+1/000",
    "tile/0/x000/000", "tile/0/x000/001", "tile/0/001/002", "tile/0/x001", "tile/0/X001/000", "tile/0/x1/000",
    "tile/0/x001/x000", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/257", "tile/0/000.p/01",
    "tile/0/000.p/", "tile/0/000.p", "tile/0/000.p/1/", "tile/0/000.p/1 ", "tile/0/000.p/-1",
    "tile/0/000.P/1",
    "tile/data/000", "tile/entries/", "tile/Entries/000", "tile/0/000\n", "tile/0/\u0660\u0660\u0660",
    "tile/\u0660/000", "tile/0/../000", "tile/8/0/000", "tile/0/x036/x028/x797/x018/x963/968",
    "tile/0/" + "x999/" * 6 + "999", "tile/0/" + "x001/" * 900 + "000", "checkpoint",
]  # fmt: skip
"""0x660 is a digit, and none of ASCII; 36028797018963968 is 2**55, and 256 times that is 2**63."""

SIZE = 66_000
"""More than 256 * 256: three levels of tiles, a full one at the second."""


@pytest.fixture(scope="module")
def log() -> Log:
    return Log([1, 255, 256, 257, 511, 700, 65_535, 65_536, 65_537, SIZE])


@pytest.mark.parametrize(
    ("thing", "path"),
    [
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(0, 0, 1), "tile/0/000.p/1"),
        (Tile(63, 999, 255), "tile/63/999.p/255"),
        (Tile(1, 1000), "tile/1/x001/000"),
        (Bundle(1234067), "tile/entries/x001/x234/067"),
        (Bundle(7, 5), "tile/entries/007.p/5"),
    ],
)
def test_paths_are_written_as_the_specification_says(thing, path) -> None:
    assert thing.path == path
    assert parse_path(path) == thing


@given(things)
def test_every_path_leads_back(thing) -> None:
    assert parse_path(thing.path) == thing


@pytest.mark.parametrize("path", BAD_PATHS)
def test_any_other_path_is_refused(path) -> None:
    with pytest.raises(BadTile):
        parse_path(path)


@given(st.text(alphabet="tile/0123456789xp.entries", max_size=40).map("tile/".__add__))
def test_what_is_taken_is_written_again_as_it_was(path) -> None:
    try:
        thing = parse_path(path)
    except BadTile:
        return
    assert thing.path == path


@pytest.mark.parametrize("given", [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 2**55, 1), (0, 0, 0), (0, 0, 257)])
def test_a_tile_that_cannot_be_is_not_made(given) -> None:
    with pytest.raises(ValueError, match="tile"):
        Tile(*given)


def test_a_tree_of_70000_has_the_tiles_that_the_specification_counts() -> None:
    tiles = list(tiles_between(0, 70_000))
    full = [tile for tile in tiles if tile.width == 256]
    partial = [tile for tile in tiles if tile.width < 256]
    assert [tile.level for tile in full] == [0] * 273 + [1]
    assert partial == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]


def test_a_tree_of_256_has_a_full_tile_and_one_above_it() -> None:
    assert list(tiles_between(0, 256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(bundles_between(0, 256)) == [Bundle(0)]
    assert [*tiles_between(0, 0), *bundles_between(0, 0)] == []


@quick
@given(st.integers(0, 70_000), st.integers(0, 3_000))
def test_what_is_new_is_what_the_larger_tree_has_and_the_smaller_had_not(old, more) -> None:
    def all_of(size: int) -> set[Tile]:
        found = set()
        for level in range(4):
            hashes = size // 256**level
            found |= {Tile(level, n) for n in range(hashes // 256)}
            if hashes % 256:
                found.add(Tile(level, hashes // 256, hashes % 256))
        return found

    new = old + more
    tiles = list(tiles_between(old, new))
    assert len(set(tiles)) == len(tiles)
    assert set(tiles) == all_of(new) - all_of(old)
    assert [Tile(0, one.index, one.width) for one in bundles_between(old, new)] == [
        tile for tile in tiles if tile.level == 0
    ]
    assert all(exists(tile, new) and not exists(tile, old) for tile in tiles)
    assert all(tile.width == width_at(tile.level, tile.index, new) for tile in tiles)


def test_only_what_a_tree_has_or_had_exists() -> None:
    assert exists(Tile(0, 273, 112), 70_000)
    assert exists(Tile(0, 273, 1), 70_000)
    assert exists(Bundle(273, 112), 70_000)
    assert not exists(Tile(0, 273, 113), 70_000)
    assert not exists(Tile(0, 273), 70_000)
    assert not exists(Tile(0, 274, 1), 70_000)
    assert not exists(Tile(3, 0, 1), 70_000)
    assert not exists(Bundle(273, 113), 70_000)
    assert not exists(Bundle(0, 1), 0)


@quick
@given(st.integers(1, 700), st.data())
def test_small_proofs_read_out_of_tiles_are_those_of_the_recursive_definition(size, data) -> None:
    small = Log([size])
    entries = [entry(n) for n in range(size)]
    index = data.draw(st.integers(0, size - 1))
    read = TileReader(size, small.fetch)
    assert inclusion_proof(index, size, read) == naive.path(index, entries)
    assert consistency_proof(index + 1, size, read) == naive.proof(index + 1, entries)


@quick
@given(st.sampled_from([257, 700, 65_535, 65_536, 65_537, SIZE]), st.data())
def test_proofs_of_a_stored_log_verify_against_its_roots(log, size, data) -> None:
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.sampled_from([one for one in log.roots if one <= size]))
    read = TileReader(size, log.fetch)
    proof = inclusion_proof(index, size, read)
    verify_inclusion(index, size, leaf_hash(entry(index)), proof, log.roots[size])
    verify_consistency(old, size, log.roots[old], log.roots[size], consistency_proof(old, size, read))


def test_the_proofs_of_a_large_log_are_those_of_the_recursive_definition(log) -> None:
    entries = [entry(n) for n in range(SIZE)]
    read = TileReader(SIZE, log.fetch)
    assert log.roots[SIZE] == naive.tree_hash(entries)
    assert inclusion_proof(300, SIZE, read) == naive.path(300, entries)
    assert consistency_proof(65_535, SIZE, read) == naive.proof(65_535, entries)


@pytest.mark.parametrize("size", [255, 256, 700, 65_535, 65_537, SIZE])
def test_a_frontier_is_found_again_in_the_tiles(log, size) -> None:
    read = TileReader(size, log.fetch)
    assert Frontier(size, [read(*node) for node in edge(size)]).root() == log.roots[size]


def test_the_tiles_that_a_proof_needs_are_known_beforehand_and_fetched_once(log) -> None:
    fetched: list[Tile] = []

    def fetch(tile: Tile) -> bytes:
        fetched.append(tile)
        return log.fetch(tile)

    read = TileReader(SIZE, fetch)
    inclusion_proof(40_000, SIZE, read)
    consistency_proof(700, SIZE, read)
    nodes = inclusion_nodes(40_000, SIZE) + consistency_nodes(700, SIZE)
    assert sorted(fetched) == tiles_of(nodes, SIZE)
    assert len(fetched) <= 8


def test_a_fuller_tile_serves_where_the_partial_one_is_gone(log) -> None:
    def fetch(tile: Tile) -> bytes:
        return log.files[Tile(tile.level, tile.index).path]

    proof = inclusion_proof(65_000, 65_535, TileReader(65_535, fetch))
    verify_inclusion(65_000, 65_535, leaf_hash(entry(65_000)), proof, log.roots[65_535])


@pytest.mark.parametrize(("level", "index"), [(0, 700), (1, 350), (8, 2), (9, 1), (-1, 0), (0, -1), (64, 0)])
def test_a_node_that_the_tree_has_not_is_not_read(log, level, index) -> None:
    with pytest.raises(ValueError, match="full subtree"):
        TileReader(700, log.fetch)(level, index)


def test_a_node_is_looked_for_in_the_tile_that_holds_its_lowest_level() -> None:
    assert tile_of(0, 256, 70_000) == Tile(0, 1)
    assert tile_of(7, 1, 70_000) == Tile(0, 0)
    assert tile_of(7, 2, 70_000) == Tile(0, 1)
    assert tile_of(8, 272, 70_000) == Tile(1, 1, 17)
    assert tile_of(16, 0, 70_000) == Tile(2, 0, 1)


@pytest.mark.parametrize(
    "data",
    [b"", bytes(31), bytes(33), bytes(32 * 4), bytes(32 * 5 + 1), bytes(32 * 257), bytes(32 * 256 + 1)],
)
def test_bytes_that_are_no_such_tile_are_refused(data) -> None:
    with pytest.raises(BadTile):
        unpack(data, 5)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_bundles_give_back_their_entries(entries) -> None:
    data = encode_bundle(entries)
    assert decode_bundle(data, len(entries)) == entries
    for width in {1, len(entries) - 1, len(entries) + 1} - {len(entries)}:
        with pytest.raises(BadTile):
            decode_bundle(data, width)
    for cut in (data[:-1], data + b"\0", data + b"\0\0"):
        with pytest.raises(BadTile):
            decode_bundle(cut, len(entries))


def test_a_bundle_that_was_cut_off_is_told_from_one_of_another_width() -> None:
    with pytest.raises(BadTile, match="cut off"):
        decode_bundle(b"\0\3abc\0\5ab", 2)
    with pytest.raises(BadTile, match="as many"):
        decode_bundle(b"\0\3abc", 2)


def test_a_bundle_is_lengths_of_two_bytes_and_entries() -> None:
    assert encode_bundle([b"abc", b"", b"x" * 258]) == b"\0\3abc" + b"\0\0" + b"\1\2" + b"x" * 258
    longest = bytes(65_535)
    assert decode_bundle(encode_bundle([longest] * 256), 256) == [longest] * 256


@pytest.mark.parametrize("entries", [[], [b""] * 257, [bytes(65_536)]])
def test_a_bundle_that_cannot_be_read_is_not_made(entries) -> None:
    with pytest.raises(ValueError, match=r"bundle|entry"):
        encode_bundle(entries)


def test_entries_of_a_bundle_hash_to_the_leaves_of_its_tile(log) -> None:
    bundle = encode_bundle([entry(n) for n in range(512, 700)])
    leaves = unpack(log.files["tile/0/002.p/188"], 188)
    assert [hashlib.sha256(b"\0" + one).digest() for one in decode_bundle(bundle, 188)] == leaves
