"""Tokens that are bound to a key, asked for and used by the command line, against a real server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Machine

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bank(served: Machine) -> str:
    served.ok("member", "add", "A bank", "--sector", "finance")
    return "A bank"


def keyed(served: Machine, bank: str, folder: Path, *more: str) -> tuple[dict[str, str], str]:
    """A client with a key, as the environment that it works in; and what was printed for it."""
    file = folder / "key.json"
    words = ("--name", folder.name, "--scope", "sets:read", "--purpose", "detect", "--new-key", str(file))
    printed = served.ok("client", "add", bank, *words, *more)
    client_id = printed.split()[1]
    env = {
        "HALYARD_URL": served.env["HALYARD_ISSUER"], "HALYARD_CLIENT_ID": client_id,
        "HALYARD_CLIENT_KEY_FILE": str(file),
    }  # fmt: skip
    return env, printed


def test_a_client_whose_tokens_must_be_bound_needs_no_option(
    served: Machine, bank: str, tmp_path: Path
) -> None:
    env, _ = keyed(served, bank, tmp_path, "--require-dpop")

    me = served.json("token", "--check", **env)

    assert me["bound_tokens"] == [{"by": "client", "any_of": ["dpop"]}]
    assert served.json("token", **env)["token_type"] == "DPoP"


def test_a_client_with_a_secret_binds_to_a_key_of_the_moment(served: Machine, bank: str) -> None:
    env = served.client(bank, "--require-dpop")

    assert served.json("token", "--check", **env)["member"]["name"] == bank
    assert "HALYARD_CLIENT_KEY_FILE" in served.refused("token", **env)
    assert "HALYARD_CLIENT_KEY_FILE" in served.refused("proof", "GET", "/v1/me", "--token", "t", **env)


def test_a_client_may_bind_its_tokens_by_option_or_by_setting(
    served: Machine, bank: str, tmp_path: Path
) -> None:
    env, _ = keyed(served, bank, tmp_path)

    assert served.json("token", **env)["token_type"] == "Bearer"
    assert served.json("token", "--dpop", **env)["token_type"] == "DPoP"
    assert served.json("token", **env, HALYARD_DPOP="true")["token_type"] == "DPoP"
    assert served.json("token", "--check", **env, HALYARD_DPOP="true")["purpose"] == "detect"


def test_what_client_add_prints_for_a_bound_client_is_a_first_call_that_works(
    served: Machine, bank: str, tmp_path: Path
) -> None:
    _, printed = keyed(served, bank, tmp_path, "--require-dpop")
    commands = printed.split("(RFC 7523):")[1].split("Any OAuth library")[0].replace("curl", "curl -sS")
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    answer = subprocess.run(
        ["bash", "-euc", commands],
        capture_output=True,
        text=True,
        check=True,
        env=env,
    )

    assert json.loads(answer.stdout)["member"]["name"] == bank


def test_a_group_demands_bound_tokens_and_the_command_line_complies(served: Machine, tmp_path: Path) -> None:
    served.ok("member", "add", "A circle", "--sector", "ngo")
    served.ok("group", "add", "Strict", "--owner", "A circle", "--terms", "Terms.", "--requires-bound-tokens")
    env, _ = keyed(served, "A circle", tmp_path)

    demanded = served.json("token", "--check", **env)["bound_tokens"]
    assert [found["by"] for found in demanded] == ["group"]
    assert served.json("token", **env)["token_type"] == "DPoP"

    assert served.json("group", "bind", "Strict", "--off")["requires_bound_tokens"] is False
    assert served.json("token", **env)["token_type"] == "Bearer"


def test_a_demand_on_a_client_can_be_made_and_taken_back(served: Machine, bank: str, tmp_path: Path) -> None:
    env, _ = keyed(served, bank, tmp_path)
    client_id = env["HALYARD_CLIENT_ID"]

    assert "bound to a key" in served.ok("client", "bind", client_id, "--require-dpop")
    assert served.json("token", **env)["token_type"] == "DPoP"
    assert "may be unbound" in served.ok("client", "bind", client_id, "--no-require-dpop")
    assert served.json("token", **env)["token_type"] == "Bearer"
    assert "CERTIFICATE_HEADER" in served.refused("client", "bind", client_id, "--require-certificate")
