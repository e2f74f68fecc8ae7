"""Tokens that are bound to a key (DPoP, RFC 9449): what they are good for, and for whom they are not."""

from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app.parties import SpentProof
from app.web.dpop import AGE_SECONDS, AHEAD_SECONDS
from app.worker import loops
from tests.api.oauth_client import Office, es256, unsigned
from tests.api.proving import Prover
from tests.fakes import FakeClock

RSA = RSAKey.generate_key(2048)


@pytest.fixture
def prover(office: Office) -> Prover:
    return Prover(office.register(key=es256()))


def refused(answer: TestResponse, reason: str = "invalid_dpop_proof") -> str:
    """The detail of a refusal that challenges as RFC 9449 section 7.1 says."""
    body: Any = answer.json
    challenge = answer.headers["WWW-Authenticate"]
    assert (answer.status_code, body["reason"]) == (401, reason), body
    assert challenge.startswith("DPoP ")
    assert f'error="{reason}"' in challenge
    assert 'algs="ES256 EdDSA Ed25519 PS256"' in challenge
    return str(body["detail"])


def not_given(answer: TestResponse) -> str:
    """The description of the token endpoint's refusal of a proof (RFC 9449 section 5)."""
    body: Any = answer.json
    assert (answer.status_code, body["error"]) == (400, "invalid_dpop_proof"), body
    assert "access_token" not in body
    return str(body["error_description"])


def test_a_proof_at_the_token_endpoint_binds_the_token_to_its_key(prover: Prover) -> None:
    body: Any = prover.ask().json

    keys = KeySet.import_key_set(prover.client.http.get("/.well-known/jwks.json").json)  # type: ignore[arg-type]
    token = jwt.decode(body["access_token"], keys, algorithms=["ES256"])
    assert body["token_type"] == "DPoP"
    assert token.claims["cnf"] == {"jkt": prover.key.thumbprint()}
    assert prover.call(body["access_token"]).status_code == 200


def test_a_client_with_a_secret_may_bind_its_tokens_too(office: Office) -> None:
    prover = Prover(office.register())

    assert prover.call(prover.token()).status_code == 200


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        (OKPKey.generate_key("Ed25519"), "EdDSA"),
        (OKPKey.generate_key("Ed25519"), "Ed25519"),
        (RSA, "PS256"),
    ],
)
def test_edwards_and_pss_keys_prove_possession_too(office: Office, key: Any, alg: str) -> None:
    prover = Prover(office.register(key=es256()), key, alg)

    assert prover.call(prover.token()).status_code == 200


def test_introspection_says_what_a_token_is_bound_to_and_how_it_is_sent(prover: Prover) -> None:
    bound: Any = prover.client.post("/oauth/introspect", token=prover.token()).json
    bearer: Any = prover.client.post("/oauth/introspect", token=prover.client.token()).json

    assert (bound["token_type"], bound["cnf"]) == ("DPoP", {"jkt": prover.key.thumbprint()})
    assert bearer["token_type"] == "Bearer"
    assert "cnf" not in bearer


def test_metadata_name_the_algorithms_of_proofs(prover: Prover) -> None:
    told: Any = prover.client.http.get("/.well-known/oauth-authorization-server").json

    assert told["dpop_signing_alg_values_supported"] == ["ES256", "EdDSA", "Ed25519", "PS256"]


def test_who_comes_without_a_token_is_told_of_both_schemes(prover: Prover) -> None:
    challenge = prover.client.http.get("/v1/me").headers["WWW-Authenticate"]

    assert challenge == 'Bearer realm="halyard", DPoP algs="ES256 EdDSA Ed25519 PS256"'


# Replay


def test_a_proof_counts_once(prover: Prover) -> None:
    token = prover.token()
    proof = prover.proof(token=token)

    assert prover.call(token, proof).status_code == 200
    assert "used before" in refused(prover.call(token, proof))


def test_a_proof_gets_one_token(prover: Prover) -> None:
    proof = prover.proof("POST", "/oauth/token")

    assert prover.ask(proof).status_code == 200
    assert "used before" in not_given(prover.ask(proof))


