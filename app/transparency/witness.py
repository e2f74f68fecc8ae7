"""What a log submits to a witness, and what a witness makes of it (C2SP tlog-witness).

The decision is made over one kept state, the checkpoint that was cosigned last. Storing it before the
cosignature leaves, and letting nobody in between, is for whoever keeps the state.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from app.transparency.checkpoints import Checkpoint
from app.transparency.errors import BadNote, BadProof, UnknownLog
from app.transparency.lines import from_base64, from_decimal, to_base64
from app.transparency.notes import Note, VerifierKey, open_checkpoint
from app.transparency.tree import EMPTY_ROOT, HASH_BYTES, SIZE_LIMIT, contradicts, verify_consistency

PROOF_LIMIT: Final = 63
BODY_BYTES: Final = 64_000
SIZE_TYPE: Final = "text/x.tlog.size"
"""The content type of an answer that tells the size which the witness holds."""
_OLD: Final = "old "
_PARTS: Final = "An add-checkpoint body is `old <size>`, proof lines, an empty line and a checkpoint."


@dataclass(frozen=True, slots=True)
class Submission:
    """The body of `add-checkpoint`: a signed checkpoint, and the proof that it continues that of `old`."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.old < SIZE_LIMIT:
            raise ValueError("an old size is below 2**63")
        if len(self.proof) > PROOF_LIMIT or any(len(one) != HASH_BYTES for one in self.proof):
            raise ValueError("a proof has at most 63 hashes of 32 bytes")

    def encode(self) -> bytes:
        """The body, UTF-8.

        Raises:
            ValueError: it is longer than witnesses take.
        """
        lines = [f"{_OLD}{self.old}\n", *(f"{to_base64(one)}\n" for one in self.proof), "\n"]
        body = "".join(lines).encode() + self.note
        if len(body) > BODY_BYTES:
            raise ValueError("a submission is at most 64,000 bytes")
        return body

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """A submission from its bytes. The note is not looked into.

        Raises:
            BadNote: it has another form, or is longer than 64,000 bytes.
        """
        head, parted, note = data[:BODY_BYTES].partition(b"\n\n")
        if len(data) > BODY_BYTES or not parted or not head.isascii():
            raise BadNote(_PARTS)
        first, *proof = head.decode().split("\n")
        if not first.startswith(_OLD):
            raise BadNote(_PARTS)
        try:
            return cls(from_decimal(first.removeprefix(_OLD)), tuple(map(from_base64, proof)), note)
        except ValueError as error:
            raise BadNote("A submission has an old size below 2**63 and at most 63 hashes.") from error


class Verdict(StrEnum):
    """What a witness makes of a checkpoint that a log has signed."""

    COSIGN = "cosign"
    """It continues what was cosigned last, or is the same."""
    OLD_ABOVE_SIZE = "old-above-size"
    OTHER_SIZE = "other-size"
    """The proof does not begin at the size that the witness holds: the log is told that size."""
    ROLLBACK = "rollback"
    """It is smaller than what was cosigned last: a late submission, or a log that was rolled back."""
    TWO_ROOTS = "two-roots"
    """The log signed another root for the size that the witness holds: a fork, proven."""
    OTHER_HISTORY = "other-history"
    """The log signed a larger tree that began with another root than it signed before: a fork, proven."""
    NOT_PROVEN = "not-proven"
    """The proof leads nowhere. Whoever sent it may have made it up: it shows nothing about the log."""

    @property
    def status(self) -> int:
        """The HTTP status by which a witness answers (tlog-witness, add-checkpoint)."""
        return _STATUS[self]

    @property
    def fork(self) -> bool:
        """Whether the log's own signatures prove that it showed two histories."""
        return self in {Verdict.TWO_ROOTS, Verdict.OTHER_HISTORY}


_STATUS: Final = {
    Verdict.COSIGN: 200,
    Verdict.OLD_ABOVE_SIZE: 400,
    Verdict.OTHER_SIZE: 409,
    Verdict.ROLLBACK: 409,
    Verdict.TWO_ROOTS: 409,
    Verdict.OTHER_HISTORY: 422,
    Verdict.NOT_PROVEN: 422,
}


def nothing_yet(origin: str) -> Checkpoint:
    """What a witness holds of a log of which it has cosigned nothing: the empty tree."""
    return Checkpoint(origin, 0, EMPTY_ROOT)


def open_submission(
    data: bytes, keys_of: Callable[[str], Collection[VerifierKey] | None]
) -> tuple[Submission, Checkpoint]:
    """What was submitted, once it is sure that a followed log signed it.

    Args:
        keys_of: the keys of a log by its origin; None for one that is not followed.

    Raises:
        BadNote: it cannot be read (400).
        UnknownLog: its origin is of no followed log (404).
        Unsigned: none of the log's keys signed (403).
        BadSignature: one of them is named, and its signature does not verify (403).
    """
    submission = Submission.parse(data)
    origin = Checkpoint.parse(Note.parse(submission.note).text).origin
    keys = keys_of(origin)
    if keys is None:
        raise UnknownLog("This witness does not follow a log of this origin.")
    checkpoint, _ = open_checkpoint(submission.note, origin, keys)
    return submission, checkpoint


def judge(submission: Submission, checkpoint: Checkpoint, held: Checkpoint) -> Verdict:
    """Decide about an opened submission, by the checkpoint that was cosigned last.

    Args:
        held: of the same log; `nothing_yet` if there was none.
    """
    if submission.old > checkpoint.size:
        return Verdict.OLD_ABOVE_SIZE
    if checkpoint.size == held.size and checkpoint.root != held.root:
        return Verdict.TWO_ROOTS
    if checkpoint.size < held.size:
        return Verdict.ROLLBACK
    if submission.old != held.size:
        return Verdict.OTHER_SIZE
    grown = (held.size, checkpoint.size, held.root, checkpoint.root, submission.proof)
    try:
        verify_consistency(*grown)
    except BadProof:
        return Verdict.OTHER_HISTORY if contradicts(*grown) else Verdict.NOT_PROVEN
    return Verdict.COSIGN
