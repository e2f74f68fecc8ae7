"""Who demands bound tokens, and from when on: a client for itself, a group for its members' clients."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from app.api import oauth_binding
from app.audit.append import read_epoch
from app.audit.models import AuditEntry
from app.main import create_app
from app.parties import Client, Member, SharingGroup
from app.runtime import Runtime
from schemas.vocabulary import Scope
from tests.api.certificates import certificate, rfc9440
from tests.api.oauth_client import Office, Registered, es256
from tests.api.proving import Prover
from tests.factories import Make

BOTH = ["dpop", "certificate"]


def not_given(answer: TestResponse, error: str = "invalid_dpop_proof") -> str:
    body: Any = answer.json
    assert (answer.status_code, body["error"]) == (400, error), body
    return str(body["error_description"])


def stopped(answer: TestResponse) -> None:
    body: Any = answer.json
    assert (answer.status_code, body["reason"]) == (401, "invalid_token"), body
    assert "DPoP" in answer.headers["WWW-Authenticate"]
    assert "bound" in body["detail"]


def bind(
    office: Office, client: Registered, *, dpop: bool = False, certificate: bool = False
) -> TestResponse:
    at = f"/v1/members/{client.member.id}/clients/{client.id}/binding"
    body = {"dpop_bound_access_tokens": dpop, "tls_client_certificate_bound_access_tokens": certificate}
    return office.operator.put(at, json=body)


def demand(make: Make, owner: Member, group: SharingGroup, *, demanded: bool = True) -> TestResponse:
    """As the group's owner, with a bound token where it must be one."""
    prover = Prover(Office(make).register(owner, key=es256(), scopes=(Scope.GROUPS_ADMIN,)))
    token = prover.token()
    path = f"/v1/groups/{group.id}"
    sent = {"Authorization": f"DPoP {token}", "DPoP": prover.proof("PATCH", path, token=token)}
    return make.http.patch(path, json={"requires_bound_tokens": demanded}, headers=sent)


def test_a_client_that_is_registered_so_gets_bound_tokens_only(office: Office) -> None:
    client = office.register(key=es256(), dpop_bound_access_tokens=True)
    prover = Prover(client)

    assert "DPoP proof" in not_given(client.ask())
    me: Any = prover.call(prover.token()).json
    assert me["bound_tokens"] == [{"by": "client", "any_of": ["dpop"]}]


def test_a_refused_request_for_a_token_uses_its_assertion_up(office: Office) -> None:
    client = office.register(key=es256(), dpop_bound_access_tokens=True)
    form = {"grant_type": "client_credentials", **client.proof()}

    not_given(client.http.post("/oauth/token", data=form))
    proof = Prover(client).proof("POST", "/oauth/token")
    assert client.http.post("/oauth/token", data=form, headers={"DPoP": proof}).status_code == 401


def test_a_demand_made_later_stops_unbound_tokens_at_once_and_leaves_bound_ones(office: Office) -> None:
    client, other = office.register(key=es256()), office.register(key=es256())
    prover = Prover(client)
    bearer, bound, others = client.token(), prover.token(), other.token()
    assert client.call(bearer).status_code == 200

    answer = bind(office, client, dpop=True)

    assert answer.json["dpop_bound_access_tokens"] is True  # type: ignore[index]
    stopped(client.call(bearer))
    assert prover.call(bound).status_code == 200
    assert other.call(others).status_code == 200
    inactive: Any = client.post("/oauth/introspect", token=bearer).json
    assert inactive == {"active": False}

    assert bind(office, client).status_code == 200
    assert client.call(bearer).status_code == 200


def test_what_a_client_must_be_bound_to_is_said_by_the_operator_and_written_down(office: Office) -> None:
    client = office.register(key=es256(), scopes=(Scope.GROUPS_ADMIN,))
    at = f"/v1/members/{client.member.id}/clients/{client.id}/binding"
    body = {"dpop_bound_access_tokens": False, "tls_client_certificate_bound_access_tokens": False}
    own = {"Authorization": f"Bearer {client.token()}"}

    assert client.http.put(at, json=body, headers=own).status_code == 403
    assert bind(office, client, dpop=True).status_code == 200
    with client.runtime.db.read() as session:
        written = select(AuditEntry.decision).where(AuditEntry.action == "client.binding-demanded")
        assert list(session.scalars(written)) == ["allowed"]


