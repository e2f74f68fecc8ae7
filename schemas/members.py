"""Members, their attributes and their users."""

from marshmallow import Schema, fields, validate

from schemas.shapes import Ident, Lean, Moment, Whole
from schemas.vocabulary import MemberKind, MemberStatus, Sector

ATTRIBUTE = Whole(
    r"^[a-z][a-z0-9_]{0,63}$",
    error="Use 1 to 64 lower-case letters, digits and underscores, a letter first.",
)
HANDLE = Whole(
    r"^[a-z0-9][a-z0-9._-]{0,63}$",
    error="Use 1 to 64 lower-case letters, digits, dots, hyphens and underscores.",
)
ENROLLED_KINDS = (MemberKind.MEMBER, MemberKind.DOWNSTREAM)


class NewMemberSchema(Schema):
    name = fields.String(
        required=True,
        validate=validate.Length(min=1, max=200),
        metadata={"description": "Legal name, unique in the coalition."},
    )
    sector = fields.Enum(
        Sector, by_value=True, required=True, metadata={"description": "What kind of entity it is."}
    )
    kind = fields.String(
        load_default=MemberKind.MEMBER.value,
        validate=validate.OneOf([kind.value for kind in ENROLLED_KINDS]),
        metadata={"description": "A downstream is served by another member."},
    )
    upstream = Ident(description="For a downstream: the member that serves it.")


class AttributeSchema(Schema):
    name = fields.String(required=True, metadata={"description": "Name of the attribute."})
    valid_until = Moment(required=True, description="When it ends.")
    holds = fields.Boolean(required=True, metadata={"description": "It holds now."})


class GrantSchema(Schema):
    valid_until = Moment(required=True, description="Until when it holds: a moment to come.")


class MemberSchema(Lean):
    """Everybody reads name and sector; the rest is for the member itself and the operator."""

    id = Ident(required=True, description="Id of the member.")
    name = fields.String(required=True, metadata={"description": "Legal name."})
    sector = fields.String(
        required=True,
        validate=validate.OneOf([sector.value for sector in Sector]),
        metadata={"description": "What kind of entity it is."},
    )
    kind = fields.String(
        required=True,
        validate=validate.OneOf([kind.value for kind in MemberKind]),
        metadata={"description": "Member, downstream of one, or peer server."},
    )
    status = fields.String(
        validate=validate.OneOf([status.value for status in MemberStatus]),
        metadata={"description": "Its standing in the coalition."},
    )
    upstream = Ident(description="The member that serves this downstream.")
    created_at = Moment(description="When it was enrolled.")
    attributes = fields.List(
        fields.Nested(AttributeSchema), metadata={"description": "What is true of it for a time."}
    )


class MemberPageSchema(Schema):
    items = fields.List(fields.Nested(MemberSchema), required=True, metadata={"description": "By name."})
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Send as `after`; null: no more."}
    )


class NewUserSchema(Schema):
    handle = fields.String(
        required=True,
        validate=HANDLE,
        metadata={"description": "What the person is known by here: no name, no address."},
    )


class UserSchema(Lean):
    id = Ident(required=True, description="Id of the user.")
    member = Ident(required=True, attribute="member_id", description="The member that the person acts for.")
    handle = fields.String(required=True, metadata={"description": "What the person is known by here."})
    created_at = Moment(required=True, description="When it was added.")
    disabled_at = Moment(description="When its access was ended.")


class UserPageSchema(Schema):
    items = fields.List(fields.Nested(UserSchema), required=True, metadata={"description": "By id."})
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Send as `after`; null: no more."}
    )
