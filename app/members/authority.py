"""Who may administer members, and what every text of theirs must pass."""

from collections.abc import Mapping

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import Base
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.question import Actor
from app.screening import screen
from schemas.vocabulary import Scope


def is_operator(actor: Actor) -> bool:
    """The coalition's operator: at the machine itself, or with the scope `members:admin`."""
    return actor.system or Scope.MEMBERS_ADMIN in actor.scopes


def require_operator(actor: Actor) -> None:
    """Raise `Forbidden` for everybody else."""
    if not is_operator(actor):
        raise Forbidden("Only the coalition's operator may do this.", reason="not_operator")


def require_own_or_operator(actor: Actor, member_id: str) -> None:
    """Raise `NotFound` for other members: what a member has is not theirs to know."""
    if actor.member_id != member_id and not is_operator(actor):
        raise NotFound


def check_texts(texts: Mapping[str, str]) -> None:
    """Refuse plain personal data and content in texts, given by field name.

    Raises:
        Invalid: with one pointer and hint per finding.
    """
    findings = [found for name, text in texts.items() for found in screen(text, path=f"/{name}")]
    blank = [f"/{name}" for name, text in texts.items() if not text.strip()]
    errors = [{"pointer": found.path, "detail": found.hint} for found in findings]
    errors += [{"pointer": path, "detail": "Write something."} for path in blank]
    if errors:
        raise Invalid("Some texts cannot be taken: see errors.", reason="text_refused", errors=errors)


def insert(session: Session, row: Base, *, taken: str) -> None:
    """Add a row whose name must be free, also against somebody who takes it at this moment.

    Raises:
        Conflict: with `taken` as its detail.
    """
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise Conflict(taken, reason="name_taken") from error
