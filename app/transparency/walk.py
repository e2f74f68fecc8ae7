"""An inclusion proof step by step, for people who want to follow it (RFC 9162 section 2.1.3.2).

It shows and does not decide: whether a proof holds is said by `verify_inclusion` alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.transparency.errors import BadProof
from app.transparency.tree import SIZE_LIMIT, node_hash, split


@dataclass(frozen=True, slots=True)
class Step:
    """One hash of the proof joined with what was reached before it.

    Args:
        sibling: the hash that the proof gives, 32 bytes.
        on_left: it stands to the left of what was reached.
        reached: `node_hash` of the two.
        first: the first leaf of the subtree whose root was reached.
        last: its last leaf; both counted from 0.
    """

    sibling: bytes
    on_left: bool
    reached: bytes
    first: int
    last: int


def inclusion_steps(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> list[Step]:
    """What each hash of a proof makes of the leaf's hash: the last one is the root, if the proof holds.

    Raises:
        BadProof: there is no such leaf, or the proof has another length than one for this place and size.
    """
    if not 0 <= index < size < SIZE_LIMIT:
        raise BadProof("There is no such leaf in a tree of this size.")
    turns = _turns(index, size)
    if len(turns) != len(proof):
        raise BadProof("The proof has another length than one for this place and size.")
    steps, reached = [], leaf
    for sibling, (on_left, first, last) in zip(proof, turns, strict=True):
        reached = node_hash(sibling, reached) if on_left else node_hash(reached, sibling)
        steps.append(Step(sibling, on_left, reached, first, last))
    return steps


def _turns(index: int, size: int) -> list[tuple[bool, int, int]]:
    """From the leaf up: on which side the sibling stands, and the leaves below the node of both."""
    start, end = 0, size
    turns = []
    while end - start > 1:
        middle = start + split(end - start)
        on_left = index >= middle
        turns.append((on_left, start, end - 1))
        start, end = (middle, end) if on_left else (start, middle)
    return turns[::-1]
