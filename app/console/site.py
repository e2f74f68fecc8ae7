"""What all pages of the console share: their template folder and stylesheet, headers, and how refusals look.

Pages are made on the server and need no script at all (ADR 0027), so the policy of their content allows none.
"""

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Final

import msgspec
from flask import Blueprint, Flask, Response, render_template, request
from jinja2 import StrictUndefined

from app import clock
from app.console import wording
from app.console.session import csrf_field, current_person
from app.errors import NotFound
from app.web.exchange import Reply
from app.web.identity import requires
from app.web.problems import MEDIA_TYPE
from schemas.vocabulary import Role

PREFIX: Final = "/console"
HTML: Final = "text/html; charset=utf-8"

OVERSIGHT: Final = frozenset({Role.AUDITOR, Role.OPERATOR})
"""Roles that read of everybody: who exchanged with whom is for them alone."""

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
"""On every answer below `/console`. Files of the layout hold nothing about anybody: they may be kept.

A form may only go to this server, and browsers hold its redirects to that too: whatever leads to another
server (OpenID Connect) is a link, not a form.
"""

_ASSETS: Final = {"console.css": "text/css; charset=utf-8", "halyard.svg": "image/svg+xml"}
_FOLDER: Final = files("app.console") / "static"
_YEAR_SECONDS: Final = 31_536_000
LAYOUT: Final = hashlib.sha256(
    b"".join((_FOLDER / name).read_bytes() for name in sorted(_ASSETS))
).hexdigest()
"""Pages name it in the addresses of the layout's files, so that a new server is never dressed in old ones."""

blp = Blueprint("console", "app.console", url_prefix=PREFIX, template_folder="templates")


def install(app: Flask, pages: tuple[Blueprint, ...] = ()) -> None:
    """Register the layout and these pages; every problem below `/console` is shown as a page."""
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.autoescape = True
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(layout=LAYOUT[:12], csrf_field=csrf_field, current_person=current_person)
    app.jinja_env.filters.update(_FILTERS)
    for blueprint in (blp, *pages):
        app.register_blueprint(blueprint)
    app.after_request(_dress)


def page(template: str, **values: Any) -> Reply:
    """The bytes of a page, for `read` and `write`: final before the entry that commits to them is written."""
    status = values.pop("status", 200)
    subjects = values.pop("subjects", ())
    body = render_template(template, **values).encode()
    return Reply(body=body, subjects=subjects, status=status, media_type=HTML, coded=True)


@blp.get("/static/<name>")
@requires.nothing
def asset(name: str) -> Response:
    """A file of the layout."""
    if name not in _ASSETS:
        raise NotFound
    answer = Response((_FOLDER / name).read_bytes(), content_type=_ASSETS[name])
    answer.headers["Cache-Control"] = f"public, max-age={_YEAR_SECONDS}, immutable"
    return answer


def _dress(answer: Response) -> Response:
    if not (request.path == PREFIX or request.path.startswith(f"{PREFIX}/")):
        return answer
    if answer.mimetype == MEDIA_TYPE:
        _show(answer)
    for name, value in HEADERS.items():
        if name != "Cache-Control" or request.endpoint != "console.asset":
            answer.headers[name] = value
    return answer


def _show(answer: Response) -> None:
    """Turn a problem document into a page that says the same in sentences."""
    problem: dict[str, Any] = msgspec.json.decode(answer.get_data())
    status = HTTPStatus(answer.status_code)
    wait = answer.headers.get("Retry-After")
    answer.set_data(
        render_template(
            "console/problem.html", status=status.value, heading=_HEADINGS.get(status, status.phrase),
            detail=problem["detail"], errors=problem.get("errors", []), wait=wait,
        )
    )  # fmt: skip
    answer.content_type = HTML
    answer.headers.remove("WWW-Authenticate")


def _moment(value: int | str) -> str:
    """Microseconds, or the text of an entry, as RFC 3339."""
    return value if isinstance(value, str) else clock.to_text(value)


def _brief(value: int) -> str:
    """A number on an axis: 1,500 is 1.5k."""
    for unit, sign in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if value >= unit:
            return f"{value / unit:.1f}".removesuffix(".0") + sign
    return str(value)


_FILTERS: Final = {
    "action": wording.action,
    "brief": _brief,
    "decided": wording.decision,
    "dress": wording.dress,
    "moment": _moment,
    "oversees": lambda roles: bool(roles & OVERSIGHT),
    "pair": lambda value: (value, value),
    "reason": wording.reason,
    "short": wording.short,
    "subject": wording.subject,
    "witnessed": wording.witnessed,
}

_HEADINGS: Final = {
    HTTPStatus.BAD_REQUEST: "This request cannot be read",
    HTTPStatus.FORBIDDEN: "You may not open this",
    HTTPStatus.NOT_FOUND: "There is nothing here",
    HTTPStatus.METHOD_NOT_ALLOWED: "This cannot be done here",
    HTTPStatus.CONFLICT: "Not yet, or not any more",
    HTTPStatus.GONE: "This is not kept here any more",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Something in this request does not fit",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong here",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not available at this moment",
}
