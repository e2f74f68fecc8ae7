"""The audit log as its tables have it, beside the tree that its entries make when they are hashed anew."""

from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit.models import AuditCheckpoint, AuditEntry, AuditTile
from app.transparency.checkpoints import Checkpoint
from app.transparency.tiles import WIDTH, TileReader
from app.transparency.tree import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)


class Logbook:
    """Everything in the log, read at once."""

    def __init__(self, session: Session) -> None:
        wanted = select(AuditEntry.seq, AuditEntry.request_id, AuditEntry.entry).order_by(AuditEntry.seq)
        self.rows = session.execute(wanted).all()
        self.signed = {row.size: row.root for row in session.scalars(select(AuditCheckpoint))}
        self.tiles = {(row.level, row.position): row.hashes for row in session.scalars(select(AuditTile))}
        self.size = len(self.rows)
        self.leaves = [leaf_hash(row.entry) for row in self.rows]
        tree = Frontier()
        self.roots = [tree.root()]
        """By size."""
        for leaf in self.leaves:
            tree.append(leaf)
            self.roots.append(tree.root())

    def check_dense_and_one_tree(self) -> None:
        """Numbers from 1 with no gap and no double; the stored tree is that of the entries in their order."""
        assert [row.seq for row in self.rows] == list(range(1, self.size + 1))
        expected: dict[tuple[int, int], bytes] = {}
        level, hashes = 0, self.leaves
        while hashes:
            parts = [hashes[start : start + WIDTH] for start in range(0, len(hashes), WIDTH)]
            expected |= {(level, n): b"".join(part) for n, part in enumerate(parts)}
            level, hashes = level + 1, [root_of(part) for part in parts if len(part) == WIDTH]
        assert self.tiles == expected

    def check_continues(self, served: list[Checkpoint]) -> None:
        """What was signed and what was served is this tree as it was, and grew by proofs that verify."""
        assert {size: self.roots[size] for size in self.signed} == self.signed
        for one in served:
            assert self.signed[one.size] == one.root, f"{one.size} was served with another root than signed"
        for old, new in pairwise(served):
            proof = consistency_proof(old.size, new.size, self._reader(new.size))
            verify_consistency(old.size, new.size, old.root, new.root, proof)

    def check_holds(self, request_ids: list[str], checkpoint: Checkpoint) -> list[int]:
        """Every acknowledged exchange is proven to be in a checkpoint's tree; the indexes of the entries."""
        found = {row.request_id: index for index, row in enumerate(self.rows)}
        lost = [name for name in request_ids if name not in found]
        assert lost == [], f"{len(lost)} of {len(request_ids)} acknowledged exchanges are not in the log"
        reader = self._reader(checkpoint.size)
        for index in (found[name] for name in request_ids):
            proof = inclusion_proof(index, checkpoint.size, reader)
            verify_inclusion(index, checkpoint.size, self.leaves[index], proof, checkpoint.root)
        return [found[name] for name in request_ids]

    def _reader(self, size: int) -> TileReader:
        return TileReader(size, lambda tile: self.tiles[tile.level, tile.index])
