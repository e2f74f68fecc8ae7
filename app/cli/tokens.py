"""`halyard token` and `halyard proof`: what other tools need to call, and a first look at what it opens."""

from dataclasses import replace

import click

from app.cli.client import Server
from app.cli.command import Command, Failure, Output, table
from app.cli.credentials import Credentials
from app.cli.possession import Prover


@click.command("token", cls=Command)
@click.option("--check", is_flag=True, help="Show who the token is for and what it may see, instead.")
@click.option("--dpop", is_flag=True, help="Bind it to the client's key, also where nobody demands it.")
@click.pass_obj
def token(output: Output, *, check: bool, dpop: bool) -> None:
    """Print an access token, valid for ten minutes.

    For other tools: curl -H "Authorization: Bearer $(halyard token)" "$HALYARD_URL/v1/me"
    One that is bound to the client's key goes as `DPoP`, with what `halyard proof` prints for each request.
    """
    who = Credentials.from_env()
    with Server(replace(who, dpop=who.dpop or dpop)) as server:
        if not check:
            answer = server.new_token()
            if answer.get("token_type") == "DPoP" and who.key is None:
                raise _keyless()
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


@click.command("proof", cls=Command)
@click.argument("method")
@click.argument("url")
@click.option("--token", "access_token", required=True, help="The access token that goes with it.")
@click.pass_obj
def proof(output: Output, method: str, url: str, access_token: str) -> None:
    """Print a proof for one request, by the key that the token is bound to (DPoP, RFC 9449).

    curl -H "Authorization: DPoP $TOKEN" -H "DPoP: $(halyard proof GET "$URL" --token "$TOKEN")" "$URL"
    """
    who = Credentials.from_env()
    if who.key is None:
        raise _keyless()
    made = Prover(who.key).proof(method.upper(), url, access_token)
    output.show({"proof": made}, made)


def _keyless() -> Failure:
    return Failure(
        "A token for other tools is bound to the client's own key. Set HALYARD_CLIENT_KEY_FILE.",
        reason="no_key",
    )
