"""How a member's users sign in to the console, and their roles there."""

from flask import Response

from app.errors import Invalid
from app.events import Subject
from app.members.people import accounts, roles
from app.record import Tx
from app.web.blueprint import Blueprint
from app.web.exchange import Reply, read, write
from app.web.identity import requires
from schemas.people import AccountSchema
from schemas.vocabulary import Role, Scope

blp = Blueprint(
    "accounts", __name__, url_prefix="/v1/members/<ident:member_id>/users/<ident:user_id>",
    description="Users of the console",
)  # fmt: skip


@blp.get("/account")
@requires()
@blp.response(200, AccountSchema)
def get_account(member_id: str, user_id: str) -> Response:
    """Read a user's roles and how it signs in: for its member and for the operator."""

    def work(tx: Tx) -> Reply:
        return Reply.of(AccountSchema, accounts.read(tx, member_id, user_id))

    return read("user.account-read", Subject(kind="user", id=user_id, owner_id=member_id), work)


@blp.put("/roles/<role>")
@requires(Scope.MEMBERS_ADMIN)
@blp.response(204)
def give_role(member_id: str, user_id: str, role: str) -> Response:
    """Give a user a role, `auditor`, `analyst` or `operator`: it holds from its next request on."""

    def work(tx: Tx) -> Reply:
        roles.give(tx, member_id, user_id, _known(role))
        return Reply(status=204)

    return write("user.role-changed", Subject(kind="user", id=user_id), work, moves_policy=True)


@blp.delete("/roles/<role>")
@requires(Scope.MEMBERS_ADMIN)
@blp.response(204)
def take_role(member_id: str, user_id: str, role: str) -> Response:
    """Take a role from a user: it holds from its next request on."""

    def work(tx: Tx) -> Reply:
        roles.take(tx, member_id, user_id, _known(role))
        return Reply(status=204)

    return write("user.role-changed", Subject(kind="user", id=user_id), work, moves_policy=True)


def _known(text: str) -> Role:
    if text not in set(Role):
        error = {"pointer": "/role", "detail": f"Use one of: {', '.join(Role)}."}
        raise Invalid("There is no such role: see errors.", reason="role", errors=[error])
    return Role(text)
