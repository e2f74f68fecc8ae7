"""`halyard set review` and what follows: comments, approval, return, attestation, widening by two."""

from typing import Any

import click

from app import ids
from app.cli import local
from app.cli.client import Server
from app.cli.command import Command, Failure, Output, table
from app.cli.markings import shown as words_of
from app.cli.sets import find_set, indicator_set, items_of, newest, require_version, version_path
from app.sets.review import withdrawing
from schemas.attestations import WITHDRAWALS
from schemas.vocabulary import AttestationStatus

_DIGEST = click.option("--digest", help="Of the candidate; left out: the newest.")


@indicator_set.command("review", cls=Command)
@click.argument("name", metavar="SET")
@click.option("--version", help="Higher than every published one; left out: what the draft proposes.")
@click.option("--body", "bodies", multiple=True, metavar="MEMBER", help="Id of a body invited to attest.")
@click.option("--note", help="What reviewers should look at.")
@click.pass_obj
def review(output: Output, name: str, version: str | None, bodies: tuple[str, ...], note: str | None) -> None:
    """Send the draft to review: its bytes are frozen, and those are what gets published."""
    with Server.from_env() as server:
        set_id = find_set(server, name)["id"]
        asked = version or server.get(f"/v1/sets/{set_id}/draft")["content"].get("version")
        require_version(asked)
        body = {"version": asked, "bodies": list(bodies), **({"note": note} if note else {})}
        made = server.post(f"/v1/sets/{set_id}/review", body)
    output.show(made, f"Version {made['version']} is {_words(made['status'])}. SHA-256: {made['digest']}")


@indicator_set.command("candidates", cls=Command)
@click.argument("name", metavar="SET")
@click.pass_obj
def candidates(output: Output, name: str) -> None:
    """Show what is and was under review, newest first."""
    found = items_of(name, "review")
    rows = [
        (one["version"], _words(one["status"]), one["sent_at"][:19], one.get("note"), one["digest"])
        for one in found
    ]
    output.show(found, table(None, ("version", "status", "sent", "note", "digest"), rows))


@indicator_set.command("comments", cls=Command)
@click.argument("name", metavar="SET")
@_DIGEST
@click.pass_obj
def comments(output: Output, name: str, digest: str | None) -> None:
    """Show what was said of a candidate of your own."""
    with Server.from_env() as server:
        found = list(server.items(f"{_candidate(server, name, digest)}/comments"))
    rows = [
        (one["at"][:19], one["kind"], one.get("indicator"), one.get("text"), one["user"]) for one in found
    ]
    output.show(found, table(None, ("when", "what", "indicator", "text", "who"), rows))


@indicator_set.command("comment", cls=Command)
@click.argument("name", metavar="SET")
@click.argument("text")
@click.option("--indicator", help="Id of the indicator that it is about.")
@_DIGEST
@click.pass_obj
def comment(output: Output, name: str, text: str, indicator: str | None, digest: str | None) -> None:
    """Say something of a candidate, or of one indicator in it."""
    body = {"text": text, **({"indicator": indicator} if indicator else {})}
    with Server.from_env() as server:
        made = server.post(f"{_candidate(server, name, digest)}/comments", body)
    output.show(made, "The comment is stored.")


@indicator_set.command("approve", cls=Command)
@click.argument("name", metavar="SET")
@click.option("--note", help="What you looked at.")
@_DIGEST
@click.pass_obj
def approve(output: Output, name: str, note: str | None, digest: str | None) -> None:
    """Approve a candidate that you did not write yourself."""
    with Server.from_env() as server:
        made = server.post(f"{_candidate(server, name, digest)}/approval", {"note": note} if note else {})
    output.show(made, "The candidate is approved. It can be published.")


@indicator_set.command("return", cls=Command)
@click.argument("name", metavar="SET")
@click.option("--note", required=True, help="What must change.")
@_DIGEST
@click.pass_obj
def send_back(output: Output, name: str, note: str, digest: str | None) -> None:
    """Return a candidate: it is never published."""
    with Server.from_env() as server:
        made = server.post(f"{_candidate(server, name, digest)}/return", {"note": note})
    output.show(made, "The candidate is returned.")


@indicator_set.command("attest", cls=Command)
@click.argument("name", metavar="SET")
@click.option("--method", required=True, help="In lower-case words, for example survivor-focus-group.")
@click.option("--year", required=True, type=int)
@click.option("--country", help="Two letters (ISO 3166-1).")
@click.option("--band", help="How many survivors took part, for example 5-9; left out: none were consulted.")
@click.option("--consent", metavar="UUID", help="The record of their consent in your own register.")
@click.option("--limits", required=True, help="What this validation does not show.")
@click.option("--version", help="A published version; left out: the candidate that you are invited on.")
@_DIGEST
@click.pass_obj
def attest(output: Output, /, name: str, version: str | None, digest: str | None, **said: Any) -> None:
    """Attest a candidate or a version, as an accredited validation body."""
    with Server.from_env() as server:
        path = _candidate(server, name, digest) if version is None else version_path(server, name, version)
        made = server.post(f"{path}/attestations", _claim(**said))
    output.show(made, f"It is attested: {made['id']}")


