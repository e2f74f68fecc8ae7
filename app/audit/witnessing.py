"""Has the log's checkpoints cosigned by witnesses: what to submit to whom, and what their answers mean.

Each witness is asked about the newest checkpoint that it has not cosigned, by one process at a time: whoever
takes a submission puts the next one off first, and talks with no transaction open. What a witness says about
sizes is taken from it; what it signs is verified before it is stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from app.audit import checkpoints, tree
from app.audit.models import AuditCheckpoint, AuditCosignature, AuditWitness
from app.audit.sequencer import hold_head
from app.clock import MINUTE, SECOND
from app.config import Witness
from app.db import Database
from app.transparency.errors import BadNote, NotProven
from app.transparency.lines import from_decimal
from app.transparency.notes import Note, Signature, VerifierKey, signature_lines
from app.transparency.witness import SIZE_TYPE, Submission

log = structlog.get_logger(__name__)

PACE: Final = 5 * SECOND
"""Between two submissions to one witness, at least."""
LEASE: Final = MINUTE
"""For how long nobody else asks a witness that somebody asks: longer than an exchange can take."""
FIRST_RETRY: Final = 5 * SECOND
LAST_RETRY: Final = 10 * MINUTE

ROLLED_BACK: Final = "rolled_back"
"""The witness holds more than this log has: to it, the log was rolled back."""
FORKED: Final = "forked"
"""The witness holds another history: to it, the log has forked."""
GRAVE: Final = frozenset({ROLLED_BACK, FORKED})
"""What only a second history, or a restore that nobody told of, can bring about."""
_SAID: Final = {400: "refused", 403: "key_unknown", 404: "log_unknown", 413: "too_large", 429: "too_many"}


@dataclass(frozen=True, kw_only=True)
class Due:
    """What one witness is to be asked.

    Args:
        old: the size that it holds, as far as is known.
        text: of the checkpoint.
        body: of `add-checkpoint`.
    """

    witness: Witness
    life: int
    old: int
    size: int
    text: str
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What a witness answered; `unreachable` says why there was no answer."""

    status: int = 0
    media_type: str = ""
    body: bytes = b""
    unreachable: str | None = None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How the log stands with one witness, in its present life.

    Args:
        cosigned_size: the largest checkpoint that it cosigned; None: none.
        holds: the size that it said last that it holds.
        problem: what came of it last, unless all is well.
    """

    key: VerifierKey
    cosigned_size: int | None = None
    cosigned_at: int | None = None
    holds: int = 0
    problem: str | None = None
    problem_at: int | None = None

    @property
    def grave(self) -> bool:
        """Whether it sees another history than this log has."""
        return self.problem in GRAVE


def claim(db: Database, witnesses: Sequence[Witness], now: int) -> Due | None:
    """Take the next submission; None where every witness has the newest checkpoint, or must not be asked yet.

    Raises:
        NotProven: the stored tree is damaged, so that nothing can be proven.
    """
    if not witnesses or not _any_due(db, witnesses, now):
        return None
    with db.write() as session:
        last = checkpoints.newest(session)
        if last is None or not _known(session, witnesses, now, wait=db.sqlite):
            return None
        wanted = (
            select(AuditWitness)
            .where(_among(witnesses), ~_rests(now), ~_cosigned(last))
            .order_by(AuditWitness.next_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        row = session.scalar(wanted)
        if row is None:
            return None
        if row.life != last.life:
            row.life, row.size, row.cosigned_at = last.life, 0, None
            row.failures, row.problem, row.problem_at = 0, None, None
        row.next_at = now + LEASE
        old = min(row.size, last.size)
        note = last.note
        proof = tuple(tree.consistency(session, old, last.size))
        witness = next(one for one in witnesses if _id(one) == (row.name, row.key_id))
        return Due(
            witness=witness, life=last.life, old=old, size=last.size, text=Note.parse(note).text,
            body=Submission(old, proof, note).encode(),
        )  # fmt: skip


def settle(db: Database, due: Due, answered: Answered, now: int) -> None:
    """Write down what a witness answered: its cosignature, the size that it holds, or what is wrong."""
    found = _cosignature(due, answered) if answered.status == 200 else None
    told = _told_size(answered) if answered.status == 409 else None
    with db.write() as session:
        row = session.get(AuditWitness, _id(due.witness), with_for_update=True)
        if row is None or row.life != due.life:
            return
        if found is not None:
            _store(session, row, due, found, now)
        elif told is not None and told != due.old:
            _learn(session, row, told, now)
        else:
            _fail(row, _problem(due, answered, told), now)


def standing(session: Session, witnesses: Sequence[Witness]) -> list[Standing]:
    """How the log stands with each configured witness."""
    if not witnesses:
        return []
    last = checkpoints.newest(session)
    life = last.life if last is not None else 1
    rows = {
        (row.name, row.key_id): row for row in session.scalars(select(AuditWitness).where(_among(witnesses)))
    }
    largest = (
        select(AuditCosignature.witness, AuditCosignature.key_id, func.max(AuditCosignature.size))
        .join(AuditCheckpoint, AuditCheckpoint.size == AuditCosignature.size)
        .where(AuditCheckpoint.life == life)
        .group_by(AuditCosignature.witness, AuditCosignature.key_id)
    )
    sizes = {(name, key_id): size for name, key_id, size in session.execute(largest)}
    found = []
    for witness in witnesses:
        row = rows.get(_id(witness))
        if row is None or row.life != life:
            found.append(Standing(key=witness.key))
            continue
        one = Standing(
            key=witness.key, cosigned_size=sizes.get(_id(witness)), cosigned_at=row.cosigned_at,
            holds=row.size, problem=row.problem, problem_at=row.problem_at,
        )  # fmt: skip
        found.append(one)
    return found


def _any_due(db: Database, witnesses: Sequence[Witness], now: int) -> bool:
    """Whether somebody may be asked, without a lock."""
    with db.read() as session:
        last = checkpoints.newest(session)
        if last is None:
            return False
        resting = (
            select(func.count())
            .select_from(AuditWitness)
            .where(_among(witnesses), or_(_rests(now), _cosigned(last)))
        )
        return (session.scalar(resting) or 0) < len(witnesses)


def _known(session: Session, witnesses: Sequence[Witness], now: int, *, wait: bool) -> bool:
    """See that each witness has a row; False: somebody else is about it."""
    rows = session.execute(select(AuditWitness.name, AuditWitness.key_id).where(_among(witnesses)))
    missing = {_id(witness) for witness in witnesses} - {(row.name, row.key_id) for row in rows}
    if not missing:
        return True
    if hold_head(session, wait=wait) is None:
        return False
    for name, key_id in sorted(missing):
        if session.get(AuditWitness, (name, key_id)) is None:
            session.add(AuditWitness(name=name, key_id=key_id, life=1, size=0, next_at=now, failures=0))
    session.flush()
    return True


def _rests(now: int) -> ColumnElement[bool]:
    """Whether the witness of the row is not to be asked yet; a clock that was set back holds nobody up."""
    return and_(AuditWitness.next_at > now, AuditWitness.next_at <= now + LAST_RETRY)


def _cosigned(last: AuditCheckpoint) -> ColumnElement[bool]:
    """Whether the witness of the row has cosigned this checkpoint."""
    return (
        select(AuditCosignature.size)
        .where(
            AuditCosignature.size == last.size,
            AuditCosignature.witness == AuditWitness.name,
            AuditCosignature.key_id == AuditWitness.key_id,
        )
        .exists()
    )


def _among(witnesses: Sequence[Witness]) -> ColumnElement[bool]:
    return or_(
        *(
            and_(AuditWitness.name == name, AuditWitness.key_id == key_id)
            for name, key_id in map(_id, witnesses)
        )
    )


def _id(witness: Witness) -> tuple[str, str]:
    return witness.key.name, witness.key.id.hex()


def _cosignature(due: Due, answered: Answered) -> tuple[Signature, int] | None:
    """The witness's own signature among those that it answered, and its time in seconds; None: none holds."""
    key = due.witness.key
    try:
        for line in signature_lines(answered.body):
            if (line.name, line.key_id) == (key.name, key.id):
                seconds = key.verify(due.text, line.signature)
                return None if seconds is None else (line, seconds)
    except NotProven:
        return None
    return None


