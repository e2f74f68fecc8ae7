"""How the demo's auditor takes the log along, verifies it without the server, and finds what was changed."""

import re
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from app.cli.client import Server
from app.cli.command import Failure
from app.cli.demo_telling import Telling
from app.verifier.exports import Exports
from app.verifier.findings import Report
from app.verifier.growth import Growth
from app.verifier.served import CHECKPOINT, KEYS
from app.verifier.trust import Trust

_EXPORT = "/v1/audit/export"
_SECONDS = 30


def prove(auditor: Server, tell: Telling) -> None:
    """Export the log, verify it, change one word in it, and verify that."""
    trust = Trust.published(auditor.get(KEYS))
    _await_checkpoint(auditor)
    whole = auditor.call("GET", _EXPORT, headers={"Accept": "application/x-ndjson"}).content
    report = _verified(whole, trust)
    if not report.holds or not report.proven:
        raise Failure("The exported log is not proven.", reason="not_proven")
    entries = sum(end - start for start, end in report.proven)
    tell.say(f"The export of {entries} entries recomputes the root of a signed checkpoint: proven.")
    changed = re.sub(rb'"decision":"refused"', b'"decision":"allowed"', whole, count=1)
    found = _verified(changed, trust).findings
    if [one.fault.value for one in found] != ["changed"]:
        raise Failure("A changed entry was not named.", reason="not_named")
    tell.say(f"One word of a copy is changed, refused to allowed. {found[0].detail}")
    tell.facts["proven"] = {"entries": entries, "changed": found[0].index}


def _await_checkpoint(auditor: Server) -> None:
    """The first one is signed about a second after the first entry."""
    end = time.monotonic() + _SECONDS
    while True:
        try:
            auditor.call("GET", CHECKPOINT)
        except Failure:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return


def _verified(export: bytes, trust: Trust) -> Report:
    report, growth = Report(), Growth(trust)
    with TemporaryDirectory(prefix="halyard-demo-") as folder:
        path = Path(folder) / "log.ndjson"
        path.write_bytes(export)
        Exports(trust, growth, report).check([path])
    report.add(growth.forks())
    return report
