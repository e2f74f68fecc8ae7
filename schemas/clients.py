"""OAuth clients of a member, as they are registered."""

from marshmallow import Schema, fields, validate

from schemas.shapes import Flag, Ident, Lean, Moment
from schemas.vocabulary import ClientAuth, ClientKind, Purpose, Scope

SECRET_DAYS = fields.Integer(
    strict=True,
    load_default=365,
    validate=validate.Range(min=1, max=730),
    metadata={"description": "For a client with a secret: how many days it lives."},
)

NETWORK = fields.String(validate=validate.Length(min=1, max=64))
NETWORKS_COUNT = validate.Length(min=1, max=32)

DPOP_BOUND = "Its tokens are bound to a key by DPoP (RFC 9449 section 5.2), and no others count."
CERTIFICATE_BOUND = "Its tokens are bound to its certificate (RFC 8705 section 3.4), and no others count."


JWKS_URI = {
    "description": "Where it publishes its key set (https), instead of `jwks`: fetched now and again later.",
    "format": "uri",
}


class JwksSchema(Schema):
    keys = fields.List(
        fields.Dict(keys=fields.String()),
        required=True,
        validate=validate.Length(min=1, max=8),
        metadata={"description": "Public keys: EC P-256 (ES256), OKP Ed25519 (EdDSA) or RSA (PS256)."},
    )


class NewClientSchema(Schema):
    name = fields.String(
        required=True,
        validate=validate.Length(min=1, max=200),
        metadata={"description": "What the client is for."},
    )
    user = Ident(description="The person whose personal client this is; left out: a service client.")
    auth_method = fields.Enum(
        ClientAuth,
        by_value=True,
        load_default=ClientAuth.PRIVATE_KEY_JWT,
        metadata={"description": "How it proves itself at the token endpoint (RFC 7591)."},
    )
    jwks = fields.Nested(JwksSchema, metadata={"description": "Its key set, for private_key_jwt (RFC 7517)."})
    jwks_uri = fields.String(validate=validate.Length(min=1, max=2_000), metadata=JWKS_URI)
    secret_days = SECRET_DAYS
    scopes = fields.List(
        fields.Enum(Scope, by_value=True),
        required=True,
        validate=validate.Length(min=1, max=len(Scope)),
        metadata={"description": "Scopes that its tokens may have."},
    )
    purposes = fields.List(
        fields.Enum(Purpose, by_value=True),
        required=True,
        validate=validate.Length(min=1, max=len(Purpose)),
        metadata={"description": "Purposes that its tokens may carry."},
    )
    default_purpose = fields.Enum(
        Purpose,
        by_value=True,
        metadata={"description": "The purpose of a token that names none; left out: the first one."},
    )
    collections = fields.List(
        Ident(description="Id of a set or list."),
        validate=validate.Length(min=1, max=1_000),
        metadata={"description": "The only collections that it may touch; left out: no such bound."},
    )
    networks = fields.List(
        NETWORK,
        validate=NETWORKS_COUNT,
        metadata={"description": "The only networks that it may call from (CIDR); left out: no such bound."},
    )
    expires_at = Moment(description="When it ends by itself; left out: it stays until it is revoked.")
    dpop_bound_access_tokens = Flag(load_default=False, metadata={"description": DPOP_BOUND})
    tls_client_certificate_bound_access_tokens = Flag(
        load_default=False, metadata={"description": CERTIFICATE_BOUND}
    )


class ClientChangeSchema(Schema):
    """What is left out stays as it is; null takes the bound away. One of the two is named at least."""

    expires_at = Moment(
        allow_none=True, description="When it ends by itself; null: it stays until it is revoked."
    )
    networks = fields.List(
        NETWORK,
        allow_none=True,
        validate=NETWORKS_COUNT,
        metadata={"description": "All networks that it may call from (CIDR); null: no such bound."},
    )


class BindingSchema(Schema):
    """What the client's tokens must be bound to. A token that is not bound so stops at once."""

    dpop_bound_access_tokens = Flag(required=True, metadata={"description": DPOP_BOUND})
    tls_client_certificate_bound_access_tokens = Flag(
        required=True, metadata={"description": CERTIFICATE_BOUND}
    )


class RotationSchema(Schema):
    jwks = fields.Nested(JwksSchema, metadata={"description": "The new key set, for private_key_jwt."})
    jwks_uri = fields.String(validate=validate.Length(min=1, max=2_000), metadata=JWKS_URI)
    secret_days = SECRET_DAYS
    overlap_hours = fields.Integer(
        strict=True,
        load_default=0,
        validate=validate.Range(min=0, max=168),
        metadata={"description": "For how many hours the old keys or secret still work; 0: they stop now."},
    )


class ClientSchema(Lean):
    id = Ident(required=True, description="The `client_id` of OAuth.")
    member = Ident(required=True, attribute="member_id", description="The member that it acts for.")
    user = Ident(attribute="user_id", description="The person that a personal client is bound to.")
    kind = fields.String(
        required=True,
        validate=validate.OneOf([kind.value for kind in ClientKind]),
        metadata={"description": "Service, or personal: bound to one user."},
    )
    name = fields.String(required=True, metadata={"description": "What the client is for."})
    auth_method = fields.String(
        required=True,
        validate=validate.OneOf([method.value for method in ClientAuth]),
        metadata={"description": "How it proves itself at the token endpoint."},
    )
    jwks = fields.Nested(JwksSchema, metadata={"description": "Its public keys."})
    jwks_uri = fields.String(metadata={"description": "Where it publishes its keys."})
    secret_expires_at = Moment(description="When its secret ends.")
    former_until = Moment(description="Until when the keys or secret before the last rotation work too.")
    scopes = fields.List(fields.String(), required=True, metadata={"description": "Scopes of its tokens."})
    purposes = fields.List(
        fields.String(), required=True, metadata={"description": "Purposes that its tokens may carry."}
    )
    default_purpose = fields.String(
        required=True, metadata={"description": "The purpose of a token that names none."}
    )
    collections = fields.List(
        Ident(description="Id of a set or list."),
        metadata={"description": "The only collections that it may touch."},
    )
    networks = fields.List(
        fields.String(), metadata={"description": "The only networks that it may call from, as CIDR."}
    )
    expires_at = Moment(description="When it ends by itself.")
    ends_at = Moment(description="When it or its secret ends, whichever comes first.")
    dpop_bound_access_tokens = fields.Boolean(required=True, metadata={"description": DPOP_BOUND})
    tls_client_certificate_bound_access_tokens = fields.Boolean(
        required=True, metadata={"description": CERTIFICATE_BOUND}
    )
    created_at = Moment(required=True, description="When it was registered.")
    disabled_at = Moment(description="When it was revoked.")


class IssuedClientSchema(Schema):
    client = fields.Nested(ClientSchema, required=True, metadata={"description": "The client."})
    secret = fields.String(
        allow_none=True,
        required=True,
        metadata={"description": "Its secret: shown this once, stored only as a hash. Null with keys."},
    )


class ClientPageSchema(Schema):
    items = fields.List(fields.Nested(ClientSchema), required=True, metadata={"description": "By id."})
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Send as `after`; null: no more."}
    )
