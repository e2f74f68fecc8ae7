"""Indicator sets: the set, its draft, its versions."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from schemas.markings import NotedMarkingSchema
from schemas.shapes import Ident, Lean, Moment, Whole
from schemas.vocabulary import CollectionKind, Reason, VersionStatus

RETRACTION_REASONS = (Reason.WRONG, Reason.CONSENT_WITHDRAWN, Reason.HARM_REPORTED, Reason.WITHDRAWN)

SLUG = Whole(
    r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$",
    error="Use 1 to 64 lower-case letters, digits and hyphens, none of them at an end.",
)
SUPERSEDED_LIMIT = 100
SEMVER_PATTERN = (
    r"^(?:0|[1-9][0-9]{0,8})(?:\.(?:0|[1-9][0-9]{0,8})){2}"
    r"(?:-[0-9A-Za-z-]{1,16}(?:\.[0-9A-Za-z-]{1,16}){0,2})?$"
)
SEMVER_LENGTH = 64
SEMVER = (
    validate.Length(max=SEMVER_LENGTH),
    Whole(
        SEMVER_PATTERN,
        error="Send a semantic version (2.0.0) without build metadata, for example 1.4.0.",
    ),
)
DIGEST = Whole(r"^[0-9a-f]{64}$", error="Send a SHA-256 in lower-case hex.")


class NewSetSchema(Schema):
    slug = fields.String(
        required=True, validate=SLUG, metadata={"description": "A short name, unique among your collections."}
    )
    title = fields.String(
        required=True,
        validate=validate.Length(min=1, max=300),
        metadata={"description": "What the set is about."},
    )
    marking = fields.Nested(
        NotedMarkingSchema, required=True, metadata={"description": "Who may read it, and for what."}
    )
    id = Ident(description="The id that the set had elsewhere, for an import. Left out: a new one.")


class SetSchema(Lean):
    id = Ident(required=True, description="Id of the set.")
    kind = fields.Constant(CollectionKind.SET.value, metadata={"description": "Always set."})
    slug = fields.String(required=True, metadata={"description": "Short name."})
    title = fields.String(required=True, metadata={"description": "What the set is about."})
    owner = Ident(required=True, description="The member that published it here.")
    marking = fields.Nested(
        NotedMarkingSchema, required=True, metadata={"description": "As far as this reader may know it."}
    )
    created_at = Moment(description="When it was created.")
    latest_version = fields.String(
        allow_none=True, metadata={"description": "The highest version that can be read."}
    )


class SetPageSchema(Schema):
    items = fields.List(fields.Nested(SetSchema), required=True, metadata={"description": "Sets, by id."})
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Send as `after`; null: no more."}
    )
    excluded = fields.List(
        Ident(description="Id of a set."),
        required=True,
        metadata={"description": "Sets left out because their owner prohibits this token's purpose."},
    )


class DraftContentSchema(Schema):
    content = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={
            "description": "Content in the form of indicator-set.v1, without schema and set. "
            "Its harm_types are words of HarmType, its capabilities words of Capability."
        },
    )


class ProblemPlaceSchema(Schema):
    pointer = fields.String(required=True, metadata={"description": "Where, as an RFC 6901 pointer."})
    detail = fields.String(required=True, metadata={"description": "What to do."})


class DraftStateSchema(Lean):
    set = Ident(required=True, description="Id of the set.")
    digest = fields.String(required=True, metadata={"description": "SHA-256 of what is stored; its ETag."})
    edited_at = Moment(description="When it was last saved.")
    problems = fields.List(
        fields.Nested(ProblemPlaceSchema),
        required=True,
        metadata={"description": "What would stop its publishing, up to 50 places."},
    )


class DraftSchema(DraftStateSchema):
    content = fields.Dict(required=True, metadata={"description": "What was saved."})


class NewVersionSchema(Schema):
    version = fields.String(
        validate=SEMVER,
        metadata={"description": "Higher than every earlier version; with a candidate it may be left out."},
    )
    draft = fields.String(
        validate=DIGEST,
        metadata={"description": "Digest of the draft that you mean; refused if it has changed since."},
    )
    candidate = fields.String(
        validate=DIGEST,
        metadata={"description": "Digest of the candidate whose very bytes are published, not the draft's."},
    )
    supersedes = fields.List(
        fields.String(validate=SEMVER),
        load_default=list,
        validate=validate.Length(max=SUPERSEDED_LIMIT),
        metadata={"description": "Versions that this one replaces: deprecated in the same act."},
    )

    @validates_schema
    def one_source(self, data: dict[str, Any], **_rest: Any) -> None:
        if "version" not in data and "candidate" not in data:
            raise ValidationError("Send the version, or the digest of a candidate.", "version")
        if "draft" in data and "candidate" in data:
            raise ValidationError("A candidate is published as it is. Leave draft out.", "draft")


class VersionSchema(Lean):
    id = Ident(required=True, description="Id of the version, as in feed lines.")
    set = Ident(required=True, description="Id of the set.")
    version = fields.String(required=True, metadata={"description": "Semantic version."})
    status = fields.String(
        required=True,
        validate=validate.OneOf([status.value for status in VersionStatus]),
        metadata={"description": "How it stands now."},
    )
    overdue = fields.Boolean(required=True, metadata={"description": "Its review date has passed."})
    document = fields.String(required=True, metadata={"description": "SHA-256 of the document."})
    counter = fields.Integer(required=True, metadata={"description": "Of the envelope; the highest wins."})
    successor = fields.String(allow_none=True, metadata={"description": "The version that replaces it."})
    reason = fields.String(allow_none=True, metadata={"description": "Why it was taken back."})
    published_at = Moment(required=True, description="When it was published.")
    changed_at = Moment(required=True, description="When its envelope was last made anew.")
    review_by = Moment(allow_none=True, description="When it should be reviewed.")
    valid_until = Moment(allow_none=True, description="When it expires.")


class VersionPageSchema(Schema):
    items = fields.List(
        fields.Nested(VersionSchema), required=True, metadata={"description": "Versions, oldest first."}
    )
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Send as `after`; null: no more."}
    )


class SignatureSchema(Schema):
    of = fields.String(
        required=True,
        validate=validate.OneOf(["document", "envelope"]),
        metadata={"description": "Which of the two it covers."},
    )
    jws = fields.String(
        required=True, metadata={"description": "Detached JWS (RFC 7515, F) over the canonical bytes."}
    )


class SignedStatementSchema(Schema):
    statement = fields.Dict(required=True, metadata={"description": "attestation.v1: what a body states."})
    jws = fields.String(
        required=True, metadata={"description": "Detached JWS (RFC 7515, F) over its canonical bytes."}
    )


class SignedVersionSchema(Schema):
    """A version as stored: envelope, document, signatures, and what validation bodies attest."""

    envelope = fields.Dict(required=True, metadata={"description": "set-envelope.v1: how it stands now."})
    document = fields.Dict(required=True, metadata={"description": "indicator-set.v1: what was said."})
    signatures = fields.List(
        fields.Nested(SignatureSchema), required=True, metadata={"description": "By the home server."}
    )
    attestations = fields.List(
        fields.Nested(SignedStatementSchema),
        required=True,
        metadata={"description": "Statements of validation bodies on this very document that stand."},
    )


class DiffArgs(Schema):
    from_ = fields.String(
        required=True, data_key="from", validate=SEMVER, metadata={"description": "The earlier version."}
    )
    to = fields.String(required=True, validate=SEMVER, metadata={"description": "The later version."})


class FieldChangeSchema(Schema):
    path = fields.String(required=True, metadata={"description": "RFC 6901 pointer."})
    from_ = fields.Raw(
        data_key="from", allow_none=True, metadata={"description": "Before; absent: it was not there."}
    )
    to = fields.Raw(allow_none=True, metadata={"description": "After; absent: it is no longer there."})


class ItemChangeSchema(Schema):
    id = fields.String(required=True, metadata={"description": "Id of what changed."})
    fields_ = fields.List(
        fields.Nested(FieldChangeSchema),
        data_key="fields",
        required=True,
        metadata={
            "description": "Field by field. In a scenario the id of an indicator stands for its position: "
            "`/indicators/<id>/weight`."
        },
    )


class ItemsDiffSchema(Schema):
    """What changed among things that are matched by id; their order is no change."""

    added = fields.List(fields.String(), required=True, metadata={"description": "Ids of new ones."})
    removed = fields.List(fields.String(), required=True, metadata={"description": "Ids that are gone."})
    changed = fields.List(
        fields.Nested(ItemChangeSchema), required=True, metadata={"description": "Those that both hold."}
    )


class DiffSchema(ItemsDiffSchema):
    """What changed from one version to another: `added`, `removed` and `changed` are the indicators."""

    set_ = fields.List(
        fields.Nested(FieldChangeSchema),
        data_key="set",
        required=True,
        metadata={"description": "Fields of the set itself."},
    )
    evidence = fields.Nested(ItemsDiffSchema, required=True, metadata={"description": "Evidence objects."})
    typologies = fields.Nested(ItemsDiffSchema, required=True, metadata={"description": "Typologies."})
    scenarios = fields.Nested(
        ItemsDiffSchema, required=True, metadata={"description": "Scenarios with their weights."}
    )


class DeprecationSchema(Schema):
    successor = fields.String(
        required=True, validate=SEMVER, metadata={"description": "The published version that replaces it."}
    )


class RetractionSchema(Schema):
    reason = fields.String(
        required=True,
        validate=validate.OneOf([reason.value for reason in RETRACTION_REASONS]),
        metadata={"description": "Why it was wrong to publish it."},
    )
    successor = fields.String(
        validate=SEMVER, metadata={"description": "The published version to use instead, if there is one."}
    )


class ReminderSchema(Schema):
    set = Ident(required=True, description="Id of the set.")
    slug = fields.String(required=True, metadata={"description": "Its short name."})
    title = fields.String(required=True, metadata={"description": "What the set is about."})
    version = fields.String(required=True, metadata={"description": "The version to be reviewed."})
    review_by = Moment(required=True, description="When it should be reviewed.")
    overdue = fields.Boolean(required=True, metadata={"description": "That date has passed."})


class ReminderPageSchema(Schema):
    items = fields.List(
        fields.Nested(ReminderSchema), required=True, metadata={"description": "The longest due first."}
    )
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Send as `after`; null: no more."}
    )