def test_another_signature_and_another_spelling_do_not_make_a_proof_new(prover: Prover) -> None:
    token = prover.token()
    proof = prover.proof(token=token, jti="the-same")
    again = prover.proof(token=token, jti="the-same")
    bare = {name: prover.key.as_dict(private=False)[name] for name in ("kty", "crv", "x", "y")}
    spelt = prover.proof(token=token, jti="the-same", header={"jwk": {"kid": "other", **bare}})

    assert len({proof, again, spelt}) == 3
    assert prover.call(token, proof).status_code == 200
    refused(prover.call(token, again))
    refused(prover.call(token, spelt))


def test_two_keys_may_happen_to_use_one_jti(prover: Prover) -> None:
    other = Prover(prover.client)
    mine, theirs = prover.token(), other.token()

    assert prover.call(mine, prover.proof(token=mine, jti="1")).status_code == 200
    assert other.call(theirs, other.proof(token=theirs, jti="1")).status_code == 200


def test_a_refused_proof_is_not_used_up(prover: Prover) -> None:
    token, proof = prover.token(), prover.proof("POST", "/v1/sets", jti="kept")

    refused(prover.call(token, proof))

    assert prover.call(token, prover.proof(token=token, jti="kept")).status_code == 200


def test_a_proof_is_forgotten_only_when_it_is_too_old_to_be_taken(prover: Prover, clock: FakeClock) -> None:
    runtime = prover.client.runtime
    token = prover.token()
    ahead = prover.proof(token=token, iat=clock() // 1_000_000 + AHEAD_SECONDS)
    assert prover.call(token, ahead).status_code == 200

    clock.advance(AGE_SECONDS + AHEAD_SECONDS - 1)
    loops.forget(runtime)
    assert "used before" in refused(prover.call(token, ahead))

    clock.advance(120)
    loops.forget(runtime)
    assert "iat" in refused(prover.call(token, ahead))
    with runtime.db.read() as session:
        assert session.scalar(select(func.count()).select_from(SpentProof)) == 0


# Downgrade


def test_a_bound_token_is_no_bearer_token(prover: Prover) -> None:
    token = prover.token()

    assert "DPoP" in refused(prover.client.call(token), "invalid_token")
    refused(prover.call(token, scheme="Bearer"), "invalid_token")


def test_a_bearer_token_becomes_no_bound_one_by_its_scheme(prover: Prover) -> None:
    token = prover.client.token()

    refused(prover.call(token), "invalid_token")
    assert prover.client.call(token).status_code == 200


def test_a_bound_token_without_a_proof_is_refused(prover: Prover) -> None:
    token = prover.token()

    answer = prover.client.http.get("/v1/me", headers={"Authorization": f"DPoP {token}"})

    assert "header DPoP" in refused(answer)


def test_two_proofs_are_refused_even_if_both_are_good(prover: Prover) -> None:
    token = prover.token()
    proofs = [("DPoP", prover.proof(token=token)), ("DPoP", prover.proof(token=token))]

    answer = prover.client.http.get("/v1/me", headers=[("Authorization", f"DPoP {token}"), *proofs])

    assert "one DPoP header" in refused(answer)


# Another request


@pytest.mark.parametrize("method", ["POST", "get", "HEAD", "", None, 1, ["GET"]])
def test_a_proof_for_another_method_is_refused(prover: Prover, method: Any) -> None:
    token = prover.token()

    assert "htm" in refused(prover.call(token, prover.proof(token=token, htm=method)))


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8440/v1/sets",
        "http://127.0.0.1:8440/v1/me/",
        "http://127.0.0.1:8440/v1//me",
        "http://127.0.0.1:8440/v1/ME",
        "http://127.0.0.1:8440/v1%252Fme",
        "http://127.0.0.1:8440/v1/me/../sets",
        "http://127.0.0.1:8440/v1/me%3Fa",
        "http://127.0.0.1:8440",
        "http://127.0.0.1:8441/v1/me",
        "http://127.0.0.1/v1/me",
        "http://elsewhere.example/v1/me",
        "http://127.0.0.1:8440.elsewhere.example/v1/me",
        "http://127.0.0.1:8440@elsewhere.example/v1/me",
        "http://user@127.0.0.1:8440/v1/me",
        "https://127.0.0.1:8440/v1/me",
        "//127.0.0.1:8440/v1/me",
        "/v1/me",
        "http://127.0.0.1:8440\\/v1/me",
        "http://127.0.0.1:8440/v1/me\n",
        "http://127.0.0.1:99999999/v1/me",
        "http://[::1/v1/me",
        "",
        None,
        7,
        ["http://127.0.0.1:8440/v1/me"],
    ],
)
def test_a_proof_for_another_address_is_refused(prover: Prover, address: Any) -> None:
    token = prover.token()

    assert "htu" in refused(prover.call(token, prover.proof(token=token, htu=address)))


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8440/v1/me?limit=1",
        "http://127.0.0.1:8440/v1/me?other=2#part",
        "HTTP://127.0.0.1:8440/v1/me",
        "http://127.0.0.1:8440/v1/%6De",
        "http://127.0.0.1:8440/v1/./me",
        "http://127.0.0.1:8440/v1/sets/../me",
    ],
)
def test_query_and_spelling_of_the_address_do_not_matter(prover: Prover, address: str) -> None:
    token = prover.token()

    answer = prover.call(token, prover.proof(token=token, htu=address), path="/v1/me?limit=2")

    assert answer.status_code == 200, answer.json


