"""Copies of a database as they are at a moment: what a backup holds, and what a second server begins from."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy.engine import make_url

from app.cli.backup import copy
from app.runtime import Runtime
from tests.conftest import run_on_server


def copied(house: Runtime, new_database_url: Callable[[], str]) -> Runtime:
    """Another server with the same keys and settings, on a copy of the database."""
    url = new_database_url()
    source, target = make_url(house.db.url).database, make_url(url).database
    assert source is not None
    assert target is not None
    house.db.dispose()
    if house.db.sqlite:
        copy(Path(source), Path(target))
    else:
        run_on_server(f'DROP DATABASE "{target}"')
        run_on_server(f'CREATE DATABASE "{target}" TEMPLATE "{source}"')
    return Runtime.assemble(replace(house.config, database_url=url))
