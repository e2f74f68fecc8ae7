"""Every exchange that changes something, named once: `noun.past-verb`.

A verb ends with `record(tx, Event(…), changes)`. The event becomes the audit entry; its subjects say what it
was about. Reads have no class here: their entry is built where the bytes are (`app.audit.entry`).
"""

from dataclasses import dataclass, field
from typing import ClassVar

from app.question import MarkingView
from schemas.vocabulary import Decision


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What an exchange was about: ids, never text. `first` and `last` are dates of changes, microseconds."""

    kind: str
    id: str | None = None
    version: str | None = None
    collection_id: str | None = None
    place: str | None = None
    owner_id: str | None = None
    tlp: str | None = None
    pap: str | None = None
    audience: str | None = None
    group_id: str | None = None
    first: int | None = None
    last: int | None = None
    count: int | None = None

    def marked(self, view: MarkingView) -> "Subject":
        """The same subject with the marking that it stood under."""
        values = self.__dict__ | {
            "tlp": view.tlp.value,
            "pap": view.pap.value,
            "audience": view.audience.value,
            "group_id": view.group_id,
            "owner_id": self.owner_id or view.owner_id,
        }
        return Subject(**values)


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of all events. `details` holds codes and counts only: it is written for ever."""

    kind: ClassVar[str]
    decision: ClassVar[Decision] = Decision.ALLOWED
    subjects: tuple[Subject, ...] = field(default_factory=tuple)
    reason: str | None = None


class MemberAdded(Event):
    """A member was enrolled."""

    kind = "member.added"


class MemberStatusChanged(Event):
    """Suspended, reactivated or offboarded; the reason is the new status."""

    kind = "member.status-changed"


class AttributeGranted(Event):
    """A member attribute was granted, renewed or ended."""

    kind = "member.attribute-granted"


class AttributeLapsed(Event):
    """A member attribute reached its end, and the sight that hung on it was lost."""

    kind = "member.attribute-lapsed"


class UserAdded(Event):
    kind = "user.added"


class UserDisabled(Event):
    kind = "user.disabled"


class UserInvited(Event):
    """A person was given a code with which to set a password, once."""

    kind = "user.invited"


class UserRoleChanged(Event):
    """A role was given or taken; the reason says which."""

    kind = "user.role-changed"


class UserLinked(Event):
    """An account at the OpenID provider became that of a user, or no longer is; the reason says which."""

    kind = "user.linked"


class UserUnlocked(Event):
    """The operator ended a lock before its time."""

    kind = "user.unlocked"


class PasswordSet(Event):
    """A person set a password; the reason says whether by an invitation or as a change."""

    kind = "password.set"


class SecondFactorSet(Event):
    """A person's device makes one-time codes from now on."""

    kind = "second-factor.set"


class RecoveryCodesMade(Event):
    """A person was given new recovery codes, and older ones are void."""

    kind = "recovery-codes.made"


class SessionBegun(Event):
    """A person signed in; the reason says how."""

    kind = "session.begun"


class SessionEnded(Event):
    """A person signed out, or ended its sessions in other browsers; the reason says which."""

    kind = "session.ended"


class SignInFailed(Event):
    """Somebody did not sign in; the reason says what was wrong. There may be no such user."""

    kind = "session.refused"
    decision = Decision.REFUSED


class SignInLocked(Event):
    """Too many failures under one handle: nobody signs in with it for a time, which `last` ends."""

    kind = "user.locked"
    decision = Decision.REFUSED


class ClientAdded(Event):
    kind = "client.added"


class ClientRotated(Event):
    """A client was given a new key or secret."""

    kind = "client.rotated"


class ClientBindingDemanded(Event):
    """It was said anew what the client's tokens must be bound to."""

    kind = "client.binding-demanded"


class ClientChanged(Event):
    """A client's end or networks were set anew; the reason names the fields, `last` is its new end."""

    kind = "client.changed"


class ClientRevoked(Event):
    kind = "client.revoked"


