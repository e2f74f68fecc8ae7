"""What goes on beside requests, as steps: each does a bounded piece of work and says whether there was any.

A step may run in several processes at once and be killed at any point: its work is one transaction, and rows
are locked or passed over. Running it again is harmless.
"""

from collections.abc import Callable
from dataclasses import dataclass

from app import archiving, idempotency
from app.audit import checkpoints, projecting, refusals, retention, sequencer
from app.audit.entry import Request
from app.clock import DAY
from app.feed import clearing, preparing, sight
from app.members import forgetting
from app.members.people import forgetting as people
from app.record import as_system, begin, settle_lapses
from app.runtime import Runtime
from app.sets import reminders, status
from app.sets.review import withdrawing
from app.signals import erasure, withdrawal
from app.worker import witnesses

EXPIRY_BATCH = 1_000


@dataclass(frozen=True, kw_only=True)
class Loop:
    """A step and its pace: seconds until the next one after work, and after there was none."""

    name: str
    step: Callable[[Runtime], bool]
    busy: float
    idle: float


def sequence(runtime: Runtime) -> bool:
    """Give audit entries their place in the log, and take the tree on where it is behind."""
    if sequencer.waiting(runtime.db):
        return sequencer.step(runtime.db) > 0
    return sequencer.behind(runtime.db) and sequencer.catch_up(runtime.db)


def project(runtime: Runtime) -> bool:
    """Take sequenced entries into the tables that questions are answered from."""
    return projecting.step(runtime.db) > 0


def sign_checkpoint(runtime: Runtime) -> bool:
    """Sign what the log has grown to."""
    db, now = runtime.db, runtime.clock()
    name = checkpoints.origin(runtime.config.issuer)
    return checkpoints.due(db, now) and checkpoints.sign(db, runtime.keyring, name, now)


def count_refusals(runtime: Runtime) -> bool:
    """Write an entry for each minute and network in which requests without an identity were refused."""
    return refusals.write_past(runtime.db, runtime.clock()) > 0


def lapse_attributes(runtime: Runtime) -> bool:
    """Tell members what they lost sight of because an attribute of theirs ended."""
    with runtime.db.read() as session:
        if not sight.any_lapsed(session, runtime.clock()):
            return False
    with begin(runtime, as_system, Request(), moves_policy=True) as tx:
        return settle_lapses(tx)


def expire_versions(runtime: Runtime) -> bool:
    """End set versions whose validity is over."""
    with begin(runtime, as_system, Request()) as tx:
        return status.expire_due(tx) > 0


def remind_of_reviews(runtime: Runtime) -> bool:
    """Record which set versions are to be reviewed soon, or should have been."""
    with begin(runtime, as_system, Request()) as tx:
        return reminders.record_due(tx) > 0


def expire_signals(runtime: Runtime) -> bool:
    """End signals whose validity is over."""
    with begin(runtime, as_system, Request()) as tx:
        return withdrawal.expire_due(tx, EXPIRY_BATCH) > 0


def clear_bodies(runtime: Runtime) -> bool:
    """Clear bodies in the feed that newer ones have superseded."""
    with runtime.db.write() as session:
        return clearing.clear(session) > 0


def truncate_log(runtime: Runtime) -> bool:
    """Empty the embedded database's log where an erasure could not, because somebody was reading."""
    return runtime.db.log_due and runtime.db.truncate_log()


def share_erasures(runtime: Runtime) -> bool:
    """Write to this machine's ledger what was erased, and what consent was withdrawn, through another."""
    path = runtime.config.ledger_path
    with runtime.db.read() as session:
        return erasure.share(session, path) + withdrawing.share(session, path) > 0


def prepare_segments(runtime: Runtime) -> bool:
    """Make a segment of a large place ready for readers that start."""
    return preparing.step(runtime.db, runtime.config.snapshot_lines)


def forget(runtime: Runtime) -> bool:
    """Delete what is kept for a time only: stored answers, spent assertions, revocations, ended sessions."""
    now = runtime.clock()
    with runtime.db.write() as session:
        idempotency.forget_old(session, now)
        forgetting.forget_ended(session, now)
        people.forget_ended(session, now)
    with runtime.db.write() as session:
        before = now - runtime.config.network_retention_days * DAY
        return retention.forget_private(session, before) > 0


def age_out(runtime: Runtime) -> bool:
    """Take old audit entries out to archives, if the policy says so."""
    return archiving.step(runtime)


LOOPS = (
    Loop(name="audit-sequence", step=sequence, busy=0.2, idle=1),
    Loop(name="audit-checkpoint", step=sign_checkpoint, busy=1, idle=1),
    Loop(name="audit-projection", step=project, busy=0.02, idle=1),
    Loop(name="audit-witnesses", step=witnesses.submit, busy=0.1, idle=1),
    Loop(name="refusal-counts", step=count_refusals, busy=0.2, idle=10),
    Loop(name="attribute-lapses", step=lapse_attributes, busy=0.2, idle=5),
    Loop(name="version-expiry", step=expire_versions, busy=0.2, idle=15),
    Loop(name="review-reminders", step=remind_of_reviews, busy=0.2, idle=60),
    Loop(name="signal-expiry", step=expire_signals, busy=0.2, idle=15),
    Loop(name="body-clearing", step=clear_bodies, busy=0.2, idle=30),
    Loop(name="log-truncation", step=truncate_log, busy=1, idle=5),
    Loop(name="erasure-ledger", step=share_erasures, busy=1, idle=60),
    Loop(name="segment-preparing", step=prepare_segments, busy=0.05, idle=60),
    Loop(name="audit-archiving", step=age_out, busy=1, idle=600),
    Loop(name="forgetting", step=forget, busy=1, idle=600),
)
