"""Every public word of the exchange, once.

API, documents, tables, CLI and console use these spellings and no others. The module imports nothing
of the server, so a member may import it.
"""

from enum import IntEnum, StrEnum


class Tlp(StrEnum):
    """Traffic Light Protocol 2.0 labels (FIRST, August 2022): exactly these, never translated."""

    CLEAR = "TLP:CLEAR"
    GREEN = "TLP:GREEN"
    AMBER = "TLP:AMBER"
    AMBER_STRICT = "TLP:AMBER+STRICT"
    RED = "TLP:RED"


class Pap(StrEnum):
    """Permissible Actions Protocol labels: what a recipient may do with what it was given."""

    CLEAR = "PAP:CLEAR"
    GREEN = "PAP:GREEN"
    AMBER = "PAP:AMBER"
    RED = "PAP:RED"


class AudienceKind(StrEnum):
    """Whom a marking addresses: exactly one of these."""

    PUBLIC = "public"
    COMMUNITY = "community"
    GROUP = "group"
    MEMBERS = "members"
    USERS = "users"


class Sector(StrEnum):
    TECHNOLOGY = "technology"
    FINANCE = "finance"
    NGO = "ngo"
    HOTLINE = "hotline"
    VENDOR = "vendor"
    AUTHORITY = "authority"
    OVERSIGHT = "oversight"


