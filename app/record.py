"""The one transaction that every verb passes through.

`begin` opens it with the policy epoch held, `record` collects what happened, and leaving the block writes, in
this order: the verb's rows, the audit entries, the idempotency answer, and last the feed with its head row.
Raising rolls all of it back. `reading` opens the same for reads, whose entry is made durable by `release`
before their bytes may leave.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from app.audit import append as audit
from app.audit.entry import Entry, Request, build, build_all
from app.events import AttributeLapsed, Event, Subject
from app.facts import load_facts
from app.feed import append as feed
from app.feed import sight
from app.feed.append import Line
from app.feed.page import Prepared
from app.policy import require
from app.question import SYSTEM, Action, Actor, Facts, Thing
from app.runtime import Runtime
from schemas.vocabulary import ChangeKind, Decision

Identify = Callable[[Session, int], Actor]
"""Says who acts, from what the database holds at this moment; raises `Unauthenticated` if nobody may."""


def as_system(_session: Session, _now: int) -> Actor:
    """The operator at the machine itself."""
    return SYSTEM


@dataclass
class Tx:
    """One transaction with everything that a verb is given: never ambient, always an argument."""

    runtime: Runtime
    session: Session
    actor: Actor
    request: Request
    now: int
    epoch: int
    moves_policy: bool = False
    entries: list[Entry] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    _facts: Facts | None = None

    @property
    def facts(self) -> Facts:
        """What is true of the actor now; loaded once."""
        if self._facts is None:
            self._facts = load_facts(
                self.session, self.actor, self.now, public_reading=self.runtime.config.public_reading
            )
        return self._facts

    def require(self, action: Action, thing: Thing) -> None:
        """Raise `Forbidden` with the reason unless the policy allows it."""
        require(self.facts, action, thing)

    @contextmanager
    def watching(self, scope: sight.Scope) -> Iterator[None]:
        """Tell members what the block's change makes them gain or lose sight of."""
        if not self.moves_policy:
            raise RuntimeError("a verb that changes who sees what must begin with moves_policy=True")
        self._facts = None
        settle_lapses(self)
        with sight.watching(self.session, scope, self.now, self.lines):
            yield
        self._facts = None


@contextmanager
def begin(
    runtime: Runtime, identify: Identify, request: Request, *, moves_policy: bool = False
) -> Iterator[Tx]:
    """Open a transaction for a write; leaving it commits, raising rolls back.

    Args:
        moves_policy: the verb changes markings, membership, attributes, suspension or revocation. The epoch
        is
            moved first, so that such verbs follow each other and no read is released that was decided before.
    """
    with runtime.db.write() as session:
        epoch = audit.move_epoch(session) if moves_policy else audit.hold_epoch(session)
        now = runtime.clock()
        tx = Tx(
            runtime=runtime,
            session=session,
            actor=identify(session, now),
            request=request,
            now=now,
            epoch=epoch,
            moves_policy=moves_policy,
        )
        yield tx
        _finish(tx)


@contextmanager
def reading(runtime: Runtime, identify: Identify, request: Request) -> Iterator[Tx]:
    """Open a session for a read. What it returns may leave only after `release`."""
    with runtime.db.read() as session:
        epoch = audit.read_epoch(session)
        now = runtime.clock()
        yield Tx(
            runtime=runtime,
            session=session,
            actor=identify(session, now),
            request=request,
            now=now,
            epoch=epoch,
        )


def record(tx: Tx, event: Event, lines: Sequence[Line] = ()) -> None:
    """Collect what a verb did: the last line of every verb. Nothing is written before the block is left."""
    tx.entries.extend(
        build_all(
            at=tx.now,
            action=event.kind,
            decision=Decision.ALLOWED,
            actor=tx.actor,
            request=tx.request,
            subjects=event.subjects,
            reason=event.reason,
        )
    )
    tx.lines.extend(lines)


def settle_lapses(tx: Tx) -> bool:
    """Record the attributes whose time has ended, and the sight that was lost with them; False if none had.

    Whoever happens to notice it, it is the server's own doing.
    """
    lapsed = sight.settle(tx.session, tx.now, tx.lines)
    for attribute in lapsed:
        member = Subject(kind="member", id=attribute.member_id, owner_id=attribute.member_id)
        tx.entries.append(
            build(
                at=tx.now,
                action=AttributeLapsed.kind,
                decision=Decision.ALLOWED,
                actor=SYSTEM,
                request=tx.request,
                subjects=(member,),
                reason=attribute.name,
            )
        )
    return bool(lapsed)


def _finish(tx: Tx) -> None:
    tx.session.flush()
    audit.append(tx.session, tx.entries)
    last = feed.append(tx.session, tx.lines, tx.now)
    gained = [pair for pair in feed.numbered(tx.lines, last) if pair[0].kind is ChangeKind.SIGHT_GAINED]
    sight.begin_sight(tx.session, gained)
    tx.session.flush()


def release(
    tx: Tx,
    action: str,
    subjects: Sequence[Subject],
    body: bytes | Prepared,
    *,
    query_digest: bytes | None = None,
    stream: tuple[str, int] | None = None,
    decision: Decision = Decision.RELEASED,
) -> list[str]:
    """Make a read's entry durable. Only after this may `body` leave. Call it with no transaction open.

    Args:
        body: the bytes before any content coding, or prepared ones, whose digest is known.

    Returns:
        The ids of its entries.

    Raises:
        EpochMovedError: the policy changed since the read was decided: make it again.
        Unavailable: the audit log cannot be written now.
    """
    digest = body.digest if isinstance(body, Prepared) else hashlib.sha256(body).digest()
    entries = build_all(
        at=tx.now, action=action, decision=decision, actor=tx.actor, request=tx.request, subjects=subjects,
        body_digest=digest, query_digest=query_digest, stream=stream,
    )  # fmt: skip
    tx.runtime.auditor.release(entries, tx.epoch)
    return [entry.id for entry in entries]


def refuse(
    runtime: Runtime,
    actor: Actor,
    request: Request,
    action: str,
    reason: str,
    *,
    subjects: Sequence[Subject] = (),
    query_digest: bytes | None = None,
) -> list[str]:
    """Write down that something was refused. The subject is what was asked for, whether it exists or not.

    Returns:
        The ids of its entries.
    """
    entries = build_all(
        at=runtime.clock(), action=action, decision=Decision.REFUSED, actor=actor, request=request,
        subjects=subjects, reason=reason, query_digest=query_digest,
    )  # fmt: skip
    runtime.auditor.release(entries, None)
    return [entry.id for entry in entries]
