"""OpenAPI 3.1 from the code, and a page that shows it with scripts of our own host."""

from importlib.resources import files
from typing import Any

import flask_smorest
import yaml
from flask import Blueprint, Flask, Response
from marshmallow import INCLUDE, Schema, fields

from app.errors import NotFound
from app.web.blueprint import DigestConverter, IdentConverter, TilesConverter
from app.web.identity import requires
from app.web.problems import MEDIA_TYPE
from schemas.tags import Capability, HarmType, Tag
from schemas.vocabulary import Scope

VERSION = "1"
_ASSETS = files("flask_openapi3_swagger") / "templates" / "swagger"
_ASSET_TYPES = {
    "swagger-ui.css": ("css", "text/css"),
    "swagger-ui-bundle.js": ("js", "text/javascript"),
}
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'"
)
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Halyard API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><main id="swagger-ui"></main>
<script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>
"""
_START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true});\n'


class ProblemSchema(Schema):
    """RFC 9457 problem document. Some problems have members of their own (section 3.2)."""

    class Meta:
        unknown = INCLUDE

    type = fields.String(required=True, metadata={"description": "urn:halyard:problem:…"})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True, metadata={"description": "What to do next."})
    reason = fields.String(metadata={"description": "A code for programs."})
    errors = fields.List(
        fields.Dict(keys=fields.String(), values=fields.String()),
        metadata={"description": "Where it is wrong: {pointer, detail}."},
    )


class Api(flask_smorest.Api):  # type: ignore[misc]
    """flask-smorest's documentation without its error handler, which drops headers."""

    ERROR_SCHEMA = ProblemSchema

    def _register_error_handlers(self) -> None:
        """Errors are rendered by `app.web.problems`."""

    def _register_responses(self) -> None:
        problem = {"content": {MEDIA_TYPE: {"schema": ProblemSchema}}}
        described = {"description": "A problem document (RFC 9457).", **problem}
        self.spec.components.response(self.DEFAULT_ERROR_RESPONSE_NAME, described, lazy=True)
        for name in ("UNPROCESSABLE_ENTITY", "NOT_MODIFIED", "PRECONDITION_FAILED", "PRECONDITION_REQUIRED"):
            content = {} if name == "NOT_MODIFIED" else problem
            response = {"description": name.replace("_", " ").capitalize(), **content}
            self.spec.components.response(name, response, lazy=True)


def install(app: Flask, blueprints: tuple[Any, ...]) -> Api:
    """Register the documented blueprints, `/openapi.json` and `/docs`."""
    app.config.update(
        API_TITLE="Halyard",
        API_VERSION=VERSION,
        OPENAPI_VERSION="3.1.0",
        API_SPEC_OPTIONS={
            "info": {"description": "Indicator sharing between the members of a child-safety coalition."},
            "servers": [{"url": "/"}],
        },
    )
    app.url_map.converters.update(ident=IdentConverter, digest=DigestConverter, tiles=TilesConverter)
    api = Api(app)
    api.register_converter(IdentConverter, lambda _converter: {"type": "string", "format": "uuid"})
    digest = {"type": "string", "pattern": f"^{DigestConverter.regex}$"}
    api.register_converter(DigestConverter, lambda _converter: digest)
    tiles = {"type": "string", "pattern": TilesConverter.documented}
    api.register_converter(TilesConverter, lambda _converter: tiles)
    api.spec.components.security_scheme("oauth", _security_scheme())
    for name, words in (("HarmType", HarmType), ("Capability", Capability)):
        api.spec.components.schema(name, _tags(words))
    for blueprint in blueprints:
        api.register_blueprint(blueprint)
    app.register_blueprint(_pages(api))
    return api


def document(api: Api) -> str:
    """The OpenAPI document as YAML: what `openapi.yaml` must equal."""
    text: str = yaml.safe_dump(api.spec.to_dict(), sort_keys=True, allow_unicode=True, width=110)
    return text


def _tags(words: type[Tag]) -> dict[str, Any]:
    """Words that documents hold; they are added to, so a client must bear one that it does not know."""
    meanings = "\n".join(f"- `{word.value}`: {word.meaning}" for word in words)
    return {"type": "string", "enum": [word.value for word in words], "description": meanings}


def _security_scheme() -> dict[str, Any]:
    from_vocabulary = {scope.value: scope.name.lower().replace("_", " ") for scope in Scope}
    flow = {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": from_vocabulary}}
    description = (
        "Tokens by client_credentials; see /oauth/token. A token of type DPoP is bound to a key (RFC 9449): "
        "send it as `Authorization: DPoP …`, with a proof for each request in the header `DPoP`."
    )
    return {"type": "oauth2", "flows": flow, "description": description}


def _pages(api: Api) -> Blueprint:
    pages = Blueprint("docs", __name__)

    @pages.get("/openapi.json")
    @requires.nothing
    def openapi() -> dict[str, Any]:
        spec: dict[str, Any] = api.spec.to_dict()
        return spec

    @pages.get("/docs")
    @requires.nothing
    def page() -> Response:
        answer = Response(_PAGE, content_type="text/html; charset=utf-8")
        answer.headers["Content-Security-Policy"] = _CSP
        return answer

    @pages.get("/docs/<name>")
    @requires.nothing
    def asset(name: str) -> Response:
        if name == "start.js":
            return Response(_START, content_type="text/javascript")
        if name not in _ASSET_TYPES:
            raise NotFound
        folder, media_type = _ASSET_TYPES[name]
        return Response((_ASSETS / folder / name).read_bytes(), content_type=media_type)

    return pages
