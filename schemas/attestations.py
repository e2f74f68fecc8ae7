"""Attestations: what validation bodies state of a document."""

from marshmallow import Schema, fields, validate

from schemas.shapes import Flag, Ident, Lean, Moment
from schemas.vocabulary import AttestationStatus

WITHDRAWALS = (AttestationStatus.WITHDRAWN, AttestationStatus.CONSENT_WITHDRAWN)


class NewAttestationSchema(Schema):
    """What the body says; the server adds set, version, digest and body (attestation.v1)."""

    method = fields.String(
        required=True, metadata={"description": "How, in lower-case words, for example survivor-focus-group."}
    )
    year = fields.Integer(
        required=True,
        strict=True,
        validate=validate.Range(min=1990, max=9999),
        metadata={"description": "When. Nothing finer than a year is taken."},
    )
    country = fields.String(
        metadata={"description": "Where, as an ISO 3166-1 alpha-2 code. Nothing finer is taken."}
    )
    survivors_consulted = Flag(required=True, metadata={"description": "Whether survivors were consulted."})
    participants_band = fields.String(
        metadata={"description": "How many took part, as a band that begins at 5 or more, for example 5-9."}
    )
    consent_recorded = Flag(metadata={"description": "True: all who were consulted agreed to this use."})
    consent_reference = Ident(
        description="The record of consent in the body's own register: random, and told to nobody else."
    )
    limits = fields.String(
        required=True,
        validate=validate.Length(min=1, max=1_000),
        metadata={"description": "What this validation does not show. No names, no quotes."},
    )


class AttestationSchema(Lean):
    """How an attestation stands. One that was withdrawn has no statement any more."""

    id = Ident(required=True, description="Id of the attestation, as in its statement.")
    set = Ident(required=True, attribute="set_id", description="Id of the set.")
    document = fields.String(
        required=True, attribute="document_digest", metadata={"description": "SHA-256 of the document."}
    )
    body = Ident(required=True, attribute="body_id", description="The member that attests.")
    status = fields.String(
        required=True,
        validate=validate.OneOf([status.value for status in AttestationStatus]),
        metadata={"description": "Whether it stands."},
    )
    at = Moment(required=True, description="When it was made.")
    ended_at = Moment(description="When it was withdrawn.")


class StatedSchema(AttestationSchema):
    statement = fields.Dict(metadata={"description": "attestation.v1, as it was signed."})
    jws = fields.String(
        metadata={"description": "Detached JWS (RFC 7515, F) over the statement's canonical bytes."}
    )


class AttestationListSchema(Schema):
    items = fields.List(
        fields.Nested(StatedSchema), required=True, metadata={"description": "Attestations, oldest first."}
    )


class AttestationPageSchema(AttestationListSchema):
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Send as `after`; null: no more."}
    )


class WithdrawnAttestationSchema(Schema):
    reason = fields.String(
        required=True,
        validate=validate.OneOf([status.value for status in WITHDRAWALS]),
        metadata={"description": "consent_withdrawn: those who were consulted no longer agree."},
    )
