"""What the guides and README tell people to run, run as it stands."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Machine, await_answer, new_machine, start, stop
from tests.conftest import NewDatabase

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = "ocse-livestream-payments"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("jq") and shutil.which("curl")), reason="the guides use curl and jq"
    ),
]


@pytest.fixture(scope="module", autouse=True)
def _once(backend: str) -> None:
    if backend != "sqlite":
        pytest.skip("the guides are written for a first server, which is embedded")


@pytest.fixture
def guided(new_database_url: NewDatabase, tmp_path: Path) -> Iterator[Machine]:
    """A machine on which a server runs, with the samples at hand."""
    found = new_machine(new_database_url(), tmp_path)
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    found.ok("db", "upgrade")
    process = start(found, "serve")
    await_answer(process, found.env["HALYARD_ISSUER"] + "/readyz")
    yield found
    assert stop(process) == 0


def blocks(document: str) -> str:
    """Every `sh` block of a document, one after another."""
    return "\n".join(
        re.findall(r"^```sh\n(.*?)^```$", (ROOT / document).read_text(), flags=re.MULTILINE | re.DOTALL)
    )


def follow(machine: Machine, document: str, **more: str) -> str:
    """Run a document's blocks, as the client that `more` names."""
    commands = blocks(document)
    assert commands
    return run(machine, commands, **more)


def run(machine: Machine, commands: str, **more: str) -> str:
    """Run commands in one shell; any that fails ends it."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("HALYARD_")}
    env |= machine.env | more | {"PATH": f"{Path(sys.executable).parent}:{env['PATH']}"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        env=env, cwd=machine.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    return done.stdout


def publish_sample(machine: Machine) -> dict[str, str]:
    """An NGO with one published set; returns the environment of its client."""
    machine.ok("member", "add", "Harbour Light Trust", "--sector", "ngo")
    ngo = machine.client("Harbour Light Trust")
    machine.ok("set", "import", str(ROOT / "samples" / f"{SAMPLE}.json"), **ngo)
    machine.ok("set", "review", SAMPLE, **ngo)
    machine.ok("set", "approve", SAMPLE, **colleague(machine))
    machine.ok("set", "publish", SAMPLE, **ngo)
    return ngo


def colleague(machine: Machine) -> dict[str, str]:
    """The environment of a person of the NGO who reviews what others wrote."""
    machine.ok("user", "add", "Harbour Light Trust", "colleague")
    return machine.client("Harbour Light Trust", "--user", "colleague", "--scope", "sets:review")


def test_the_integration_engineer_gets_from_a_token_to_contributing(guided: Machine) -> None:
    publish_sample(guided)
    guided.ok("member", "add", "Commons Video", "--sector", "technology")
    platform = guided.client("Commons Video")
    guided.ok(
        "signals",
        "add-list",
        "files",
        "--title",
        "Files",
        "--type",
        "sha256",
        "--tlp",
        "TLP:GREEN",
        **platform,
    )
    line = {"type": "sha256", "value": hashlib.sha256(b"halyard demo 1").hexdigest()}
    file = guided.folder / "platform.ndjson"
    file.write_text(json.dumps(line))
    guided.ok("signals", "push", "files", str(file), **platform)
    guided.ok("member", "add", "Riverside Bank", "--sector", "finance")
    said = follow(guided, "docs/guides/integration-engineer.md", **guided.client("Riverside Bank"))
    assert '"kind": "page.closed"' in said
    assert '"standing": "lead"' in said
    assert "The signal stands as: disputed" in said
    assert "1 taken back." in said
    assert "3 accepted, 0 already yours, 0 refused" in said


def test_the_analyst_gets_from_a_draft_to_a_retraction(guided: Machine) -> None:
    guided.ok("member", "add", "Harbour Light Trust", "--sector", "ngo")
    exports = [f"export {name}={value}" for name, value in colleague(guided).items()]
    (guided.folder / "colleague.env").write_text("\n".join(exports))
    said = follow(guided, "docs/guides/ngo-analyst.md", **guided.client("Harbour Light Trust"))
    assert "The candidate is approved." in said
    assert "Version 0.9.0 is retracted: wrong." in said
    assert "stands under TLP:AMBER" in said


def an_auditor(guided: Machine) -> dict[str, str]:
    """The environment of an auditor's client, where a version was published, read and asked for in vain."""
    ngo = publish_sample(guided)
    guided.ok("set", "export", SAMPLE, **ngo)
    guided.refused("set", "export", SAMPLE, "--version", "7.0.0", **ngo)
    guided.ok("member", "add", "Coalition Assurance", "--sector", "oversight")
    return guided.client("Coalition Assurance")


def test_the_auditor_opens_a_commitment(guided: Machine) -> None:
    said = follow(guided, "docs/guides/auditor.md", **an_auditor(guided))
    assert "the commitment opens" in said
    assert "version.read" in said


def test_the_auditor_asks_her_questions(guided: Machine) -> None:
    said = follow(guided, "docs/guides/audit-questions.md", **an_auditor(guided))
    assert "Harbour Light Trust" in said
    assert "version.read" in said
    assert "not-found" in said


def test_the_operator_gets_through_the_whole_page(guided: Machine) -> None:
    said = follow(guided, "docs/guides/operator.md")
    assert "Ledger Screening is offboarded." in said
    guided.refused("restore", str(guided.folder / "backup.db"), "--force")


def test_a_host_makes_a_witness_and_follows_the_log(guided: Machine) -> None:
    said = follow(guided, "docs/guides/witness.md", HALYARD_URL=guided.env["HALYARD_ISSUER"])
    assert said.startswith("witness.example.org+")
    assert "with 2 keys" in said
    assert "127.0.0.1" in said.partition("with 2 keys")[2]


def test_the_first_calls_of_the_readme(guided: Machine) -> None:
    first, _, rest = blocks("README.md").partition("halyard set import")
    assert "client add" in first
    printed = run(guided, first.replace("$PWD/.venv/bin", str(Path(sys.executable).parent)))
    export = next(line for line in printed.splitlines() if line.strip().startswith("export HALYARD_URL"))
    said = run(guided, f"{export}\nhalyard set import{rest}")
    assert '"kind":"version.changed"' in said
