"""Erases again, before anything is served, what was erased after a copy of the database was taken."""

from app import record
from app.audit.entry import Request
from app.runtime import Runtime
from app.sets.review import withdrawing
from app.signals import erasure
from app.worker.loops import share_erasures


def reapply_erasures(runtime: Runtime) -> int:
    """Erase again what the ledger names and this database holds; returns how many things that were.

    It is in the audit log as the system's own doing.
    """
    with record.begin(runtime, record.as_system, Request()) as tx:
        count = erasure.reconcile(tx) + withdrawing.reconcile(tx)
    share_erasures(runtime)
    runtime.db.truncate_log()
    return count
