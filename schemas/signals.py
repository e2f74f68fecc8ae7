"""Signal lists, the signals in them, and lookups.

Publishing and lookup read their items without marshmallow; their forms stand here for the documentation.
"""

from marshmallow import Schema, fields, validate

from schemas.markings import MarkingSchema
from schemas.sets import SLUG
from schemas.shapes import Flag, Ident, Moment
from schemas.vocabulary import (
    CollectionKind,
    Contributors,
    Identifier,
    ItemStatus,
    Reason,
    SignalType,
    Standing,
)

PUBLISH_LIMIT = 10_000
LOOKUP_LIMIT = 500
ERASURE_LIMIT = 500
WITHDRAWAL_REASONS = (Reason.WITHDRAWN, Reason.WRONG, Reason.HARM_REPORTED, Reason.CONSENT_WITHDRAWN)

_CONTRIBUTORS = validate.OneOf([who.value for who in Contributors])
_TYPE = validate.OneOf([kind.value for kind in SignalType])


class NewSignalListSchema(Schema):
    slug = fields.String(
        required=True, validate=SLUG, metadata={"description": "A short name, unique among your collections."}
    )
    title = fields.String(
        required=True,
        validate=validate.Length(min=1, max=300),
        metadata={"description": "What the list is about."},
    )
    types = fields.List(
        fields.String(validate=_TYPE),
        required=True,
        validate=validate.Length(min=1, max=len(SignalType)),
        metadata={"description": "The signal types that it takes. Some ask for at least TLP:AMBER."},
    )
    marking = fields.Nested(
        MarkingSchema,
        required=True,
        metadata={"description": "Who may read it, and for what. Not TLP:RED: mark single signals so."},
    )
    contributors = fields.String(
        load_default=Contributors.OWNER.value,
        validate=_CONTRIBUTORS,
        metadata={"description": "Who may contribute: you alone, or every member that it addresses itself."},
    )
    lookup_only = Flag(
        load_default=False,
        metadata={"description": "Matched against, never handed out, to you neither. It stays so."},
    )
    id = Ident(description="The id that the list had elsewhere, for an import. Left out: a new one.")


class ContributorsSchema(Schema):
    contributors = fields.String(
        required=True,
        validate=_CONTRIBUTORS,
        metadata={"description": "owner: you alone; audience: every member that it addresses itself."},
    )


class SignalListSchema(Schema):
    id = Ident(required=True, description="Id of the list.")
    kind = fields.Constant(CollectionKind.LIST.value, metadata={"description": "Always list."})
    slug = fields.String(required=True, metadata={"description": "Short name."})
    title = fields.String(required=True, metadata={"description": "What the list is about."})
    owner = Ident(required=True, description="The member that published it here.")
    types = fields.List(
        fields.String(validate=_TYPE), required=True, metadata={"description": "Signal types, by name."}
    )
    contributors = fields.String(
        required=True, validate=_CONTRIBUTORS, metadata={"description": "Who may contribute."}
    )
    lookup_only = fields.Boolean(
        required=True, metadata={"description": "Its signals are matched against, never handed out."}
    )
    marking = fields.Nested(
        MarkingSchema, required=True, metadata={"description": "As far as this reader may know it."}
    )
    created_at = fields.String(
        required=True, metadata={"description": "When it was created.", "format": "date-time"}
    )


class SignalListPageSchema(Schema):
    items = fields.List(
        fields.Nested(SignalListSchema), required=True, metadata={"description": "Lists, by id."}
    )
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Send as `after`; null: no more."}
    )
    excluded = fields.List(
        Ident(description="Id of a list."),
        required=True,
        metadata={"description": "Lists left out because their owner prohibits this token's purpose."},
    )


class ClassificationSchema(Schema):
    """A class by code."""

    scheme = fields.String(required=True, metadata={"description": "Which scheme of classes."})
    code = fields.String(required=True, metadata={"description": "Which class in it."})
    assessor = fields.String(metadata={"description": "Who looked, as a code."})


class SignalValueSchema(Schema):
    """What identifies and describes one value."""

    type = fields.String(required=True, validate=_TYPE, metadata={"description": "Signal type."})
    value = fields.Raw(
        required=True,
        metadata={
            "description": "Hex or base64 as its type is written; for vpdq also a list of frames.",
            "type": ["string", "array"],
            "items": {"type": "string"},
        },
    )
    quality = fields.Integer(metadata={"description": "For pdq: the quality that its hasher gave, 50 up."})
    identifier = fields.String(
        validate=validate.OneOf([kind.value for kind in Identifier]),
        metadata={"description": "For hmac_sha256: what was hashed."},
    )
    key_id = fields.String(metadata={"description": "For hmac_sha256: the sharing group's key."})
    epoch = fields.Integer(metadata={"description": "For hmac_sha256: the epoch of that key."})
    producer = fields.String(metadata={"description": "The hashing software, as a code."})


