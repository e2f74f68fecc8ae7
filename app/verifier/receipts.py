"""Checks receipts (`schemas/documents/audit-receipt.v1.json`): that one exchange is in the log."""

import json
from pathlib import Path
from typing import Any, Final

from app import canonical
from app.transparency.checkpoints import Checkpoint
from app.transparency.errors import BadNote, BadProof, NotProven
from app.transparency.notes import Note
from app.transparency.tree import leaf_hash, verify_inclusion
from app.verifier.findings import Fault, Finding, Report
from app.verifier.growth import Growth
from app.verifier.lines import legible, unique
from app.verifier.trust import NotCosigned, Trust

SCHEMA: Final = "halyard.audit-receipt/1"


def check_receipt(path: Path, trust: Trust, growth: Growth, report: Report) -> None:
    """Check one; what comes of it stands in the report."""
    where = str(path)
    try:
        receipt = _read(path)
        index, size, entry = int(receipt["index"]), int(receipt["size"]), dict(receipt["entry"])
        path_up = [bytes.fromhex(one) for one in receipt["hashes"]]
        note, leaf = receipt["checkpoint"].encode(), leaf_hash(canonical.encode(entry))
    except (BadNote, KeyError, TypeError, ValueError, AttributeError, RecursionError):
        report.add([Finding(fault=Fault.UNREADABLE, detail="The file is no receipt.", where=where)])
        return
    entry_id = legible(entry.get("id"))
    try:
        opened = trust.open(note)
        if opened.size != size:
            raise BadProof("Its checkpoint is of another size.")
    except NotProven as error:
        fault = Fault.COSIGNATURES if isinstance(error, NotCosigned) else Fault.CHECKPOINT
        detail = f"The checkpoint of the receipt proves nothing: {error}"
        report.add([Finding(fault=fault, detail=detail, where=where, entry=entry_id)])
        return
    report.add(growth.know(opened))
    report.checkpoints.append(opened.to_wire())
    try:
        verify_inclusion(index, size, leaf, path_up, opened.root)
    except BadProof:
        detail = f"The entry {entry_id} is not in the log at {index}: it, or its path, was changed."
        found = Finding(
            fault=Fault.CHANGED, detail=detail, index=index, to=index + 1, entry=entry_id, where=where
        )
        report.add([found])
        return
    report.proven.add(index, index + 1)
    told = {name: legible(entry.get(name)) for name in ("id", "at", "action", "decision", "request")}
    report.receipts.append({"file": where, "index": index, "size": size, "entry": told})


def origin_of(path: Path) -> list[str]:
    """Which log the checkpoint of a receipt names; nothing is verified."""
    try:
        return [Checkpoint.parse(Note.parse(_read(path)["checkpoint"].encode()).text).origin]
    except (NotProven, KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return []


def _read(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_bytes(), object_pairs_hook=unique)
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise BadNote("This is no receipt.")
    return found
