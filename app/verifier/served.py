"""Checks what a server publishes: its newest checkpoint, and that the log only grew since it was seen."""

import json
from collections.abc import Callable

from app.transparency.errors import BadProof, NotProven
from app.transparency.tree import verify_consistency
from app.verifier.findings import Fault, Finding, Report, span
from app.verifier.growth import Growth
from app.verifier.trust import NotCosigned, Opened, Trust

Fetch = Callable[[str], bytes]
"""The bytes of an answer to a path; raises `Unanswered`."""

CHECKPOINT = "/v1/audit/checkpoint"
KEYS = "/.well-known/halyard"


class Unanswered(NotProven):
    """The server gives no answer, or a refusal."""


def check_served(fetch: Fetch, member: Fetch | None, trust: Trust, growth: Growth, report: Report) -> None:
    """Check the newest checkpoint, and that it goes on from all that are known.

    Args:
        fetch: asks as a stranger.
        member: asks as a member or auditor, who are given proofs; None: as a stranger only.
    """
    try:
        opened = trust.open(fetch(CHECKPOINT))
    except NotProven as error:
        report.add([Finding(fault=_fault(error), detail=f"The served checkpoint is not relied on: {error}")])
        return
    before = growth.known
    report.add(growth.know(opened))
    report.checkpoints.append(opened.to_wire())
    for one in before:
        _compare(one, opened, member, growth, trust, report)


def _compare(
    one: Opened, newest: Opened, member: Fetch | None, growth: Growth, trust: Trust, report: Report
) -> None:
    if one.life > newest.life:
        report.add([_rollback(one, newest, f"It serves {newest.checkpoint.origin} again, which had ended.")])
    elif not growth.comparable(one, newest):
        report.add([_lost(one, newest, trust.shared(one.life, newest.life) or 0)])
    elif one.size > newest.size:
        report.add([_rollback(one, newest, f"Signed, and gone: {span(newest.size, one.size)}.")])
    elif one.size == newest.size:
        growth.judge(one, newest, same=one.root == newest.root)
    elif member is None:
        detail = (
            f"That the log grew from size {one.size} needs a proof, which members and auditors are given."
        )
        report.add([Finding(fault=Fault.UNANSWERED, detail=detail, to=one.size)])
    else:
        _prove(one, newest, member, growth, report)


def _prove(one: Opened, newest: Opened, member: Fetch, growth: Growth, report: Report) -> None:
    path = f"/v1/audit/consistency?from={one.size}&to={newest.size}"
    try:
        proof = [bytes.fromhex(part) for part in json.loads(member(path))["hashes"]]
    except (NotProven, ValueError, KeyError, TypeError, RecursionError) as error:
        detail = f"The server gives no proof that the log grew from size {one.size}: {error}"
        report.add([Finding(fault=Fault.UNANSWERED, detail=detail, to=one.size)])
        return
    try:
        verify_consistency(one.size, newest.size, one.root, newest.root, proof)
    except BadProof:
        growth.judge(one, newest, same=False)
    else:
        growth.judge(one, newest, same=True)


def _rollback(one: Opened, newest: Opened, detail: str) -> Finding:
    return Finding(
        fault=Fault.ROLLBACK, index=min(newest.size, one.size), to=one.size,
        detail=f"The log had {one.size} entries, and the server shows {newest.size}. {detail}",
    )  # fmt: skip


def _lost(one: Opened, newest: Opened, began: int) -> Finding:
    return Finding(
        fault=Fault.LOST, index=began, to=one.size,
        detail=f"The server was restored: {newest.checkpoint.origin} took over {began} entries of the log"
        f" before, which had {one.size}. Lost with it: {span(began, one.size)}.",
    )  # fmt: skip


def _fault(error: NotProven) -> Fault:
    if isinstance(error, NotCosigned):
        return Fault.COSIGNATURES
    return Fault.UNANSWERED if isinstance(error, Unanswered) else Fault.CHECKPOINT
