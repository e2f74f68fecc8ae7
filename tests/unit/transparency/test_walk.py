"""A proof step by step: it ends where the verification ends, and shows which leaves each step covers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.transparency.errors import BadProof
from app.transparency.tree import inclusion_proof, leaf_hash, node_hash, root_of, verify_inclusion
from app.transparency.walk import inclusion_steps


def tree_of(size: int) -> tuple[list[bytes], bytes]:
    leaves = [leaf_hash(str(number).encode()) for number in range(size)]
    return leaves, root_of(leaves)


def proof_of(index: int, leaves: list[bytes]) -> list[bytes]:
    def read(level: int, at: int) -> bytes:
        return root_of(leaves[at << level : (at + 1) << level])

    return inclusion_proof(index, len(leaves), read)


@given(st.data())
def test_the_steps_of_a_proof_that_holds_end_at_the_root(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 70))
    index = data.draw(st.integers(0, size - 1))
    leaves, root = tree_of(size)
    proof = proof_of(index, leaves)
    verify_inclusion(index, size, leaves[index], proof, root)
    steps = inclusion_steps(index, size, leaves[index], proof)
    assert [step.sibling for step in steps] == proof
    assert (steps[-1].reached if steps else leaves[index]) == root
    for step in steps:
        assert step.first <= index <= step.last
        assert step.reached == root_of(leaves[step.first : step.last + 1])


def test_a_changed_hash_leads_elsewhere_and_shows_where() -> None:
    leaves, root = tree_of(5)
    proof = proof_of(2, leaves)
    steps = inclusion_steps(2, 5, leaves[2], [proof[0], b"\x00" * 32, proof[2]])
    assert steps[0].reached == node_hash(leaves[2], leaves[3])
    assert [step.on_left for step in steps] == [False, True, False]
    assert steps[1].reached != root_of(leaves[:4])
    assert steps[-1].reached != root


@pytest.mark.parametrize(("index", "size", "hashes"), [(5, 5, 3), (0, 5, 2), (0, 5, 4), (-1, 5, 3)])
def test_a_proof_of_another_length_or_place_has_no_steps(index: int, size: int, hashes: int) -> None:
    with pytest.raises(BadProof):
        inclusion_steps(index, size, b"\x00" * 32, [b"\x00" * 32] * hashes)
