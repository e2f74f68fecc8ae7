"""`halyard keys`: the server's signing keys."""

import json

import click

from app.cli import local
from app.cli.command import Command, Noun, Output, table
from app.events import KeyRotated, Subject
from app.keys import Use
from app.record import Tx, record

_EVERY = "all"


@click.group(cls=Noun)
def keys() -> None:
    """The server's signing keys: for tokens, for documents and for checkpoints of the audit log."""


@keys.command("list", cls=Command)
@click.pass_obj
def show_all(output: Output) -> None:
    """Show the public keys: those that sign, will sign, and signed before."""

    def work(tx: Tx) -> bytes:
        published = [
            {"for": use.value, **jwk} for use in Use for jwk in tx.runtime.keyring.published(tx.session, use)
        ]
        return json.dumps(published).encode()

    found = json.loads(local.looking("key.listed", Subject(kind="key"), work))
    rows = [(key["for"], key["alg"], _standing(key), key["kid"]) for key in found]
    output.show(found, table(None, ("for", "algorithm", "standing", "kid"), rows))


@keys.command("rotate", cls=Command)
@click.option(
    "--for", "chosen", type=click.Choice([_EVERY, *(use.value for use in Use)]), default=_EVERY,
    show_default=True, help="Which keys.",
)  # fmt: skip
@click.pass_obj
def rotate(output: Output, chosen: str) -> None:
    """Sign with the published next key from now on, and publish a new next one.

    The old key stays published, so that what it signed can be verified for ever.
    """
    uses = [use for use in Use if chosen in {_EVERY, use.value}]
    with local.acting() as tx:
        kids = {use.value: tx.runtime.keyring.rotate(tx.session, use, tx.now) for use in uses}
        for use in uses:
            record(tx, KeyRotated(subjects=(Subject(kind=f"{use.value}_key"),)))
    output.show(kids, "\n".join(f"{use}: {kid} signs now" for use, kid in kids.items()))


def _standing(key: dict[str, object]) -> str:
    if "exp" in key:
        return "retired"
    return "signs" if "nbf" in key else "next"
