"""How a person comes to sign in: an invitation by the operator, a password, a device that makes codes.

Another invitation to somebody who has all this starts it anew: for a lost device, or a password forgotten.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.audit.entry import Request
from app.clock import HOUR
from app.errors import Conflict, Invalid, NotFound
from app.events import PasswordSet, RecoveryCodesMade, SecondFactorSet, UserInvited
from app.members import queries
from app.members.authority import require_operator
from app.members.people import attempts, codes, passwords, roles, sessions, signing_in, totp
from app.members.people.models import ConsoleSession, Invitation, RecoveryCode, UserSecret
from app.members.people.sessions import SignedIn, Stage
from app.members.people.signing_in import Standing
from app.parties import Member, User
from app.record import Tx, begin, record
from app.runtime import Runtime
from schemas.vocabulary import MemberStatus

INVITED_FOR = 24 * HOUR
NO_INVITATION = "invitation"
"""Reason of an error: the code is of no invitation that stands."""


@dataclass(frozen=True, kw_only=True)
class Invited:
    """What the operator hands over, by a way on which it trusts to reach that person only."""

    code: str
    expires_at: int


@dataclass(frozen=True, kw_only=True)
class Device:
    """What a device needs to make codes: shown until a code of it was typed, and never again."""

    secret: str
    """In base32, to be typed where no picture can be read."""
    address: str
    """What the QR code says."""


def invite(tx: Tx, member_id: str, user_id: str) -> Invited:
    """Make an invitation; one that was made before is void.

    Raises:
        Forbidden: the caller is not the operator.
        Conflict: the user is disabled, or its member is not active.
    """
    require_operator(tx.actor)
    member = queries.get_member(tx, member_id)
    user = queries.get_user(tx, member.id, user_id)
    if user.disabled_at is not None:
        raise Conflict("This user is disabled.", reason="user_disabled")
    if member.status != MemberStatus.ACTIVE:
        raise Conflict("This member is not active.", reason="member_status")
    code = codes.new_code(codes.INVITATION_GROUPS)
    expires_at = tx.now + INVITED_FOR
    tx.session.execute(delete(Invitation).where(Invitation.user_id == user.id))
    tx.session.add(Invitation(user_id=user.id, code_hash=codes.hash_code(code), expires_at=expires_at))
    tx.session.flush()
    record(tx, UserInvited(subjects=(roles.subject(user),)))
    return Invited(code=code, expires_at=expires_at)


def accept(
    runtime: Runtime, request: Request, code: str, password: str, *, replaces: bytes | None = None
) -> str:
    """Use an invitation to set a password. Returns the token of a session in which a device is set up.

    Raises:
        Invalid: the code is not that of an invitation that stands, or this cannot be a password.
    """
    with runtime.db.read() as session:
        user_id, *names = _invited(session, code, runtime.clock())
    passwords.check(password, names)
    made = passwords.hash_password(password)
    with begin(runtime, Standing(user_id), request) as tx:
        invited = tx.session.get_one(User, user_id)
        gone = delete(Invitation).where(
            Invitation.code_hash == codes.hash_code(code), Invitation.expires_at > tx.now
        )
        until = tx.session.scalar(gone.returning(Invitation.expires_at))
        if until is None:
            raise _no_invitation()
        _start_anew(tx, invited, made, until)
        sessions.end_all(tx, invited.id, reason="invited-anew")
        attempts.clear(tx.session, runtime, invited.handle)
        sessions.replace(tx, replaces)
        record(tx, PasswordSet(subjects=(roles.subject(invited),), reason="invitation"))
        return sessions.start(tx, invited.id, Stage.ENROL, "invitation")


def device(tx: Tx) -> Device:
    """What the acting person's device needs.

    Raises:
        NotFound: it has one already.
    """
    row = tx.session.get(UserSecret, tx.actor.user_id)
    if row is None or row.totp_confirmed_at is not None:
        raise NotFound
    clear = totp.unseal(tx.runtime.people_key, row.user_id, row.totp_sealed)
    handle = tx.session.get_one(User, row.user_id).handle
    return Device(secret=clear, address=totp.address(clear, handle, tx.runtime.config.issuer))


def confirm(tx: Tx, token_hash: bytes, code: str) -> tuple[str, Sequence[str]]:
    """Take a first code of the device: returns the token of the open session, and recovery codes.

    Raises:
        Invalid: it is not a code of this device.
        NotFound: a device was set up already.
    """
    row = signing_in.lock_secret(tx.session, tx.actor.user_id)
    if row is None or row.totp_confirmed_at is not None:
        raise NotFound
    step = totp.step_of(
        totp.unseal(tx.runtime.people_key, row.user_id, row.totp_sealed), code, tx.now, row.totp_counter
    )
    if step is None:
        raise signing_in.wrong_code()
    row.totp_confirmed_at, row.totp_counter = tx.now, step
    user = tx.session.get_one(User, row.user_id)
    record(tx, SecondFactorSet(subjects=(roles.subject(user),)))
    made = new_recovery_codes(tx)
    first = tx.session.get_one(ConsoleSession, token_hash).how
    sessions.drop(tx.session, token_hash)
    return sessions.start(tx, user.id, Stage.OPEN, f"{first}-totp"), made


def new_recovery_codes(tx: Tx) -> Sequence[str]:
    """Make the acting person's recovery codes anew; older ones are void. Returned in clear this once."""
    user = tx.session.get_one(User, tx.actor.user_id)
    made = [codes.new_code(codes.RECOVERY_GROUPS) for _ in range(codes.RECOVERY_CODES)]
    tx.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    tx.session.add_all(RecoveryCode(code_hash=codes.hash_code(code), user_id=user.id) for code in made)
    tx.session.flush()
    record(tx, RecoveryCodesMade(subjects=(roles.subject(user),)))
    return made


