"""`halyard audit archives` and `halyard doctor` look at the files of entries that have left the database."""

import json
from collections.abc import Iterator

import pytest

from app.config import Config
from app.runtime import Runtime
from tests.audit.ageing import age_out, files, grow, keeping
from tests.cli.conftest import Machine


@pytest.fixture
def house(machine: Machine) -> Iterator[Runtime]:
    """The server of the machine, with two archives."""
    runtime = keeping(Runtime.assemble(Config.from_env(machine.env)))
    grow(runtime, 600)
    age_out(runtime)
    yield runtime
    runtime.db.dispose()


def finding(machine: Machine) -> dict[str, object]:
    found: list[dict[str, object]] = json.loads(machine.run("doctor", "--json").stdout)["findings"]
    return next(one for one in found if one["name"] == "audit archives")


def test_archives_are_listed_and_checked(machine: Machine, house: Runtime) -> None:
    listed = machine.json("audit", "archives")
    assert [(one["from"], one["to"], one["problem"]) for one in listed] == [(0, 256, None), (256, 512, None)]
    assert [one["file"] for one in listed] == [path.name for path in files(house)]
    assert "0-255" in machine.ok("audit", "archives", "--check")
    assert finding(machine)["fit"] is True
    path = files(house)[1]
    kept = path.read_bytes()
    path.write_bytes(kept[:-1] + b"?")
    result = machine.run("audit", "archives", "--check")
    assert result.exit_code == 1
    assert f"{path.name} was changed" in result.stderr
    assert "UNFIT" in result.stdout
    assert finding(machine)["fit"] is False
    path.unlink()
    assert "No such file" in str(finding(machine)["said"])
    assert machine.run("audit", "archives", "--check").exit_code == 1
    assert machine.run("audit", "archives").exit_code == 0
    path.write_bytes(kept)
    assert machine.run("audit", "archives", "--check").exit_code == 0


def test_doctor_says_when_the_policy_cannot_be_kept(machine: Machine) -> None:
    assert finding(machine) == {
        "name": "audit archives", "fit": True, "said": "none: all entries are kept in the database",
    }  # fmt: skip
    (machine.folder / "file").write_text("no folder")
    machine.env |= {
        "HALYARD_AUDIT_KEEP_DAYS": "365", "HALYARD_AUDIT_ARCHIVE": str(machine.folder / "file" / "archives"),
    }  # fmt: skip
    found = finding(machine)
    assert found["fit"] is False
    assert "cannot be written" in str(found["said"])


def test_days_are_no_less_than_none(machine: Machine) -> None:
    assert "HALYARD_AUDIT_KEEP_DAYS" in machine.refused("audit", "archives", HALYARD_AUDIT_KEEP_DAYS="-1")