class MemberStatus(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    OFFBOARDED = "offboarded"


class MemberKind(StrEnum):
    """`downstream` is served by another member (TLP's client of an organisation); `peer` is a server."""

    MEMBER = "member"
    DOWNSTREAM = "downstream"
    PEER = "peer"


class Role(StrEnum):
    """What a person may do in the console; one may hold several."""

    AUDITOR = "auditor"
    """Reads the whole audit log."""
    ANALYST = "analyst"
    """Reads what concerns its own member, and what that member may see."""
    OPERATOR = "operator"
    """Runs the coalition: members, users, groups, and the whole audit log."""


class ClientKind(StrEnum):
    """`personal` clients are bound to one user, whose id their tokens carry as `sub`."""

    SERVICE = "service"
    PERSONAL = "personal"


class ClientAuth(StrEnum):
    """How a client proves itself at the token endpoint (RFC 7591 section 2)."""

    PRIVATE_KEY_JWT = "private_key_jwt"
    SECRET_BASIC = "client_secret_basic"  # noqa: S105 - a method


class TokenBinding(StrEnum):
    """What a token can be bound to: a key, by DPoP (RFC 9449), or a client certificate (RFC 8705)."""

    DPOP = "dpop"
    CERTIFICATE = "certificate"


class BindingDemand(StrEnum):
    """Who demands that tokens are bound: the client's own registration, or a sharing group."""

    CLIENT = "client"
    GROUP = "group"


class GroupStanding(StrEnum):
    """How a member stands to a sharing group: asked in, terms accepted, let in by the owner."""

    INVITED = "invited"
    ACCEPTED = "accepted"
    ACTIVE = "active"


class SightReason(StrEnum):
    """Why a member sees a collection."""

    OWNER = "owner"
    PUBLIC = "public"
    COMMUNITY = "community"
    GROUP = "group"
    NAMED = "named"
    RELEASED = "released"
    """Its upstream released the collection to it."""
    REPRESENTED = "represented"
    """A peer server, for a member of its own."""


class Scope(StrEnum):
    """OAuth scopes: `resource:verb`. A client holds a subset, a token a subset of that."""

    SETS_READ = "sets:read"
    SETS_WRITE = "sets:write"
    SETS_REVIEW = "sets:review"
    SETS_ATTEST = "sets:attest"
    GROUPS_ADMIN = "groups:admin"
    PEERS_ADMIN = "peers:admin"
    SIGNALS_READ = "signals:read"
    SIGNALS_WRITE = "signals:write"
    SIGNALS_LOOKUP = "signals:lookup"
    FEEDBACK_WRITE = "feedback:write"
    SUBSCRIPTIONS_WRITE = "subscriptions:write"
    AUDIT_READ = "audit:read"
    AUDIT_READ_OWN = "audit:read:own"
    MEMBERS_ADMIN = "members:admin"
    FEDERATION_SYNC = "federation:sync"


class Purpose(StrEnum):
    """Why a recipient reads: every token carries one."""

    DETECT = "detect"
    PROTECT = "protect"
    INVESTIGATE = "investigate"
    RESEARCH = "research"
    TRAIN = "train"
    TEST = "test"


class CollectionKind(StrEnum):
    SET = "set"
    LIST = "list"


class VersionStatus(StrEnum):
    """How a published set version stands now.

    Retracted: it was wrong; deprecated: replaced; expired: aged out.
    """

    PUBLISHED = "published"
    DEPRECATED = "deprecated"
    RETRACTED = "retracted"
    EXPIRED = "expired"


class CandidateStatus(StrEnum):
    """How a candidate, the frozen bytes of a draft under review, stands.

    Returned: a reviewer asked for changes; superseded: another one was sent, or another version published.
    """

    IN_REVIEW = "in_review"
    APPROVED = "approved"
    RETURNED = "returned"
    SUPERSEDED = "superseded"
    PUBLISHED = "published"


class RemarkKind(StrEnum):
    """What a reviewer said of a candidate."""

    COMMENT = "comment"
    APPROVAL = "approval"
    RETURN = "return"


class AttestationStatus(StrEnum):
    """Whether a statement of validation stands; one that was withdrawn has no bytes any more."""

    STANDING = "standing"
    WITHDRAWN = "withdrawn"
    CONSENT_WITHDRAWN = "consent_withdrawn"


class ProposalStatus(StrEnum):
    """How a proposal to widen stands. Stale: the marking was changed otherwise in the meantime."""

    OPEN = "open"
    APPROVED = "approved"
    WITHDRAWN = "withdrawn"
    STALE = "stale"
    EXPIRED = "expired"


class Standing(StrEnum):
    """How an entry stands, counted only from what its reader may see."""

    LEAD = "lead"
    CORROBORATED = "corroborated"
    DISPUTED = "disputed"
    RETRACTED = "retracted"
    EXPIRED = "expired"


class Contributors(StrEnum):
    """Who may contribute to a list: its owner alone, or every member that it addresses."""

    OWNER = "owner"
    AUDIENCE = "audience"


class Opinion(StrEnum):
    """What a member thinks of an entry: the five words of STIX 2.1 (section 10.8, opinion-enum)."""

    STRONGLY_DISAGREE = "strongly_disagree"
    DISAGREE = "disagree"
    NEUTRAL = "neutral"
    AGREE = "agree"
    STRONGLY_AGREE = "strongly_agree"


class OpinionReason(StrEnum):
    """Why a member thinks so: a code, so that no text travels."""

    REVIEWED = "reviewed"
    """A person of the member looked at what it matches there."""
    SEEN_INDEPENDENTLY = "seen_independently"
    FALSE_MATCH = "false_match"
    BENIGN = "benign"
    MISCLASSIFIED = "misclassified"
    OUT_OF_SCOPE = "out_of_scope"
    TEST_DATA = "test_data"


class Reason(StrEnum):
    """Reason codes of tombstones: why something is gone."""

    WRONG = "wrong"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    HARM_REPORTED = "harm_reported"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    NARROWED = "narrowed"
    ERASED = "erased"


class ChangeKind(StrEnum):
    """Kinds of feed line: `noun.past-verb`. `*.tombstoned` says that the object is gone from this place."""

    SET_CHANGED = "set.changed"
    VERSION_CHANGED = "version.changed"
    VERSION_TOMBSTONED = "version.tombstoned"
    LIST_CHANGED = "list.changed"
    SIGNAL_CHANGED = "signal.changed"
    SIGNAL_TOMBSTONED = "signal.tombstoned"
    POINTER_CHANGED = "pointer.changed"
    POINTER_TOMBSTONED = "pointer.tombstoned"
    SIGHT_GAINED = "sight.gained"
    SIGHT_LOST = "sight.lost"


class StreamLine(StrEnum):
    """Lines of a stream that are no changes: each holds the cursor behind all lines before it."""

    REACHED = "page.reached"
    CLOSED = "page.closed"


class Decision(StrEnum):
    """What an audit entry says was decided. `released` means handed to the network, not received."""

    ALLOWED = "allowed"
    RELEASED = "released"
    COMPLETED = "completed"
    ABORTED = "aborted"
    REFUSED = "refused"


class SignalType(StrEnum):
    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA512 = "sha512"
    VIDEO_MD5 = "video_md5"
    PDQ = "pdq"
    VPDQ = "vpdq"
    TMK_PDQF = "tmk_pdqf"
    PHOTODNA = "photodna"
    URL_SHA256 = "url_sha256"
    HMAC_SHA256 = "hmac_sha256"


class ItemStatus(StrEnum):
    """What became of one item of a bulk request. Nothing here says that anybody else has it."""

    ACCEPTED = "accepted"
    ALREADY_YOURS = "already_yours"
    WITHDRAWN = "withdrawn"
    ALREADY_WITHDRAWN = "already_withdrawn"
    ERASED = "erased"
    MARKED = "marked"
    ALREADY_MARKED = "already_marked"
    REFUSED = "refused"


class Identifier(StrEnum):
    """What an `hmac_sha256` signal was made from.

    The key belongs to the sharing group and never comes here.
    """

    EMAIL = "email"
    PHONE = "phone"
    ACCOUNT = "account"
    IBAN = "iban"
    WALLET = "wallet"
    USERNAME = "username"
    DEVICE = "device"


class Category(StrEnum):
    TEXT_COMMUNICATION = "text_communication"
    IMAGE = "image"
    FINANCIAL = "financial"
    DEMOGRAPHIC = "demographic"
    BEHAVIOURAL = "behavioural"
    TECHNICAL = "technical"


class Rank(IntEnum):
    """Strictness of a label: the higher, the stricter. Order of TLP 2.0 and of PAP."""

    CLEAR = 0
    GREEN = 1
    AMBER = 2
    AMBER_STRICT = 3
    RED = 4


VALIDATION_BODY = "validation_body"
"""The member attribute by which the operator accredits a body that may attest."""

TLP_RANK = {tlp: Rank[tlp.name] for tlp in Tlp}
PAP_RANK = {pap: Rank[pap.name] for pap in Pap}