def recovery_codes_left(tx: Tx) -> int:
    """How many recovery codes the acting person still has."""
    wanted = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == tx.actor.user_id)
    return tx.session.scalar(wanted) or 0


def renew_recovery_codes(
    runtime: Runtime, request: Request, signed_in: SignedIn, code: str
) -> Sequence[str] | None:
    """New recovery codes for the person who is signed in, once it has shown a code; None: it was wrong.

    Raises:
        TooMany, Locked: as for signing in.
    """
    with begin(runtime, signed_in, request) as tx:
        user = tx.session.get_one(User, tx.actor.user_id)
        signing_in.lock_secret(tx.session, user.id)
        charged = attempts.charge(tx, user.handle)
        if signing_in.check_code(tx, code) is None:
            signing_in.fail(tx, charged, user, "wrong_code")
            return None
        attempts.forgive(tx, charged)
        return new_recovery_codes(tx)


def change_password(runtime: Runtime, request: Request, signed_in: SignedIn, old: str, new: str) -> None:
    """Change the password of the person who is signed in, and end its other sessions.

    Raises:
        Invalid: the old one is wrong, or the new one cannot be a password; the error names the field.
        TooMany, Locked: as for signing in.
    """
    with runtime.db.read() as session:
        user_id = signed_in(session, runtime.clock()).user_id
        handle, member_id = session.execute(
            select(User.handle, User.member_id).where(User.id == user_id)
        ).one()
        names = (handle, session.get_one(Member, member_id).name)
    passwords.check(new, names, "new")
    if not signing_in.prove_again(runtime, request, signed_in, old):
        detail = "This is not your present password."
        raise Invalid(detail, reason="credentials", errors=[{"pointer": "/old", "detail": detail}])
    made = passwords.hash_password(new)
    with begin(runtime, signed_in, request) as tx:
        user = tx.session.get_one(User, user_id)
        row = tx.session.get_one(UserSecret, user.id)
        row.password_hash, row.password_set_at = made, tx.now
        sessions.end_others(tx, signed_in.token_hash, "password-changed")
        record(tx, PasswordSet(subjects=(roles.subject(user),), reason="changed"))


def _start_anew(tx: Tx, user: User, password_hash: str, until: int) -> None:
    """Password set, no device yet, no recovery codes, no other session."""
    tx.session.execute(delete(UserSecret).where(UserSecret.user_id == user.id))
    tx.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    sealed = totp.seal(tx.runtime.people_key, user.id, totp.new_secret())
    row = UserSecret(
        user_id=user.id, password_hash=password_hash, password_set_at=tx.now, totp_sealed=sealed,
        enrol_until=until,
    )  # fmt: skip
    tx.session.add(row)
    tx.session.flush()


def _invited(session: Session, code: str, now: int) -> tuple[str, str, str]:
    """Id and handle of the user that an invitation is for, and the name of its member."""
    row = session.execute(
        select(User.id, User.handle, Member.name)
        .join(Invitation, Invitation.user_id == User.id)
        .join(Member, Member.id == User.member_id)
        .where(
            Invitation.code_hash == codes.hash_code(code),
            Invitation.expires_at > now,
            User.disabled_at.is_(None),
            Member.status == MemberStatus.ACTIVE,
        )
    ).one_or_none()
    if row is None:
        raise _no_invitation()
    return row.id, row.handle, row.name


def _no_invitation() -> Invalid:
    detail = "This is not the code of an invitation that still stands. Ask the operator for another one."
    return Invalid(detail, reason=NO_INVITATION, errors=[{"pointer": "/code", "detail": detail}])
