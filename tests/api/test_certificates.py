"""Tokens that are bound to a TLS certificate (RFC 8705), which only the operator's proxy can vouch for."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography.x509 import Certificate
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import KeySet
from werkzeug.test import TestResponse

from app.config import Config, ConfigError
from app.main import create_app
from app.runtime import Runtime
from app.web.certificates import TEXT_LIMIT, thumbprint_of
from tests.api.certificates import certificate, escaped_pem, rfc9440, x5t
from tests.api.oauth_client import Office, Registered, es256
from tests.api.proving import Prover
from tests.factories import Make

PROXY = "10.9.0.7"
CALLER = "203.0.113.5"
Shown = Certificate | str | None
MINE, OTHER = certificate(), certificate("other.example")


@dataclass
class Behind:
    """A registered client, calling through a proxy of the operator's, or past it."""

    client: Registered
    http: FlaskClient

    def open(self, path: str, *, peer: str = PROXY, shown: Shown = None, **options: Any) -> TestResponse:
        headers = {"X-Forwarded-For": CALLER, **options.pop("headers", {})}
        if shown is not None:
            headers["Client-Cert"] = shown if isinstance(shown, str) else rfc9440(shown)
        return self.http.open(path, environ_base={"REMOTE_ADDR": peer}, headers=headers, **options)

    def ask(self, shown: Shown = MINE, **options: Any) -> TestResponse:
        form = {"grant_type": "client_credentials", **self.client.proof()}
        return self.open("/oauth/token", method="POST", data=form, shown=shown, **options)

    def token(self, shown: Shown = MINE, **options: Any) -> str:
        answer = self.ask(shown, **options)
        assert answer.status_code == 200, answer.json
        return str(answer.json["access_token"])  # type: ignore[index]

    def call(self, token: str, shown: Shown = MINE, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        return self.open("/v1/me", headers=headers, shown=shown, **options)


def house_of(runtime: Runtime, **settings: Any) -> Runtime:
    changed = {
        "trusted_proxies": 1, "proxy_networks": ("10.9.0.0/24",), "certificate_header": "Client-Cert",
        **settings,
    }  # fmt: skip
    return replace(runtime, config=replace(runtime.config, **changed))


@pytest.fixture
def behind(runtime: Runtime, make: Make) -> Behind:
    return Behind(Office(make).register(key=es256()), create_app(house_of(runtime)).test_client())


def refused(answer: TestResponse) -> None:
    body: Any = answer.json
    assert (answer.status_code, body["reason"]) == (401, "invalid_token"), body
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="halyard", error="invalid_token"')


def test_a_certificate_shown_at_the_token_endpoint_binds_the_token_to_it(behind: Behind) -> None:
    body: Any = behind.ask().json

    keys = KeySet.import_key_set(behind.http.get("/.well-known/jwks.json").json)  # type: ignore[arg-type]
    token = jwt.decode(body["access_token"], keys, algorithms=["ES256"])
    assert token.claims["cnf"] == {"x5t#S256": x5t(MINE)}
    assert body["token_type"] == "Bearer"
    assert behind.call(body["access_token"]).status_code == 200


def test_without_the_certificate_or_with_another_the_token_is_refused(behind: Behind) -> None:
    token = behind.token()

    refused(behind.call(token, None))
    refused(behind.call(token, OTHER))
    refused(behind.call(token, shown=""))
    assert behind.call(token).status_code == 200


def test_a_header_from_anywhere_but_the_proxies_counts_for_nothing(behind: Behind) -> None:
    token = behind.token()

    for peer in (CALLER, "10.9.1.7", "127.0.0.1", "::1", "", "unix:"):
        refused(behind.call(token, peer=peer))
        refused(behind.call(token, peer=peer, headers={"X-Forwarded-For": f"{PROXY}, {PROXY}"}))
        unbound: Any = behind.ask(peer=peer).json
        assert behind.call(unbound["access_token"], None).status_code == 200


def test_a_caller_that_claims_to_be_the_proxy_behind_itself_is_still_the_caller(behind: Behind) -> None:
    token = behind.token()
    sent = {"Authorization": f"Bearer {token}", "X-Forwarded-For": PROXY, "X-Real-Ip": PROXY}

    refused(behind.open("/v1/me", peer=CALLER, shown=MINE, headers=sent))


def test_a_second_certificate_beside_the_proxys_own_is_refused(behind: Behind) -> None:
    token = behind.token()
    both = f"{rfc9440(OTHER)}, {rfc9440(MINE)}"

    refused(behind.call(token, shown=both))
    answer = behind.ask(shown=both)
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")  # type: ignore[index]


def test_where_no_header_is_named_none_counts(runtime: Runtime, make: Make) -> None:
    behind = Behind(Office(make).register(key=es256()), create_app(runtime).test_client())
    told: Any = behind.http.get("/.well-known/oauth-authorization-server").json

    assert behind.call(behind.token(), None).status_code == 200
    assert told["tls_client_certificate_bound_access_tokens"] is False


def test_metadata_and_introspection_tell_of_it(behind: Behind) -> None:
    token = behind.token()
    told: Any = behind.http.get("/.well-known/oauth-authorization-server").json
    asked: Any = behind.open(
        "/oauth/introspect", method="POST", data={"token": token, **behind.client.proof()}
    ).json

    assert told["tls_client_certificate_bound_access_tokens"] is True
    assert (asked["token_type"], asked["cnf"]) == ("Bearer", {"x5t#S256": x5t(MINE)})


def test_a_token_can_be_bound_to_a_key_and_a_certificate_and_then_needs_both(behind: Behind) -> None:
    prover = Prover(behind.client)
    sent = {"DPoP": prover.proof("POST", "/oauth/token")}
    token = behind.token(headers=sent)

    def call(shown: Certificate | None) -> int:
        proven = {"Authorization": f"DPoP {token}", "DPoP": prover.proof(token=token)}
        return behind.open("/v1/me", shown=shown, headers=proven).status_code

    assert call(MINE) == 200
    assert (call(None), call(OTHER), behind.call(token).status_code) == (401, 401, 401)


def test_nginx_hands_it_on_as_escaped_pem(runtime: Runtime, make: Make) -> None:
    house = house_of(runtime, certificate_format="pem", certificate_header="X-Client-Cert")
    behind = Behind(Office(make).register(key=es256()), create_app(house).test_client())
    token = behind.token(shown=None, headers={"X-Client-Cert": escaped_pem(MINE)})
    sent = {"Authorization": f"Bearer {token}"}

    for shown, status in ((MINE, 200), (OTHER, 401)):
        header = {"X-Client-Cert": escaped_pem(shown)}
        assert behind.open("/v1/me", headers=sent | header).status_code == status
    refused(behind.open("/v1/me", headers=sent | {"X-Client-Cert": rfc9440(MINE)}))
    refused(behind.open("/v1/me", headers=sent | {"Client-Cert": escaped_pem(MINE)}))


def test_both_forms_of_a_certificate_have_one_thumbprint() -> None:
    assert thumbprint_of(rfc9440(MINE), "rfc9440") == thumbprint_of(escaped_pem(MINE), "pem") == x5t(MINE)


@pytest.mark.parametrize("form", ["rfc9440", "pem"])
@pytest.mark.parametrize(
    "text",
    [
        "", ":", "::", ":AAAA:", "AAAA", ":A:", ":AAA=A:", "%", "%FF", ":\u00e9:", "x" * (TEXT_LIMIT + 1),
        rfc9440(MINE)[:-9] + ":", rfc9440(MINE) + ";a=1", f"{escaped_pem(MINE)}{escaped_pem(OTHER)}",
        escaped_pem(MINE)[:200], "-----BEGIN CERTIFICATE-----", "%2D%2D%2D%2D%2DBEGIN%20CERTIFICATE",
    ],
)  # fmt: skip
def test_what_is_not_one_certificate_is_a_value_error_and_nothing_else(text: str, form: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the parser says of it, nobody is told
        thumbprint_of(text, form)


@pytest.mark.parametrize(
    "env",
    [
        {"HALYARD_CERTIFICATE_HEADER": "Client-Cert"},
        {"HALYARD_CERTIFICATE_HEADER": "Client-Cert", "HALYARD_TRUSTED_PROXIES": "1"},
        {"HALYARD_CERTIFICATE_HEADER": "Client-Cert", "HALYARD_PROXY_NETWORKS": "10.0.0.0/8"},
        {"HALYARD_PROXY_NETWORKS": "10.0.0.1/8"},
        {"HALYARD_PROXY_NETWORKS": "proxy"},
        {"HALYARD_CERTIFICATE_FORMAT": "der"},
    ],
)
def test_settings_that_would_let_anybody_write_the_header_stop_the_start(env: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"HALYARD_(PROXY|CERTIFICATE)"):
        Config.from_env(env)
