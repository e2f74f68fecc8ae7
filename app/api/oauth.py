"""Tokens by client credentials (RFC 6749), revocation (RFC 7009), introspection (RFC 7662)."""

from collections.abc import Callable
from typing import Any

import msgspec
from flask import Response, request

from app.api.oauth_server import INTROSPECTION, REVOCATION, TOKEN, Answer, Exchange, Server
from app.web import limits
from app.web.blueprint import Blueprint
from app.web.identity import origin, requires
from app.web.state import runtime
from schemas.oauth import IntrospectionSchema, OAuthErrorSchema, RevokedSchema, TokenSchema
from schemas.vocabulary import Purpose

blp = Blueprint("oauth", __name__, url_prefix="/oauth", description="OAuth 2.0 endpoints")

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = "application/x-www-form-urlencoded"
BODY_LIMIT = 64_000


def _form(*required: str, **more: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI description of a form body with the parameters of client authentication."""
    text = {"type": "string"}
    properties = {
        **more,
        "client_id": {**text, "description": "May be left out: the authentication says it."},
        "client_assertion_type": {**text, "enum": [ASSERTION_TYPE]},
        "client_assertion": {**text, "description": "A signed JWT (RFC 7523); or HTTP Basic with a secret."},
    }
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"required": True, "content": {FORM: {"schema": schema}}}


@blp.post("/token")
@requires.nothing
@blp.response(200, TokenSchema)
@blp.alt_response(400, schema=OAuthErrorSchema, description="RFC 6749 section 5.2")
@blp.alt_response(401, schema=OAuthErrorSchema, description="Client authentication failed")
@blp.doc(
    requestBody=_form(
        "grant_type",
        grant_type={"type": "string", "enum": ["client_credentials"]},
        scope={"type": "string", "description": "Scopes; left out: all that the client may have."},
        purpose={"type": "string", "enum": [purpose.value for purpose in Purpose]},
    )
)
def token() -> Response:
    """Get an access token for ten minutes, bound to the key of the proof in `DPoP` if there is one."""
    return _answer(TOKEN, lambda server, asked: server.create_token_response(asked))


@blp.post("/revoke")
@requires.nothing
@blp.response(200, RevokedSchema)
@blp.alt_response(400, schema=OAuthErrorSchema, description="RFC 7009 section 2.2.1")
@blp.alt_response(401, schema=OAuthErrorSchema, description="Client authentication failed")
@blp.doc(requestBody=_form("token", token={"type": "string", "description": "An access token."}))
def revoke() -> Response:
    """End an access token of the client's own at once."""
    return _answer(REVOCATION, lambda server, asked: server.create_endpoint_response(REVOCATION, asked))


@blp.post("/introspect")
@requires.nothing
@blp.response(200, IntrospectionSchema)
@blp.alt_response(400, schema=OAuthErrorSchema, description="RFC 6749 section 5.2")
@blp.alt_response(401, schema=OAuthErrorSchema, description="Client authentication failed")
@blp.doc(requestBody=_form("token", token={"type": "string", "description": "An access token."}))
def introspect() -> Response:
    """Ask whether an access token of the client's own member stands."""
    return _answer(INTROSPECTION, lambda server, asked: server.create_endpoint_response(INTROSPECTION, asked))


def _answer(endpoint: str, work: Callable[[Server, Exchange], Answer]) -> Response:
    limits.hit_network(origin().network)
    request.max_content_length = BODY_LIMIT
    form = request.form.items(multi=True) if request.mimetype == FORM else ()
    asked = Exchange(endpoint, request.headers.get("Authorization"), form)
    answer = work(Server(runtime(), origin()), asked)
    body = msgspec.json.encode(answer.body)
    rendered = Response(body, status=answer.status, content_type="application/json")
    rendered.headers.update(answer.headers)
    rendered.headers["Cache-Control"] = "no-store"
    rendered.headers["Pragma"] = "no-cache"
    return rendered
