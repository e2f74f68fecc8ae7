"""Subscriptions: a recipient's standing interest, and what the owner of a collection sees of it."""

from marshmallow import Schema, fields, validate

from schemas.shapes import Ident, Lean, Moment
from schemas.vocabulary import CollectionKind, Purpose

COLLECTION_LIMIT = 100

_KIND = validate.OneOf([kind.value for kind in CollectionKind], error="Use set or list.")


class NewSubscriptionSchema(Schema):
    name = fields.String(
        required=True,
        validate=validate.Length(min=1, max=200),
        metadata={"description": "Your own name for it, shown to nobody else."},
    )
    kinds = fields.List(
        fields.String(validate=_KIND),
        validate=validate.Length(min=1, max=len(CollectionKind)),
        metadata={"description": "set, list or both. Left out: the kinds that the token's scopes allow."},
    )
    collections = fields.List(
        Ident(description="Id of a set or a list."),
        allow_none=True,
        load_default=None,
        validate=validate.Length(min=1, max=COLLECTION_LIMIT),
        metadata={"description": "Only these. Null: everything that you see, now and later."},
    )


class LagSchema(Schema):
    """How far the acknowledged position is behind."""

    changes = fields.Integer(
        required=True, metadata={"description": "Changes not acknowledged yet, counted up to 10,000."}
    )
    more = fields.Boolean(required=True, metadata={"description": "There are more than were counted."})
    oldest_seconds = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Age of the oldest change that is not acknowledged; null: none."},
    )


class SubscriptionSchema(Lean):
    id = Ident(required=True, description="Id of the subscription.")
    name = fields.String(required=True, metadata={"description": "The client's own name for it."})
    kinds = fields.List(
        fields.String(validate=_KIND), required=True, metadata={"description": "What it takes."}
    )
    collections = fields.List(
        Ident(description="Id of a set or a list."),
        metadata={"description": "The only collections that it takes. Left out: everything that you see."},
    )
    purpose = fields.String(
        required=True,
        validate=validate.OneOf([purpose.value for purpose in Purpose]),
        metadata={"description": "The purpose of the token that made it; reading needs the same one."},
    )
    created_at = Moment(required=True, description="When it was made.")
    acknowledged_at = Moment(description="When something was acknowledged last.")
    ended_at = Moment(description="When it was ended.")
    lag = fields.Nested(LagSchema, metadata={"description": "In the answer about one subscription only."})


class SubscriptionPageSchema(Schema):
    items = fields.List(fields.Nested(SubscriptionSchema), required=True)
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Send as `after`; null: no more."}
    )


class AcknowledgementSchema(Schema):
    cursor = fields.String(
        required=True,
        validate=validate.Length(min=1, max=2_000),
        metadata={"description": "The `next` of the last page that you have stored."},
    )


class TakeArgs(Schema):
    """What part of a subscription to read."""

    after = fields.String(
        validate=validate.Length(max=2_000),
        metadata={"description": "The `next` of the page before. Left out: from the acknowledged position."},
    )
    limit = fields.Integer(
        load_default=100,
        validate=validate.Range(min=1, max=1_000),
        metadata={"description": "Changes per page."},
    )


class RecipientSchema(Lean):
    """A subscription of another member, as far as it concerns this collection."""

    subscription = Ident(required=True, description="Id of the subscription.")
    member = Ident(required=True, description="The member that takes it.")
    member_name = fields.String(required=True, metadata={"description": "Its name."})
    acknowledged_at = Moment(description="When it acknowledged anything last. Left out: never.")
    acknowledged_through = Moment(
        description="Date of the newest change of this collection that it has acknowledged. Left out: none."
    )
    behind = fields.Boolean(
        required=True, metadata={"description": "It has not acknowledged everything in this collection."}
    )
    changes_behind = fields.Integer(
        required=True, metadata={"description": "Changes of this collection, counted up to 10,000."}
    )
    more_behind = fields.Boolean(
        required=True, metadata={"description": "There are more changes than were counted."}
    )
    retractions_outstanding = fields.List(
        Ident(description="Id of a version or signal."),
        required=True,
        metadata={"description": "What is gone and it has not acknowledged so, oldest first, up to 1,000."},
    )
    more_retractions = fields.Boolean(
        required=True, metadata={"description": "There are more of them than are named."}
    )


class RecipientPageSchema(Schema):
    items = fields.List(fields.Nested(RecipientSchema), required=True)
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Send as `after`; null: no more."}
    )
