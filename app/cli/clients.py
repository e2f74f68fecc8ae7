"""`halyard client`: OAuth clients of members. What `add` prints is all that a first call needs."""

import json
from pathlib import Path
from typing import Any

import click

from app.cli import local
from app.cli.command import Command, Failure, Noun, Output, table
from app.cli.first_call import first_call
from app.cli.key_files import credentials
from app.cli.users import find_user
from app.clock import DAY
from app.config import Config
from app.events import Subject
from app.members import clients, key_sources
from app.members.clients import Issued, NewClient
from app.members.key_sources import Fetched
from app.members.standing import ends_soon
from app.parties import Client
from app.record import Tx
from schemas.clients import ClientChangeSchema, ClientSchema, NewClientSchema
from schemas.vocabulary import ClientAuth, Purpose, Scope

_PAGE = 500
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NEW_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(cls=Noun)
def client() -> None:
    """OAuth clients of members: register, give new credentials, change, revoke."""


@client.command("add", cls=Command)
@click.argument("who", metavar="MEMBER")
@click.option("--name", required=True, help="What the client is for.")
@click.option(
    "--scope", "scopes", multiple=True, required=True, type=click.Choice([scope.value for scope in Scope])
)
@click.option(
    "--purpose", "purposes", multiple=True, required=True, metavar="PURPOSE",
    type=click.Choice([purpose.value for purpose in Purpose]),
    help="A purpose that its tokens may carry; the first is the default.",
)  # fmt: skip
@click.option(
    "--jwks", type=_FILE, help="The client's public keys (RFC 7517), made by the member: preferred."
)
@click.option("--jwks-uri", help="Where the member publishes its keys (https), instead of sending them.")
@click.option("--new-key", type=_NEW_FILE, help="Make a key here: its private half goes into this new file.")
@click.option("--secret", is_flag=True, help="A secret instead of keys, if the member asks for it.")
@click.option("--secret-days", default=365, show_default=True, help="How many days the secret lives.")
@click.option("--user", help="Handle of the person whose personal client this is.")
@click.option(
    "--collection", "collections", multiple=True, help="The only sets or lists it may touch, by id."
)
@click.option(
    "--network", "networks", multiple=True, metavar="CIDR", help="The only networks it may call from."
)
@click.option("--expires-days", type=click.IntRange(1, 3_650), help="After how many days it ends by itself.")
@click.option(
    "--require-dpop", "dpop_bound_access_tokens", is_flag=True,
    help="Only tokens that are bound to a key by DPoP (RFC 9449).",
)  # fmt: skip
@click.option(
    "--require-certificate", "tls_client_certificate_bound_access_tokens", is_flag=True,
    help="Only tokens that are bound to its TLS certificate (RFC 8705).",
)  # fmt: skip
@click.pass_obj
def add(
    output: Output, /, who: str, *, jwks: Path | None, jwks_uri: str | None, new_key: Path | None,
    secret: bool, user: str | None, expires_days: int | None, **asked: Any,
) -> None:  # fmt: skip
    """Register a client of MEMBER and print its credentials, once, with a first call."""
    with credentials(jwks, new_key, secret=secret, published=jwks_uri is not None) as keys:
        source = _fetched(jwks_uri)
        method = ClientAuth.SECRET_BASIC if secret else ClientAuth.PRIVATE_KEY_JWT
        asked = {name: list(value) if isinstance(value, tuple) else value for name, value in asked.items()}
        asked |= {"auth_method": method.value, **({"jwks": keys} if keys else {})}
        body = NewClientSchema().load({name: value for name, value in asked.items() if value != []})
        with local.acting() as tx:
            member_id = local.find_member(tx, who).id
            user_id = find_user(tx, member_id, user) if user else None
            end = tx.now + expires_days * DAY if expires_days is not None else None
            new = NewClient(**body, user_id=user_id, source=source, expires_at=end)
            made = clients.add(tx, member_id, new)
            form = issued_form(tx.runtime.config, made, new_key)
    output.show(form, first_call(form))


@client.command("rotate", cls=Command)
@click.argument("client_id")
@click.option("--jwks", type=_FILE, help="The new public keys.")
@click.option("--jwks-uri", help="Where the member publishes its keys from now on.")
@click.option("--new-key", type=_NEW_FILE, help="Make a new key here: its private half goes into this file.")
@click.option("--secret-days", default=365, show_default=True, help="How many days the new secret lives.")
@click.option(
    "--overlap-hours", type=click.IntRange(0, 168), default=0, show_default=True,
    help="For how many hours the old keys or secret still work.",
)  # fmt: skip
@click.pass_obj
def rotate(
    output: Output, /, client_id: str, *, jwks: Path | None, jwks_uri: str | None, new_key: Path | None,
    secret_days: int, overlap_hours: int,
) -> None:  # fmt: skip
    """Give a client new credentials; the old ones stop at once, or after --overlap-hours."""
    source = _fetched(jwks_uri)
    with local.acting() as tx:
        row = _find(tx, client_id)
        by_secret = row.auth_method == ClientAuth.SECRET_BASIC
        with credentials(jwks, new_key, secret=by_secret, published=source is not None) as keys:
            made = clients.rotate(
                tx, row.member_id, row.id, jwks=keys, source=source, secret_days=secret_days,
                overlap_hours=overlap_hours,
            )  # fmt: skip
            form = issued_form(tx.runtime.config, made, new_key)
    output.show(form, first_call(form))


