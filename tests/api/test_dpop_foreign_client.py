"""A client of DPoP that is not ours gets and uses bound tokens, over real HTTP."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests
from requests_oauth2client import (
    ClientSecretBasic,
    DPoPToken,
    OAuth2Client,
    OAuth2ClientCredentialsAuth,
    PrivateKeyJwt,
)
from werkzeug.serving import make_server

from app.clock import system_clock
from app.main import create_app
from app.runtime import Runtime
from tests.api.oauth_client import Office, es256
from tests.factories import Make
from tests.fakes import FakeClock


@pytest.fixture
def house(runtime: Runtime, clock: FakeClock) -> Iterator[Runtime]:
    """A server at an address of its own, which is its issuer."""
    clock.set(system_clock())
    server = make_server("127.0.0.1", 0, create_app(runtime))
    address = f"http://127.0.0.1:{server.server_port}"
    found = replace(runtime, config=replace(runtime.config, issuer=address))
    server.app = create_app(found)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("alg", ["ES256", "PS256", "EdDSA"])
def test_requests_oauth2client_with_a_secret(house: Runtime, make: Make, alg: str) -> None:
    client = Office(make).register()
    server = OAuth2Client(
        token_endpoint=f"{house.config.issuer}/oauth/token",
        auth=ClientSecretBasic(client.id, str(client.secret)),
        dpop_bound_access_tokens=True, dpop_alg=alg, testing=True,
    )  # fmt: skip

    token = server.client_credentials(purpose="research")
    answers = [requests.get(f"{house.config.issuer}/v1/me?limit=1", auth=token, timeout=10) for _ in range(2)]

    assert isinstance(token, DPoPToken)
    assert [answer.json()["purpose"] for answer in answers] == ["research", "research"]
    bearer = {"Authorization": f"Bearer {token.access_token}"}
    assert requests.get(f"{house.config.issuer}/v1/me", headers=bearer, timeout=10).status_code == 401


def test_requests_oauth2client_with_a_key(house: Runtime, make: Make) -> None:
    key = es256()
    client = Office(make).register(key=key)
    method = PrivateKeyJwt(client.id, key.as_dict(private=True), alg="ES256", aud=house.config.issuer)
    server = OAuth2Client(
        token_endpoint=f"{house.config.issuer}/oauth/token", auth=method,
        dpop_bound_access_tokens=True, testing=True,
    )  # fmt: skip
    session = requests.Session()
    session.auth = OAuth2ClientCredentialsAuth(server)

    answers = [session.get(f"{house.config.issuer}/v1/me", timeout=10) for _ in range(2)]

    session.close()
    assert [answer.json()["client"]["id"] for answer in answers] == [client.id, client.id]
