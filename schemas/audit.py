"""The audit log as it is read. The entry itself is `documents/audit-entry.v1.json`."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from schemas.sets import SEMVER
from schemas.shapes import Ident, Moment, Whole
from schemas.vocabulary import Decision, Purpose, Tlp

_DECISION = validate.OneOf([decision.value for decision in Decision])
_ACTION = r"[a-z][a-z0-9._-]{0,63}"
_ACTIONS = Whole(
    rf"^{_ACTION}(?:,{_ACTION}){{0,19}}$",
    error="Send actions as entries name them, at most 20, with commas between.",
)
_REASON = Whole(r"^[a-z][a-z0-9_.:-]{0,63}$", error="Send a reason as entries give it.")
OLDEST, NEWEST = "oldest", "newest"


def require_forward(data: dict[str, Any]) -> None:
    """See that a period does not end before it begins."""
    if "since" in data and "until" in data and data["until"] <= data["since"]:
        raise ValidationError("A period ends after it begins.", "until")


class EntryArgs(Schema):
    """Which entries. All that is given must hold."""

    member = Ident(description="Entries of this acting member.")
    client = Ident(description="Entries of this OAuth client.")
    user = Ident(description="Entries of this person.")
    action = fields.String(
        validate=_ACTIONS,
        metadata={"description": "For example `changes.read`; several with commas between: one of them."},
    )
    decision = fields.String(validate=_DECISION, metadata={"description": "What was decided."})
    reason = fields.String(
        validate=_REASON, metadata={"description": "Code of a refusal, or of what changed."}
    )
    purpose = fields.String(
        validate=validate.OneOf([purpose.value for purpose in Purpose]),
        metadata={"description": "Why the actor read."},
    )
    tlp = fields.String(
        validate=validate.OneOf([tlp.value for tlp in Tlp]),
        metadata={"description": "About something that stood under this label; of what is named, if it did."},
    )
    collection = Ident(description="Entries about this set or list.")
    object = Ident(
        description="Who was given or changed this version, signal, subscription …: named in the entry, "
        "or on a page of changes that held it."
    )
    version = fields.String(
        validate=SEMVER,
        metadata={"description": "Who was given this version of the set that `collection` names."},
    )
    place = Ident(description="Entries about this narrower place.")
    request = Ident(description="What one request did: our id of it.")
    since = Moment(description="From this moment on.")
    until = Moment(description="Before this moment.")
    after = fields.String(
        validate=validate.Length(max=2_000), metadata={"description": "The `next` of the page before."}
    )
    limit = fields.Integer(
        load_default=100,
        validate=validate.Range(min=1, max=1_000),
        metadata={"description": "Entries per page, at most: one that looked far may hold fewer, or none."},
    )
    order = fields.String(
        load_default=OLDEST,
        validate=validate.OneOf([OLDEST, NEWEST]),
        metadata={"description": "What comes first. A cursor is for the order that it was given in."},
    )

    @validates_schema
    def version_needs_its_set(self, data: dict[str, Any], **_rest: Any) -> None:
        if "version" in data and "collection" not in data:
            raise ValidationError("Name the set of this version.", "collection")

    @validates_schema
    def a_period_runs_forward(self, data: dict[str, Any], **_rest: Any) -> None:
        require_forward(data)


class EntryActorSchema(Schema):
    member = Ident(required=True, allow_none=True, description="The acting member; null: nobody known.")
    client = Ident(allow_none=True, description="Its OAuth client. Not in others' entries.")
    user = Ident(allow_none=True, description="The person, if one acted. Not in others' entries.")


class EntryMarkingSchema(Schema):
    tlp = fields.String(required=True, metadata={"description": "Label that it stood under."})
    pap = fields.String(metadata={"description": "Permissible actions."})
    audience = fields.Dict(
        metadata={"description": "Kind of audience, and the sharing group if one is named."}
    )


class EntrySubjectSchema(Schema):
    """What the exchange was about: ids, never text."""

    kind = fields.String(required=True, metadata={"description": "set, version, list, changes …"})
    id = Ident(description="The object.")
    version = fields.String(metadata={"description": "Its version."})
    collection = Ident(description="The set or list.")
    place = Ident(description="The narrower place inside it.")
    owner = Ident(description="The member that owns it.")
    first = Moment(description="Date of the first change on a page.")
    last = Moment(description="Date of the last one.")
    count = fields.Integer(metadata={"description": "How many."})
    band = fields.String(
        metadata={"description": "How many, roughly: what an owner is told of lookups by others."}
    )
    marking = fields.Nested(EntryMarkingSchema, metadata={"description": "The marking that it stood under."})


class EntrySchema(Schema):
    """One exchange. Members, clients and things by id only."""

    schema = fields.String(metadata={"description": "halyard.audit-entry/1, in whole entries."})
    id = Ident(required=True, description="Id of the entry.")
    at = Moment(required=True, description="When it happened.")
    action = fields.String(required=True, metadata={"description": "noun.verb"})
    decision = fields.String(required=True, validate=_DECISION, metadata={"description": "What was decided."})
    actor = fields.Nested(EntryActorSchema, required=True, metadata={"description": "Who."})
    purpose = fields.String(required=True, allow_none=True, metadata={"description": "Why the actor reads."})
    subjects = fields.List(
        fields.Nested(EntrySubjectSchema), required=True, metadata={"description": "What it was about."}
    )
    request = Ident(description="Our id of the request. Not in others' entries.")
    reason = fields.String(metadata={"description": "Code of a refusal, or of what changed."})
    stream = fields.Dict(metadata={"description": "Id of the stream, and number of the segment in it."})
    commitments = fields.Dict(
        metadata={"description": "SHA-256(salt ‖ x) of body, query and network. Not in others' entries."}
    )


class AuditItemSchema(Schema):
    entry = fields.Nested(EntrySchema, required=True, metadata={"description": "The entry."})
    index = fields.Integer(metadata={"description": "Its place in the log, counted from 1: for auditors."})
    reduced = fields.Boolean(
        metadata={"description": "For members: parts that are not for this reader were left out."}
    )


class OpeningsSchema(Schema):
    """What the commitments of an entry open to, in hex."""

    salt = fields.String(required=True, metadata={"description": "16 bytes."})
    body = fields.String(
        required=True, allow_none=True, metadata={"description": "SHA-256 of the bytes that left."}
    )
    query = fields.String(
        required=True, allow_none=True, metadata={"description": "SHA-256 of what was asked."}
    )
    network = fields.String(
        required=True, allow_none=True, metadata={"description": "The caller's network address."}
    )


class AuditOneSchema(AuditItemSchema):
    openings = fields.Nested(
        OpeningsSchema,
        allow_none=True,
        metadata={"description": "For auditors; null once its retention is over."},
    )


class AuditPageSchema(Schema):
    items = fields.List(
        fields.Nested(AuditItemSchema), required=True, metadata={"description": "In the order asked for."}
    )
    held_from = fields.Integer(
        required=True,
        metadata={
            "description": "The index of the first entry that is held, counted from 0 as in proofs and "
            "exports: those before it have left for archives."
        },
    )
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Send as `after`; null: no more now."}
    )
