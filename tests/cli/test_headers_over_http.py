"""Headers as a real server takes them: repeated, and spelt so that WSGI would take them for others."""

import base64
import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from app.cli.possession import Prover
from tests.api.certificates import certificate, rfc9440
from tests.cli.conftest import Machine, await_answer, new_machine, start, stop
from tests.conftest import NewDatabase

MINE = rfc9440(certificate())

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def behind(new_database_url: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A server for which this machine is the proxy, with a bank's client."""
    found = new_machine(new_database_url(), tmp_path_factory.mktemp("behind"))
    found.env |= {
        "HALYARD_TRUSTED_PROXIES": "1", "HALYARD_PROXY_NETWORKS": "127.0.0.1/32",
        "HALYARD_CERTIFICATE_HEADER": "Client-Cert",
    }  # fmt: skip
    found.ok("db", "upgrade")
    process = start(found, "serve")
    await_answer(process, found.env["HALYARD_ISSUER"] + "/readyz")
    found.ok("member", "add", "A bank", "--sector", "finance")
    yield found
    assert stop(process) == 0


def send(
    machine: Machine, method: str, path: str, *headers: tuple[str, str], body: str = ""
) -> tuple[int, dict]:
    """One request with exactly these headers."""
    connection = http.client.HTTPConnection(urlsplit(machine.env["HALYARD_ISSUER"]).netloc, timeout=60)
    connection.putrequest(method, path)
    for name, value in (*headers, ("Content-Length", str(len(body)))):
        connection.putheader(name, value)
    connection.endheaders(body.encode())
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


def ask(machine: Machine, env: dict[str, str], *headers: tuple[str, str]) -> tuple[int, dict]:
    pair = f"{env['HALYARD_CLIENT_ID']}:{env['HALYARD_CLIENT_SECRET']}".encode()
    basic = ("Authorization", f"Basic {base64.b64encode(pair).decode()}")
    form = ("Content-Type", "application/x-www-form-urlencoded")
    return send(machine, "POST", "/oauth/token", basic, form, *headers, body="grant_type=client_credentials")


@pytest.fixture(scope="module")
def env(behind: Machine) -> dict[str, str]:
    return behind.client("A bank")


def test_the_header_of_the_proxy_binds_and_one_that_is_spelt_like_it_does_not(
    behind: Machine, env: dict[str, str]
) -> None:
    _, bound = ask(behind, env, ("Client-Cert", MINE))
    _, unbound = ask(behind, env, ("Client_Cert", MINE))
    bearer = ("Authorization", f"Bearer {bound['access_token']}")

    assert send(behind, "GET", "/v1/me", bearer, ("Client-Cert", MINE))[0] == 200
    assert send(behind, "GET", "/v1/me", bearer, ("Client_Cert", MINE))[0] == 401
    assert send(behind, "GET", "/v1/me", bearer, ("Client-Cert", MINE), ("Client-Cert", MINE))[0] == 401
    assert send(behind, "GET", "/v1/me", ("Authorization", f"Bearer {unbound['access_token']}"))[0] == 200


def test_two_proofs_are_refused_at_both_ends(behind: Machine, env: dict[str, str]) -> None:
    prover = Prover.of(None)
    issuer = behind.env["HALYARD_ISSUER"]

    def proofs(method: str, path: str, token: str | None = None) -> list[tuple[str, str]]:
        return [("DPoP", prover.proof(method, issuer + path, token)) for _ in range(2)]

    status, refused = ask(behind, env, *proofs("POST", "/oauth/token"))
    assert (status, refused["error"]) == (400, "invalid_dpop_proof")
    _, given = ask(behind, env, proofs("POST", "/oauth/token")[0])
    token = given["access_token"]
    both = proofs("GET", "/v1/me", token)
    sent = ("Authorization", f"DPoP {token}")
    assert send(behind, "GET", "/v1/me", sent, *both)[0] == 401
    assert send(behind, "GET", "/v1/me", sent, ("dpop", both[0][1]))[0] == 200
    assert send(behind, "GET", "/v1/me", sent, ("D_PoP", both[1][1]))[0] == 401