@indicator_set.command("attestations", cls=Command)
@click.pass_obj
def attestations(output: Output) -> None:
    """Show what your body attested, with the references by which your register knows the consent."""
    with Server.from_env() as server:
        found = list(server.items("/v1/attestations"))
    rows = [
        (
            one["id"],
            _words(one["status"]),
            one.get("statement", {}).get("version"),
            one.get("statement", {}).get("consent_reference"),
            one["set"],
        )
        for one in found
    ]
    output.show(found, table(None, ("attestation", "status", "version", "consent", "set"), rows))


@indicator_set.command("withdraw-attestation", cls=Command)
@click.argument("attestation")
@click.option("--reason", required=True, type=click.Choice([status.value for status in WITHDRAWALS]))
@click.pass_obj
def withdraw(output: Output, attestation: str, reason: str) -> None:
    """Withdraw a statement of your body: it is destroyed, and what cannot stand without it is retracted."""
    with Server.from_env() as server:
        made = server.post(f"/v1/attestations/{attestation}/withdrawal", {"reason": reason})
    output.show(made, "The statement is withdrawn and destroyed.")


@indicator_set.command("withdraw-consent", cls=Command)
@click.argument("attestation")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def withdraw_consent(output: Output, attestation: str, *, yes: bool) -> None:
    """As the operator, withdraw consent for a body that may not act any more.

    It acts on the database of this machine: the statement is destroyed, what hangs on it is retracted.
    """
    if ids.FORM.fullmatch(attestation) is None:
        raise Failure("Name the attestation by its id.", reason="not-found")
    if not yes:
        click.confirm("Destroy this statement for good?", abort=True, err=True)
    with local.acting() as tx:
        withdrawing.withdraw(tx, attestation, AttestationStatus.CONSENT_WITHDRAWN)
    output.show({"id": attestation}, "The statement is withdrawn and destroyed.")


@indicator_set.command("proposals", cls=Command)
@click.argument("name", metavar="SET")
@click.pass_obj
def proposals(output: Output, name: str) -> None:
    """Show what was proposed to widen a set of your own."""
    found = items_of(name, "marking/proposals")
    rows = [(one["id"], one["status"], words_of(one["marking"]), one["expires_at"][:19]) for one in found]
    output.show(found, table(None, ("proposal", "status", "marking", "until"), rows))


@indicator_set.command("approve-marking", cls=Command)
@click.argument("name", metavar="SET")
@click.argument("proposal")
@click.pass_obj
def approve_marking(output: Output, name: str, proposal: str) -> None:
    """Approve as a second person what another one proposed: the set is widened now."""
    with Server.from_env() as server:
        path = f"/v1/sets/{find_set(server, name)['id']}/marking/proposals/{proposal}/approval"
        made = server.post(path)
    output.show(made, f"{made['slug']} stands under {words_of(made['marking'])} now.")


@indicator_set.command("due", cls=Command)
@click.pass_obj
def due(output: Output) -> None:
    """Show which of your versions are to be reviewed within 30 days, or should have been."""
    with Server.from_env() as server:
        found = list(server.items("/v1/reminders"))
    rows = [
        (one["slug"], one["version"], one["review_by"][:10], "overdue" if one["overdue"] else "soon")
        for one in found
    ]
    output.show(found, table(None, ("set", "version", "review by", "state"), rows))


def _candidate(server: Server, name: str, digest: str | None) -> str:
    set_id = find_set(server, name)["id"]
    if digest is None:
        known = newest(server, set_id)
        if known is None:
            raise Failure("Nothing of this set is under review.", reason="no_candidate")
        digest = known["digest"]
    return f"/v1/sets/{set_id}/review/{digest}"


def _claim(
    *, method: str, year: int, country: str | None, band: str | None, consent: str | None, limits: str
) -> dict[str, Any]:
    said: dict[str, Any] = {"method": method, "year": year, "limits": limits}
    said["survivors_consulted"] = band is not None or consent is not None
    said |= {"country": country} if country else {}
    if said["survivors_consulted"]:
        given = {"participants_band": band, "consent_reference": consent}
        said |= {"consent_recorded": True, **{name: value for name, value in given.items() if value}}
    return said


def _words(status: str) -> str:
    return status.replace("_", " ")
