"""`halyard token`: an access token for other tools, and a first look at what it opens."""

import click

from app.cli.client import Server
from app.cli.command import Command, Output, table


@click.command("token", cls=Command)
@click.option("--check", is_flag=True, help="Show who the token is for and what it may see, instead.")
@click.pass_obj
def token(output: Output, *, check: bool) -> None:
    """Print an access token, valid for ten minutes.

    For other tools: curl -H "Authorization: Bearer $(halyard token)" "$HALYARD_URL/v1/me"
    """
    with Server.from_env() as server:
        if not check:
            answer = server.new_token()
            output.show(answer, answer["access_token"])
            return
        me = server.get("/v1/me")
    rows = [
        ("member", f"{me['member']['name']} ({me['member']['sector']})"),
        ("client", me["client"]["name"]),
        ("person", me["user"]["handle"] if me.get("user") else "none: a service client"),
        ("purpose", me["purpose"]),
        ("scopes", " ".join(me["scopes"])),
        ("groups", ", ".join(group["name"] for group in me["groups"])),
    ]
    rows += [
        (found["kind"], f"{found['title']} · {found['marking']['tlp']} · {found['reason']}")
        for found in me["collections"]
    ]
    output.show(me, table(None, ("", ""), rows))
