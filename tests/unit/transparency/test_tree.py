"""The Merkle tree: the published vectors, the recursive definition, and that nothing untrue verifies."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.transparency.errors import BadProof
from app.transparency.tree import (
    EMPTY_ROOT,
    Frontier,
    consistency_nodes,
    consistency_proof,
    edge,
    inclusion_nodes,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from tests.unit.transparency import naive

LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                 "606162636465666768696a6b6c6d6e6f")
]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""For 0 to 8 of the leaves: the vectors of the Certificate Transparency reference tests."""
LEAF_0, LEAF_1 = ROOTS[1], "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
LEAF_4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
NODE_1_1 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
NODE_1_2 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
NODE_1_3 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
NODE_2_1 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
INCLUSION = {
    (0, 1): [],
    (0, 2): [LEAF_1],
    (1, 2): [LEAF_0],
    (2, 3): [ROOTS[2]],
    (1, 5): [LEAF_0, NODE_1_1, LEAF_4],
    (0, 8): [LEAF_1, NODE_1_1, NODE_2_1],
    (5, 8): [LEAF_4, NODE_1_3, ROOTS[4]],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [LEAF_1, NODE_1_1, NODE_2_1],
    (2, 5): [NODE_1_1, LEAF_4],
    (6, 8): [NODE_1_2, NODE_1_3, ROOTS[4]],
}

sizes = st.integers(1, 400)
quick = settings(max_examples=60, deadline=None)


class Tree:
    """Every node of a tree by level and index, kept as a log keeps them."""

    def __init__(self, data: list[bytes]) -> None:
        self.data = data
        self.edge = Frontier()
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.roots = [EMPTY_ROOT]
        for entry in data:
            for level, one in enumerate(self.edge.append(leaf_hash(entry))):
                self.nodes[level, (self.edge.size - 1) >> level] = one
            self.roots.append(self.edge.root())

    def read(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]


BIG = Tree(naive.entries(400))


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_reference(size) -> None:
    hashes = [leaf_hash(entry) for entry in LEAVES[:size]]
    assert root_of(hashes).hex() == ROOTS[size]


@pytest.mark.parametrize(("place", "proof"), INCLUSION.items())
def test_inclusion_proofs_are_those_of_the_reference(place, proof) -> None:
    index, size = place
    tree = Tree(LEAVES)
    found = inclusion_proof(index, size, tree.read)
    assert [one.hex() for one in found] == proof
    verify_inclusion(index, size, leaf_hash(LEAVES[index]), found, bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("both", "proof"), CONSISTENCY.items())
def test_consistency_proofs_are_those_of_the_reference(both, proof) -> None:
    old, new = both
    found = consistency_proof(old, new, Tree(LEAVES).read)
    assert [one.hex() for one in found] == proof
    verify_consistency(old, new, bytes.fromhex(ROOTS[old]), bytes.fromhex(ROOTS[new]), found)


def test_the_example_of_the_specification_has_the_proofs_that_it_names() -> None:
    """C2SP merkle-tree, Example: seven entries, nodes named a to l."""
    tree = Tree([bytes([n]) for n in range(7)])
    a_to_g = [tree.read(0, n) for n in range(7)]
    c, d, f, g = a_to_g[2], a_to_g[3], a_to_g[5], a_to_g[6]
    h, i, j, k = tree.read(1, 0), tree.read(1, 1), tree.read(1, 2), tree.read(2, 0)
    lower_right = node_hash(j, g)
    assert inclusion_proof(3, 7, tree.read) == [c, h, lower_right]
    assert inclusion_proof(4, 7, tree.read) == [f, g, k]
    assert inclusion_proof(6, 7, tree.read) == [j, k]
    assert inclusion_proof(0, 7, tree.read) == [a_to_g[1], i, lower_right]
    assert consistency_proof(3, 7, tree.read) == [c, d, h, lower_right]
    assert consistency_proof(4, 7, tree.read) == [lower_right]
    assert consistency_proof(6, 7, tree.read) == [j, g, k]


