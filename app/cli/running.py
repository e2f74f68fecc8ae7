"""Says which processes use an embedded database: a lock beside it that ends with its holder."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from app.cli.command import Failure
from app.config import Config
from app.durable import locked


def database_path(config: Config) -> Path | None:
    """The file of an embedded database; None for PostgreSQL."""
    name = make_url(config.url).database if config.sqlite else None
    return Path(name) if name else None


@contextmanager
def using(config: Config) -> Iterator[None]:
    """Hold the database's lock together with other servers and workers, while the block runs."""
    with ExitStack() as held:
        try:
            held.enter_context(_lock(config, shared=True))
        except BlockingIOError:
            raise Failure("A restore is going on. Start again when it is done.", reason="restoring") from None
        yield


def in_use(config: Config) -> bool:
    """Whether a server or worker of this machine holds the embedded database."""
    try:
        with _lock(config):
            return False
    except BlockingIOError:
        return True


@contextmanager
def alone(config: Config) -> Iterator[None]:
    """Hold the embedded database's lock alone.

    Raises:
        BlockingIOError: a server or worker runs.
    """
    with _lock(config):
        yield


@contextmanager
def _lock(config: Config, *, shared: bool = False) -> Iterator[None]:
    path = database_path(config)
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_name(path.name + ".lock"), wait=False, shared=shared):
        yield