@pytest.mark.parametrize(
    ("seconds", "taken"),
    [(-AGE_SECONDS - 1, False), (-AGE_SECONDS + 1, True), (AHEAD_SECONDS, True), (AHEAD_SECONDS + 1, False)],
)
def test_a_proof_is_of_this_minute(prover: Prover, clock: FakeClock, seconds: int, *, taken: bool) -> None:
    token = prover.token()
    answer = prover.call(token, prover.proof(token=token, iat=clock() // 1_000_000 + seconds))

    if taken:
        assert answer.status_code == 200
    else:
        assert "clock" in refused(answer)


@pytest.mark.parametrize("iat", [None, "now", True, 1e300, -1, [1]])
def test_a_proof_without_a_moment_is_refused(prover: Prover, iat: Any) -> None:
    token = prover.token()

    assert "iat" in refused(prover.call(token, prover.proof(token=token, iat=iat)))


@pytest.mark.parametrize("jti", [None, "", "x" * 256, "\u00e9", "a\nb", 7])
def test_a_proof_without_a_usable_jti_is_refused(prover: Prover, jti: Any) -> None:
    token = prover.token()

    assert "jti" in refused(prover.call(token, prover.proof(token=token, jti=jti)))


# Another sender


def test_a_proof_that_was_stolen_goes_with_no_other_token(prover: Prover) -> None:
    mine, other = prover.token(), prover.token()
    stolen = prover.proof(token=other)

    assert "ath" in refused(prover.call(mine, stolen))
    assert "ath" in refused(prover.call(mine, prover.proof(token=None)))


def test_a_token_that_was_stolen_goes_with_no_other_key(prover: Prover) -> None:
    token, thief = prover.token(), Prover(prover.client)

    assert "another key" in refused(thief.call(token), "invalid_token")
    named = thief.proof(token=token, header={"jwk": prover.key.as_dict(private=False)})
    assert "signature" in refused(thief.call(token, named))


def test_a_thief_with_a_proof_gets_no_token_without_the_clients_credential(office: Office) -> None:
    victim, thief = Prover(office.register(key=es256())), office.register(key=es256())
    thief.id = victim.client.id

    assert Prover(thief, victim.key).ask(victim.proof("POST", "/oauth/token")).status_code == 401


def test_a_proof_by_another_key_gets_a_token_of_its_own_and_leaves_the_first_as_it_is(prover: Prover) -> None:
    other = Prover(prover.client)
    first, second = prover.token(), other.token()

    assert prover.call(first).status_code == other.call(second).status_code == 200
    refused(other.call(first), "invalid_token")
    refused(prover.call(second), "invalid_token")


def test_the_token_endpoint_takes_no_proof_for_another_place(prover: Prover) -> None:
    assert "htu" in not_given(prover.ask(prover.proof("POST", "/oauth/revoke")))
    assert "htm" in not_given(prover.ask(prover.proof("GET", "/oauth/token")))
    assert "one DPoP header" in not_given(prover.ask(f"{prover.proof()},{prover.proof()}"))


# Another kind of proof


def test_a_proof_is_signed_with_what_the_metadata_name_and_by_the_key_that_it_brings(prover: Prover) -> None:
    token = prover.token()
    octets = OctKey.generate_key(256)
    rsa = RSA.as_dict(private=False)
    forged = [
        unsigned({"htm": "GET"}),
        prover.proof(token=token, header={"alg": "HS256"}, signer=octets),
        prover.proof(token=token, header={"alg": "HS256", "jwk": octets.as_dict()}, signer=octets),
        prover.proof(token=token, header={"alg": "RS256", "jwk": rsa}, signer=RSA),
        prover.proof(token=token, header={"alg": "PS384", "jwk": rsa}, signer=RSA),
        prover.proof(token=token, header={"alg": "PS256"}, signer=RSA),
        prover.proof(token=token, header={"jwk": octets.as_dict()}),
        prover.proof(token=token, header={"jwk": prover.key.as_dict(private=True)}),
        prover.proof(token=token, header={"jwk": None}),
        prover.proof(token=token, header={"jwk": None, "kid": prover.key.thumbprint()}),
        prover.proof(token=token, header={"typ": "JWT"}),
        prover.proof(token=token, header={"typ": None}),
        prover.proof(token=token, signer=es256()),
        prover.client.assertion(),
        token,
    ]

    for proof in forged:
        refused(prover.call(token, proof))
        not_given(prover.ask(proof))


@pytest.mark.parametrize("proof", ["", " ", ".", "..", "a.b.c", "\xff.\xff.\xff", "e30.e30.", "W10.W10.W10"])
def test_what_is_no_proof_is_refused(prover: Prover, proof: str) -> None:
    refused(prover.call(prover.token(), proof))
    not_given(prover.ask(proof))


def test_a_weak_key_and_one_of_another_curve_prove_nothing(prover: Prover) -> None:
    token = prover.token()
    with pytest.warns(SecurityWarning, match="2048"):
        short = RSAKey.generate_key(1024)

    for key, alg in ((ECKey.generate_key("P-384"), "ES384"), (short, "PS256")):
        refused(Prover(prover.client, key, alg).call(token))


def test_header_members_that_mean_nothing_here_are_passed_over_but_not_critical_ones(prover: Prover) -> None:
    token = prover.token()

    more = {"kid": "mine", "x-trace": "1"}
    assert prover.call(token, prover.proof(token=token, header=more)).status_code == 200
    for crit in ({"crit": ["x"], "x": 1}, {"crit": ["b64"], "b64": True}):
        refused(prover.call(token, prover.proof(token=token, header=crit)))


def test_head_is_a_method_of_its_own(prover: Prover) -> None:
    token = prover.token()

    assert prover.call(token, method="HEAD").status_code == 200
    assert prover.call(token, prover.proof("GET", token=token), method="HEAD").status_code == 401


def test_nothing_that_was_sent_is_repeated_in_a_refusal(prover: Prover) -> None:
    token, canary = prover.token(), "canary" + "q" * 12
    changes: list[dict[str, Any]] = [{claim: canary} for claim in ("htm", "htu", "iat", "ath")]
    answers = [prover.call(token, prover.proof(token=token, **change)) for change in changes]
    answers += [
        prover.call(token, canary),
        prover.call(token, prover.proof(token=token, header={"typ": canary})),
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert all(canary not in f"{answer.data!r}{answer.headers}" for answer in answers)
