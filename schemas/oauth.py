"""What the OAuth endpoints and the well-known documents answer."""

from marshmallow import Schema, fields, validate

from schemas.shapes import Moment
from schemas.vocabulary import Purpose

TOKEN_TYPES = ("Bearer", "DPoP")


class TokenSchema(Schema):
    """RFC 6749 section 5.1."""

    access_token = fields.String(required=True, metadata={"description": "RFC 9068 JWT, signed with ES256."})
    token_type = fields.String(
        required=True,
        validate=validate.OneOf(TOKEN_TYPES),
        metadata={"description": "DPoP if the request came with a proof (RFC 9449), else Bearer (RFC 6750)."},
    )
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds."})
    scope = fields.String(required=True, metadata={"description": "Scopes of the token."})
    purpose = fields.Enum(Purpose, by_value=True, required=True, metadata={"description": "Its purpose."})


class OAuthErrorSchema(Schema):
    """RFC 6749 section 5.2."""

    error = fields.String(required=True, metadata={"description": "Code."})
    error_description = fields.String(required=True, metadata={"description": "What to do next."})


class RevokedSchema(Schema):
    """RFC 7009 section 2.2: nothing."""


class ConfirmationSchema(Schema):
    """RFC 7800: what the sender of a token must show beside it."""

    jkt = fields.String(
        metadata={"description": "RFC 7638 thumbprint of the key that signs its proofs (RFC 9449)."}
    )
    x5t = fields.String(
        data_key="x5t#S256", metadata={"description": "SHA-256 of its certificate, in base64url (RFC 8705)."}
    )


class IntrospectionSchema(Schema):
    """RFC 7662 section 2.2. Only `active` for tokens of other members and for those that do not stand."""

    active = fields.Boolean(required=True, metadata={"description": "The token stands now."})
    iss = fields.String(metadata={"description": "Who issued it."})
    aud = fields.String(metadata={"description": "Whom it is for."})
    sub = fields.String(metadata={"description": "The user of a personal client, or the client."})
    client_id = fields.String(metadata={"description": "The client."})
    member = fields.String(metadata={"description": "The client's member."})
    scope = fields.String(metadata={"description": "Scopes that it has now."})
    purpose = fields.String(metadata={"description": "Its purpose."})
    token_type = fields.String(
        validate=validate.OneOf(TOKEN_TYPES), metadata={"description": "The scheme that it is sent in."}
    )
    cnf = fields.Nested(
        ConfirmationSchema, metadata={"description": "What it is bound to; absent: to nothing."}
    )
    exp = fields.Integer(metadata={"description": "When it ends, in seconds since 1970."})
    jti = fields.String(metadata={"description": "Its id."})


class ServerMetadataSchema(Schema):
    """RFC 8414 section 2."""

    issuer = fields.String(required=True, metadata={"description": "Also the aud of every assertion."})
    token_endpoint = fields.String(required=True)
    revocation_endpoint = fields.String(required=True)
    introspection_endpoint = fields.String(required=True)
    jwks_uri = fields.String(required=True)
    scopes_supported = fields.List(fields.String(), required=True)
    response_types_supported = fields.List(fields.String(), required=True)
    grant_types_supported = fields.List(fields.String(), required=True)
    token_endpoint_auth_methods_supported = fields.List(fields.String(), required=True)
    token_endpoint_auth_signing_alg_values_supported = fields.List(fields.String(), required=True)
    revocation_endpoint_auth_methods_supported = fields.List(fields.String(), required=True)
    revocation_endpoint_auth_signing_alg_values_supported = fields.List(fields.String(), required=True)
    introspection_endpoint_auth_methods_supported = fields.List(fields.String(), required=True)
    introspection_endpoint_auth_signing_alg_values_supported = fields.List(fields.String(), required=True)
    tls_client_certificate_bound_access_tokens = fields.Boolean(
        required=True, metadata={"description": "A token is bound to the certificate shown (RFC 8705)."}
    )
    dpop_signing_alg_values_supported = fields.List(
        fields.String(), required=True, metadata={"description": "Algorithms of proofs (RFC 9449)."}
    )
    purposes_supported = fields.List(
        fields.String(), required=True, metadata={"description": "Values of the parameter purpose."}
    )


class PublishedKeysSchema(Schema):
    """RFC 7517 section 5. `nbf` and `exp`: when a key began and stopped to sign, in seconds since 1970."""

    keys = fields.List(fields.Dict(keys=fields.String()), required=True)


class CheckpointKeySchema(Schema):
    """A key of the audit log. `nbf` and `exp` as in `PublishedKeys`; without `nbf` it will sign next."""

    vkey = fields.String(
        required=True, metadata={"description": "C2SP signed-note: name, id and Ed25519 key, for verifiers."}
    )
    kid = fields.String(required=True, metadata={"description": "Its id among this server's keys."})
    nbf = fields.Integer(metadata={"description": "When it began to sign, in seconds since 1970."})
    exp = fields.Integer(metadata={"description": "When it stopped to sign, in seconds since 1970."})


class AuditLifeSchema(Schema):
    """A life of the log: a restore begins a new one, and takes over the entries that were restored."""

    origin = fields.String(required=True, metadata={"description": "First line of its checkpoints."})
    began_at_size = fields.Integer(
        required=True,
        metadata={"description": "Leaves that it has in common with the life before; 0 for the first one."},
    )
    began_at = Moment(
        required=True, allow_none=True, description="When it was begun; null for the first one."
    )
    keys = fields.List(
        fields.Nested(CheckpointKeySchema),
        required=True,
        metadata={"description": "Every key of the log, under the name of this origin."},
    )


class AuditWitnessSchema(Schema):
    """A witness that is asked to cosign checkpoints."""

    name = fields.String(required=True, metadata={"description": "The name of its key."})
    vkey = fields.String(
        required=True, metadata={"description": "Its key for verifiers: C2SP tlog-cosignature, Ed25519."}
    )


class AuditLogSchema(Schema):
    """The transparency log of the audit entries, in its present life."""

    origin = fields.String(
        required=True, metadata={"description": "First line of every checkpoint, and the name of every key."}
    )
    keys = fields.List(
        fields.Nested(CheckpointKeySchema),
        required=True,
        metadata={"description": "Every key that ever signed a checkpoint, and the one that will next."},
    )
    lives = fields.List(
        fields.Nested(AuditLifeSchema),
        required=True,
        metadata={"description": "The first one first; the last one is the present one."},
    )
    witnesses = fields.List(
        fields.Nested(AuditWitnessSchema),
        required=True,
        metadata={"description": "Who is asked to cosign checkpoints. Take their keys from them, too."},
    )


class HalyardSchema(Schema):
    """Who this server is to other servers and to whoever verifies its documents."""

    issuer = fields.String(required=True, metadata={"description": "Home of the documents that it signs."})
    version = fields.String(required=True, metadata={"description": "Version of the API."})
    document_keys = fields.Nested(
        PublishedKeysSchema, required=True, metadata={"description": "Every key that ever signed a document."}
    )
    audit_log = fields.Nested(
        AuditLogSchema, required=True, metadata={"description": "How its audit log is verified."}
    )