class TokenIssued(Event):
    kind = "token.issued"


class TokenRevoked(Event):
    kind = "token.revoked"


class TokenIntrospected(Event):
    """A client asked whether a token stands; the reason is what it was told."""

    kind = "token.introspected"


class GroupAdded(Event):
    kind = "group.added"


class GroupInvited(Event):
    """The owner of a group asked a member in: it may now read the terms."""

    kind = "group.invited"


class GroupTermsAccepted(Event):
    """A member accepted the terms of a group; the group's owner still has to let it in."""

    kind = "group.terms-accepted"


class GroupJoined(Event):
    kind = "group.joined"


class GroupLeft(Event):
    kind = "group.left"


class GroupKeyDeclared(Event):
    """The owner of a group named a key, a new epoch of it, or the epochs that are over."""

    kind = "group.key-declared"


class GroupChanged(Event):
    """Terms or required attributes changed."""

    kind = "group.changed"


class CollectionReleased(Event):
    """A member released a collection to one of its downstreams, or took that back."""

    kind = "collection.released"


class MarkingChanged(Event):
    """A collection or an item was narrowed or widened; the reason says which."""

    kind = "marking.changed"


class WideningProposed(Event):
    """A person asked for a wider marking, which takes a second one."""

    kind = "widening.proposed"


class WideningWithdrawn(Event):
    kind = "widening.withdrawn"


class SetCreated(Event):
    kind = "set.created"


class DraftEdited(Event):
    kind = "draft.edited"


class CandidateSent(Event):
    """A draft was sent to review, or further bodies were invited to attest it."""

    kind = "candidate.sent"


class CandidateCommented(Event):
    kind = "candidate.commented"


class CandidateApproved(Event):
    kind = "candidate.approved"


class CandidateReturned(Event):
    kind = "candidate.returned"


class AttestationMade(Event):
    """A validation body attested a candidate or a version."""

    kind = "attestation.made"


class AttestationWithdrawn(Event):
    """A body withdrew a statement, or the consent behind it was; the reason says which."""

    kind = "attestation.withdrawn"


class VersionPublished(Event):
    kind = "version.published"


class VersionDeprecated(Event):
    kind = "version.deprecated"


class VersionRetracted(Event):
    kind = "version.retracted"


class VersionExpired(Event):
    kind = "version.expired"


class VersionReviewDue(Event):
    """The review date of a version is near or past; the reason says which. Once per version."""

    kind = "version.review-due"


class ListCreated(Event):
    kind = "list.created"


class ListContributorsChanged(Event):
    """The owner of a list said anew who may contribute; the reason is the new word."""

    kind = "list.contributors-changed"


class SignalsPublished(Event):
    kind = "signals.published"


class SignalsWithdrawn(Event):
    kind = "signals.withdrawn"


class SignalsExpired(Event):
    kind = "signals.expired"


class ContributionsLapsed(Event):
    """The time of contributions ended, of signals that others still contribute."""

    kind = "contributions.lapsed"


class OpinionStated(Event):
    """A member said what it thinks of a signal; the reason is its opinion."""

    kind = "opinion.stated"


class OpinionWithdrawn(Event):
    kind = "opinion.withdrawn"


class SignalsErased(Event):
    """Values were destroyed for good; the count is that of what was asked, not of what was there."""

    kind = "signals.erased"


class SubscriptionCreated(Event):
    kind = "subscription.created"


class SubscriptionEnded(Event):
    kind = "subscription.ended"


class SubscriptionAcknowledged(Event):
    kind = "subscription.acknowledged"


class KeyRotated(Event):
    kind = "key.rotated"


class IncarnationBegun(Event):
    """The feed began anew after a restore."""

    kind = "feed.incarnation-begun"


class AuditArchived(Event):
    """Entries of the audit log were written to an archive, and leave the tables."""

    kind = "audit.archived"


class AnswerReplayed(Event):
    """A stored answer was given again to a request that came again with its `Idempotency-Key`."""

    kind = "answer.replayed"
