"""`halyard set`: indicator sets of one's own and of others, over HTTP."""

import json
from pathlib import Path
from typing import Any

import click

from app import ids
from app.cli.client import Server
from app.cli.command import Command, Failure, Noun, Output, table
from app.cli.markings import marking_of, marking_options, shown
from app.cli.set_files import read_set_file
from schemas.sets import RETRACTION_REASONS
from schemas.tags import Capability, HarmType, Tag
from schemas.vocabulary import CandidateStatus

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PROBLEMS_SHOWN = 10
_PARTS = {"indicator": None, "evidence": "evidence", "typology": "typologies", "scenario": "scenarios"}
"""What a difference is about, and where the answer holds it; indicators stand in it directly."""


@click.group("set", cls=Noun)
def indicator_set() -> None:
    """Indicator sets: import, publish, compare, export, retract. A SET is named by its id or slug."""


@indicator_set.command("list", cls=Command)
@click.pass_obj
def show_all(output: Output) -> None:
    """Show the sets that you see, and under which marking."""
    with Server.from_env() as server:
        found = list(server.items("/v1/sets"))
    rows = [
        (row["slug"], row["title"], row.get("latest_version"), shown(row["marking"]), row["id"])
        for row in found
    ]
    output.show(found, table(None, ("set", "title", "version", "marking", "id"), rows))


@indicator_set.command("import", cls=Command)
@click.argument("file", type=_FILE)
@click.option("--slug", help="Short name; left out: the file's.")
@click.option("--id", "set_id", help="The id that the set had elsewhere.")
@marking_options
@click.pass_obj
def import_(
    output: Output, file: Path, slug: str | None, set_id: str | None, tlp: str | None, pap: str | None,
    audience: str | None, prohibit: tuple[str, ...],
) -> None:  # fmt: skip
    """Make FILE the draft of a set. Nobody else sees a draft; importing again replaces it."""
    content, given = read_set_file(file)
    name = slug or content.get("slug")
    with Server.from_env() as server:
        known = _own(server, name) if name else None
        if known is None:
            marking = marking_of(given, tlp, pap, audience, prohibit)
            asked = {"slug": name, "title": content.get("title", name), "marking": marking}
            known = server.post("/v1/sets", {**asked, **({"id": set_id} if set_id else {})})
        state = save_draft(server, known["id"], content)
    problems = state["problems"]
    said = f"The draft of {known['slug']} is saved ({shown(known['marking'])}): {known['id']}"
    if problems:
        places = [f"  {one['pointer']}: {one['detail']}" for one in problems[:_PROBLEMS_SHOWN]]
        said += "\nBefore it can be published:\n" + "\n".join(places)
    output.show({"set": known, "draft": state}, said)


@indicator_set.command("publish", cls=Command)
@click.argument("name", metavar="SET")
@click.option(
    "--version", help="Higher than every earlier one; left out: the version that the draft proposes."
)
@click.option("--supersedes", multiple=True, metavar="VERSION", help="A version that this one replaces.")
@click.pass_obj
def publish(output: Output, name: str, version: str | None, supersedes: tuple[str, ...]) -> None:
    """Publish what is under review, or else the draft: signed by the server, and never changed again."""
    with Server.from_env() as server:
        set_id = find_set(server, name)["id"]
        asked = _under_review(server, set_id) or _draft(server, set_id)
        asked |= {"version": version} if version else {}
        require_version(asked.get("version"))
        made = server.post(f"/v1/sets/{set_id}/versions", {**asked, "supersedes": list(supersedes)})
    output.show(made, f"Version {made['version']} is published. SHA-256 of its document: {made['document']}")


@indicator_set.command("tags", cls=Command)
@click.pass_obj
def tags(output: Output) -> None:
    """Show the words that harm_types and capabilities may hold. Needs no server."""
    words: dict[str, list[Tag]] = {"harm_types": list(HarmType), "capabilities": list(Capability)}
    found = {key: {word.value: word.meaning for word in known} for key, known in words.items()}
    rows = [(key, word, meaning) for key, known in found.items() for word, meaning in known.items()]
    output.show(found, table(None, ("field", "word", "meaning"), rows))


