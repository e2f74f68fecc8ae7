"""An OAuth client that is not ours gets and uses tokens, both ways, over real HTTP."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT, private_key_jwt_sign
from joserfc.jwk import ECKey
from werkzeug.serving import make_server

from app.clock import system_clock
from app.main import create_app
from app.runtime import Runtime
from tests.api.oauth_client import Office, es256
from tests.factories import Make
from tests.fakes import FakeClock


class ShortLived(PrivateKeyJWT):  # type: ignore[misc] # Authlib ships no types
    """Authlib's own method; its assertions would live an hour, ours may live five minutes."""

    def sign(self, auth: Any, token_endpoint: str) -> str:
        signed: str = private_key_jwt_sign(
            auth.client_secret,
            client_id=auth.client_id,
            token_endpoint=token_endpoint,
            alg="ES256",
            expires_in=60,
        )
        return signed


@pytest.fixture(autouse=True)
def now(clock: FakeClock) -> None:
    clock.set(system_clock())


@pytest.fixture
def office(make: Make, now: None) -> Office:
    return Office(make)


@pytest.fixture
def address(runtime: Runtime) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_app(runtime))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def private_key_session(client_id: str, key: ECKey, issuer: str) -> Any:
    method = "private_key_jwt"
    session = OAuth2Session(
        client_id, key, token_endpoint_auth_method=method, revocation_endpoint_auth_method=method
    )
    session.register_client_auth_method(ShortLived(issuer))
    return session


def test_requests_with_a_key_over_http(office: Office, runtime: Runtime, address: str) -> None:
    key = es256()
    client = office.register(key=key)
    session = private_key_session(client.id, key, runtime.config.issuer)

    for _ in range(2):
        token = session.fetch_token(f"{address}/oauth/token", purpose="research", scope="sets:read")
        me = session.get(f"{address}/v1/me").json()
        assert token["expires_in"] == 600
        assert (me["client"]["id"], me["purpose"], me["scopes"]) == (client.id, "research", ["sets:read"])
    assert session.revoke_token(f"{address}/oauth/revoke", token["access_token"]).status_code == 200
    assert session.get(f"{address}/v1/me").status_code == 401
    session.close()


def test_requests_with_a_secret_over_http(office: Office, address: str) -> None:
    client = office.register()
    session = OAuth2Session(client.id, client.secret, token_endpoint_auth_method="client_secret_basic")

    token = session.fetch_token(f"{address}/oauth/token", grant_type="client_credentials")

    assert session.get(f"{address}/v1/me").json()["client"]["id"] == client.id
    told = session.introspect_token(f"{address}/oauth/introspect", token["access_token"])
    assert told.json()["client_id"] == client.id
    session.close()
