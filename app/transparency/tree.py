"""The Merkle tree of RFC 6962 section 2.1 with SHA-256: roots, proofs and their verification.

A node `(level, index)` is the root of a full subtree: of the leaves from `index * 2**level`, `2**level` many.
Such nodes never change as the tree grows, so they can be stored once and for ever. Proofs are made from them
by a callable, wherever they are kept, and verified by the algorithms of RFC 9162, which share no code with
the making.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from app.transparency.errors import BadProof

HASH_BYTES: Final = 32
SIZE_LIMIT: Final = 2**63
"""Sizes are below it, as in Go's `tlog`, so that every reader can count them in a signed 64-bit integer."""
EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of the tree without leaves (RFC 6962 section 2.1)."""


Node = tuple[int, int]
"""Level and index of a full subtree: of the leaves from `index << level`, `1 << level` many."""
Read = Callable[[int, int], bytes]
"""Gives the hash of the node (level, index), 32 bytes."""


def leaf_hash(entry: bytes) -> bytes:
    """`SHA-256(0x00 ‖ entry)`, 32 bytes."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """`SHA-256(0x01 ‖ left ‖ right)`, 32 bytes."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(slots=True)
class Frontier:
    """A tree that only grows, by the hashes of its right edge: all that appending and the root need.

    `hashes` are those of `edge(size)`, the largest subtree first: one for each bit that is set in `size`.
    """

    size: int = 0
    hashes: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        """See that there are as many hashes as the size says.

        Raises:
            ValueError: what was stored is not the edge of a tree of this size.
        """
        _require_size(self.size)
        self.hashes = list(self.hashes)
        if len(self.hashes) != self.size.bit_count():
            raise ValueError("a frontier has one hash for each bit that is set in its size")
        if any(len(one) != HASH_BYTES for one in self.hashes):
            raise ValueError("a hash is 32 bytes")

    def append(self, leaf: bytes) -> list[bytes]:
        """Add one leaf by its hash.

        Returns:
            The hashes of the nodes that it completed, by level: place `n` holds the node
            `(n, (size - 1) >> n)`, `size` counted after this leaf. The first is the leaf itself.
        """
        completed = [leaf]
        joined = leaf
        higher = self.size
        while higher & 1:
            joined = node_hash(self.hashes.pop(), joined)
            completed.append(joined)
            higher >>= 1
        self.hashes.append(joined)
        self.size += 1
        return completed

    def root(self) -> bytes:
        """The root of the tree as it is now, 32 bytes."""
        return _joined(self.hashes) if self.hashes else EMPTY_ROOT


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes in their order, 32 bytes."""
    tree = Frontier()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


def edge(size: int) -> list[Node]:
    """The full subtrees that make up a tree of this size, the largest first: what a `Frontier` holds."""
    _require_size(size)
    return full(0, size)


def inclusion_nodes(index: int, size: int) -> list[Node]:
    """The nodes that `inclusion_proof` reads, to fetch them all at once. Raises as it does."""
    return [node for parts in inclusion_parts(index, size) for node in parts]


def inclusion_proof(index: int, size: int, read: Read) -> list[bytes]:
    """The audit path of the leaf `index` in the tree of `size` leaves (RFC 6962 section 2.1.1).

    Returns:
        At most 63 hashes of 32 bytes, from the leaf's sibling up.

    Raises:
        ValueError: there is no such leaf in a tree of this size.
    """
    return [read_joined(parts, read) for parts in inclusion_parts(index, size)]


def consistency_nodes(old: int, new: int) -> list[Node]:
    """The nodes that `consistency_proof` reads, to fetch them all at once. Raises as it does."""
    return [node for parts in _consistency_parts(old, new) for node in parts]


def consistency_proof(old: int, new: int, read: Read) -> list[bytes]:
    """That the tree of `old` leaves is the beginning of that of `new` leaves (RFC 6962 section 2.1.2).

    Returns:
        At most 64 hashes of 32 bytes; none where `old` is 0 or `new`, as C2SP tlog-witness wants it.

    Raises:
        ValueError: `old` is more than `new`.
    """
    return [read_joined(parts, read) for parts in _consistency_parts(old, new)]


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf with this hash stands at `index` in this tree (RFC 9162 section 2.1.3.2).

    Raises:
        BadProof: it is not shown.
    """
    if not 0 <= index < size < SIZE_LIMIT:
        raise BadProof("There is no such leaf in a tree of this size.")
    _require_hashes([leaf, root, *proof])
    at, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise BadProof("The proof is too long for this place and size.")
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    if last != 0:
        raise BadProof("The proof is too short for this place and size.")
    if found != root:
        raise BadProof("The proof does not lead to the root.")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of `old` leaves is the beginning of that of `new` (RFC 9162 section 2.1.4.2).

    The empty tree is the beginning of every tree: its proof is empty, and its root must be `EMPTY_ROOT`.

    Raises:
        BadProof: it is not shown: the log may have been rolled back, rewritten or forked.
    """
    if not 0 <= old <= new < SIZE_LIMIT:
        raise BadProof("A tree cannot begin with one that is larger.")
    _require_hashes([old_root, new_root, *proof])
    for size, root in ((old, old_root), (new, new_root)):
        if size == 0 and root != EMPTY_ROOT:
            raise BadProof("The root of an empty tree is the hash of nothing.")
    if old in {0, new}:
        if proof:
            raise BadProof("The proof is too long for these sizes.")
        if old == new and old_root != new_root:
            raise BadProof("Two roots were given for one size.")
        return
    _verify_growth(old, new, old_root, new_root, proof)


def contradicts(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether these hashes show that the tree of `new` leaves began with another root than `old_root`.

    A proof that leads to the newer root can only be made of that tree's own nodes, so the older root that it
    leads to is that tree's. Not so where `old` is a power of two: the proof then takes the older root as
    given, and shows nothing about it.
    """
    if not 0 < old < new < SIZE_LIMIT or any(len(one) != HASH_BYTES for one in proof):
        return False
    try:
        was, found = _roots_of_growth(old, new, old_root, proof)
    except BadProof:
        return False
    return found == new_root and was != old_root