@pytest.mark.parametrize("size", [*range(66), 127, 128, 129, 255, 256, 257, 400])
def test_a_frontier_gives_the_defined_root_and_nodes(size) -> None:
    assert BIG.roots[size] == naive.tree_hash(BIG.data[:size])
    assert [BIG.read(*node) for node in edge(size)] == [naive.node(*node, BIG.data) for node in edge(size)]


@quick
@given(sizes, st.data())
def test_a_frontier_goes_on_from_what_was_stored(size, data) -> None:
    stored = data.draw(st.integers(0, size))
    resumed = Frontier(stored, [BIG.read(*node) for node in edge(stored)])
    for entry in BIG.data[stored:size]:
        resumed.append(leaf_hash(entry))
    assert resumed.root() == BIG.roots[size]
    assert resumed.hashes == [BIG.read(*node) for node in edge(size)]


@pytest.mark.parametrize(("size", "hashes"), [(3, 1), (0, 1), (4, 3), (-1, 0), (2**63, 1)])
def test_a_frontier_that_does_not_fit_its_size_is_refused(size, hashes) -> None:
    with pytest.raises(ValueError, match="size"):
        Frontier(size, [bytes(32)] * hashes)


def test_a_frontier_of_short_hashes_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Frontier(1, [bytes(31)])


@quick
@given(sizes, st.data())
def test_inclusion_proofs_are_as_defined_and_verify(size, data) -> None:
    index = data.draw(st.integers(0, size - 1))
    found = inclusion_proof(index, size, BIG.read)
    assert found == naive.path(index, BIG.data[:size])
    assert {BIG.read(*node) for node in inclusion_nodes(index, size)} <= set(BIG.nodes.values())
    verify_inclusion(index, size, BIG.read(0, index), found, BIG.roots[size])


@quick
@given(sizes, st.data())
def test_consistency_proofs_are_as_defined_and_verify(new, data) -> None:
    old = data.draw(st.integers(0, new))
    found = consistency_proof(old, new, BIG.read)
    assert found == (naive.proof(old, BIG.data[:new]) if old else [])
    verify_consistency(old, new, BIG.roots[old], BIG.roots[new], found)


@quick
@given(sizes, st.data())
def test_the_named_nodes_are_exactly_those_that_a_proof_reads(size, data) -> None:
    index = data.draw(st.integers(0, size - 1))
    asked: list[tuple[int, int]] = []

    def read(level: int, place: int) -> bytes:
        asked.append((level, place))
        return BIG.read(level, place)

    inclusion_proof(index, size, read)
    assert asked == inclusion_nodes(index, size)
    asked.clear()
    consistency_proof(index, size, read)
    assert asked == consistency_nodes(index, size)


def test_a_proof_out_of_the_tree_is_not_made() -> None:
    for index, size in ((0, 0), (5, 5), (-1, 5), (0, 2**63)):
        with pytest.raises(ValueError, match="tree"):
            inclusion_proof(index, size, BIG.read)
    for old, new in ((6, 5), (-1, 5), (1, 2**63)):
        with pytest.raises(ValueError, match="tree"):
            consistency_proof(old, new, BIG.read)


def test_a_tree_of_any_size_is_proven_from_few_nodes() -> None:
    size = 2**63 - 1
    path = inclusion_proof(size - 1, size, lambda level, index: leaf_hash(f"{level}/{index}".encode()))
    root = leaf_hash(b"the last")
    for left in path:  # everything else stands on the left of the last leaf
        root = node_hash(left, root)
    assert len(path) == 62
    assert len(edge(size)) == 63
    assert len(inclusion_proof(0, size, lambda _level, _index: bytes(32))) == 63
    verify_inclusion(size - 1, size, leaf_hash(b"the last"), path, root)


def flips(hashes: list[bytes]) -> list[list[bytes]]:
    """Every way to turn over one bit of one hash."""
    return [
        [*hashes[:n], bytes([*one[:at], one[at] ^ (1 << bit), *one[at + 1 :]]), *hashes[n + 1 :]]
        for n, one in enumerate(hashes)
        for at in range(32)
        for bit in range(8)
    ]


