"""The feed: pages of changes."""

from marshmallow import Schema, fields, validate

from schemas.vocabulary import ChangeKind

PAGE_LIMIT = 1_000
PAGE_DEFAULT = 100


class ChangesArgs(Schema):
    """What part of the feed to read."""

    after = fields.String(
        validate=validate.Length(max=2_000),
        metadata={"description": "The `next` of the page before. Left out: from the beginning."},
    )
    limit = fields.Integer(
        load_default=PAGE_DEFAULT,
        validate=validate.Range(min=1, max=PAGE_LIMIT),
        metadata={"description": "Changes per JSON page. A stream sends everything there is."},
    )
    collection = fields.List(
        fields.UUID(),
        validate=validate.Length(min=1, max=100),
        metadata={"description": "Only these sets and lists."},
    )


class ChangeSchema(Schema):
    """One line of the feed. Apply lines in order; a tombstone deletes; `sight.lost` drops its whole place."""

    date = fields.String(required=True, metadata={"description": "RFC 3339, strictly increasing."})
    kind = fields.String(required=True, validate=validate.OneOf([kind.value for kind in ChangeKind]))
    collection = fields.UUID(required=True)
    place = fields.UUID(
        required=True, metadata={"description": "Where it is shown: what sight is gained and lost of."}
    )
    object = fields.UUID(required=True)
    reason = fields.String(metadata={"description": "Tombstones: why it is gone."})
    version = fields.String(metadata={"description": "Tombstones of versions: which one."})
    object_kind = fields.String(metadata={"description": "Pointers: what kind of thing to read singly."})
    tlp = fields.String(metadata={"description": "Pointers: its label, always TLP:RED."})
    successor = fields.String(
        allow_none=True, metadata={"description": "Tombstones: the version that replaces it."}
    )
    superseded = fields.Boolean(
        metadata={"description": "A newer line of this object follows, and this one's body was cleared."}
    )
    body = fields.Dict(metadata={"description": "The object as it stands, in its published form."})


class ChangesSchema(Schema):
    """A page of the feed."""

    changes = fields.List(fields.Nested(ChangeSchema), required=True)
    next = fields.String(
        required=True, metadata={"description": "Send it as `after`; it moves on empty pages too."}
    )
    more = fields.Boolean(required=True, metadata={"description": "There is more to read now."})
    excluded = fields.List(
        fields.UUID(),
        required=True,
        metadata={"description": "Collections left out because they prohibit this token's purpose."},
    )
