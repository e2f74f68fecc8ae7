"""Signing in through the OpenID provider, as far as it concerns users: who was sent, who came back as whom.

No account is made by it: the operator links one at the provider to a user. Issuer and subject are kept as a
keyed digest, since some providers put an address into a subject. How tokens are read is the console's part.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from secrets import token_urlsafe

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.audit.entry import Request
from app.clock import MINUTE
from app.errors import Conflict, Forbidden
from app.events import SignInFailed, Subject, UserLinked
from app.keys import derive
from app.members import queries
from app.members.authority import insert, require_operator
from app.members.people import roles, sessions
from app.members.people.models import ProviderRequest, UserLink, UserSecret
from app.members.people.sessions import Stage
from app.members.people.signing_in import Standing, as_nobody
from app.parties import Member, User
from app.record import Tx, begin, record
from app.runtime import Runtime
from schemas.vocabulary import MemberStatus

AWAY_LONGEST = 10 * MINUTE
_STATE_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Errand:
    """One way to the provider and back. Nonce and verifier are made from the state: only it travels."""

    state: str
    nonce: str
    verifier: str
    """Of the proof key for code exchange (RFC 7636)."""


def errand(runtime: Runtime, state: str) -> Errand:
    """What belongs to this state."""
    return Errand(
        state=state,
        nonce=_made_from(runtime, "nonce", state),
        verifier=_made_from(runtime, "verifier", state),
    )


def send(runtime: Runtime, visitor: str, goal: str) -> Errand:
    """Somebody is sent to the provider: remember from which browser, and where it wants to go afterwards."""
    state = token_urlsafe(_STATE_BYTES)
    row = ProviderRequest(
        state_hash=_digest(state), visitor_hash=_digest(visitor), goal=goal,
        expires_at=runtime.clock() + AWAY_LONGEST,
    )  # fmt: skip
    with runtime.db.write() as session:
        session.add(row)
    return errand(runtime, state)


def come_back(runtime: Runtime, state: str, visitor: str | None) -> str:
    """Use up a state; returns where the person wanted to go.

    Raises:
        Forbidden: it was used, is too old, was never given out, or to another browser.
    """
    with runtime.db.write() as session:
        gone = delete(ProviderRequest).where(ProviderRequest.state_hash == _digest(state))
        row = session.execute(
            gone.returning(ProviderRequest.visitor_hash, ProviderRequest.goal, ProviderRequest.expires_at)
        ).one_or_none()
    same = row is not None and hmac.compare_digest(row.visitor_hash, _digest(visitor or ""))
    if row is None or not same or row.expires_at <= runtime.clock():
        raise Forbidden(
            "This way back from the provider is not open, or not any more. Begin to sign in again.",
            reason="provider_state",
        )
    goal: str = row.goal
    return goal


def sign_in(
    runtime: Runtime, request: Request, issuer: str, subject: str, *, second_factor: bool,
    replaces: bytes | None = None,
) -> tuple[str, Stage]:  # fmt: skip
    """Sign in the user to whom this account is linked; returns the token of its session.

    Args:
        second_factor: the provider says that it asked for one; else a code is asked for here.
        replaces: digest of the session that this browser had before, which ends.

    Raises:
        Forbidden: the account is linked to nobody, or to somebody who cannot sign in.
    """
    with runtime.db.read() as session:
        user_id, enrolled = _linked(session, runtime, issuer, subject)
    if user_id is None or not (second_factor or enrolled):
        reason = "unknown_account" if user_id is None else "no_second_factor"
        with begin(runtime, as_nobody, request) as tx:
            user = tx.session.get(User, user_id) if user_id is not None else None
            found = roles.subject(user) if user is not None else Subject(kind="account")
            record(tx, SignInFailed(subjects=(found,), reason=reason))
        raise _refused(reason)
    stage = Stage.OPEN if second_factor else Stage.CODE
    with begin(runtime, Standing(user_id), request) as tx:
        linked = select(UserLink.user_id).where(UserLink.account == _account(runtime, issuer, subject))
        if tx.session.scalar(linked.with_for_update()) == user_id:
            sessions.replace(tx, replaces)
            return sessions.start(tx, user_id, stage, "provider"), stage
    refuse(runtime, request, "unknown_account")  # it was unlinked since it was looked up
    raise _refused("unknown_account")


def refuse(runtime: Runtime, request: Request, reason: str) -> None:
    """Record that somebody came back from the provider with what does not hold."""
    with begin(runtime, as_nobody, request) as tx:
        record(tx, SignInFailed(subjects=(Subject(kind="account"),), reason=reason))


def link(tx: Tx, member_id: str, user_id: str, *, issuer: str, subject: str) -> None:
    """Let an account at the provider sign in as this user.

    Raises:
        Forbidden: the caller is not the operator.
        Conflict: this account, or this user, is linked already.
    """
    require_operator(tx.actor)
    user = queries.get_user(tx, queries.get_member(tx, member_id).id, user_id)
    row = UserLink(account=_account(tx.runtime, issuer, subject), user_id=user.id, linked_at=tx.now)
    insert(tx.session, row, taken="This account or this user is linked already. Unlink it first.")
    record(tx, UserLinked(subjects=(roles.subject(user),), reason="linked"))


def unlink(tx: Tx, member_id: str, user_id: str) -> None:
    """Take the link away, and end the user's sessions.

    Raises:
        Forbidden: the caller is not the operator.
        Conflict: there is none.
    """
    require_operator(tx.actor)
    user = queries.get_user(tx, queries.get_member(tx, member_id).id, user_id)
    gone = delete(UserLink).where(UserLink.user_id == user.id).returning(UserLink.user_id)
    if tx.session.execute(gone).first() is None:
        raise Conflict("This user is linked to no account.", reason="not_linked")
    record(tx, UserLinked(subjects=(roles.subject(user),), reason="unlinked"))
    sessions.end_all(tx, user.id, reason="unlinked")


def _linked(session: Session, runtime: Runtime, issuer: str, subject: str) -> tuple[str | None, bool]:
    """Id of the user of an account, if it stands, and whether it has a device of its own here."""
    row = session.execute(
        select(User.id, UserSecret.totp_confirmed_at)
        .join(UserLink, UserLink.user_id == User.id)
        .join(Member, Member.id == User.member_id)
        .outerjoin(UserSecret, UserSecret.user_id == User.id)
        .where(
            UserLink.account == _account(runtime, issuer, subject),
            User.disabled_at.is_(None),
            Member.status == MemberStatus.ACTIVE,
        )
    ).one_or_none()
    return (None, False) if row is None else (row[0], row[1] is not None)


def _refused(reason: str) -> Forbidden:
    if reason == "unknown_account":
        detail = "This account is linked to no user here. Ask the coalition's operator to link it."
    else:
        detail = (
            "The provider did not ask for a second factor, and no device is set up here. "
            "Ask the coalition's operator for an invitation."
        )
    return Forbidden(detail, reason=reason)


def _account(runtime: Runtime, issuer: str, subject: str) -> bytes:
    key = derive(runtime.people_key, "provider-accounts")
    return hmac.digest(key, f"{issuer}\0{subject}".encode(), "sha256")


def _made_from(runtime: Runtime, use: str, state: str) -> str:
    made = hmac.digest(derive(runtime.people_key, "provider-errands"), f"{use}\0{state}".encode(), "sha256")
    return urlsafe_b64encode(made).decode().rstrip("=")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