@indicator_set.command("versions", cls=Command)
@click.argument("name", metavar="SET")
@click.pass_obj
def versions(output: Output, name: str) -> None:
    """Show the versions of a set and how they stand."""
    found = items_of(name, "versions")
    rows = [
        (
            row["version"],
            row["status"] + (", review overdue" if row["overdue"] else ""),
            row.get("reason"),
            row.get("successor"),
            row["published_at"][:19],
            row["document"][:16],
        )
        for row in found
    ]
    output.show(
        found, table(None, ("version", "status", "reason", "successor", "published", "document"), rows)
    )


@indicator_set.command("diff", cls=Command)
@click.argument("name", metavar="SET")
@click.argument("old", metavar="FROM")
@click.argument("new", metavar="TO")
@click.pass_obj
def diff(output: Output, name: str, old: str, new: str) -> None:
    """Compare two versions: what was added and removed, and what changed field by field, weights too."""
    with Server.from_env() as server:
        path = f"/v1/sets/{find_set(server, name)['id']}/diff"
        found = server.get(path, params={"from": old, "to": new})
    rows = [_changed("set", "", change) for change in found["set"]]
    for what, part in _PARTS.items():
        items = found if part is None else found[part]
        rows += [(f"{what} added", one, "", "") for one in items["added"]]
        rows += [(f"{what} removed", one, "", "") for one in items["removed"]]
        rows += [_changed(what, one["id"], change) for one in items["changed"] for change in one["fields"]]
    output.show(found, table(None, ("what", "id", "where", "change"), rows))


@indicator_set.command("export", cls=Command)
@click.argument("name", metavar="SET")
@click.option("--version", help="Left out: the highest that can be read.")
@click.option(
    "--output", "-o", "file", type=click.Path(dir_okay=False, path_type=Path), help="A file instead."
)
@click.pass_obj
def export(output: Output, name: str, version: str | None, file: Path | None) -> None:
    """Write one version as stored, byte for byte: envelope, document, signatures."""
    with Server.from_env() as server:
        found = find_set(server, name)
        wanted = version or found.get("latest_version")
        if wanted is None:
            raise Failure("This set has no version that can be read.", reason="no_version")
        body = server.call("GET", f"/v1/sets/{found['id']}/versions/{wanted}").content
    if file is None:
        click.echo(body)
        return
    file.write_bytes(body)
    output.show({"file": str(file), "version": wanted}, f"{file}: version {wanted}, {len(body):,} bytes.")


@indicator_set.command("deprecate", cls=Command)
@click.argument("name", metavar="SET")
@click.argument("version")
@click.option("--successor", required=True, help="The published version that replaces it.")
@click.pass_obj
def deprecate(output: Output, name: str, version: str, successor: str) -> None:
    """Say that another version replaces VERSION; it stays readable."""
    with Server.from_env() as server:
        path = version_path(server, name, version)
        made = server.post(f"{path}/deprecate", {"successor": successor})
    output.show(made, f"Version {version} is deprecated, {successor} replaces it.")


@indicator_set.command("retract", cls=Command)
@click.argument("name", metavar="SET")
@click.argument("version")
@click.option("--reason", required=True, type=click.Choice([reason.value for reason in RETRACTION_REASONS]))
@click.option("--successor", help="The published version to use instead.")
@click.pass_obj
def retract(output: Output, name: str, version: str, reason: str, successor: str | None) -> None:
    """Take VERSION back because it was wrong: its bytes are gone, and every reader is told."""
    with Server.from_env() as server:
        path = version_path(server, name, version)
        sent = {"reason": reason, **({"successor": successor} if successor else {})}
        made = server.post(f"{path}/retract", sent)
    output.show(made, f"Version {version} is retracted: {reason}.")


@indicator_set.command("marking", cls=Command)
@click.argument("name", metavar="SET")
@marking_options
@click.pass_obj
def marking(
    output: Output,
    name: str,
    tlp: str | None,
    pap: str | None,
    audience: str | None,
    prohibit: tuple[str, ...],
) -> None:
    """Narrow or widen a set. Widening takes a person; from TLP:AMBER+STRICT up it is proposed first."""
    with Server.from_env() as server:
        found = find_set(server, name)
        asked = marking_of(found["marking"], tlp, pap, audience, prohibit)
        changed = server.put(f"/v1/sets/{found['id']}/marking", asked)
    if "proposed_by" in changed:
        said = f"Proposed: {changed['id']}. A second person approves it until {changed['expires_at'][:19]}."
        output.show(changed, said)
        return
    output.show(changed, f"{changed['slug']} stands under {shown(changed['marking'])} now.")


