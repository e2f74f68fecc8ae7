"""`create_app`: the only assembly of the HTTP server."""

import time

import structlog
from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from app.api import (
    accounts,
    attestations,
    audit_export,
    audit_log,
    audit_questions,
    audit_receipts,
    changes,
    clients,
    erasures,
    group_keys,
    groups,
    lookup,
    me,
    members,
    oauth,
    operations,
    opinions,
    reminders,
    review,
    sets,
    signal_lists,
    signals,
    subscriptions,
    versions,
    wellknown,
    widening,
)
from app.api import audit as audit_entries
from app.console import account, matrix, overview, people, provider, recipients, site
from app.console import checkpoints as console_checkpoints
from app.console import log as console_log
from app.console import members as console_members
from app.runtime import Runtime
from app.web import documentation, limits, problems, receipts
from app.web.cors import allow
from app.web.identity import origin
from app.web.metrics import REQUEST_SECONDS

log = structlog.get_logger(__name__)

BODY_LIMIT = 1_000_000
_ECHO_LIMIT = 128
_API = "halyard-api"

BLUEPRINTS = (
    oauth.blp,
    wellknown.blp,
    me.blp,
    members.blp,
    accounts.blp,
    clients.blp,
    groups.blp,
    group_keys.blp,
    sets.blp,
    versions.blp,
    review.blp,
    attestations.blp,
    reminders.blp,
    signal_lists.blp,
    signals.blp,
    widening.blp,
    opinions.blp,
    erasures.blp,
    lookup.blp,
    changes.blp,
    subscriptions.blp,
    audit_entries.blp,
    audit_log.blp,
    audit_receipts.blp,
    audit_export.blp,
    audit_questions.blp,
    operations.blp,
)


PAGES = (
    people.blp,
    provider.blp,
    account.blp,
    overview.blp,
    console_log.blp,
    console_members.blp,
    matrix.blp,
    recipients.blp,
    console_checkpoints.blp,
)
"""Of the console."""


def create_app(runtime: Runtime) -> Flask:
    """Assemble the server over an open runtime. Starts no thread and touches no database."""
    app = Flask("halyard", static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.url_map.strict_slashes = False
    attach(app, runtime)
    app.extensions[_API] = documentation.install(app, BLUEPRINTS)
    problems.install(app)
    site.install(app, PAGES)
    app.before_request(_start)
    app.after_request(_finish)
    allow(app, runtime.config.cors_origins)
    proxies = runtime.config.trusted_proxies
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]
    return app


def attach(app: Flask, runtime: Runtime) -> None:
    """Let an assembled server answer from this runtime, and keep nothing of one that it had before."""
    for name in [name for name in app.extensions if name.startswith("halyard-") and name != _API]:
        del app.extensions[name]
    app.extensions["halyard"] = runtime
    app.extensions["halyard-limits"] = limits.install(runtime)


def _start() -> None:
    g.started = time.perf_counter()


def _finish(answer: Response) -> Response:
    """Name the request, and log it: method, route and status, never a path, query or body."""
    ours = origin().id
    asked = request.headers.get("X-Request-Id", "")
    echo = asked if 0 < len(asked) <= _ECHO_LIMIT and asked.isascii() and asked.isprintable() else ours
    answer.headers["X-Request-Id"] = echo
    answer.headers["Halyard-Request-Id"] = ours
    answer.headers["X-Content-Type-Options"] = "nosniff"
    receipts.name(answer)
    limits.tell(answer)
    route = request.url_rule.rule if request.url_rule is not None else "unmatched"
    seconds = time.perf_counter() - g.started
    REQUEST_SECONDS.labels(request.method, route, str(answer.status_code)).observe(seconds)
    log.info(
        "request", id=ours, method=request.method, route=route, status=answer.status_code,
        problem=g.get("problem"), milliseconds=round(seconds * 1000, 1),
    )  # fmt: skip
    return answer
