"""Markings on the command line: `--tlp`, `--pap` and `--audience`."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from schemas.vocabulary import AudienceKind, Pap, Purpose, Tlp

View = TypeVar("View", bound=Callable[..., Any])

_AUDIENCE = {Tlp.CLEAR: AudienceKind.PUBLIC, Tlp.GREEN: AudienceKind.COMMUNITY}


def marking_options(command: View) -> View:
    """Add the options that say who may read something, and for what."""
    options = [
        click.option("--tlp", type=click.Choice([tlp.value for tlp in Tlp]), help="TLP 2.0 label."),
        click.option("--pap", type=click.Choice([pap.value for pap in Pap]), help="PAP label."),
        click.option(
            "--audience", metavar="WHO",
            help="public, community, group:ID, members:ID,… or users:ID,…; CLEAR and GREEN have their own.",
        ),
        click.option(
            "--prohibit", multiple=True, type=click.Choice([purpose.value for purpose in Purpose]),
            help="A purpose for which nobody but you may read it.",
        ),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def marking_of(
    given: dict[str, Any] | None,
    tlp: str | None,
    pap: str | None,
    audience: str | None,
    prohibit: tuple[str, ...],
) -> dict[str, Any]:
    """The marking that a file brings, with what the options say instead; an audience is never guessed."""
    marking = dict(given or {})
    marking |= {name: value for name, value in (("tlp", tlp), ("pap", pap)) if value}
    marking |= {"prohibited_purposes": list(prohibit)} if prohibit else {}
    if "tlp" not in marking:
        raise click.UsageError("Nothing is shared without a label: give --tlp, and --audience from AMBER up.")
    marking.setdefault("pap", Pap.AMBER.value)
    if audience is not None:
        marking["audience"] = parse_audience(audience)
    elif "audience" not in marking or (tlp is not None and given is not None):
        if marking["tlp"] not in _AUDIENCE:
            raise click.UsageError(f"{marking['tlp']} needs --audience group:ID, members:ID,… or users:ID,…")
        marking["audience"] = {"kind": _AUDIENCE[Tlp(marking["tlp"])].value}
    return marking


def parse_audience(text: str) -> dict[str, Any]:
    """`kind` or `kind:id,…` as the wire form."""
    kind, _, named = text.partition(":")
    names = [name.strip() for name in named.split(",") if name.strip()]
    if kind == AudienceKind.GROUP and len(names) == 1:
        return {"kind": kind, "group": names[0]}
    if kind in {AudienceKind.MEMBERS, AudienceKind.USERS} and names:
        return {"kind": kind, kind: names}
    if kind in {AudienceKind.PUBLIC, AudienceKind.COMMUNITY} and not names:
        return {"kind": kind}
    raise click.UsageError("--audience is public, community, group:ID, members:ID,… or users:ID,…")


def shown(marking: dict[str, Any]) -> str:
    """A marking in a few words."""
    audience = marking["audience"]
    return f"{marking['tlp']} {marking['pap']} {audience['kind']}"