def _told_size(answered: Answered) -> int | None:
    if answered.media_type != SIZE_TYPE:
        return None
    try:
        return from_decimal(answered.body.decode("ascii").removesuffix("\n"))
    except (UnicodeDecodeError, BadNote):
        return None


def _store(session: Session, row: AuditWitness, due: Due, found: tuple[Signature, int], now: int) -> None:
    line, seconds = found
    cosigned_at = min(seconds * SECOND, 2**63 - 1)
    if session.get(AuditCosignature, (due.size, row.name, row.key_id)) is None:
        session.add(
            AuditCosignature(
                size=due.size, witness=row.name, key_id=row.key_id, line=line.line().encode(),
                cosigned_at=cosigned_at,
            )
        )  # fmt: skip
    row.size, row.cosigned_at = max(row.size, due.size), cosigned_at
    row.failures, row.problem, row.problem_at = 0, None, None
    row.next_at = now + PACE


def _learn(session: Session, row: AuditWitness, told: int, now: int) -> None:
    """Take over the size that the witness holds. One that is larger than ours is no matter of learning."""
    last = checkpoints.newest(session)
    row.size = min(told, 2**63 - 1)
    if last is None or told > last.size:
        _fail(row, ROLLED_BACK, now)
        return
    row.failures += 1
    row.next_at = now if row.failures == 1 else now + _rest(row.failures)


def _problem(due: Due, answered: Answered, told: int | None) -> str:
    if answered.unreachable is not None:
        return answered.unreachable
    if answered.status == 200:
        return "cosignature_invalid"
    if answered.status == 422 and due.old > 0:
        return FORKED
    if answered.status == 409 and told == due.old:
        return FORKED if due.old == due.size else "answer_unfit"
    return _SAID.get(answered.status, "answer_unfit")


def _fail(row: AuditWitness, problem: str, now: int) -> None:
    row.failures += 1
    row.next_at = now + _rest(row.failures)
    if problem in GRAVE:
        log.error("audit.witness-refuses", witness=row.name, problem=problem, holds=row.size)
    elif problem != row.problem:
        log.warning("audit.witness-failed", witness=row.name, problem=problem)
    if problem != row.problem:
        row.problem, row.problem_at = problem, now


def _rest(failures: int) -> int:
    return min(LAST_RETRY, FIRST_RETRY << min(failures - 1, 10))
