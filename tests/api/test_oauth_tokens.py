"""The token endpoint: what a client gets, and what it is told when it asks for too much."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey, RSAKey
from sqlalchemy import select

from app.audit.models import AuditEntry, RefusalCount
from app.clock import DAY, SECOND
from app.keys import Use
from app.parties import Client, Member
from app.runtime import Runtime
from schemas.vocabulary import Scope
from tests.api.oauth_client import Office, es256
from tests.factories import Make
from tests.fakes import FakeClock


def entries(runtime: Runtime, action: str) -> set[tuple[str | None, str | None, str]]:
    """Client, member and decision of each entry about this action."""
    columns = select(AuditEntry.client_id, AuditEntry.member_id, AuditEntry.decision)
    with runtime.db.read() as session:
        return {
            (row[0], row[1], row[2]) for row in session.execute(columns.where(AuditEntry.action == action))
        }


def test_a_token_is_an_rfc_9068_jwt_that_says_who_what_for_and_how_long(
    office: Office, http: FlaskClient
) -> None:
    client = office.register(key=es256())

    answer = client.ask(scope="sets:read", purpose="research")

    body: Any = answer.json
    keys = KeySet.import_key_set(http.get("/.well-known/jwks.json").json)  # type: ignore[arg-type]
    token = jwt.decode(body["access_token"], keys, algorithms=["ES256"])
    now = client.runtime.clock() // SECOND
    assert token.header["typ"] == "at+jwt"
    assert token.claims["iss"] == token.claims["aud"] == client.runtime.config.issuer
    assert token.claims["sub"] == token.claims["client_id"] == client.id
    assert token.claims["member"] == client.member.id
    assert token.claims["scope"] == body["scope"] == "sets:read"
    assert token.claims["purpose"] == body["purpose"] == "research"
    assert token.claims["exp"] - token.claims["iat"] == 600
    assert abs(token.claims["iat"] - now) <= 1
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 600
    assert answer.headers["Cache-Control"] == "no-store"


def test_left_out_scope_and_purpose_are_all_scopes_and_the_default_purpose(office: Office) -> None:
    client = office.register(key=es256(), default_purpose="research")

    body: Any = client.ask().json

    assert body["scope"] == "sets:read signals:read"
    assert body["purpose"] == "research"


def test_a_personal_clients_token_carries_its_user_as_subject(office: Office, make: Make) -> None:
    member = make.member()
    user = make.user(member)
    client = office.register(member, key=es256(), user=user)

    me: Any = client.call(client.token()).json

    assert me["user"]["id"] == user.id
    assert me["client"]["id"] == client.id


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        (OKPKey.generate_key("Ed25519", auto_kid=True), "EdDSA"),
        (OKPKey.generate_key("Ed25519", auto_kid=True), "Ed25519"),
        (RSAKey.generate_key(2048, auto_kid=True), "PS256"),
    ],
)
def test_edwards_and_pss_keys_authenticate_too(office: Office, key: Any, alg: str) -> None:
    client = office.register(key=key)

    answer = client.http.post(
        "/oauth/token",
        data={"grant_type": "client_credentials", **client.proof(client.assertion(alg=alg))},
    )

    assert answer.status_code == 200


def test_a_secret_authenticates_by_http_basic_and_stands_nowhere_in_the_database(office: Office) -> None:
    client = office.register()

    assert client.ask().status_code == 200
    with client.runtime.db.read() as session:
        row = session.get_one(Client, client.id)
        stored = repr([getattr(row, column.name) for column in Client.__table__.columns])
    assert client.secret is not None
    assert len(client.secret) >= 43
    assert client.secret not in stored


def test_all_who_cannot_prove_who_they_are_get_the_same_answer(office: Office) -> None:
    client = office.register()
    form = {"grant_type": "client_credentials"}
    stranger = office.register()
    stranger.id = "00000000-0000-4000-8000-000000000000"

    answers = [
        client.http.post("/oauth/token", data=form, headers=client.basic("x" * 43)),
        stranger.http.post("/oauth/token", data=form, headers=stranger.basic()),
        client.http.post(
            "/oauth/token", data={**form, "client_id": client.id, "client_secret": client.secret}
        ),
        client.http.post("/oauth/token", data=form, headers={"Authorization": "Basic \xff\xfe"}),
        client.http.post("/oauth/token", data=form, headers={"Authorization": "Basic //79"}),
        client.http.post("/oauth/token", data=form),
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.data for answer in answers}) == 1
    assert {answer.json["error"] for answer in answers} == {"invalid_client"}  # type: ignore[index]
    assert all(answer.headers["WWW-Authenticate"].startswith('Basic realm="halyard"') for answer in answers)


def test_a_scope_too_many_is_invalid_scope_and_never_a_smaller_token(office: Office) -> None:
    client = office.register(key=es256())

    answer = client.ask(scope="sets:read members:admin")

    assert answer.status_code == 400
    assert answer.json["error"] == "invalid_scope"  # type: ignore[index]
    assert "access_token" not in answer.json  # type: ignore[operator]


def test_a_purpose_that_is_not_allowed_is_invalid_request_that_lists_the_allowed_ones(office: Office) -> None:
    client = office.register(key=es256())

    answer = client.ask(purpose="train")

    body: Any = answer.json
    assert (answer.status_code, body["error"]) == (400, "invalid_request")
    assert "detect, research" in body["error_description"]
    assert "train" not in body["error_description"]


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": '"\\\u00e9'}, "unsupported_grant_type"),
        ({}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        (
            {"grant_type": "client_credentials", "client_assertion": "x", "client_assertion_type": "y"},
            "invalid_client",
        ),
    ],
)
def test_what_is_not_offered_is_refused_in_the_form_of_rfc_6749(
    http: FlaskClient, form: dict[str, str], error: str
) -> None:
    answer = http.post("/oauth/token", data=form)

    assert answer.status_code in {400, 401}
    assert answer.json["error"] == error  # type: ignore[index]
    assert answer.headers["Cache-Control"] == "no-store"


def test_only_a_form_body_is_read(office: Office) -> None:
    client = office.register()
    form = {"grant_type": "client_credentials"}

    answers = [
        client.http.post("/oauth/token", json=form, headers=client.basic()),
        client.http.post("/oauth/token", query_string=form, headers=client.basic()),
        client.http.post(
            "/oauth/token", data=form, content_type="multipart/form-data", headers=client.basic()
        ),
    ]

    assert {answer.status_code for answer in answers} == {400}
    assert {answer.json["error"] for answer in answers} == {"invalid_request"}  # type: ignore[index]


def test_a_repeated_parameter_two_proofs_and_a_foreign_client_id_are_refused(office: Office) -> None:
    client, other = office.register(), office.register(key=es256())
    form = {"grant_type": "client_credentials"}

    twice = client.http.post(
        "/oauth/token", data={**form, "scope": ["sets:read", "sets:read"]}, headers=client.basic()
    )
    both = client.http.post("/oauth/token", data={**form, **other.proof()}, headers=client.basic())
    foreign = client.ask(client_id=other.id)

    assert (twice.status_code, twice.json["error"]) == (400, "invalid_request")  # type: ignore[index]
    assert (both.status_code, both.json["error"]) == (400, "invalid_request")  # type: ignore[index]
    assert (foreign.status_code, foreign.json["error"]) == (401, "invalid_client")  # type: ignore[index]


def test_a_secret_ends_with_its_expiry(office: Office, clock: FakeClock) -> None:
    client = office.register(secret_days=10)
    clock.advance(10 * DAY / SECOND - 60)
    assert client.ask().status_code == 200

    clock.advance(61)

    assert client.ask().status_code == 401


def test_a_rotated_secret_and_a_rotated_key_replace_the_old_ones_at_once(office: Office) -> None:
    by_secret, by_key = office.register(), office.register(key=es256())
    new_key = es256()
    at = "/v1/members/{}/clients/{}/rotation".format
    old_secret, old_key = by_secret.secret, by_key.key

    rotated: Any = office.operator.post(at(by_secret.member.id, by_secret.id), json={}).json
    jwks = {"keys": [new_key.as_dict(private=False)]}
    assert office.operator.post(at(by_key.member.id, by_key.id), json={"jwks": jwks}).status_code == 200

    assert by_secret.ask().status_code == 401
    assert by_key.ask().status_code == 401
    by_secret.secret, by_key.key = rotated["secret"], new_key
    assert rotated["secret"] != old_secret
    assert new_key != old_key
    assert by_secret.ask().status_code == 200
    assert by_key.ask().status_code == 200


@pytest.mark.parametrize("what", ["member", "client", "user"])
def test_suspending_the_member_and_disabling_client_or_user_stop_tokens_old_and_new(
    office: Office, make: Make, what: str
) -> None:
    member = make.member()
    user = make.user(member)
    client = office.register(member, key=es256(), user=user)
    token = client.token()
    assert client.call(token).status_code == 200

    answer = {
        "member": lambda: office.operator.post(f"/v1/members/{member.id}/suspension"),
        "client": lambda: office.operator.delete(f"/v1/members/{member.id}/clients/{client.id}"),
        "user": lambda: office.operator.delete(f"/v1/members/{member.id}/users/{user.id}"),
    }[what]()

    assert answer.status_code in {200, 204}
    assert client.call(token).status_code == 401
    refused = client.ask()
    assert (refused.status_code, refused.json["error"]) == (401, "invalid_client")  # type: ignore[index]


def test_a_client_that_changes_between_its_proof_and_the_issue_gets_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = office.register(key=es256())
    hold = client.runtime.db.write

    def suspending() -> Any:
        with hold() as session:
            session.get_one(Member, client.member.id).status = "suspended"
        monkeypatch.setattr(client.runtime.db, "write", hold)
        return hold()

    proof = client.proof()
    monkeypatch.setattr(client.runtime.db, "write", suspending)

    answer = client.http.post("/oauth/token", data={"grant_type": "client_credentials", **proof})

    assert answer.status_code == 401
    assert entries(client.runtime, "token.issued") == {(client.id, client.member.id, "refused")}


def test_tokens_signed_before_a_key_rotation_still_stand_and_the_next_key_was_published_before(
    office: Office, http: FlaskClient, runtime: Runtime
) -> None:
    client = office.register(key=es256())
    old = client.token()
    before: Any = http.get("/.well-known/jwks.json").json

    with runtime.db.write() as session:
        kid = runtime.keyring.rotate(session, Use.TOKEN, runtime.clock())
    new = client.token()

    after: Any = http.get("/.well-known/jwks.json").json
    assert len(before["keys"]) >= 2
    assert kid in {key["kid"] for key in before["keys"]}
    assert all("d" not in key for key in after["keys"])
    assert client.call(old).status_code == 200
    assert client.call(new).status_code == 200
    assert jwt.decode(new, KeySet.import_key_set(after), algorithms=["ES256"]).header["kid"] == kid


def test_what_known_clients_ask_is_audited_and_the_rest_is_counted(office: Office, http: FlaskClient) -> None:
    client = office.register(key=es256())

    client.token()
    client.ask(scope="peers:admin")
    http.post("/oauth/token", data={"grant_type": "client_credentials"})

    assert entries(client.runtime, "token.issued") == {
        (client.id, client.member.id, "allowed"),
        (client.id, client.member.id, "refused"),
    }
    with client.runtime.db.read() as session:
        assert session.scalar(select(RefusalCount.count)) == 1


def test_no_answer_of_the_endpoint_repeats_what_was_sent(office: Office) -> None:
    client = office.register()
    canary = "canary" + "q" * 20

    answers = [
        client.ask(scope=canary),
        client.ask(purpose=canary),
        client.post("/oauth/token", grant_type=canary),
        client.post("/oauth/revoke", token=canary),
        client.post("/oauth/introspect", token=canary),
        client.http.post(
            "/oauth/token", data={"grant_type": "client_credentials"}, headers=client.basic(canary)
        ),
    ]

    assert all(canary not in f"{answer.data!r}{answer.headers}" for answer in answers)


def test_a_disabled_user_leaves_other_clients_of_the_member_alone(office: Office, make: Make) -> None:
    member = make.member()
    service = office.register(member, key=es256(), scopes=(Scope.SETS_READ,))
    user = make.user(member)

    assert office.operator.delete(f"/v1/members/{member.id}/users/{user.id}").status_code == 204

    assert service.ask().status_code == 200