def changed(proof: list[bytes]) -> list[list[bytes]]:
    """Proofs that differ: cut at either end, longer at either end, and with two hashes changed over."""
    extra = bytes(32)
    several = [proof[1:], proof[:-1], [extra, *proof], [*proof, extra], [*proof, *proof[-1:]], proof[::-1]]
    for first, second in combinations(range(len(proof)), 2):
        swapped = list(proof)
        swapped[first], swapped[second] = swapped[second], swapped[first]
        several.append(swapped)
    return [one for one in several if one != proof]


@pytest.mark.parametrize(("index", "size"), [(0, 1), (1, 2), (4, 5), (0, 7), (6, 7), (5, 8), (8, 13)])
def test_no_bit_of_an_inclusion_proof_its_leaf_or_its_root_can_be_turned(index, size) -> None:
    leaf, root = BIG.read(0, index), BIG.roots[size]
    proof = inclusion_proof(index, size, BIG.read)
    for bad_leaf, bad_root, *bad in flips([leaf, root, *proof]):
        with pytest.raises(BadProof):
            verify_inclusion(index, size, bad_leaf, bad, bad_root)


@pytest.mark.parametrize(("old", "new"), [(1, 2), (2, 3), (3, 7), (4, 7), (6, 8), (8, 13), (7, 7)])
def test_no_bit_of_a_consistency_proof_or_of_its_roots_can_be_turned(old, new) -> None:
    proof = consistency_proof(old, new, BIG.read)
    for bad_old, bad_new, *bad in flips([BIG.roots[old], BIG.roots[new], *proof]):
        with pytest.raises(BadProof):
            verify_consistency(old, new, bad_old, bad_new, bad)


@quick
@given(sizes, st.data())
def test_a_changed_inclusion_proof_is_refused(size, data) -> None:
    index = data.draw(st.integers(0, size - 1))
    for bad in changed(inclusion_proof(index, size, BIG.read)):
        with pytest.raises(BadProof):
            verify_inclusion(index, size, BIG.read(0, index), bad, BIG.roots[size])


@quick
@given(sizes, st.data())
def test_a_changed_consistency_proof_is_refused(new, data) -> None:
    old = data.draw(st.integers(0, new))
    for bad in changed(consistency_proof(old, new, BIG.read)):
        with pytest.raises(BadProof):
            verify_consistency(old, new, BIG.roots[old], BIG.roots[new], bad)


@quick
@given(st.integers(1, 40), st.data())
def test_an_inclusion_proof_is_refused_for_every_other_place_root_and_size(size, data) -> None:
    """Another size is told apart wherever the path has another shape: a size is proven by the checkpoint."""
    index = data.draw(st.integers(0, size - 1))
    leaf, root, proof = BIG.read(0, index), BIG.roots[size], inclusion_proof(index, size, BIG.read)
    for other in range(-1, 42):
        if other != index:
            with pytest.raises(BadProof):
                verify_inclusion(other, size, leaf, proof, root)
        if other > index and naive.path_shape(index, other) == naive.path_shape(index, size):
            verify_inclusion(index, other, leaf, proof, root)
        elif other != size:
            with pytest.raises(BadProof):
                verify_inclusion(index, other, leaf, proof, root)
        if other >= 0 and other != size:
            with pytest.raises(BadProof):
                verify_inclusion(index, size, leaf, proof, BIG.roots[other])


@quick
@given(st.integers(1, 40), st.data())
def test_a_consistency_proof_is_refused_for_other_sizes_and_roots(new, data) -> None:
    old = data.draw(st.integers(1, new))
    before, after, proof = BIG.roots[old], BIG.roots[new], consistency_proof(old, new, BIG.read)
    for other in range(-1, 42):
        if 0 < other <= new and other != old and naive.proof_shape(other, new) != naive.proof_shape(old, new):
            with pytest.raises(BadProof):
                verify_consistency(other, new, before, after, proof)
        if other < old or naive.proof_shape(old, other) != naive.proof_shape(old, new):
            with pytest.raises(BadProof):
                verify_consistency(old, other, before, after, proof)
        if other >= 0 and other != old:
            with pytest.raises(BadProof):
                verify_consistency(old, new, BIG.roots[other], after, proof)
        if other >= 0 and other != new:
            with pytest.raises(BadProof):
                verify_consistency(old, new, before, BIG.roots[other], proof)


