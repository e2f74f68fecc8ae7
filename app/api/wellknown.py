"""What everybody may know of this server: OAuth metadata (RFC 8414) and public keys (RFC 7517)."""

from typing import Any

from flask import Response

from app.api.oauth_server import METHODS
from app.audit import checkpoints, lives
from app.keys import Use
from app.members.jwks import ASSERTION_ALGORITHMS
from app.web.blueprint import Blueprint
from app.web.documentation import VERSION
from app.web.dpop import SIGNED_WITH
from app.web.exchange import Reply
from app.web.identity import requires
from app.web.state import runtime
from schemas.oauth import HalyardSchema, PublishedKeysSchema, ServerMetadataSchema
from schemas.vocabulary import Purpose, Scope

blp = Blueprint("wellknown", __name__, url_prefix="/.well-known", description="Metadata and public keys")

_CACHED = {"Cache-Control": "public, max-age=300"}
_SPAN = ("kid", "nbf", "exp")


@blp.get("/oauth-authorization-server")
@requires.nothing
@blp.response(200, ServerMetadataSchema)
def oauth_metadata() -> Response:
    """Read the OAuth metadata of this server."""
    config = runtime().config
    issuer = config.issuer
    base = issuer.rstrip("/")
    document: dict[str, Any] = {
        "issuer": issuer,
        "jwks_uri": f"{base}/.well-known/jwks.json",
        "scopes_supported": [scope.value for scope in Scope],
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "tls_client_certificate_bound_access_tokens": bool(config.certificate_header),
        "dpop_signing_alg_values_supported": list(SIGNED_WITH),
        "purposes_supported": [purpose.value for purpose in Purpose],
    }
    for name, path in (("token", "token"), ("revocation", "revoke"), ("introspection", "introspect")):
        endpoint = f"{name}_endpoint"
        document[endpoint] = f"{base}/oauth/{path}"
        document[f"{endpoint}_auth_methods_supported"] = list(METHODS)
        document[f"{endpoint}_auth_signing_alg_values_supported"] = list(ASSERTION_ALGORITHMS)
    return Reply.of(ServerMetadataSchema, document, headers=_CACHED).response()


@blp.get("/jwks.json")
@requires.nothing
@blp.response(200, PublishedKeysSchema)
def token_keys() -> Response:
    """Read the keys that sign access tokens now, next, and signed them before."""
    return Reply.of(PublishedKeysSchema, {"keys": _published(Use.TOKEN)}, headers=_CACHED).response()


@blp.get("/halyard")
@requires.nothing
@blp.response(200, HalyardSchema)
def halyard() -> Response:
    """Read who this server is, with every key that ever signed a document or a checkpoint of its log."""
    document = {
        "issuer": runtime().config.issuer,
        "version": VERSION,
        "document_keys": {"keys": _published(Use.DOCUMENT)},
        "audit_log": _audit_log(),
    }
    return Reply.of(HalyardSchema, document, headers=_CACHED).response()


def _audit_log() -> dict[str, Any]:
    """What a verifier of the audit log needs to begin with."""
    house = runtime()
    base = checkpoints.origin(house.config.issuer)
    with house.db.read() as session:
        begun = lives.all_of(session)
        published = house.keyring.published(session, Use.AUDIT)
    told = [
        {
            "origin": life.origin(base),
            "began_at_size": life.began_at_size,
            "began_at": life.begun_at or None,
            "keys": [_checkpoint_key(life.origin(base), jwk) for jwk in published],
        }
        for life in begun
    ]
    witnesses = [{"name": one.key.name, "vkey": one.key.encode()} for one in house.config.witness_list]
    return {
        "origin": told[-1]["origin"], "keys": told[-1]["keys"], "lives": told, "witnesses": witnesses,
    }  # fmt: skip


def _checkpoint_key(name: str, jwk: dict[str, Any]) -> dict[str, Any]:
    span = {member: jwk[member] for member in _SPAN if member in jwk}
    return {"vkey": checkpoints.verifier_key(name, jwk).encode(), **span}


def _published(use: Use) -> list[dict[str, Any]]:
    house = runtime()
    with house.db.read() as session:
        return house.keyring.published(session, use)
