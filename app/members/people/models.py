"""What a person signs in to the console with, and the sessions that came of it, as tables.

Nothing here opens anything by itself: passwords are argon2id hashes, codes, tokens and handles that were
tried are digests, and the secret of the one-time codes is sealed with a key of the server secret.
"""

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Code, Id, Moment


class UserSecret(Base):
    """Password and one-time codes of a user."""

    __tablename__ = "user_secret"

    user_id: Mapped[str] = mapped_column(Id, ForeignKey("user_account.id"), primary_key=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    """In the PHC string form, which names its parameters."""
    password_set_at: Mapped[int] = mapped_column(Moment)
    totp_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    totp_confirmed_at: Mapped[int | None] = mapped_column(Moment)
    """When a first code showed that the person's device holds the secret."""
    totp_counter: Mapped[int | None] = mapped_column(BigInteger)
    """The newest time step whose code was used: none counts twice (RFC 6238 section 5.2)."""
    enrol_until: Mapped[int] = mapped_column(Moment)
    """Until when a secret that was never confirmed may be: the end of the invitation that it came from."""


class RecoveryCode(Base):
    """A code that stands in for the device once. Used ones are deleted."""

    __tablename__ = "user_recovery_code"

    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("user_account.id"), index=True)


class Invitation(Base):
    """The one invitation of a user that stands: a newer one replaces it, using it deletes it."""

    __tablename__ = "user_invitation"

    user_id: Mapped[str] = mapped_column(Id, ForeignKey("user_account.id"), primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    expires_at: Mapped[int] = mapped_column(Moment, index=True)


class UserRole(Base):
    """What a user may do in the console."""

    __tablename__ = "user_role"

    user_id: Mapped[str] = mapped_column(Id, ForeignKey("user_account.id"), primary_key=True)
    role: Mapped[str] = mapped_column(Code, primary_key=True)


class UserLink(Base):
    """An account at the OpenID provider, as a keyed digest of issuer and subject: no clear identifier."""

    __tablename__ = "user_link"

    account: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("user_account.id"), unique=True)
    linked_at: Mapped[int] = mapped_column(Moment)


class ProviderRequest(Base):
    """Somebody was sent to the OpenID provider and has not come back yet."""

    __tablename__ = "provider_request"

    state_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    visitor_hash: Mapped[bytes] = mapped_column(LargeBinary)
    """The browser that was sent: no other may bring the answer."""
    goal: Mapped[str] = mapped_column(String(2000))
    expires_at: Mapped[int] = mapped_column(Moment, index=True)


class ConsoleSession(Base):
    """A browser in which somebody signed in, or has begun to: see `stage`."""

    __tablename__ = "console_session"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    id: Mapped[str] = mapped_column(Id, unique=True)
    """Names it in lists and in the audit log; stays when the token is changed."""
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("user_account.id"), index=True)
    stage: Mapped[str] = mapped_column(Code)
    how: Mapped[str] = mapped_column(Code)
    """Code of what the person proved itself with, so far."""
    roles: Mapped[list[str]] = mapped_column(JSON)
    """Those that its token was made for: with other ones the session gets another token."""
    began_at: Mapped[int] = mapped_column(Moment)
    seen_at: Mapped[int] = mapped_column(Moment)
    ends_at: Mapped[int] = mapped_column(Moment, index=True)
    """Its absolute end; it ends before if nobody uses it."""


class SignInCount(Base):
    """Failures under one handle, or from one network, whether there is such a user or not."""

    __tablename__ = "sign_in_count"

    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """Keyed digest of the handle as it was typed, or of the network."""
    failures: Mapped[int] = mapped_column(Integer)
    wait_until: Mapped[int] = mapped_column(Moment, index=True)
    locked: Mapped[bool] = mapped_column(Boolean)
    """The wait is a lock, of which the person is told; the operator may end it."""
    held: Mapped[bool] = mapped_column(Boolean)
    """Only the operator ends it."""
