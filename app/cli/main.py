"""`halyard`: one file per noun, loaded when it is asked for, so that a health check costs little."""

from importlib import import_module

import click

from app.cli.command import Output

COMMANDS = {
    "demo": "demo:demo",
    "serve": "serve:serve",
    "worker": "worker:worker",
    "health": "health:health",
    "doctor": "doctor:doctor",
    "db": "db:db",
    "backup": "backup:backup",
    "restore": "restore:restore",
    "keys": "keys:keys",
    "member": "members:member",
    "user": "users:user",
    "client": "clients:client",
    "group": "groups:group",
    "token": "tokens:token",
    "proof": "tokens:proof",
    "set": "review:indicator_set",
    "signals": "signals:signals",
    "audit": "audit:audit",
    "witness": "witness:witness",
    "openapi": "openapi:openapi",
}
"""Name → module of this folder, and the command in it."""


class Halyard(click.Group):
    """The commands in the order in which one comes to need them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        found: click.Command = getattr(import_module(f"app.cli.{module}"), name)
        return found


@click.group(cls=Halyard, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--json", "as_json", is_flag=True, help="Print results for programs.")
@click.version_option(package_name="halyard")
@click.pass_context
def main(ctx: click.Context, *, as_json: bool) -> None:
    """Share indicators between the members of a child-safety coalition.

    Commands at the machine (member, client, group, keys, db) work on the database that the server's
    HALYARD_* settings name. Commands of a member (set, list, signals, audit, token) speak to a server
    over HTTP as the client that HALYARD_URL and HALYARD_CLIENT_ID name.
    """
    ctx.obj = Output(as_json=as_json)
