"""Speaks C2SP tlog-witness to the configured witnesses, one submission at a time."""

from app.audit import witnessing
from app.audit.witnessing import Answered
from app.config import Witness
from app.errors import Unreachable
from app.runtime import Runtime
from app.web.metrics import tell_witnesses

MEDIA_TYPE = "application/octet-stream"


def submit(runtime: Runtime) -> bool:
    """Ask a witness to cosign the newest checkpoint; False if none is to be asked now."""
    witnesses = runtime.config.witness_list
    due = witnessing.claim(runtime.db, witnesses, runtime.clock())
    if due is None:
        return False
    answered = _ask(runtime, due.witness, due.body)
    witnessing.settle(runtime.db, due, answered, runtime.clock())
    with runtime.db.read() as session:
        tell_witnesses(witnessing.standing(session, witnesses))
    return True


def _ask(runtime: Runtime, witness: Witness, body: bytes) -> Answered:
    try:
        answer = runtime.direct.post(f"{witness.url}/add-checkpoint", body, MEDIA_TYPE)
    except Unreachable as error:
        return Answered(unreachable=error.reason)
    return Answered(status=answer.status, media_type=answer.media_type, body=answer.body)