@client.command("bind", cls=Command)
@click.argument("client_id")
@click.option("--require-dpop/--no-require-dpop", "dpop", default=None, help="To a key, by DPoP (RFC 9449).")
@click.option(
    "--require-certificate/--no-require-certificate", "certificate", default=None,
    help="To its TLS certificate (RFC 8705).",
)  # fmt: skip
@click.pass_obj
def bind(output: Output, client_id: str, *, dpop: bool | None, certificate: bool | None) -> None:
    """Say what a client's tokens must be bound to; those that are not stop at once."""
    with local.acting(moves_policy=True) as tx:
        row = _find(tx, client_id)
        if dpop is None:
            dpop = row.dpop_bound_access_tokens
        if certificate is None:
            certificate = row.tls_client_certificate_bound_access_tokens
        clients.demand_binding(tx, row.member_id, row.id, dpop=dpop, certificate=certificate)
        form = ClientSchema().dump(row)
    output.show(form, f"{row.name}: {_binding(form)}.")


@client.command("change", cls=Command)
@click.argument("client_id")
@click.option(
    "--expires-days", type=click.IntRange(1, 3_650), help="It ends by itself so many days from now."
)
@click.option("--no-end", is_flag=True, help="It stays until it is revoked.")
@click.option(
    "--network", "networks", multiple=True, metavar="CIDR",
    help="All networks it may call from, instead of those that it has.",
)  # fmt: skip
@click.option("--any-network", is_flag=True, help="It may call from anywhere.")
@click.pass_obj
def change(
    output: Output, /, client_id: str, *, expires_days: int | None, no_end: bool, networks: tuple[str, ...],
    any_network: bool,
) -> None:  # fmt: skip
    """Set a client's end or networks anew; they hold from its next request on, with any token."""
    if (expires_days is not None and no_end) or (networks and any_network):
        raise click.UsageError("Say one thing of its end, and one of its networks.")
    sent: dict[str, Any] = {"networks": list(networks) or None} if networks or any_network else {}
    bounds = ClientChangeSchema().load(sent)
    with local.acting(moves_policy=True) as tx:
        row = _find(tx, client_id)
        if expires_days is not None or no_end:
            bounds["expires_at"] = None if expires_days is None else tx.now + expires_days * DAY
        clients.change(tx, row.member_id, row.id, bounds)
        form = ClientSchema().dump(row)
    end, where = form.get("expires_at"), ", ".join(form.get("networks", ()))
    output.show(
        form, f"{row.name}: {f'ends {end[:10]}' if end else 'no end'}, from {where or 'any network'}."
    )


@client.command("revoke", cls=Command)
@click.argument("client_id")
@click.pass_obj
def revoke(output: Output, client_id: str) -> None:
    """End a client: it gets no more tokens, and those that it has stop at once."""
    with local.acting(moves_policy=True) as tx:
        row = _find(tx, client_id)
        clients.revoke(tx, row.member_id, row.id)
        form = ClientSchema().dump(row)
    output.show(form, f"{row.name} is revoked.")


@client.command("list", cls=Command)
@click.argument("who", metavar="[MEMBER]", required=False)
@click.pass_obj
def show_all(output: Output, who: str | None) -> None:
    """Show the clients of MEMBER, or all, and which of them end soon."""

    def work(tx: Tx) -> bytes:
        chosen = [local.find_member(tx, who)] if who else list(local.all_members(tx))
        names = {member.id: member.name for member in chosen}
        found = [row for member in chosen for row in clients.browse(tx, member.id, limit=_PAGE)]
        forms = [
            {
                **ClientSchema().dump(row),
                "member_name": names[row.member_id],
                "ends_soon": ends_soon(row, tx.now),
            }
            for row in found
        ]
        return json.dumps(forms).encode()

    found = json.loads(local.looking("client.listed", Subject(kind="client"), work))
    rows = [
        (
            row["member_name"],
            row["name"],
            row["kind"],
            " ".join(row["scopes"]),
            " ".join(row["purposes"]),
            _state(row),
            row["id"],
        )
        for row in found
    ]
    output.show(found, table(None, ("member", "name", "kind", "scopes", "purposes", "", "id"), rows))


def issued_form(config: Config, made: Issued, key_file: Path | None) -> dict[str, Any]:
    """What the member is given: everything for a first call. A secret is in here and nowhere else."""
    return {
        "client": ClientSchema().dump(made.client),
        "secret": made.secret,
        "key_file": str(key_file) if key_file else None,
        "issuer": config.issuer,
        "token_endpoint": f"{config.issuer}/oauth/token",
    }


def _state(form: dict[str, Any]) -> str:
    """In a word: revoked, or when it ends."""
    if "disabled_at" in form:
        return f"revoked {form['disabled_at'][:10]}"
    if "ends_at" not in form:
        return ""
    return f"ends {form['ends_at'][:10]}" + (" SOON" if form["ends_soon"] else "")


def _fetched(jwks_uri: str | None) -> Fetched | None:
    """The keys that are published there, asked for before any transaction is open."""
    if jwks_uri is None:
        return None
    with local.opened() as runtime:
        return key_sources.fetch(runtime, jwks_uri)


def _binding(form: dict[str, Any]) -> str:
    wanted = {
        "a key (DPoP)": form["dpop_bound_access_tokens"],
        "its certificate": form["tls_client_certificate_bound_access_tokens"],
    }
    named = [name for name, demanded in wanted.items() if demanded]
    return f"its tokens are bound to {' and '.join(named)}" if named else "its tokens may be unbound"


def _find(tx: Tx, client_id: str) -> Client:
    for member in local.all_members(tx):
        for row in clients.browse(tx, member.id, limit=_PAGE):
            if row.id == client_id:
                return row
    raise Failure("There is no client of this id. `halyard client list` shows them.", reason="not-found")
