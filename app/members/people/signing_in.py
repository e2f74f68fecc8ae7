"""Signing in, one step after another: handle and password, then a one-time code, then a session.

Each step is one transaction or two, because hashing a password takes too long to be inside of one. Whoever
the person claims to be, the same work is done and the same answer given until all is right.
"""

from dataclasses import dataclass, replace

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.audit.entry import Request
from app.errors import Invalid, Unauthenticated
from app.events import SignInFailed, SignInLocked, Subject
from app.members.people import attempts, codes, passwords, roles, sessions, totp
from app.members.people.attempts import Charge
from app.members.people.models import ConsoleSession, RecoveryCode, UserSecret
from app.members.people.sessions import SignedIn, Stage
from app.parties import Member, User
from app.question import ANONYMOUS, Actor
from app.record import Tx, begin, record
from app.runtime import Runtime
from schemas.vocabulary import MemberStatus

HANDLE_LIMIT = 64
_WRONG_PASSWORD = "This handle and this password do not belong together."  # noqa: S105 - an answer
_WRONG_CODE = "This code is not right, or was used before. Wait for the next one."


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """Who may be meant by a handle. It has proved nothing yet."""

    charge: Charge
    user: User | None
    password_hash: str | None
    """None: nobody signs in with a password under this handle."""


@dataclass(frozen=True)
class Standing:
    """Identifies a user who has proved itself, if it and its member still stand."""

    user_id: str

    def __call__(self, session: Session, _now: int) -> Actor:
        user = session.scalar(
            select(User)
            .join(Member, Member.id == User.member_id)
            .where(User.id == self.user_id, User.disabled_at.is_(None), Member.status == MemberStatus.ACTIVE)
        )
        if user is None:
            raise Unauthenticated("This user cannot sign in.", reason="user_disabled")
        return Actor(member_id=user.member_id, user_id=user.id, purpose=sessions.PURPOSE.value)


def as_nobody(_session: Session, _now: int) -> Actor:
    """Whoever tries to sign in has said who it is, and proved nothing."""
    return ANONYMOUS


def try_password(
    runtime: Runtime, request: Request, handle: str, password: str, *, replaces: bytes | None = None
) -> str | None:
    """The first step. Returns the token of a session in which a code is asked for; None: it was wrong.

    Args:
        replaces: digest of the session that this browser had before, which ends.

    Raises:
        TooMany, Locked: see `attempts.charge`.
    """
    typed = handle.replace("\0", "\N{REPLACEMENT CHARACTER}").strip().casefold()[: HANDLE_LIMIT + 1]
    with begin(runtime, as_nobody, request) as tx:
        found = _candidate(tx, typed)
    right = passwords.matches(found.password_hash, password)
    if not right or found.user is None:
        reason = "unknown_handle" if found.password_hash is None else "wrong_password"
        with begin(runtime, as_nobody, request) as tx:
            fail(tx, found.charge, found.user, reason)
        return None
    newer = None
    if found.password_hash is not None and passwords.is_outdated(found.password_hash):
        newer = passwords.hash_password(password)
    with begin(runtime, Standing(found.user.id), request) as tx:
        secret = lock_secret(tx.session, found.user.id)
        if secret is None or secret.password_hash != found.password_hash:  # set anew while this was hashed
            fail(tx, found.charge, found.user, "wrong_password")
            return None
        attempts.give_back(tx, found.charge)
        secret.password_hash = newer or secret.password_hash
        stage = Stage.CODE if secret.totp_confirmed_at is not None else Stage.ENROL
        sessions.replace(tx, replaces)
        return sessions.start(tx, found.user.id, stage, "password")


def try_code(runtime: Runtime, request: Request, token_hash: bytes, code: str) -> str | None:
    """The second step: a one-time or a recovery code. Returns the session's token; None: it was wrong.

    Args:
        token_hash: of the session that the first step made.

    Raises:
        TooMany, Locked: see `attempts.charge`.
        Unauthenticated: too much time has passed since the first step.
    """
    with begin(runtime, SignedIn(token_hash, Stage.CODE), request) as tx:
        user = tx.session.get_one(User, tx.actor.user_id)
        lock_secret(tx.session, user.id)
        charged = attempts.charge(tx, user.handle)
        kind = check_code(tx, code)
        if kind is None:
            fail(tx, charged, user, "wrong_code")
            return None
        attempts.forgive(tx, charged)
        first = tx.session.get_one(ConsoleSession, token_hash).how
        sessions.drop(tx.session, token_hash)
        return sessions.start(tx, user.id, Stage.OPEN, f"{first}-{kind}")