def test_a_tree_that_was_rewritten_is_not_consistent_with_what_was_signed() -> None:
    rewritten = Tree([*BIG.data[:20], b"another", *BIG.data[21:100]])
    proof = consistency_proof(64, 100, rewritten.read)
    verify_consistency(64, 100, rewritten.roots[64], rewritten.roots[100], proof)
    with pytest.raises(BadProof, match="newer root"):
        verify_consistency(64, 100, BIG.roots[64], rewritten.roots[100], proof)
    proof = consistency_proof(63, 100, rewritten.read)
    with pytest.raises(BadProof, match="older root"):
        verify_consistency(63, 100, BIG.roots[63], rewritten.roots[100], proof)


def test_the_empty_tree_begins_every_tree_and_has_one_root() -> None:
    verify_consistency(0, 5, EMPTY_ROOT, BIG.roots[5], [])
    verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    for old_root, new_root, new, proof in (
        (BIG.roots[1], BIG.roots[5], 5, []),
        (EMPTY_ROOT, BIG.roots[5], 5, [bytes(32)]),
        (EMPTY_ROOT, BIG.roots[5], 0, []),
    ):
        with pytest.raises(BadProof):
            verify_consistency(0, new, old_root, new_root, proof)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_hashes_of_another_length_are_refused(length) -> None:
    odd = bytes(length)
    with pytest.raises(BadProof, match="32 bytes"):
        verify_inclusion(0, 2, odd, [bytes(32)], bytes(32))
    with pytest.raises(BadProof, match="32 bytes"):
        verify_inclusion(0, 2, bytes(32), [odd], bytes(32))
    with pytest.raises(BadProof, match="32 bytes"):
        verify_consistency(1, 2, bytes(32), odd, [bytes(32)])


def test_a_proof_of_the_wrong_length_is_refused_though_it_leads_to_the_root() -> None:
    leaf, extra = BIG.read(0, 0), bytes(32)
    with pytest.raises(BadProof, match="too long"):
        verify_inclusion(0, 1, leaf, [extra], node_hash(extra, leaf))
    with pytest.raises(BadProof, match="too short"):
        verify_inclusion(0, 2, leaf, [], leaf)
    root, grown = BIG.roots[2], BIG.roots[3]
    proof = [*consistency_proof(2, 3, BIG.read), extra]
    with pytest.raises(BadProof, match="too long"):
        verify_consistency(2, 3, node_hash(extra, root), node_hash(extra, grown), proof)
    with pytest.raises(BadProof, match="too short"):
        verify_consistency(2, 5, root, grown, consistency_proof(2, 3, BIG.read))
    with pytest.raises(BadProof, match="too short"):
        verify_consistency(2, 5, root, root, [])
    with pytest.raises(BadProof, match="too short"):
        verify_consistency(3, 5, grown, grown, [])


def test_a_size_that_other_readers_cannot_count_is_refused() -> None:
    with pytest.raises(BadProof, match="no such leaf"):
        verify_inclusion(0, 2**63, bytes(32), [bytes(32)] * 63, bytes(32))
    with pytest.raises(BadProof, match="larger"):
        verify_consistency(1, 2**63, bytes(32), bytes(32), [bytes(32)] * 63)


def test_a_frontier_leaves_what_it_was_given_as_it_was() -> None:
    stored = [BIG.read(0, 0)]
    Frontier(1, stored).append(BIG.read(0, 1))
    assert stored == [BIG.read(0, 0)]


def test_a_node_cannot_be_passed_off_as_a_leaf() -> None:
    """Leaves and nodes are hashed apart: the entry `left ‖ right` is no leaf of a smaller tree."""
    left, right = BIG.read(0, 0), BIG.read(0, 1)
    with pytest.raises(BadProof):
        verify_inclusion(0, 1, leaf_hash(left + right), [], BIG.roots[2])
