"""`/v1/audit`: the log as one that proves itself (C2SP tlog-tiles, tlog-checkpoint), and proofs as JSON.

What holds hashes alone leaves no entry: else watching the log would make it grow, and each look bring the
next one about (ADR 0021). What holds or names an entry leaves one, as every read does.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from flask import Response
from sqlalchemy.orm import Session

from app.api.audit import ACTION
from app.audit import proofs, sequencer, witnessing
from app.audit.cosignatures import Signed
from app.audit.proofs import Proof
from app.events import Subject
from app.record import Tx
from app.transparency.tiles import WIDTH
from app.transparency.tree import HASH_BYTES
from app.web.blueprint import Blueprint
from app.web.exchange import Reply, read
from app.web.identity import requires
from app.web.state import runtime
from schemas.audit_log import (
    CheckpointArgs,
    CheckpointsArgs,
    CheckpointsSchema,
    ConsistencyArgs,
    ConsistencySchema,
    InclusionArgs,
    InclusionSchema,
    SizeArgs,
    WitnessesSchema,
)
from schemas.vocabulary import Scope

blp = Blueprint("audit-log", __name__, url_prefix="/v1/audit", description="Proofs of the audit log")

Found = TypeVar("Found")

OCTETS = "application/octet-stream"
_BRIEFLY = {"Cache-Control": "public, max-age=1"}
_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
"""For full tiles, which never change. What holds entries is never kept: it would be read again unseen."""


@blp.get("/checkpoint")
@requires.nothing
@blp.arguments(CheckpointArgs, location="query")
@blp.response(200, content_type="text/plain")
@blp.alt_response(404, "DEFAULT_ERROR")
def checkpoint(args: dict[str, Any]) -> Response:
    """Read the newest checkpoint: a signed note with the log's size and root, and what witnesses cosigned.

    It says nothing about any member, so it is for everybody, as the keys are that verify it.
    """
    known = [(one.key.name, one.key.id.hex()) for one in runtime().config.witness_list]
    note = _hashes(lambda session: proofs.note(session, known, args["witnesses"]))
    return Reply(body=note, headers=_BRIEFLY, media_type="text/plain; charset=utf-8").response()


@blp.get("/checkpoints")
@requires(Scope.AUDIT_READ, Scope.AUDIT_READ_OWN)
@blp.arguments(CheckpointsArgs, location="query")
@blp.response(200, CheckpointsSchema)
def list_checkpoints(args: dict[str, Any]) -> Response:
    """Read the history of checkpoints, newest first, with who cosigned each and when."""
    limit = args["limit"]

    def work(session: Session) -> dict[str, Any]:
        found = proofs.history(session, args.get("before"), limit + 1)
        items = [_checkpoint_form(one) for one in found[:limit]]
        return {"items": items, "next": found[limit - 1].row.size if len(found) > limit else None}

    return Reply.of(CheckpointsSchema, _hashes(work)).response()


@blp.get("/witnesses")
@requires(Scope.AUDIT_READ, Scope.AUDIT_READ_OWN)
@blp.response(200, WitnessesSchema)
def list_witnesses() -> Response:
    """Read how the log stands with each of its witnesses."""
    known = runtime().config.witness_list
    found = _hashes(lambda session: witnessing.standing(session, known))
    items = [{**asdict(one), "name": one.key.name, "vkey": one.key.encode()} for one in found]
    return Reply.of(WitnessesSchema, {"items": items}).response()


@blp.get("/tile/<level>/<tiles:path>")
@requires(Scope.AUDIT_READ, Scope.AUDIT_READ_OWN)
@blp.response(200, content_type=OCTETS)
def tile(level: str, path: str) -> Response:
    """Read a tile of hashes, `<index>[.p/<width>]` (C2SP tlog-tiles). Full ones may be kept for ever."""
    body = _hashes(lambda session: proofs.tile(session, f"tile/{level}/{path}"))
    headers = _FOR_EVER if len(body) == WIDTH * HASH_BYTES else {}
    return Reply(body=body, headers=headers, media_type=OCTETS).response()


@blp.get("/tile/entries/<tiles:path>")
@requires(Scope.AUDIT_READ)
@blp.response(200, content_type=OCTETS)
def entry_bundle(path: str) -> Response:
    """Read a bundle of entries, `<index>[.p/<width>]`, each behind its length (C2SP tlog-tiles)."""

    def work(tx: Tx) -> Reply:
        body, count = proofs.bundle(tx.session, tx.actor, f"tile/entries/{path}")
        return Reply(body=body, subjects=[Subject(kind="entry", count=count)], media_type=OCTETS)

    return read(ACTION, Subject(kind="entry"), work)


@blp.get("/proof")
@requires(Scope.AUDIT_READ, Scope.AUDIT_READ_OWN)
@blp.arguments(InclusionArgs, location="query")
@blp.response(200, InclusionSchema)
def inclusion(args: dict[str, Any]) -> Response:
    """Prove that the leaf at an index is in the log (RFC 9162 section 2.1.3)."""
    found = _hashes(lambda session: proofs.of_leaf(session, args["index"], args.get("size")))
    return Reply.json(_form(found, "index", "size")).response()


@blp.get("/entries/<ident:entry_id>/proof")
@requires(Scope.AUDIT_READ, Scope.AUDIT_READ_OWN)
@blp.arguments(SizeArgs, location="query")
@blp.response(200, InclusionSchema)
def entry_inclusion(args: dict[str, Any], entry_id: str) -> Response:
    """Prove that an entry which you may read is in the log."""
    sequencer.place(runtime().db, entry_id)

    def work(tx: Tx) -> Reply:
        found = proofs.of_entry(tx.session, tx.actor, entry_id, args.get("size"))
        return Reply.json(_form(found, "index", "size"))

    return read(ACTION, Subject(kind="entry", id=entry_id), work)


@blp.get("/consistency")
@requires(Scope.AUDIT_READ, Scope.AUDIT_READ_OWN)
@blp.arguments(ConsistencyArgs, location="query")
@blp.response(200, ConsistencySchema)
def consistency(args: dict[str, Any]) -> Response:
    """Prove that the log only grew between two sizes (RFC 9162 section 2.1.4)."""
    found = _hashes(lambda session: proofs.of_growth(session, args["old"], args.get("new")))
    return Reply.json(_form(found, "from", "to")).response()


def _hashes(work: Callable[[Session], Found]) -> Found:
    """Read what holds hashes alone: no entry is left."""
    with runtime().db.read() as session:
        return work(session)


def _checkpoint_form(found: Signed) -> dict[str, Any]:
    row, note = found.row, found.note.decode()
    return {
        "size": row.size,
        "root": row.root.hex(),
        "origin": note.partition("\n")[0],
        "signed_at": row.signed_at,
        "kid": row.kid,
        "cosignatures": [
            {"witness": one.witness, "key_id": one.key_id, "cosigned_at": one.cosigned_at}
            for one in found.cosignatures
        ],
        "checkpoint": note,
    }


def _form(found: Proof, start: str, size: str) -> dict[str, Any]:
    return {
        start: found.start,
        size: found.size,
        "hashes": [one.hex() for one in found.hashes],
        "checkpoint": found.note.decode() if found.note is not None else None,
    }
