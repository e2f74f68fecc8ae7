"""What becomes of a token: introspection, revocation, and what the server says of itself."""

import uuid
from typing import Any

import pytest
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import select

from app.audit.models import AuditEntry, PolicyEpoch
from app.clock import SECOND
from app.keys import Use
from app.runtime import Runtime
from schemas.vocabulary import Scope
from tests.api.oauth_client import Office, es256, unsigned
from tests.factories import Make
from tests.fakes import FakeClock


def epoch(runtime: Runtime) -> int:
    with runtime.db.read() as session:
        return session.execute(select(PolicyEpoch.epoch)).scalar_one()


def actions(runtime: Runtime) -> list[tuple[str, str]]:
    with runtime.db.read() as session:
        rows = session.execute(select(AuditEntry.action, AuditEntry.decision).order_by(AuditEntry.at))
        return [(action, decision) for action, decision in rows if action.startswith("token.")]


def test_a_revoked_token_stops_at_once_and_moves_the_policy_epoch(office: Office) -> None:
    client = office.register(key=es256())
    token, other = client.token(), client.token()
    before = epoch(client.runtime)

    answer = client.post("/oauth/revoke", token=token, token_type_hint="access_token")

    assert (answer.status_code, answer.json) == (200, {})
    assert epoch(client.runtime) > before
    assert client.call(token).status_code == 401
    assert "invalid_token" in client.call(token).headers["WWW-Authenticate"]
    assert client.call(other).status_code == 200
    assert ("token.revoked", "allowed") in actions(client.runtime)


def test_revoking_twice_or_what_is_no_token_is_answered_the_same(office: Office, clock: FakeClock) -> None:
    client = office.register()
    token = client.token()
    client.post("/oauth/revoke", token=token)
    ended = client.token()
    clock.advance(700)

    answers = [
        client.post("/oauth/revoke", token=text)
        for text in (token, ended, "nonsense", unsigned({"jti": "x"}))
    ]

    assert {(answer.status_code, answer.data) for answer in answers} == {(200, b"{}")}


def test_only_the_client_that_it_was_issued_to_revokes_a_token(office: Office) -> None:
    client = office.register(key=es256())
    colleague, stranger = office.register(client.member), office.register()
    token = client.token()

    answers = [other.post("/oauth/revoke", token=token) for other in (colleague, stranger)]

    assert {answer.status_code for answer in answers} == {400}
    assert client.call(token).status_code == 200
    assert actions(client.runtime).count(("token.revoked", "refused")) == 2


def test_introspection_tells_a_member_of_its_own_tokens(office: Office) -> None:
    client = office.register(key=es256())
    colleague = office.register(client.member)
    token = client.token(scope="sets:read", purpose="research")

    body: Any = colleague.post("/oauth/introspect", token=token).json

    assert body["active"] is True
    assert body["client_id"] == client.id
    assert body["member"] == client.member.id
    assert (body["scope"], body["purpose"], body["token_type"]) == ("sets:read", "research", "Bearer")


@pytest.mark.parametrize(
    "why", ["another member", "ended", "revoked", "suspended client", "nonsense", "unsigned"]
)
def test_introspection_says_inactive_and_nothing_else(office: Office, clock: FakeClock, why: str) -> None:
    client = office.register(key=es256())
    asks = office.register(client.member)
    token = client.token()
    if why == "another member":
        asks = office.register()
    elif why == "ended":
        clock.advance(606)
    elif why == "revoked":
        client.post("/oauth/revoke", token=token)
    elif why == "suspended client":
        office.operator.delete(f"/v1/members/{client.member.id}/clients/{client.id}")
        if office.operator.get("/v1/me").status_code != 200:
            pytest.fail("the operator's token ended")
    elif why == "nonsense":
        token = "not.a.token"
    else:
        token = unsigned({"client_id": client.id, "member": client.member.id})

    assert asks.post("/oauth/introspect", token=token).json == {"active": False}


@pytest.mark.parametrize("path", ["/oauth/revoke", "/oauth/introspect"])
def test_both_need_a_client_that_proves_itself_and_a_token(
    office: Office, http: FlaskClient, path: str
) -> None:
    client = office.register(key=es256())
    token = client.token()

    alone = http.post(path, data={"token": token})
    empty = client.post(path)

    assert (alone.status_code, alone.json["error"]) == (401, "invalid_client")  # type: ignore[index]
    assert (empty.status_code, empty.json["error"]) == (400, "invalid_request")  # type: ignore[index]
    assert client.call(token).status_code == 200


def test_the_metadata_names_endpoints_that_answer(http: FlaskClient, runtime: Runtime) -> None:
    found: Any = http.get("/.well-known/oauth-authorization-server").json
    issuer = runtime.config.issuer

    assert found["issuer"] == issuer
    assert found["scopes_supported"] == [scope.value for scope in Scope]
    assert found["token_endpoint_auth_signing_alg_values_supported"] == ["ES256", "EdDSA", "Ed25519", "PS256"]
    assert set(found["token_endpoint_auth_methods_supported"]) == {"private_key_jwt", "client_secret_basic"}
    for name in ("token", "revocation", "introspection"):
        path = found[f"{name}_endpoint"].removeprefix(issuer)
        assert http.get(path).status_code == 405
        assert http.post(path).status_code == 401 or name == "token"
    assert http.get(found["jwks_uri"].removeprefix(issuer)).status_code == 200


def test_two_token_keys_and_the_document_keys_are_published_without_private_parts(http: FlaskClient) -> None:
    tokens: Any = http.get("/.well-known/jwks.json").json
    about: Any = http.get("/.well-known/halyard").json

    assert len(KeySet.import_key_set(tokens).keys) == 2
    assert {key["alg"] for key in tokens["keys"]} == {"ES256"}
    assert len(KeySet.import_key_set(about["document_keys"]).keys) == 2
    assert all("d" not in key for key in [*tokens["keys"], *about["document_keys"]["keys"]])


def test_a_retired_token_key_signs_nothing_that_is_taken_any_more(
    make: Make, http: FlaskClient, runtime: Runtime, clock: FakeClock
) -> None:
    member = make.member()
    caller = make.caller(member, user=make.user(member))
    with runtime.db.write() as session:
        old = runtime.keyring.signer(session, Use.TOKEN)
        runtime.keyring.rotate(session, Use.TOKEN, runtime.clock())
    issuer = runtime.config.issuer

    def shown() -> int:
        now = runtime.clock() // SECOND
        claims = {
            "iss": issuer, "aud": issuer, "sub": caller.client.user_id, "client_id": caller.client.id,
            "member": member.id, "iat": now, "exp": now + 600, "jti": uuid.uuid4().hex,
            "scope": " ".join(caller.client.scopes), "purpose": "detect",
        }  # fmt: skip
        header = {"typ": "at+jwt", "alg": "ES256", "kid": old.kid}
        token = jwt.encode(header, claims, old, algorithms=["ES256"])
        return http.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code

    assert shown() == 200
    clock.advance(400 * 86_400)
    assert shown() == 401
