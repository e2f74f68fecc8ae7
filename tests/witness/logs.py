"""Logs as a witness sees them: trees of made-up leaves that grow, or fork, and are signed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.transparency.checkpoints import Checkpoint
from app.transparency.notes import Note, Signer, VerifierKey
from app.transparency.tree import consistency_proof, leaf_hash, node_hash, root_of
from app.transparency.witness import Submission


@dataclass
class Log:
    """A log with a key; `fork` gives another one of the same key that differs from a leaf on."""

    origin: str = "log.example/audit"
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    leaves: Sequence[bytes] = field(default_factory=lambda: [leaf_hash(b"%d" % n) for n in range(300)])

    @property
    def signer(self) -> Signer:
        return Signer(self.origin, self.key)

    @property
    def verifier(self) -> VerifierKey:
        return self.signer.verifier

    def fork(self, at: int) -> "Log":
        kept = list(self.leaves[:at])
        return Log(self.origin, self.key, kept + [leaf_hash(b"%d'" % n) for n in range(at, 300)])

    def head(self, size: int) -> Checkpoint:
        return Checkpoint(self.origin, size, root_of(self.leaves[:size]))

    def note(self, size: int) -> bytes:
        text = self.head(size).text
        return Note(text, (self.signer.sign(text),)).encode()

    def body(self, old: int, size: int) -> bytes:
        """What is submitted to show that the log grew so."""
        proof = consistency_proof(old, size, self._node) if old <= size else []
        return Submission(old, tuple(proof), self.note(size)).encode()

    def _node(self, level: int, index: int) -> bytes:
        row = list(self.leaves[index << level : (index + 1) << level])
        while len(row) > 1:
            row = [node_hash(row[n], row[n + 1]) for n in range(0, len(row), 2)]
        return row[0]
