"""Proofs of the audit log. How they are verified: RFC 9162 sections 2.1.3.2 and 2.1.4.2, with SHA-256."""

from marshmallow import Schema, fields, validate

from schemas.audit import EntryArgs, EntrySchema
from schemas.shapes import Moment

_LIMIT = 2**63 - 1
_SIZE = validate.Range(min=0, max=_LIMIT)


class SizeArgs(Schema):
    size = fields.Integer(
        validate=_SIZE,
        metadata={"description": "Prove it for the tree of so many leaves; else for the newest checkpoint."},
    )


class CheckpointArgs(Schema):
    witnesses = fields.Integer(
        load_default=0,
        validate=validate.Range(min=0, max=99),
        metadata={
            "description": "The newest one that at least so many of the witnesses cosigned which "
            "`/.well-known/halyard` names; 0: the newest one, whoever cosigned it."
        },
    )


class CheckpointsArgs(Schema):
    before = fields.Integer(
        validate=validate.Range(min=0, max=_LIMIT),
        metadata={"description": "The `next` of the page before: only smaller checkpoints."},
    )
    limit = fields.Integer(
        load_default=100,
        validate=validate.Range(min=1, max=1_000),
        metadata={"description": "Checkpoints per page."},
    )


class CosignatureSchema(Schema):
    """That a witness saw this checkpoint, and nothing that contradicts it."""

    witness = fields.String(required=True, metadata={"description": "The name of its key."})
    key_id = fields.String(required=True, metadata={"description": "The id of its key, 8 hex digits."})
    cosigned_at = Moment(required=True, description="When, as the witness says; whole seconds.")


class CheckpointSchema(Schema):
    """What was signed of the log, once for each size."""

    size = fields.Integer(required=True, metadata={"description": "Leaves of the tree."})
    root = fields.String(required=True, metadata={"description": "Its root, SHA-256 in hex."})
    origin = fields.String(required=True, metadata={"description": "In which life of the log: its name."})
    signed_at = Moment(required=True, description="When it was signed.")
    kid = fields.String(
        required=True, metadata={"description": "The key that signed, among those of `/.well-known/halyard`."}
    )
    cosignatures = fields.List(
        fields.Nested(CosignatureSchema), required=True, metadata={"description": "By name of the witness."}
    )
    checkpoint = fields.String(
        required=True, metadata={"description": "The signed note, with the lines of its witnesses."}
    )


class CheckpointsSchema(Schema):
    items = fields.List(
        fields.Nested(CheckpointSchema), required=True, metadata={"description": "Newest first."}
    )
    next = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Send as `before`; null: no older ones."}
    )


class WitnessSchema(Schema):
    """How the log stands with a witness, in its present life."""

    name = fields.String(required=True, metadata={"description": "The name of its key."})
    vkey = fields.String(required=True, metadata={"description": "Its key for verifiers."})
    cosigned_size = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "The largest checkpoint that it cosigned; null: none yet."},
    )
    cosigned_at = Moment(required=True, allow_none=True, description="When it cosigned last, as it says.")
    holds = fields.Integer(
        required=True, metadata={"description": "The size that it holds, as far as it said."}
    )
    problem = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Why it does not cosign now; null: it does. `forked`, `rolled_back`: it has seen "
            "another history of this log."
        },
    )
    problem_at = Moment(required=True, allow_none=True, description="Since when.")


class WitnessesSchema(Schema):
    items = fields.List(
        fields.Nested(WitnessSchema), required=True, metadata={"description": "As the settings name them."}
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
        exclude = ("limit", "order")

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
