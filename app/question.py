"""What the policy is asked, and how it answers: who asks, about what, and the verdict. No rule is here.

`app.facts` fills these from the database, `app.policy` decides over them.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import bindparam

from app.db import Code, Id, Moment
from schemas.vocabulary import AudienceKind, Contributors, Pap, Tlp


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who asks. `user_id` is set for a person only: a personal client's token or a console session."""

    member_id: str | None = None
    client_id: str | None = None
    user_id: str | None = None
    scopes: frozenset[str] = frozenset()
    purpose: str | None = None
    collections: frozenset[str] | None = None
    """The only collections that this client may touch; None: no such bound."""
    system: bool = False
    """The operator at the machine itself (command line, worker): every verb of administration, no sight."""

    @property
    def anonymous(self) -> bool:
        return self.member_id is None and not self.system


ANONYMOUS = Actor()
SYSTEM = Actor(system=True)


def parametrised(*, person: bool) -> tuple[Actor, Any]:
    """An actor and a time of bound parameters, for statements that are built once: see `parameters`.

    Building the policy's conditions costs many times what running them does.
    """
    actor = Actor(
        member_id=cast(str, bindparam("actor_member", type_=Id)),
        user_id=cast(str, bindparam("actor_user", type_=Id)) if person else None,
        purpose=cast(str, bindparam("actor_purpose", type_=Code)),
    )
    return actor, bindparam("actor_now", type_=Moment)


def parameters(actor: Actor, now: int) -> dict[str, Any]:
    """The values for a statement over `parametrised`. The client's bound is the statement's own matter."""
    values = {"actor_member": actor.member_id, "actor_purpose": actor.purpose, "actor_now": now}
    return values if actor.user_id is None else {**values, "actor_user": actor.user_id}


@dataclass(frozen=True, kw_only=True)
class MarkingView:
    """A marking with everything that a decision about it needs."""

    tlp: Tlp
    pap: Pap
    owner_id: str
    audience: AudienceKind
    group_id: str | None = None
    members: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    prohibited: frozenset[str] = frozenset()
    downstream_allowed: bool = True
    """The group's terms let material go to downstreams; true where no group is named."""


@dataclass(frozen=True, kw_only=True)
class Thing:
    """What is asked about: a collection, or something in it with a narrower marking of its own."""

    collection_id: str
    marking: MarkingView
    narrower: MarkingView | None = None
    invited: frozenset[str] | None = None
    """For a candidate: the members that its owner invited to attest it. None: it is no candidate."""
    contributors: Contributors = Contributors.OWNER

    @property
    def owner_id(self) -> str:
        return self.marking.owner_id

    @property
    def views(self) -> tuple[MarkingView, ...]:
        """The markings that must all let somebody see it."""
        return (self.marking,) if self.narrower is None else (self.marking, self.narrower)

    @property
    def effective(self) -> MarkingView:
        return self.narrower or self.marking


@dataclass(frozen=True, kw_only=True)
class Circle:
    """What is true of one member now; in `groups` it holds every attribute that they require."""

    member_id: str
    kind: str
    sector: str
    active: bool
    groups: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """An actor with everything true of it at one moment. Loaded once per transaction."""

    actor: Actor
    public_reading: bool = False
    same_community: bool = False
    own: Circle | None = None
    person: str | None = None
    """The user who acts, if it is one of this member and not disabled."""
    upstream: Circle | None = None
    """For a downstream: the member that serves it."""
    represented: tuple[Circle, ...] = ()
    """For a peer server: its members that are known here."""
    released: frozenset[str] = field(default_factory=frozenset)
    """Collections that the upstream released to this downstream."""
    accredited: bool = False
    """The member of the acting person is a validation body now."""


class Action(StrEnum):
    READ = "read"
    RECEIVE = "receive"
    """Read through a feed, export or lookup: RED never travels there."""
    EDIT = "edit"
    """Draft, publish, deprecate, retract, end a signal whole, see the recipients: the owner's."""
    NARROW = "narrow"
    WIDEN = "widen"
    WIDEN_SECOND = "widen-second"
    """Widen what another person of the owner has proposed."""
    REVIEW = "review"
    """Comment on a candidate, approve or return it: a person of the owner's."""
    EXAMINE = "examine"
    """Read a candidate."""
    ATTEST = "attest"
    """State as a validation body how something was validated."""
    RELEASE = "release"
    """Let an own downstream see it."""
    CONTRIBUTE = "contribute"
    """Submit signals to a list: its owner, and its audience if the owner lets it."""
    JUDGE = "judge"
    """State an opinion."""
    RECALL = "recall"
    """Take back what one said oneself: a contribution or an opinion."""


@dataclass(frozen=True)
class Allowed:
    def __bool__(self) -> bool:
        return True


@dataclass(frozen=True)
class Denied:
    """`reason` is a code for programs and the audit log, `detail` says what would help."""

    reason: str
    detail: str

    def __bool__(self) -> bool:
        return False


Verdict = Allowed | Denied
