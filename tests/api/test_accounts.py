"""Roles of users over the API, and what their member may know of how they sign in."""

import pytest

from app.members.people.models import UserRole
from schemas.vocabulary import Role, Scope


@pytest.fixture
def operator(make):
    return make.caller(make.member(), Scope.MEMBERS_ADMIN)


def test_the_operator_gives_and_takes_roles(make, operator):
    home = make.member()
    user = make.user(home)
    where = f"/v1/members/{home.id}/users/{user.id}"
    assert operator.put(f"{where}/roles/auditor").status_code == 204
    assert operator.put(f"{where}/roles/analyst").status_code == 204
    again = operator.put(f"{where}/roles/auditor")
    assert (again.status_code, again.json["reason"]) == (409, "role_held")
    assert operator.get(f"{where}/account").json["roles"] == ["analyst", "auditor"]
    assert operator.delete(f"{where}/roles/auditor").status_code == 204
    gone = operator.delete(f"{where}/roles/auditor")
    assert (gone.status_code, gone.json["reason"]) == (409, "role_not_held")
    with make.runtime.db.read() as rows:
        assert [row.role for row in rows.query(UserRole).filter_by(user_id=user.id)] == [Role.ANALYST]


def test_a_role_that_there_is_not_is_named(make, operator):
    home = make.member()
    user = make.user(home)
    answer = operator.put(f"/v1/members/{home.id}/users/{user.id}/roles/emperor")
    assert answer.status_code == 422
    assert answer.json["errors"][0] == {
        "pointer": "/role",
        "detail": "Use one of: auditor, analyst, operator.",
    }


def test_a_member_reads_the_accounts_of_its_own_and_gives_no_roles(make):
    home, other = make.member(), make.member()
    user = make.user(home)
    own, stranger = make.caller(home, Scope.SETS_READ), make.caller(other, Scope.SETS_READ)
    where = f"/v1/members/{home.id}/users/{user.id}"
    assert own.get(f"{where}/account").json == {
        "id": user.id, "member": home.id, "handle": user.handle, "roles": [], "enrolled": False,
        "locked": False, "linked": False, "created_at": own.get(f"{where}/account").json["created_at"],
    }  # fmt: skip
    assert stranger.get(f"{where}/account").status_code == 404
    assert own.put(f"{where}/roles/auditor").status_code == 403
    wrong = f"/v1/members/{other.id}/users/{user.id}/account"
    assert stranger.get(wrong).status_code == 404


def test_who_is_disabled_is_given_no_role(make, operator):
    home = make.member()
    user = make.user(home)
    assert operator.delete(f"/v1/members/{home.id}/users/{user.id}").status_code == 204
    answer = operator.put(f"/v1/members/{home.id}/users/{user.id}/roles/auditor")
    assert (answer.status_code, answer.json["reason"]) == (409, "user_disabled")
