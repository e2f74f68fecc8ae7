"""`/v1/audit/export`: the log as a file, of which each entry can be verified without this server."""

from typing import Any

from flask import Response, request

from app.web.audit import filter_of, gathered
from app.web.audit_export import ACTION, CSV, Lines, Rows
from app.web.blueprint import Blueprint
from app.web.identity import requires
from app.web.stream import MEDIA_TYPE, Stream
from schemas.audit_log import ExportArgs
from schemas.vocabulary import Scope

blp = Blueprint("audit-export", __name__, url_prefix="/v1/audit", description="Exports of the audit log")

_NO_FILTERS = {"after", "proofs"}


@blp.get("/export")
@requires(Scope.AUDIT_READ, Scope.AUDIT_READ_OWN)
@blp.arguments(ExportArgs, location="query")
@blp.response(200, content_type=MEDIA_TYPE)
@blp.alt_response(404, "DEFAULT_ERROR")
def export(args: dict[str, Any]) -> Response:
    """Take the log out as lines (`audit-export.v1.json`) or, with Accept: text/csv, as a spreadsheet.

    All that the newest checkpoint covers, oldest first. An auditor's export without filters verifies as it
    is; one with filters, and a member's, where `proofs` are asked for. It ends with a line `closed`: without
    it, it is short, and goes on behind the last line `reached` with its `next` as `after`.
    """
    after, with_proofs = args.pop("after", None), args.pop("proofs")
    asked = {name: request.args[name] for name in sorted(request.args) if name not in _NO_FILTERS}
    gathered()
    if request.accept_mimetypes.best_match([MEDIA_TYPE, CSV]) == CSV:
        rows = Rows(filter_of(args), asked, after)
        return Stream(ACTION, rows.following, rows.accept, f"{CSV}; charset=utf-8").response()
    lines = Lines(filter_of(args), asked, after, proofs=with_proofs)
    return Stream(ACTION, lines.following, lines.accept).response()
