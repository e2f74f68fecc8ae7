"""The database of this machine, used as the operator: every act is recorded as one of the system's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app import ids, record
from app.audit.committer import EpochMovedError
from app.audit.entry import Request
from app.cli.command import Failure
from app.clock import Clock, system_clock
from app.config import Config
from app.events import Subject
from app.members import groups, members
from app.members.groups import GroupView
from app.members.members import MemberView
from app.record import Tx
from app.runtime import Runtime

_ATTEMPTS = 8
_PAGE = 500


@contextmanager
def opened(config: Config | None = None, now: Clock = system_clock) -> Iterator[Runtime]:
    """The runtime that the settings name, closed afterwards."""
    runtime = Runtime.assemble(config or Config.from_env(), now=now)
    try:
        yield runtime
    finally:
        runtime.db.dispose()


@contextmanager
def acting(*, moves_policy: bool = False) -> Iterator[Tx]:
    """A transaction of the operator; `moves_policy` as for `record.begin`."""
    with (
        opened() as runtime,
        record.begin(runtime, record.as_system, Request(), moves_policy=moves_policy) as tx,
    ):
        yield tx


def looking(action: str, subject: Subject, work: Callable[[Tx], bytes]) -> bytes:
    """What the operator reads is an exchange too: its entry is durable before anything is shown."""
    with opened() as runtime:
        for _ in range(_ATTEMPTS):
            with record.reading(runtime, record.as_system, Request()) as tx:
                body = work(tx)
            try:
                record.release(tx, action, (subject,), body)
            except EpochMovedError:
                continue
            return body
    raise Failure("Too much is changing at this moment. Try again.", reason="contended")


def find_member(tx: Tx, text: str) -> MemberView:
    """A member by its id or its name."""
    if ids.FORM.fullmatch(text):
        return members.read(tx, text)
    for found in all_members(tx):
        if found.name == text:
            return found
    raise Failure(
        "There is no member of this name or id. `halyard member list` shows them.", reason="not-found"
    )


def find_group(tx: Tx, text: str) -> GroupView:
    """A sharing group by its id or its name."""
    if ids.FORM.fullmatch(text):
        return groups.read(tx, text)
    for found in all_groups(tx):
        if found.name == text:
            return found
    raise Failure(
        "There is no group of this name or id. `halyard group list` shows them.", reason="not-found"
    )


def all_members(tx: Tx) -> Iterator[MemberView]:
    """Every member, by name."""
    after: str | None = None
    while page := members.browse(tx, after=after, limit=_PAGE):
        yield from page
        after = page[-1].name


def all_groups(tx: Tx) -> Iterator[GroupView]:
    """Every sharing group, by name."""
    after: str | None = None
    while page := groups.browse(tx, after=after, limit=_PAGE):
        yield from page
        after = page[-1].name