@indicator_set.command("recipients", cls=Command)
@click.argument("name", metavar="SET")
@click.pass_obj
def recipients(output: Output, name: str) -> None:
    """Show who subscribes to a set of your own, and who has not yet taken a retraction."""
    found = items_of(name, "recipients")
    rows = [
        (row["member_name"], row.get("acknowledged_at", "never")[:19], row["changes_behind"],
         len(row["retractions_outstanding"]))
        for row in found
    ]  # fmt: skip
    columns = ("member", "acknowledged", "changes behind", "retractions not taken")
    output.show(found, table(None, columns, rows))


def items_of(name: str, part: str) -> list[dict[str, Any]]:
    """All that the pages of one part of a set hold, for example its versions."""
    with Server.from_env() as server:
        return list(server.items(f"/v1/sets/{find_set(server, name)['id']}/{part}"))


def version_path(server: Server, name: str, version: str) -> str:
    return f"/v1/sets/{find_set(server, name)['id']}/versions/{version}"


def newest(server: Server, set_id: str) -> dict[str, Any] | None:
    """The newest candidate of a set that this client sees."""
    found: list[dict[str, Any]] = server.get(f"/v1/sets/{set_id}/review", params={"limit": 1})["items"]
    return found[0] if found else None


def require_version(version: str | None) -> None:
    """Raise `Failure` where neither the caller nor the draft says which version it is to be."""
    if version is None:
        raise Failure("The draft proposes no version. Add --version, for example 1.0.0.", reason="version")


def save_draft(server: Server, set_id: str, content: dict[str, Any]) -> dict[str, Any]:
    """Replace the draft that is there, whatever it holds."""
    edition = server.call("GET", f"/v1/sets/{set_id}/draft").headers["ETag"]
    state: dict[str, Any] = server.put(
        f"/v1/sets/{set_id}/draft", {"content": content}, headers={"If-Match": edition}
    )
    return state


def _own(server: Server, slug: str) -> dict[str, Any] | None:
    member = server.get("/v1/me")["member"]["id"]
    sets = server.items("/v1/sets")
    return next((row for row in sets if row["slug"] == slug and row["owner"] == member), None)


def _under_review(server: Server, set_id: str) -> dict[str, Any] | None:
    """What publishing the present candidate takes, if one is under review."""
    known = newest(server, set_id)
    if known is None or known["status"] not in {CandidateStatus.IN_REVIEW, CandidateStatus.APPROVED}:
        return None
    return {"version": known["version"], "candidate": known["digest"]}


def _draft(server: Server, set_id: str) -> dict[str, Any]:
    """What publishing the present draft takes."""
    draft = server.get(f"/v1/sets/{set_id}/draft")
    return {"version": draft["content"].get("version"), "draft": draft["digest"]}


def find_set(server: Server, name: str) -> dict[str, Any]:
    """A set by id or slug; one's own first where several members chose the same slug."""
    if ids.FORM.fullmatch(name):
        found: dict[str, Any] = server.get(f"/v1/sets/{name}")
        return found
    own = _own(server, name)
    if own is not None:
        return own
    others = [row for row in server.items("/v1/sets") if row["slug"] == name]
    if len(others) == 1:
        return others[0]
    if others:
        raise Failure("Several members have a set of this slug. Name it by id.", reason="ambiguous")
    raise Failure("You see no set of this id or slug. `halyard set list` shows them.", reason="not-found")


def _changed(what: str, about: str, change: dict[str, Any]) -> tuple[str, ...]:
    old = json.dumps(change["from"], ensure_ascii=False) if "from" in change else "nothing"
    new = json.dumps(change["to"], ensure_ascii=False) if "to" in change else "nothing"
    return what, about, change["path"], f"{old} → {new}"