class NewSignalSchema(SignalValueSchema):
    """A signal, and what its contributor says about it."""

    labels = fields.List(fields.String(), metadata={"description": "Up to 16 codes."})
    valid_until = fields.String(
        metadata={"description": "End of validity; left out: the longest of its type.", "format": "date-time"}
    )
    classification = fields.Nested(ClassificationSchema, metadata={"description": "What was assessed."})
    marking = fields.Nested(
        MarkingSchema, metadata={"description": "A narrower marking than the list's; both then hold."}
    )
    confidence = fields.Integer(metadata={"description": "0 to 100."})


class NewSignalsSchema(Schema):
    signals = fields.List(
        fields.Nested(NewSignalSchema),
        required=True,
        validate=validate.Length(min=1, max=PUBLISH_LIMIT),
        metadata={"description": "Each gets its own answer: a bad one never spoils a good one."},
    )


class ItemAnswerSchema(Schema):
    status = fields.String(
        required=True,
        validate=validate.OneOf([status.value for status in ItemStatus]),
        metadata={"description": "What became of it."},
    )
    id = Ident(description="Id of the entry. Publishing to a lookup-only list names none: look the value up.")
    reason = fields.String(metadata={"description": "Why it was refused: a code."})
    hint = fields.String(metadata={"description": "What to send instead."})


class BadLineSchema(Schema):
    line = fields.Integer(required=True, metadata={"description": "Number of the line, from 1."})
    reason = fields.String(required=True, metadata={"description": "Why it was refused: a code."})
    hint = fields.String(required=True, metadata={"description": "What to send instead."})


class LineReportSchema(Schema):
    """What became of the lines of an NDJSON request: `items` answers a JSON one instead."""

    refused = fields.Integer(metadata={"description": "How many were not taken."})
    items = fields.List(
        fields.Nested(ItemAnswerSchema), metadata={"description": "For JSON: one answer per item, in order."}
    )
    lines = fields.Integer(metadata={"description": "How many lines were read; empty ones do not count."})
    reasons = fields.List(
        fields.Nested(BadLineSchema), metadata={"description": "The first thousand refused lines."}
    )
    counts = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "How many lines were refused for each reason."},
    )


class PublishedSchema(LineReportSchema):
    accepted = fields.Integer(required=True, metadata={"description": "How many are new."})
    already_yours = fields.Integer(
        required=True, metadata={"description": "How many you had contributed before."}
    )
    refused = fields.Integer(required=True, metadata={"description": "How many were not taken."})


class WithdrawalSchema(Schema):
    ids = fields.List(
        Ident(description="Id of an entry."),
        required=True,
        validate=validate.Length(min=1, max=PUBLISH_LIMIT),
        metadata={"description": "Entries of this list."},
    )
    reason = fields.String(
        required=True,
        validate=validate.OneOf([reason.value for reason in WITHDRAWAL_REASONS]),
        metadata={"description": "Why; every recipient is told."},
    )
    whole = fields.Boolean(
        load_default=False,
        metadata={"description": "End the signals, with what others contributed: as the list's owner."},
    )


class ErasedItemSchema(SignalValueSchema):
    """One value to erase: by its entry's `id` alone, or by `type` and `value` as in a lookup."""

    type = fields.String(validate=_TYPE, metadata={"description": "Signal type."})
    value = fields.Raw(
        metadata={
            "description": "As its type is written.",
            "type": ["string", "array"],
            "items": {"type": "string"},
        }
    )
    id = Ident(description="Id of an entry, standing or not.")


class ErasureSchema(Schema):
    items = fields.List(
        fields.Nested(ErasedItemSchema),
        required=True,
        validate=validate.Length(min=1, max=ERASURE_LIMIT),
        metadata={"description": "Each gets its own answer."},
    )


class ErasureAnswerSchema(Schema):
    items = fields.List(
        fields.Nested(ItemAnswerSchema),
        required=True,
        metadata={"description": "One answer per item, in order; for a value the same if it was not there."},
    )


