"""Every error as an RFC 9457 problem document, in one place and one form."""

from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from app import errors
from app.logs import frames
from app.web.dpop import SCHEME, SIGNED_WITH
from app.web.identity import origin

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"

STATUS: dict[str, HTTPStatus] = {
    errors.Malformed.slug: HTTPStatus.BAD_REQUEST,
    errors.Invalid.slug: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Unauthenticated.slug: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden.slug: HTTPStatus.FORBIDDEN,
    errors.NotFound.slug: HTTPStatus.NOT_FOUND,
    errors.Conflict.slug: HTTPStatus.CONFLICT,
    errors.StaleVersion.slug: HTTPStatus.PRECONDITION_FAILED,
    errors.PreconditionRequired.slug: HTTPStatus.PRECONDITION_REQUIRED,
    errors.Gone.slug: HTTPStatus.GONE,
    errors.KeyReused.slug: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TooLarge.slug: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedMedia.slug: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.TooMany.slug: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable.slug: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Unreachable.slug: HTTPStatus.UNPROCESSABLE_ENTITY,
}
_NOT_SHOWN = {"accept_encoding", "audited", "retry_after", "scheme", "scope"}


def install(app: Flask) -> None:
    app.register_error_handler(errors.HalyardError, halyard_problem)
    app.register_error_handler(HTTPException, http_problem)
    app.register_error_handler(Exception, unexpected_problem)


def halyard_problem(error: errors.HalyardError) -> Response:
    status = STATUS[error.slug]
    extra = {name: value for name, value in error.extra.items() if name not in _NOT_SHOWN}
    if error.reason != error.slug and error.reason:
        extra["reason"] = error.reason
    if error.errors:
        extra["errors"] = error.errors
    answer = problem(status, error.slug, error.detail, **extra)
    if isinstance(error, errors.TooMany | errors.Unavailable) or "retry_after" in error.extra:
        answer.headers["Retry-After"] = str(error.extra.get("retry_after", 1))
    if "accept_encoding" in error.extra:
        answer.headers["Accept-Encoding"] = error.extra["accept_encoding"]
    if isinstance(error, errors.Unauthenticated):
        scheme = error.extra.get("scheme", "Bearer")
        answer.headers["WWW-Authenticate"] = challenge(error.reason, error.detail, scheme=scheme)
    elif isinstance(error, errors.Forbidden):
        scope = error.extra.get("scope", "")
        answer.headers["WWW-Authenticate"] = challenge("insufficient_scope", error.detail, scope)
    return answer


def http_problem(error: HTTPException) -> Response:
    """Errors of the framework: unknown path, wrong method, failed validation. Their headers are kept."""
    if error.code is None or error.response is not None:
        return Response(status=500) if error.response is None else Response(error.get_body(), error.code)
    status = HTTPStatus(error.code)
    if status is HTTPStatus.NOT_FOUND:
        return halyard_problem(errors.NotFound())
    if isinstance(error, RequestEntityTooLarge):
        return halyard_problem(errors.TooLarge("The body is larger than what is taken here. Split it."))
    data: dict[str, Any] = getattr(error, "data", None) or {}
    extra = {"errors": _located(data["messages"])} if "messages" in data else {}
    detail = _DETAIL.get(status, status.description or status.phrase)
    answer = problem(status, _slug(status), detail, **extra)
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            answer.headers[name] = value
    return answer


def unexpected_problem(error: Exception) -> Response:
    """A fault of ours: logged by its type, answered without any detail."""
    log.error("request.failed", request=origin().id, error=type(error).__name__, at=frames(error))
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal",
        "Something went wrong here. Tell the operator the request id.",
    )


def problem(status: HTTPStatus, slug: str, detail: str, **extra: Any) -> Response:
    document = {
        "type": f"urn:halyard:problem:{slug}",
        "title": slug.replace("-", " ").capitalize(),
        "status": status.value,
        "detail": detail,
        **extra,
    }
    answer = Response(msgspec.json.encode(document), status=status.value, content_type=MEDIA_TYPE)
    answer.headers["Cache-Control"] = "no-store"
    g.problem = slug
    return answer


def challenge(reason: str, detail: str, scope: str = "", scheme: str = "Bearer") -> str:
    """A `WWW-Authenticate` value (RFC 6750 section 3, RFC 9449 section 7); no reason when no token was sent.

    Whoever may come with a bearer token may also come with a proof, and is told so.
    """
    parts = [f'{scheme} realm="halyard"']
    if reason:
        parts.append(f'error="{reason}"')
        parts.append(f'error_description="{detail.encode("ascii", "ignore").decode().replace(chr(34), "")}"')
    if scope:
        parts.append(f'scope="{scope}"')
    parts.append(_ALGS if scheme == SCHEME else f"{SCHEME} {_ALGS}")
    return ", ".join(parts)


_ALGS = f'algs="{" ".join(SIGNED_WITH)}"'

_DETAIL = {
    HTTPStatus.UNPROCESSABLE_ENTITY: "Some fields are wrong: see errors.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This method is not offered here: see the Allow header.",
}


def _slug(status: HTTPStatus) -> str:
    return "invalid" if status is HTTPStatus.UNPROCESSABLE_ENTITY else status.phrase.lower().replace(" ", "-")


def _located(messages: Any, pointer: str = "") -> list[dict[str, str]]:
    """Nested validation messages as a flat list with JSON pointers (RFC 6901), without the location."""
    if not isinstance(messages, dict):
        texts = messages if isinstance(messages, list) else [messages]
        return [{"pointer": pointer, "detail": str(text)} for text in texts]
    found: list[dict[str, str]] = []
    for name, inner in messages.items():
        is_location = pointer == "" and name in {"json", "query", "form", "headers"}
        step = "" if is_location or name == "_schema" else "/" + _step(name)
        found += _located(inner, pointer + step)
    return found


def _step(name: object) -> str:
    """One reference token; names that the caller made up are shown cut and escaped."""
    return str(name)[:64].replace("~", "~0").replace("/", "~1")
