"""Sharing groups: named members who share under accepted terms."""

from marshmallow import Schema, fields, validate

from schemas.members import ATTRIBUTE
from schemas.shapes import Flag, Ident, Lean
from schemas.vocabulary import GroupStanding, Sector

TERMS_LIMIT = 20_000
REQUIREMENTS_LIMIT = 20
BOUND_TOKENS = (
    "Clients of its owner and of its members use tokens that are bound to their sender (RFC 9449, RFC 8705), "
    "for whatever they do here: others are refused at once."
)


class NewGroupSchema(Schema):
    name = fields.String(
        required=True,
        validate=validate.Length(min=1, max=200),
        metadata={"description": "Name of the group, unique."},
    )
    terms = fields.String(
        required=True,
        validate=validate.Length(min=1, max=TERMS_LIMIT),
        metadata={"description": "What every member of it accepts."},
    )
    requires = fields.List(
        fields.String(validate=ATTRIBUTE),
        load_default=list,
        validate=validate.Length(max=REQUIREMENTS_LIMIT),
        metadata={"description": "Member attributes without which its material is not seen."},
    )
    allows_downstream = Flag(
        load_default=False,
        metadata={"description": "The terms let a member release what it receives to those that it serves."},
    )
    requires_bound_tokens = Flag(load_default=False, metadata={"description": BOUND_TOKENS})


class GroupChangeSchema(Schema):
    """What is left out stays as it is."""

    terms = fields.String(
        validate=validate.Length(min=1, max=TERMS_LIMIT),
        metadata={"description": "New terms: every member has to accept them before it sees anything again."},
    )
    requires = fields.List(
        fields.String(validate=ATTRIBUTE),
        validate=validate.Length(max=REQUIREMENTS_LIMIT),
        metadata={"description": "All attributes that are required from now on."},
    )
    allows_downstream = Flag(
        metadata={"description": "Part of the terms: a change needs acceptance too."},
    )
    requires_bound_tokens = Flag(metadata={"description": BOUND_TOKENS})


class MembershipSchema(Schema):
    member = Ident(required=True, description="Id of the member.")
    name = fields.String(required=True, metadata={"description": "Its name."})
    sector = fields.String(
        required=True,
        validate=validate.OneOf([sector.value for sector in Sector]),
        metadata={"description": "What kind of entity it is."},
    )
    standing = fields.Enum(
        GroupStanding,
        by_value=True,
        required=True,
        metadata={"description": "Invited, terms accepted, or let in."},
    )
    holds = fields.Boolean(
        required=True, metadata={"description": "It holds every attribute that the group requires, now."}
    )


class GroupSchema(Lean):
    id = Ident(required=True, description="Id of the group.")
    name = fields.String(required=True, metadata={"description": "Its name."})
    owner = Ident(required=True, description="The member that lets others in.")
    terms = fields.String(required=True, metadata={"description": "What every member of it accepts."})
    terms_version = fields.Integer(required=True, metadata={"description": "Counts the terms from 1."})
    allows_downstream = fields.Boolean(
        required=True, metadata={"description": "Material may be released to downstreams."}
    )
    requires_bound_tokens = fields.Boolean(required=True, metadata={"description": BOUND_TOKENS})
    requires = fields.List(
        fields.String(), required=True, metadata={"description": "Member attributes that it requires."}
    )
    standing = fields.Enum(
        GroupStanding,
        by_value=True,
        metadata={"description": "How the caller stands to it; absent for an owner that is not in it."},
    )
    holds = fields.Boolean(
        required=True, metadata={"description": "The caller holds every required attribute, now."}
    )
    members = fields.List(
        fields.Nested(MembershipSchema),
        metadata={"description": "Who is in it: for its members; who is invited: for its owner."},
    )


class GroupPageSchema(Schema):
    items = fields.List(fields.Nested(GroupSchema), required=True, metadata={"description": "By name."})
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Send as `after`; null: no more."}
    )


class InvitationSchema(Schema):
    member = Ident(required=True, description="The member that is asked in.")


class AcceptanceSchema(Schema):
    terms_version = fields.Integer(
        required=True,
        strict=True,
        validate=validate.Range(min=1, max=1_000_000),
        metadata={"description": "The version of the terms that was read and is accepted."},
    )


_EPOCH = validate.Range(min=0, max=2**31 - 1)


class NewGroupKeySchema(Schema):
    """By name and epoch only: a key itself never comes here."""

    epoch = fields.Integer(
        required=True, strict=True, validate=_EPOCH, metadata={"description": "The newest epoch."}
    )
    retired_before = fields.Integer(
        load_default=0,
        strict=True,
        validate=_EPOCH,
        metadata={"description": "Signals of epochs before this one are no longer taken."},
    )


class GroupKeySchema(Schema):
    key_id = fields.String(required=True, metadata={"description": "Name of the key."})
    epoch = fields.Integer(required=True, metadata={"description": "The newest epoch."})
    retired_before = fields.Integer(
        required=True, metadata={"description": "Signals of epochs before this one are no longer taken."}
    )


class GroupKeysSchema(Schema):
    items = fields.List(fields.Nested(GroupKeySchema), required=True, metadata={"description": "By name."})
