"""Blocks: the leaves below one tile, and their proof in one piece.

RFC 6962 splits a tree of more than 256 leaves only between tiles. So the tree above the tiles is itself one
of RFC 6962, whose leaves are the roots of the tiles, and one audit path proves all the leaves of a tile.
"""

from collections.abc import Sequence

from app.transparency.errors import BadProof
from app.transparency.tiles import WIDTH, Tile, tiles_of, width_at
from app.transparency.tree import (
    HASH_BYTES,
    Node,
    Read,
    full,
    inclusion_parts,
    read_joined,
    root_of,
    verify_inclusion,
)


def block_width(index: int, size: int) -> int:
    """How many leaves the block has in a tree of `size` leaves: 0 if it does not exist."""
    return width_at(0, index, size)


def block_proof(index: int, size: int, read: Read) -> list[bytes]:
    """The audit path of the block `index` in the tree of `size` leaves.

    Returns:
        At most 55 hashes of 32 bytes, from the sibling of the block's root up.

    Raises:
        ValueError: there is no such block in a tree of this size.
    """
    return [read_joined(nodes, read) for nodes in _parts(index, size)]


def verify_block(index: int, size: int, leaves: bytes, proof: Sequence[bytes], root: bytes) -> list[bytes]:
    """Check that these are all the leaves of the block in this tree.

    Args:
        leaves: their hashes, 32 bytes each.

    Returns:
        The hashes, one by one; the first is that of the leaf `256 * index`.

    Raises:
        BadProof: it is not shown.
    """
    width = block_width(index, size) if 0 <= index <= size else 0
    if not width or len(leaves) != width * HASH_BYTES:
        raise BadProof("This is no block of a tree of this size.")
    found = [leaves[n : n + HASH_BYTES] for n in range(0, len(leaves), HASH_BYTES)]
    verify_inclusion(index, _blocks(size), root_of(found), proof, root)
    return found


def block_tiles(start: int, end: int, size: int) -> list[Tile]:
    """Every tile that holds or proves the blocks of the leaves from `start` until `end`, each once."""
    wanted = range(start // WIDTH, _blocks(end)) if start < end else range(0)
    nodes = [node for index in wanted for part in _parts(index, size) for node in part]
    nodes += [(0, index * WIDTH) for index in wanted]
    return tiles_of(nodes, size)


def _parts(index: int, size: int) -> list[list[Node]]:
    """For every hash of the path the full subtrees of leaves that make it up."""
    parts = []
    for nodes in inclusion_parts(index, _blocks(size)):
        (level, first), (last_level, last) = nodes[0], nodes[-1]
        start, end = first << level, (last + 1) << last_level
        parts.append(full(start * WIDTH, min(end * WIDTH, size)))
    return parts


def _blocks(size: int) -> int:
    return -(-size // WIDTH)
