"""`/v1/groups/{id}/keys`: under which keys and epochs a group hashes identifiers."""

import re
from typing import Any

from flask import Response

from app.errors import NotFound
from app.events import Subject
from app.members import group_keys
from app.record import Tx
from app.web.blueprint import Blueprint
from app.web.exchange import Reply, read, write
from app.web.identity import requires
from schemas.groups import GroupKeySchema, GroupKeysSchema, NewGroupKeySchema
from schemas.vocabulary import Scope

blp = Blueprint("group-keys", __name__, url_prefix="/v1", description="Keys of sharing groups, by name")

_KEY_ID = re.compile(r"(?!.*(?:[0-9]-*){10})[a-z0-9][a-z0-9-]{2,63}")
"""As in signals: ten digits, hyphens aside, could be the number of a person."""


@blp.get("/groups/<ident:group_id>/keys")
@requires()
@blp.response(200, GroupKeysSchema)
def list_keys(group_id: str) -> Response:
    """Read which keys and epochs a group of yours has declared."""

    def work(tx: Tx) -> Reply:
        found = group_keys.declared(tx, group_id)
        return Reply.of(GroupKeysSchema, {"items": found})

    return read("group.keys-read", _group(group_id), work)


@blp.put("/groups/<ident:group_id>/keys/<key_id>")
@requires(Scope.GROUPS_ADMIN)
@blp.arguments(NewGroupKeySchema)
@blp.response(200, GroupKeySchema)
def put_key(body: dict[str, Any], group_id: str, key_id: str) -> Response:
    """Declare a key of your group by name, a new epoch of it, or the end of old ones. Never the key itself.

    From the first declaration on, lists for this group take signals of declared keys and epochs only.
    """
    if _KEY_ID.fullmatch(key_id) is None:
        raise NotFound

    def work(tx: Tx) -> Reply:
        return Reply.of(GroupKeySchema, group_keys.declare(tx, group_id, key_id, **body))

    return write("group.key-declared", _group(group_id), work)


def _group(group_id: str) -> Subject:
    return Subject(kind="group", id=group_id)
