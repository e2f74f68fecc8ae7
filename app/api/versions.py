"""`/v1/sets/{id}/versions`: publish, read, compare and end versions of an indicator set."""

import re
from typing import Any

from flask import Response, request

from app.events import Subject
from app.question import MarkingView
from app.record import Tx
from app.sets import publishing, status, versions
from app.sets.forms import VersionState, set_subject, version_subject
from app.web import paging
from app.web.blueprint import Blueprint
from app.web.exchange import Reply, read, write
from app.web.identity import requires
from app.web.paging import PageArgs
from schemas.sets import (
    SEMVER_LENGTH,
    SEMVER_PATTERN,
    DeprecationSchema,
    DiffArgs,
    DiffSchema,
    NewVersionSchema,
    RetractionSchema,
    SignedVersionSchema,
    VersionPageSchema,
    VersionSchema,
)
from schemas.vocabulary import Reason, Scope, Tlp

blp = Blueprint(
    "versions", __name__, url_prefix="/v1/sets/<ident:set_id>", description="Versions of indicator sets"
)

NO_VERSION = "-"
"""Stands for whatever a path holds that no version can be called: it is looked for, and not found."""


def asked_version(set_id: str, version: str | None = None) -> Subject:
    """What a request names, whether it exists or not; never text that is no version."""
    return Subject(kind="version", version=version, collection_id=set_id)


@blp.get("/versions")
@requires(Scope.SETS_READ, anonymous=True)
@blp.arguments(PageArgs, location="query")
@blp.response(200, VersionPageSchema)
def list_versions(args: dict[str, Any], set_id: str) -> Response:
    """List the versions of a set and how they stand, oldest first, those that ended too."""

    def work(tx: Tx) -> Reply:
        after, limit, cursor = args.get("after"), args["limit"], f"versions:{set_id}"
        start = int(paging.open_(tx, cursor, after)) if after else 0
        found, rows = versions.page(tx, set_id, start, limit + 1)
        items = rows[:limit]
        more = len(rows) > limit
        value = {
            "items": [VersionState.of(row, tx.now) for row in items],
            "next": paging.seal(tx, cursor, str(items[-1].number)) if more else None,
        }
        return Reply.of(VersionPageSchema, value, subjects=[set_subject(found, count=len(items))])

    return read("versions.listed", asked_version(set_id), work)


@blp.post("/versions")
@requires(Scope.SETS_WRITE)
@blp.arguments(NewVersionSchema)
@blp.response(201, VersionSchema)
def publish_version(body: dict[str, Any], set_id: str) -> Response:
    """Publish a candidate, or a draft that needs no second person: signed, and never changed again."""

    def work(tx: Tx) -> Reply:
        row = publishing.publish(tx, set_id, **body)
        headers = {"Location": f"/v1/sets/{set_id}/versions/{row.version}"}
        return Reply.of(VersionSchema, VersionState.of(row, tx.now), status=201, headers=headers)

    return write("version.published", asked_version(set_id, body.get("version")), work)


@blp.get("/versions/<version>")
@requires(Scope.SETS_READ, anonymous=True)
@blp.response(200, SignedVersionSchema)
@blp.alt_response(304, "NOT_MODIFIED")
def get_version(set_id: str, version: str) -> Response:
    """Read one version as stored: envelope, document, signatures. One that was taken back answers 410."""
    known = known_version(version)

    def work(tx: Tx) -> Reply:
        found = versions.get(tx, set_id, known or NO_VERSION)
        headers = {"ETag": f'"{found.etag}"', "Cache-Control": _caching(found.found.marking)}
        subjects = [version_subject(found.row, found.found.marking)]
        if request.if_none_match.contains_weak(found.etag):
            return Reply(status=304, headers=headers, subjects=subjects)
        return Reply(body=found.body, headers=headers, subjects=subjects)

    return read("version.read", asked_version(set_id, known), work)


@blp.get("/diff")
@requires(Scope.SETS_READ, anonymous=True)
@blp.arguments(DiffArgs, location="query")
@blp.response(200, DiffSchema)
def diff_versions(args: dict[str, Any], set_id: str) -> Response:
    """Compare two versions: what was added and removed, and what changed field by field, weights too."""

    def work(tx: Tx) -> Reply:
        found, reads = versions.diff(tx, set_id, args["from_"], args["to"])
        subjects = [version_subject(one.row, one.found.marking) for one in reads]
        return Reply.json(found, subjects=subjects)

    return read("versions.compared", asked_version(set_id, args["to"]), work)


@blp.post("/versions/<version>/deprecate")
@requires(Scope.SETS_WRITE)
@blp.arguments(DeprecationSchema)
@blp.response(200, VersionSchema)
def deprecate_version(body: dict[str, Any], set_id: str, version: str) -> Response:
    """Say that another version replaces this one. It stays readable and names its successor."""
    known = known_version(version)

    def work(tx: Tx) -> Reply:
        row = status.deprecate(tx, set_id, known or NO_VERSION, successor=body["successor"])
        return Reply.of(VersionSchema, VersionState.of(row, tx.now))

    return write("version.deprecated", asked_version(set_id, known), work)


@blp.post("/versions/<version>/retract")
@requires(Scope.SETS_WRITE)
@blp.arguments(RetractionSchema)
@blp.response(200, VersionSchema)
def retract_version(body: dict[str, Any], set_id: str, version: str) -> Response:
    """Take a version back because it was wrong: its bytes are gone, its tombstone reaches every reader."""
    known = known_version(version)

    def work(tx: Tx) -> Reply:
        row = status.retract(
            tx, set_id, known or NO_VERSION, reason=Reason(body["reason"]), successor=body.get("successor")
        )
        return Reply.of(VersionSchema, VersionState.of(row, tx.now))

    return write("version.retracted", asked_version(set_id, known), work)


_SEMVER = re.compile(SEMVER_PATTERN)


def known_version(version: str) -> str | None:
    """The version that a path names, if any can be called so."""
    return version if len(version) <= SEMVER_LENGTH and _SEMVER.fullmatch(version) else None


def _caching(marking: MarkingView) -> str:
    """A copy may be kept and must be asked about each time; what is TLP:RED is never kept."""
    return "no-store" if marking.tlp is Tlp.RED else "private, no-cache"