def test_certificates_are_demanded_only_where_a_proxy_hands_them_on(
    office: Office, runtime: Runtime, make: Make
) -> None:
    client = office.register(key=es256())
    config = replace(
        runtime.config, trusted_proxies=1, proxy_networks=("127.0.0.1/32",), certificate_header="Client-Cert"
    )
    behind = Make(runtime, create_app(replace(runtime, config=config)).test_client())
    there = Office(behind).register(key=es256(), tls_client_certificate_bound_access_tokens=True)
    form = {"grant_type": "client_credentials"}
    mine = {"Client-Cert": rfc9440(certificate())}

    assert bind(office, client, certificate=True).status_code == 422
    assert "certificate" in not_given(there.ask(), "invalid_request")
    proof = Prover(there).proof("POST", "/oauth/token")
    assert "certificate" in not_given(Prover(there).ask(proof), "invalid_request")
    given: Any = behind.http.post("/oauth/token", data=form | there.proof(), headers=mine).json
    sent = {"Authorization": f"Bearer {given['access_token']}", **mine}
    me: Any = behind.http.get("/v1/me", headers=sent).json
    assert me["bound_tokens"] == [{"by": "client", "any_of": ["certificate"]}]


def test_a_groups_demand_reaches_every_client_of_its_owner_and_members_at_once(
    office: Office, make: Make
) -> None:
    owner, member, outsider = make.member(), make.member(), make.member()
    group = make.group(owner, [member])
    clients = {party.id: office.register(party, key=es256()) for party in (owner, member, outsider)}
    tokens = {party_id: client.token() for party_id, client in clients.items()}

    told: Any = demand(make, owner, group).json

    assert told["requires_bound_tokens"] is True
    for party in (owner, member):
        client = clients[party.id]
        stopped(client.call(tokens[party.id]))
        assert "sharing group" in not_given(client.ask())
        prover = Prover(client)
        me: Any = prover.call(prover.token()).json
        assert me["bound_tokens"] == [{"by": "group", "group": group.id, "any_of": BOTH}]
        assert [found["requires_bound_tokens"] for found in me["groups"]] == [True]
    assert clients[outsider.id].call(tokens[outsider.id]).status_code == 200

    assert demand(make, owner, group, demanded=False).status_code == 200
    assert clients[member.id].call(tokens[member.id]).status_code == 200


def test_who_joins_such_a_group_is_asked_from_then_on_and_who_leaves_no_longer(
    office: Office, make: Make
) -> None:
    owner, member = make.member(), make.member()
    group = make.group(owner)
    client = office.register(member, key=es256(), scopes=(Scope.GROUPS_ADMIN,))
    assert demand(make, owner, group).status_code == 200
    prover = Prover(office.register(owner, key=es256(), scopes=(Scope.GROUPS_ADMIN,)))
    bearer, token = client.token(), prover.token()

    def act(method: str, path: str, **options: Any) -> int:
        path = f"/v1/groups/{group.id}/{path}"
        sent = {"Authorization": f"DPoP {token}", "DPoP": prover.proof(method, path, token=token)}
        return make.http.open(path, method=method, headers=sent, **options).status_code

    assert act("POST", "invitations", json={"member": member.id}) == 201
    accepted = make.http.post(
        f"/v1/groups/{group.id}/acceptance",
        json={"terms_version": 1},
        headers={"Authorization": f"Bearer {bearer}"},
    )
    assert accepted.status_code == 200
    assert accepted.json["requires_bound_tokens"] is True  # type: ignore[index]
    assert client.call(bearer).status_code == 200

    assert act("PUT", f"members/{member.id}") == 200
    stopped(client.call(bearer))

    assert act("DELETE", f"members/{member.id}") == 204
    assert client.call(bearer).status_code == 200


@pytest.mark.parametrize("created", [True, False])
def test_a_groups_demand_moves_the_policy_epoch(make: Make, runtime: Runtime, *, created: bool) -> None:
    owner = make.member()
    caller = make.caller(owner, Scope.GROUPS_ADMIN)
    group = None if created else make.group(owner)
    with runtime.db.read() as session:
        before = read_epoch(session)

    if group is None:
        body = {"name": "Strict", "terms": "Terms.", "requires_bound_tokens": True}
        assert caller.post("/v1/groups", json=body).status_code == 201
    else:
        changed = caller.patch(f"/v1/groups/{group.id}", json={"requires_bound_tokens": True})
        assert changed.status_code == 200

    with runtime.db.read() as session:
        assert read_epoch(session) == before + 1
    stopped(caller.get("/v1/me"))


def test_a_demand_is_asked_in_the_statement_that_asks_whether_the_client_stands(
    office: Office, statements: list[str]
) -> None:
    client = office.register(key=es256())
    token = client.token()
    client.call(token)
    statements.clear()

    assert client.call(token).status_code == 200

    asking = [text for text in statements if "dpop_bound_access_tokens" in text and "revoked_token" in text]
    assert len(asking) == 2  # once when it is let in, once in the transaction that reads
    assert all("requires_bound_tokens" in text for text in asking)


def test_a_demand_that_comes_between_proof_and_issue_refuses_the_token(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = office.register(key=es256())
    house = client.runtime
    real = oauth_binding.shown

    def late(*asked: Any) -> Any:
        with house.db.write() as session:
            session.execute(
                update(Client).where(Client.id == client.id).values(dpop_bound_access_tokens=True)
            )
        return real(*asked)

    monkeypatch.setattr(oauth_binding, "shown", late)

    assert client.ask().status_code == 401
