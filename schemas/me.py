"""Who the caller is, and what it may see and why."""

from marshmallow import Schema, fields, validate

from schemas.groups import GroupSchema
from schemas.members import UserSchema
from schemas.shapes import Ident, Lean, Moment
from schemas.vocabulary import (
    AudienceKind,
    BindingDemand,
    CollectionKind,
    Pap,
    Sector,
    SightReason,
    Tlp,
    TokenBinding,
)


class SeenAudienceSchema(Lean):
    kind = fields.Enum(
        AudienceKind, by_value=True, required=True, metadata={"description": "Whom the marking addresses."}
    )
    group = Ident(description="The sharing group, for kind group.")


class SeenMarkingSchema(Schema):
    """Label, PAP and audience; never the names of other recipients."""

    tlp = fields.Enum(Tlp, by_value=True, required=True, metadata={"description": "TLP 2.0 label."})
    pap = fields.Enum(Pap, by_value=True, required=True, metadata={"description": "PAP label."})
    audience = fields.Nested(
        SeenAudienceSchema, required=True, metadata={"description": "Whom it addresses."}
    )


class SeenCollectionSchema(Schema):
    id = Ident(required=True, description="Id of the set or list.")
    kind = fields.Enum(CollectionKind, by_value=True, required=True, metadata={"description": "Set or list."})
    title = fields.String(required=True, metadata={"description": "What it is about."})
    owner = Ident(required=True, description="The member that published it here.")
    marking = fields.Nested(SeenMarkingSchema, required=True, metadata={"description": "As it is now."})
    reason = fields.Enum(
        SightReason, by_value=True, required=True, metadata={"description": "Why the caller sees it."}
    )


class MyMemberSchema(Schema):
    id = Ident(required=True, description="Id of the caller's member.")
    name = fields.String(required=True, metadata={"description": "Its name."})
    sector = fields.String(
        required=True,
        validate=validate.OneOf([sector.value for sector in Sector]),
        metadata={"description": "What kind of entity it is."},
    )


class MyClientSchema(Lean):
    id = Ident(required=True, description="The client that the token was made for.")
    name = fields.String(required=True, metadata={"description": "What it is for."})
    networks = fields.List(
        fields.String(), metadata={"description": "The only networks that it may call from, as CIDR."}
    )
    ends_at = Moment(description="When it or its secret ends, whichever comes first; absent: it does not.")
    ends_soon = fields.Boolean(
        required=True, metadata={"description": "That is within 30 days: ask the operator for a new one."}
    )


class DemandedBindingSchema(Lean):
    by = fields.Enum(BindingDemand, by_value=True, required=True, metadata={"description": "Who demands it."})
    group = Ident(description="The sharing group, where one does.")
    any_of = fields.List(
        fields.Enum(TokenBinding, by_value=True),
        required=True,
        metadata={"description": "What satisfies it: one of these."},
    )


class MeSchema(Lean):
    member = fields.Nested(MyMemberSchema, required=True, metadata={"description": "Whom it acts for."})
    client = fields.Nested(MyClientSchema, metadata={"description": "The client that calls."})
    user = fields.Nested(UserSchema, metadata={"description": "The person, for a personal client."})
    scopes = fields.List(fields.String(), required=True, metadata={"description": "Scopes of this token."})
    purpose = fields.String(metadata={"description": "Purpose of this token."})
    bound_to = fields.List(
        Ident(description="Id of a set or list."),
        metadata={"description": "The only collections that this client may touch; absent: no such bound."},
    )
    bound_tokens = fields.List(
        fields.Nested(DemandedBindingSchema),
        required=True,
        metadata={"description": "Who demands that this client's tokens are bound; empty: nobody."},
    )
    groups = fields.List(
        fields.Nested(GroupSchema),
        required=True,
        metadata={"description": "Groups that the caller's member owns, is in or is invited to."},
    )
    collections = fields.List(
        fields.Nested(SeenCollectionSchema),
        required=True,
        metadata={"description": "What the caller sees, of the kinds that its scopes read; by id."},
    )
    excluded = fields.List(
        Ident(description="Id of a set or list."),
        required=True,
        metadata={"description": "What it does not see because the owner prohibits this token's purpose."},
    )
    next = fields.String(metadata={"description": "Send as `after` for more collections; absent: no more."})