class WithdrawnSchema(LineReportSchema):
    withdrawn = fields.Integer(required=True, metadata={"description": "How many were taken back now."})
    already_withdrawn = fields.Integer(metadata={"description": "Lines of entries that had ended before."})


class NarrowingSchema(Schema):
    ids = fields.List(
        Ident(description="Id of an entry."),
        required=True,
        validate=validate.Length(min=1, max=PUBLISH_LIMIT),
        metadata={"description": "Entries of this list."},
    )
    marking = fields.Nested(
        MarkingSchema, required=True, metadata={"description": "A narrower one than they have."}
    )


class NarrowedSchema(LineReportSchema):
    marked = fields.Integer(required=True, metadata={"description": "How many have it from now on."})
    already_marked = fields.Integer(metadata={"description": "Lines of entries that had it before."})


class ContributionSchema(Schema):
    """What one member says of a signal."""

    member = Ident(required=True, description="The member that contributed it.")
    labels = fields.List(fields.String(), required=True, metadata={"description": "Codes."})
    classification = fields.Nested(ClassificationSchema, metadata={"description": "What was assessed."})
    confidence = fields.Integer(metadata={"description": "0 to 100."})
    valid_until = Moment(required=True, description="End of this contribution.")


class StandingSchema(Schema):
    """What is said of an entry, and by whom."""

    labels = fields.List(
        fields.String(), required=True, metadata={"description": "Codes of all contributions."}
    )
    standing = fields.String(
        required=True,
        validate=validate.OneOf([standing.value for standing in Standing]),
        metadata={"description": "How it stands, by its contributions and opinions."},
    )
    valid_until = Moment(required=True, description="End of its last contribution.")
    contributions = fields.List(
        fields.Nested(ContributionSchema), required=True, metadata={"description": "Oldest first."}
    )


class SignalSchema(StandingSchema, SignalValueSchema):
    """One entry. A value over 4096 bytes is left out of pages: `value_at` says where to fetch it."""

    id = Ident(required=True, description="Id of the entry.")
    value = fields.Raw(
        metadata={
            "description": "As its type is written. Never there where the list is lookup-only.",
            "type": "string",
        }
    )
    value_at = fields.String(metadata={"description": "Path of the whole value."})
    value_bytes = fields.Integer(metadata={"description": "Its length."})
    marking = fields.Nested(
        MarkingSchema,
        metadata={"description": "Its own, if narrower than the list's: both hold, the stricter counts."},
    )


class SingleSignalSchema(SignalSchema):
    """One entry read by id, with its whole value and the marking that it stands under."""

    list = Ident(required=True, description="The list that it is in.")


class SignalPageSchema(Schema):
    list = Ident(required=True, description="Id of the list.")
    marking = fields.Nested(MarkingSchema, required=True, metadata={"description": "The list's."})
    items = fields.List(
        fields.Nested(SignalSchema), required=True, metadata={"description": "Entries, oldest first."}
    )
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Send as `after`; null: no more."}
    )


class LookupQuerySchema(Schema):
    signals = fields.List(
        fields.Nested(SignalValueSchema),
        required=True,
        validate=validate.Length(min=1, max=LOOKUP_LIMIT),
        metadata={"description": "Values to match exactly."},
    )


class MatchedListSchema(Schema):
    id = Ident(required=True, description="Id of the list.")
    title = fields.String(required=True, metadata={"description": "What the list is about."})


class MatchSchema(StandingSchema):
    """One entry that has this value."""

    id = Ident(required=True, description="Id of the entry.")
    list = fields.Nested(MatchedListSchema, required=True, metadata={"description": "Where it stands."})
    marking = fields.Nested(
        MarkingSchema, required=True, metadata={"description": "What you may do with it: TLP, PAP, purposes."}
    )


class LookupResultSchema(Schema):
    matches = fields.List(
        fields.Nested(MatchSchema), required=True, metadata={"description": "Every entry that you may see."}
    )
    contributors = fields.Integer(metadata={"description": "How many members contributed these entries."})
    standing = fields.String(metadata={"description": "How the value stands, these entries added up."})
    reason = fields.String(metadata={"description": "Why this query could not be asked: a code."})
    hint = fields.String(metadata={"description": "What to send instead."})


class LookupAnswerSchema(Schema):
    results = fields.List(
        fields.Nested(LookupResultSchema), required=True, metadata={"description": "One per query, in order."}
    )
    excluded = fields.List(
        Ident(description="Id of a list."),
        required=True,
        metadata={"description": "Lists left out because their owner prohibits this token's purpose."},
    )