def check_code(tx: Tx, code: str) -> str | None:
    """Use up a code of the acting person; returns `totp` or `recovery-code`, None if it is neither."""
    secret = lock_secret(tx.session, tx.actor.user_id)
    if secret is None or secret.totp_confirmed_at is None:
        return None
    clear = totp.unseal(tx.runtime.people_key, secret.user_id, secret.totp_sealed)
    step = totp.step_of(clear, code, tx.now, secret.totp_counter)
    if step is not None:
        secret.totp_counter = step
        return "totp"
    gone = delete(RecoveryCode).where(
        RecoveryCode.code_hash == codes.hash_code(code), RecoveryCode.user_id == secret.user_id
    )
    used = tx.session.execute(gone.returning(RecoveryCode.code_hash)).first()
    return "recovery-code" if used is not None else None


def lock_secret(session: Session, user_id: str | None) -> UserSecret | None:
    """What a user signs in with, as it is now and until this transaction ends; None: nothing.

    It comes before the counts of failures in every transaction that locks both, so that none waits for the
    other.
    """
    wanted = select(UserSecret).where(UserSecret.user_id == user_id).with_for_update()
    return session.scalar(wanted.execution_options(populate_existing=True))


def prove_again(runtime: Runtime, request: Request, signed_in: SignedIn, password: str) -> bool:
    """Whether this is the password of the person who is signed in; counted like signing in."""
    with begin(runtime, signed_in, request) as tx:
        user = tx.session.get_one(User, tx.actor.user_id)
        charged = attempts.charge(tx, user.handle)
        secret = tx.session.get(UserSecret, user.id)
        stored = secret.password_hash if secret is not None else None
    right = passwords.matches(stored, password)
    with begin(runtime, signed_in, request) as tx:
        if right:
            attempts.forgive(tx, charged)
        else:
            fail(tx, charged, user, "wrong_password")
    return right


def fail(tx: Tx, charged: Charge, user: User | None, reason: str) -> None:
    """Record that an attempt failed, and that the handle is locked if this was one too many.

    A handle that nobody has is not named: whatever was typed there may be a password.
    """
    subject = roles.subject(user) if user is not None else Subject(kind="handle")
    record(tx, SignInFailed(subjects=(subject,), reason=reason))
    if charged.locks_until is not None:
        until = charged.locks_until or None
        locked = replace(subject, last=until)
        record(
            tx, SignInLocked(subjects=(locked,), reason="until-unlocked" if until is None else "for-a-time")
        )


def wrong_password(pointer: str = "") -> Invalid:
    """The answer to a wrong password, which does not say what of it was wrong."""
    return Invalid(
        _WRONG_PASSWORD, reason="credentials", errors=[{"pointer": pointer, "detail": _WRONG_PASSWORD}]
    )


def wrong_code() -> Invalid:
    """The answer to a wrong code."""
    return Invalid(_WRONG_CODE, reason="code", errors=[{"pointer": "/code", "detail": _WRONG_CODE}])


def _candidate(tx: Tx, handle: str) -> Candidate:
    """Charge the attempt, and look up whom it may be; disabled users are nobody."""
    charged = attempts.charge(tx, handle)
    row = tx.session.execute(
        select(User, UserSecret, Member.status)
        .join(Member, Member.id == User.member_id)
        .outerjoin(UserSecret, UserSecret.user_id == User.id)
        .where(User.handle == handle)
    ).one_or_none()
    if row is None:
        return Candidate(charge=charged, user=None, password_hash=None)
    user, secret, status = row
    stands = user.disabled_at is None and status == MemberStatus.ACTIVE and secret is not None
    enrolled = stands and (secret.totp_confirmed_at is not None or secret.enrol_until > tx.now)
    return Candidate(charge=charged, user=user, password_hash=secret.password_hash if enrolled else None)
