"""`halyard openapi`: writes the description of the API from the code; needs no database."""

import base64
from pathlib import Path

import click

from app.cli.command import Command, Failure, Output
from app.config import SECRET_BYTES, Config
from app.main import create_app
from app.runtime import Runtime
from app.web.documentation import document

_NO_SECRET = base64.b64encode(bytes(SECRET_BYTES)).decode()


@click.command("openapi", cls=Command)
@click.option(
    "--check", is_flag=True, help="Write nothing; exit code 1 where the file differs from the code."
)
@click.option(
    "--file", default="openapi.yaml", show_default=True, type=click.Path(dir_okay=False, path_type=Path)
)
@click.pass_obj
def openapi(output: Output, file: Path, *, check: bool) -> None:
    """Write openapi.yaml anew from the code."""
    text = describe()
    if not check:
        file.write_text(text)
        output.show({"file": str(file), "written": True}, f"{file} is written.")
        return
    if not file.exists() or file.read_text() != text:
        raise Failure(
            f"{file} differs from the code. Run `make openapi` and look at the difference.", reason="drift"
        )
    output.show({"file": str(file), "fresh": True}, f"{file} describes the code.")


def describe() -> str:
    """The OpenAPI document as YAML. The runtime is assembled but never opened: nothing is on disk."""
    config = Config(database_url="sqlite://", secret=_NO_SECRET)
    app = create_app(Runtime.assemble(config))
    return document(app.extensions["halyard-api"])
