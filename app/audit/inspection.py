"""Checks a proof as a verifier would, and keeps each step of it: for people who want to see it hold.

The checking is that of `app.transparency`, over what a verifier is given: the bytes of the entry, the path, a
signed note and the published keys. That a server says so of itself proves nothing; it shows people what to
check with a verifier of their own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.audit import checkpoints, cosignatures, lives, proofs
from app.audit.cosignatures import Signed
from app.config import Config
from app.errors import Conflict, NotFound, Unavailable
from app.keys import Keyring, Use
from app.question import Actor
from app.transparency.checkpoints import Checkpoint
from app.transparency.errors import BadNote, NotProven
from app.transparency.notes import Note, Verified, VerifierKey, open_checkpoint
from app.transparency.tree import leaf_hash, verify_consistency, verify_inclusion
from app.transparency.walk import Step, inclusion_steps


@dataclass(frozen=True, kw_only=True)
class Trusted:
    """Whose signatures count: the keys of the log by its origin, and those of its witnesses."""

    log: dict[str, list[VerifierKey]]
    witnesses: Sequence[VerifierKey] = ()


@dataclass(frozen=True, kw_only=True)
class Head:
    """A checkpoint, opened.

    Args:
        note: as it is served.
        signer: the key of the log that signed.
        witnesses: who cosigned, with a key that is trusted.
    """

    checkpoint: Checkpoint
    note: str
    signer: VerifierKey
    witnesses: Sequence[Verified]


@dataclass(frozen=True, kw_only=True)
class Inclusion:
    """That an entry is in the log, as far as it could be shown.

    Args:
        index: of the leaf, counted from 0.
        leaf: hash of the entry's bytes.
        steps: each hash of the path with what it yields; none where the path does not fit.
        head: None where no trusted key signed the checkpoint.
        problem: what does not hold; None: everything does.
        wait_for: no checkpoint covers it yet; the size of one that does.
    """

    index: int
    size: int
    leaf: bytes
    steps: Sequence[Step] = ()
    head: Head | None = None
    problem: str | None = None
    wait_for: int | None = None


@dataclass(frozen=True, kw_only=True)
class Growth:
    """That the log only grew from one checkpoint to another, as far as it could be shown.

    `old` and `new` are None where no trusted key signed them.
    """

    old: Head | None
    new: Head | None
    hashes: Sequence[bytes]
    problem: str | None = None


def trusted(session: Session, keyring: Keyring, config: Config) -> Trusted:
    """What a verifier that begins with `/.well-known/halyard` trusts."""
    base, published = checkpoints.origin(config.issuer), keyring.published(session, Use.AUDIT)
    names = [life.origin(base) for life in lives.all_of(session)]
    log = {name: [checkpoints.verifier_key(name, jwk) for jwk in published] for name in names}
    return Trusted(log=log, witnesses=[one.key for one in config.witness_list])


def of_entry(session: Session, actor: Actor, entry_id: str, entry: bytes, known: Trusted) -> Inclusion:
    """Check that these bytes are in the log, against its newest checkpoint.

    Args:
        entry: the bytes as they are shown to the reader.

    Raises:
        NotFound: there is no such entry, or it is not for this reader.
        Forbidden: as `proofs.of_entry`.
    """
    leaf = leaf_hash(entry)
    try:
        proof = proofs.of_entry(session, actor, entry_id, None)
    except Conflict as early:
        return Inclusion(
            index=early.extra["wait_for"] - 1, size=early.extra["checkpoint"], leaf=leaf,
            wait_for=early.extra["wait_for"],
        )  # fmt: skip
    except NotFound as error:
        if error.reason != "no_checkpoint":
            raise
        return Inclusion(index=0, size=0, leaf=leaf, wait_for=1)
    except Unavailable as damaged:
        return Inclusion(index=0, size=0, leaf=leaf, problem=damaged.detail)
    head, steps, problem = None, list[Step](), None
    try:
        steps = inclusion_steps(proof.start, proof.size, leaf, proof.hashes)
        head = open_head(proof.note or b"", known)
        verify_inclusion(proof.start, proof.size, leaf, proof.hashes, head.checkpoint.root)
    except NotProven as error:
        problem = str(error)
    return Inclusion(index=proof.start, size=proof.size, leaf=leaf, steps=steps, head=head, problem=problem)


def of_growth(session: Session, old: int, new: int, known: Trusted) -> Growth:
    """Check that the log only grew between two checkpoints.

    Raises:
        NotFound: nothing was signed for one of the sizes.
        Invalid, Conflict, Unavailable: as `proofs.of_growth`.
    """
    notes = [signed_at(session, size).note for size in (old, new)]
    found = proofs.of_growth(session, old, new)
    heads: list[Head] = []
    problem = None
    try:
        heads += [open_head(note, known) for note in notes]
        verify_consistency(old, new, heads[0].checkpoint.root, heads[1].checkpoint.root, found.hashes)
    except NotProven as error:
        problem = str(error)
    before, after = (*heads, None, None)[:2]
    return Growth(old=before, new=after, hashes=found.hashes, problem=problem)


def head_of(found: Signed, known: Trusted) -> tuple[Head | None, str | None]:
    """A checkpoint opened, or what does not hold of it."""
    try:
        return open_head(found.note, known), None
    except NotProven as error:
        return None, str(error)


def open_head(note: bytes, known: Trusted) -> Head:
    """Open a checkpoint with the keys that are trusted.

    Raises:
        NotProven: it is none of this log, or no key of the log signed it.
    """
    parsed = Note.parse(note)
    origin = Checkpoint.parse(parsed.text).origin
    if origin not in known.log:
        raise BadNote("This is a checkpoint of another log.")
    keys = known.log[origin]
    checkpoint, cosigned = open_checkpoint(note, origin, keys, known.witnesses)
    return Head(checkpoint=checkpoint, note=note.decode(), signer=_signer(parsed, keys), witnesses=cosigned)


def _signer(note: Note, keys: Iterable[VerifierKey]) -> VerifierKey:
    named = {(one.name, one.key_id) for one in note.signatures}
    return next(key for key in keys if (key.name, key.id) in named)


def signed_at(session: Session, size: int) -> Signed:
    """The checkpoint of exactly this size.

    Raises:
        NotFound: none was signed.
    """
    found = cosignatures.at(session, size)
    if found is None:
        raise NotFound("No checkpoint of this size was signed. Choose one from the history.")
    return found
