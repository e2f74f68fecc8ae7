"""Proofs of the audit log. How they are verified: RFC 9162 sections 2.1.3.2 and 2.1.4.2, with SHA-256."""

from marshmallow import Schema, fields, validate

from schemas.audit import EntryArgs, EntrySchema

_LIMIT = 2**63 - 1
_SIZE = validate.Range(min=0, max=_LIMIT)


class SizeArgs(Schema):
    size = fields.Integer(
        validate=_SIZE,
        metadata={"description": "Prove it for the tree of so many leaves; else for the newest checkpoint."},
    )


class InclusionArgs(SizeArgs):
    index = fields.Integer(
        required=True,
        validate=validate.Range(min=0, max=_LIMIT - 1),
        metadata={"description": "The leaf, counted from 0: one less than the entry's `index`."},
    )


class ConsistencyArgs(Schema):
    old = fields.Integer(
        required=True, validate=_SIZE, data_key="from",
        metadata={"description": "Size of the older tree."},
    )  # fmt: skip
    new = fields.Integer(
        validate=_SIZE, data_key="to",
        metadata={"description": "Size of the newer one; else that of the newest checkpoint."},
    )  # fmt: skip


class ExportArgs(EntryArgs):
    """Which entries. All that is given must hold; nothing given: all that you may read."""

    class Meta:
        exclude = ("limit",)

    after = fields.String(
        validate=validate.Length(max=2_000),
        metadata={"description": "The `next` of the last line `reached` or `closed`, to go on from there."},
    )
    proofs = fields.Boolean(
        load_default=False,
        metadata={"description": "Each entry with its inclusion proof, where nothing of it is withheld."},
    )


class ProofSchema(Schema):
    hashes = fields.List(
        fields.String(), required=True, metadata={"description": "SHA-256 in hex, in the order of RFC 9162."}
    )
    checkpoint = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "The signed note of exactly this size, with the root; null: none was signed."
        },
    )


class InclusionSchema(ProofSchema):
    """That a leaf is in the tree."""

    index = fields.Integer(required=True, metadata={"description": "The leaf, counted from 0."})
    size = fields.Integer(required=True, metadata={"description": "Leaves of the tree."})


class ReceiptSchema(Schema):
    """That an exchange is in the log: `documents/audit-receipt.v1.json`."""

    schema = fields.String(required=True, metadata={"description": "halyard.audit-receipt/1"})
    index = fields.Integer(required=True, metadata={"description": "The leaf, counted from 0."})
    size = fields.Integer(required=True, metadata={"description": "Leaves of the tree of the checkpoint."})
    entry = fields.Nested(
        EntrySchema,
        required=True,
        metadata={"description": "The leaf is SHA-256(0x00 ‖ the RFC 8785 form of this)."},
    )
    hashes = fields.List(
        fields.String(), required=True, metadata={"description": "SHA-256 in hex, in the order of RFC 9162."}
    )
    checkpoint = fields.String(
        required=True, metadata={"description": "The signed note of exactly this size."}
    )


class ConsistencySchema(ProofSchema):
    """That the older tree is the beginning of the newer one."""

    old = fields.Integer(required=True, data_key="from", metadata={"description": "Size of the older tree."})
    new = fields.Integer(required=True, data_key="to", metadata={"description": "Size of the newer one."})
