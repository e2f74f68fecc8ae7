"""`halyard health`: asks a running server whether it answers; the check of containers."""

import click
import httpx

from app.cli.command import Command, Failure, Output

_SECONDS = 3.0


@click.command("health", cls=Command)
@click.option(
    "--url",
    default="http://127.0.0.1:8440/healthz",
    show_default=True,
    help="/healthz or /readyz of a server.",
)
@click.pass_obj
def health(output: Output, url: str) -> None:
    """Ask a running server whether it answers; exit code 1 if not."""
    try:
        answer = httpx.get(url, timeout=_SECONDS, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL):
        raise Failure("The server does not answer.", reason="no_answer") from None
    if answer.status_code != httpx.codes.OK:
        raise Failure(
            f"The server answers {answer.status_code}: see /readyz and `halyard doctor`.", reason="unfit"
        )
    output.show({"status": "ok"}, "ok")
