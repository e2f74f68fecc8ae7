"""Entries as pages show them: documents out of what the audit service hands over, and names for their ids."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from app.audit import service
from app.audit.queries import Filter, Page
from app.audit.service import Item
from app.members import names
from app.members.names import Names
from app.record import Tx
from schemas.vocabulary import CollectionKind, Role

ACTION: Final = "audit.read"
"""What an entry says of every page of the log: the same as of the API's answers."""
READERS: Final = (Role.AUDITOR, Role.ANALYST, Role.OPERATOR)
"""Who may open pages of the log: each as far as its scopes go."""

_COLLECTIONS: Final = {kind.value for kind in CollectionKind}


class Opened(msgspec.Struct):
    """One entry as the audit service hands it over; `entry` are the very bytes that are stored."""

    entry: msgspec.Raw
    index: int | None = None
    reduced: bool = False
    openings: dict[str, str | None] | None = None

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.entry)
        return found

    @property
    def raw(self) -> str:
        """The stored bytes as text."""
        return bytes(self.entry).decode()


def opened(item: Item) -> Opened:
    return msgspec.json.decode(item.body, type=Opened)


def newest(tx: Tx, asked: Filter, limit: int) -> list[Item]:
    """The newest entries of a kind that its reader may find: what was looked at for one page of them."""
    return service.find(tx.session, tx.actor, asked, [], Page(after=None, limit=limit, newest=True))[0]


def names_in(tx: Tx, documents: Iterable[dict[str, Any]]) -> Names:
    """The names of every member, set, list, user and client that these entries name, as far as known."""
    members: set[str] = set()
    collections: set[str] = set()
    users: set[str] = set()
    clients: set[str] = set()
    for document in documents:
        actor = document["actor"]
        members.update(_some(actor.get("member")))
        users.update(_some(actor.get("user")))
        clients.update(_some(actor.get("client")))
        for subject in document["subjects"]:
            members.update(_some(subject.get("owner")))
            collections.update(_some(subject.get("collection")))
            kind, named = subject["kind"], _some(subject.get("id"))
            if kind in _COLLECTIONS:
                collections.update(named)
            elif kind in _OTHERS:
                {"member": members, "user": users, "client": clients}[kind].update(named)
    return names.of(
        tx.session, tx.actor, tx.now, members=members, collections=collections, users=users, clients=clients
    )


_OTHERS: Final = {"member", "user", "client"}


def _some(value: str | None) -> list[str]:
    return [] if value is None else [value]
