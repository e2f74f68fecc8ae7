"""`halyard openapi`."""

from pathlib import Path

import yaml

from tests.cli.conftest import Machine, new_machine


def test_the_description_is_written_and_checked_without_any_database(tmp_path: Path) -> None:
    nowhere = new_machine("postgresql://nobody@127.0.0.1:1/nothing", tmp_path / "data")
    file = tmp_path / "openapi.yaml"
    assert "drift" in nowhere.refused("openapi", "--check", "--file", str(file))
    nowhere.ok("openapi", "--file", str(file))
    nowhere.ok("openapi", "--check", "--file", str(file))
    assert yaml.safe_load(file.read_text())["openapi"].startswith("3.1")
    file.write_text(file.read_text() + "# edited\n")
    assert "make openapi" in nowhere.refused("openapi", "--check", "--file", str(file))
    assert not (tmp_path / "data").exists(), "nothing is made on disk"


def test_the_description_is_the_same_each_time(machine: Machine, tmp_path: Path) -> None:
    for name in ("one", "two"):
        machine.ok("openapi", "--file", str(tmp_path / name))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
