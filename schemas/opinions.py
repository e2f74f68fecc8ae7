"""What members think of an entry."""

from marshmallow import Schema, fields, validate

from schemas.shapes import Ident, Moment
from schemas.vocabulary import Opinion, OpinionReason

_OPINION = validate.OneOf([opinion.value for opinion in Opinion])
_REASON = validate.OneOf([reason.value for reason in OpinionReason])


class NewOpinionSchema(Schema):
    opinion = fields.String(
        required=True, validate=_OPINION, metadata={"description": "The scale of five of STIX 2.1."}
    )
    reason = fields.String(validate=_REASON, metadata={"description": "Why: a code."})


class OpinionSchema(Schema):
    member = Ident(required=True, description="The member that thinks so.")
    opinion = fields.String(
        required=True, validate=_OPINION, metadata={"description": "The scale of five of STIX 2.1."}
    )
    reason = fields.String(validate=_REASON, metadata={"description": "Why: a code."})
    accredited = fields.Boolean(
        required=True, metadata={"description": "It was an accredited assessor when it said so."}
    )
    stated_at = Moment(required=True, description="When it said so.")


class OpinionPageSchema(Schema):
    items = fields.List(
        fields.Nested(OpinionSchema), required=True, metadata={"description": "One of each member, by id."}
    )
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Send as `after`; null: no more."}
    )
