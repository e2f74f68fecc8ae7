"""People who sign in to the console."""

from marshmallow import fields

from schemas.shapes import Ident, Lean, Moment


class AccountSchema(Lean):
    """A user with its roles, and with what holds of its signing in."""

    id = Ident(required=True, attribute="user.id", description="Id of the user.")
    member = Ident(
        required=True, attribute="user.member_id", description="The member that the person acts for."
    )
    handle = fields.String(
        required=True, attribute="user.handle", metadata={"description": "What the person is known by here."}
    )
    created_at = Moment(required=True, attribute="user.created_at", description="When it was added.")
    disabled_at = Moment(attribute="user.disabled_at", description="When its access was ended.")
    roles = fields.List(
        fields.String(), required=True, metadata={"description": "What it may do in the console."}
    )
    enrolled = fields.Boolean(required=True, metadata={"description": "It has a password and a device."})
    invited_until = Moment(description="When its invitation ends, if one stands.")
    locked = fields.Boolean(required=True, metadata={"description": "Too many failures: it cannot sign in."})
    locked_until = Moment(description="When the lock ends; left out: when the operator ends it.")
    linked = fields.Boolean(required=True, metadata={"description": "It signs in through the provider."})