def _verify_growth(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """As `verify_consistency`, for 0 < old < new."""
    was, found = _roots_of_growth(old, new, old_root, proof)
    if was != old_root:
        raise BadProof("The proof does not lead to the older root.")
    if found != new_root:
        raise BadProof("The proof does not lead to the newer root.")


def _roots_of_growth(old: int, new: int, old_root: bytes, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The older and the newer root to which a proof leads, for 0 < old < new."""
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not proof:
        raise BadProof("The proof is too short for these sizes.")
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    was = found = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise BadProof("The proof is too long for these sizes.")
        if at & 1 or at == last:
            was = node_hash(sibling, was)
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    if last != 0:
        raise BadProof("The proof is too short for these sizes.")
    return was, found


def inclusion_parts(index: int, size: int) -> list[list[Node]]:
    """For every hash of the proof the full subtrees that make it up."""
    _require_size(size)
    if not 0 <= index < size:
        raise ValueError("there is no such leaf in a tree of this size")
    start, end = 0, size
    parts = []
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            parts.append(full(middle, end))
            end = middle
        else:
            parts.append(full(start, middle))
            start = middle
    return parts[::-1]


def _consistency_parts(old: int, new: int) -> list[list[Node]]:
    """For every hash of the proof the full subtrees that make it up."""
    _require_size(new)
    if not 0 <= old <= new:
        raise ValueError("a tree cannot begin with one that is larger")
    start, end = 0, new if old else 0
    parts = []
    while end != old:
        middle = start + split(end - start)
        if old <= middle:
            parts.append(full(middle, end))
            end = middle
        else:
            parts.append(full(start, middle))
            start = middle
    if start:  # the older tree's last subtree is not its whole, so its hash is not known from its root
        parts.append(full(start, end))
    return parts[::-1]


def split(count: int) -> int:
    """The largest power of two below `count`, which is 2 or more."""
    return 1 << ((count - 1).bit_length() - 1)


def full(start: int, end: int) -> list[Node]:
    """The full subtrees of the leaves from `start` until `end`, the largest first.

    `start` is a multiple of the largest, as it is wherever RFC 6962 splits a tree.
    """
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def read_joined(nodes: Sequence[Node], read: Read) -> bytes:
    return _joined([read(level, index) for level, index in nodes])


def _joined(hashes: Sequence[bytes]) -> bytes:
    """One hash over full subtrees, the largest first."""
    joined = hashes[-1]
    for left in reversed(hashes[:-1]):
        joined = node_hash(left, joined)
    return joined


def _require_size(size: int) -> None:
    if not 0 <= size < SIZE_LIMIT:
        raise ValueError("a tree has no such size")


def _require_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(one) != HASH_BYTES for one in hashes):
        raise BadProof("A hash is 32 bytes.")
