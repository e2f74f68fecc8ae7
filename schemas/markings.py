"""The marking of a collection, or a narrower one of an item in it."""

from typing import Any

from marshmallow import Schema, fields, post_dump, validate

from schemas.shapes import Ident, Lean, Moment
from schemas.vocabulary import AudienceKind, Pap, ProposalStatus, Purpose, Tlp

NAMED_LIMIT = 1_000
"""Members or users that one marking names at most."""


def _words(values: type[Tlp] | type[Pap] | type[AudienceKind] | type[Purpose]) -> validate.OneOf:
    words = [value.value for value in values]
    return validate.OneOf(words, error=f"Use exactly one of {', '.join(words)}.")


class AudienceSchema(Schema):
    """Whom a marking addresses: one kind, and what that kind names."""

    kind = fields.String(
        required=True,
        validate=_words(AudienceKind),
        metadata={"description": "public, community, group, members or users: exactly one."},
    )
    group = Ident(description="The sharing group, for kind group.")
    members = fields.List(
        Ident(description="Id of a member."),
        validate=validate.Length(max=NAMED_LIMIT),
        metadata={"description": "The named members, for kind members. The owner alone reads them."},
    )
    users = fields.List(
        Ident(description="Id of a user."),
        validate=validate.Length(max=NAMED_LIMIT),
        metadata={"description": "The named users, for kind users (TLP:RED). The owner alone reads them."},
    )


class MarkingSchema(Schema):
    """TLP 2.0 label, PAP label, audience, and the purposes that the owner prohibits."""

    tlp = fields.String(
        required=True, validate=_words(Tlp), metadata={"description": "Traffic Light Protocol 2.0 label."}
    )
    pap = fields.String(
        required=True, validate=_words(Pap), metadata={"description": "Permissible Actions Protocol label."}
    )
    audience = fields.Nested(AudienceSchema, required=True, metadata={"description": "Who may read it."})
    prohibited_purposes = fields.List(
        fields.String(validate=_words(Purpose)),
        load_default=list,
        validate=validate.Length(max=len(Purpose)),
        metadata={"description": "Purposes for which nobody but the owner may read it."},
    )


class NotedMarkingSchema(MarkingSchema):
    """A marking with what its source says about it, as far as label and audience do not say it."""

    note = fields.String(
        validate=validate.Length(min=1, max=500),
        metadata={"description": "What the source says about the marking."},
    )

    @post_dump
    def drop_absent_note(self, data: dict[str, Any], **_rest: Any) -> dict[str, Any]:
        return {name: value for name, value in data.items() if name != "note" or value is not None}


class ProposalSchema(Lean):
    """A wider marking that one person of the owner asked for, and that takes a second one to hold."""

    id = Ident(required=True, description="Id of the proposal.")
    collection = Ident(required=True, description="The set or list.")
    marking = fields.Nested(
        NotedMarkingSchema, required=True, metadata={"description": "The marking that is asked for."}
    )
    status = fields.String(
        required=True,
        validate=validate.OneOf([status.value for status in ProposalStatus]),
        metadata={"description": "How it stands."},
    )
    proposed_by = Ident(required=True, description="The user who asked.")
    proposed_at = Moment(required=True, description="When.")
    expires_at = Moment(required=True, description="Until when it can be approved.")
    decided_by = Ident(description="The user who approved or withdrew it.")
    decided_at = Moment(description="When.")


class ProposalPageSchema(Schema):
    items = fields.List(
        fields.Nested(ProposalSchema), required=True, metadata={"description": "Proposals, newest first."}
    )
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Send as `after`; null: no more."}
    )
