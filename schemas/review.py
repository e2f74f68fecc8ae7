"""Review of a draft: candidates, and what is said of them."""

from marshmallow import INCLUDE, Schema, fields, validate

from schemas.sets import DIGEST, SEMVER
from schemas.shapes import Ident, Lean, Moment
from schemas.vocabulary import CandidateStatus, RemarkKind

BODIES_LIMIT = 50
TEXT = validate.Length(min=1, max=2_000)


class NewCandidateSchema(Schema):
    version = fields.String(
        required=True, validate=SEMVER, metadata={"description": "Higher than every published version."}
    )
    bodies = fields.List(
        Ident(description="Id of a member."),
        load_default=list,
        validate=validate.Length(max=BODIES_LIMIT),
        metadata={"description": "Validation bodies that are invited to read and attest the candidate."},
    )
    note = fields.String(validate=TEXT, metadata={"description": "What reviewers should look at."})


class CandidateSchema(Lean):
    """The frozen bytes of a draft under review. Authors and bodies are told to the owner only."""

    set = Ident(required=True, description="Id of the set.")
    digest = fields.String(
        required=True, validate=DIGEST, metadata={"description": "SHA-256 of the candidate's bytes."}
    )
    version = fields.String(required=True, metadata={"description": "The version that it is for."})
    status = fields.String(
        required=True,
        validate=validate.OneOf([status.value for status in CandidateStatus]),
        metadata={"description": "How it stands."},
    )
    note = fields.String(metadata={"description": "What reviewers should look at."})
    sent_at = Moment(required=True, description="When it was frozen.")
    sent_by = Ident(description="The user who sent it; absent for a service client.")
    authors = fields.List(
        Ident(description="Id of a user."), metadata={"description": "Users who may not approve it."}
    )
    bodies = fields.List(
        Ident(description="Id of a member."), metadata={"description": "Members invited to attest it."}
    )


class FrozenDocumentSchema(Schema):
    """The document of a candidate as it was frozen: indicator-set.v1, whole."""

    class Meta:
        unknown = INCLUDE

    schema = fields.String(required=True, metadata={"description": "halyard.indicator-set/1"})
    set = Ident(required=True, description="Id of the set.")
    version = fields.String(required=True, metadata={"description": "The version that it is for."})


class CandidatePageSchema(Schema):
    items = fields.List(
        fields.Nested(CandidateSchema), required=True, metadata={"description": "Candidates, newest first."}
    )
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Send as `after`; null: no more."}
    )


class NewCommentSchema(Schema):
    text = fields.String(required=True, validate=TEXT, metadata={"description": "What is to be said."})
    indicator = fields.String(
        validate=validate.Length(min=1, max=100),
        metadata={"description": "Id of the indicator that it is about; left out: the whole."},
    )


class ApprovalSchema(Schema):
    note = fields.String(validate=TEXT, metadata={"description": "What was looked at."})


class ReturnSchema(Schema):
    note = fields.String(required=True, validate=TEXT, metadata={"description": "What must change."})


class RemarkSchema(Lean):
    """One thing that a person said of a candidate."""

    id = Ident(required=True, description="Id of the remark.")
    kind = fields.String(
        required=True,
        validate=validate.OneOf([kind.value for kind in RemarkKind]),
        metadata={"description": "A comment, the approval, or the return."},
    )
    indicator = fields.String(metadata={"description": "Id of the indicator that it is about."})
    text = fields.String(metadata={"description": "What was said."})
    user = Ident(required=True, attribute="user_id", description="Who said it.")
    at = Moment(required=True, description="When.")


class RemarkPageSchema(Schema):
    items = fields.List(
        fields.Nested(RemarkSchema), required=True, metadata={"description": "Remarks, oldest first."}
    )
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Send as `after`; null: no more."}
    )
