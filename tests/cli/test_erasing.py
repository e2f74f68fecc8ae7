"""`halyard signals erase`, against answers that are made up here."""

import json
from pathlib import Path
from typing import Any, Self

import pytest
from click.testing import CliRunner, Result

from app.cli.main import main
from schemas.signals import ERASURE_LIMIT

LIST = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Paths and bodies that were posted; everything but the first item is refused."""
    found: list[tuple[str, Any]] = []

    class Fake:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_error: object) -> None: ...

        def post(self, path: str, body: Any) -> Any:
            found.append((path, body))
            rest = [{"status": "refused", "reason": "not_found", "hint": "Check the id."}]
            return {"items": [{"status": "erased"}, *rest * (len(body["items"]) - 1)]}

    monkeypatch.setattr("app.cli.signals.Server.from_env", Fake)
    return found


def run(file: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["signals", "erase", LIST, str(file), *options], input="n\n")


def test_what_a_file_names_is_sent_in_parts_and_refusals_are_told(
    sent: list[tuple[str, Any]], tmp_path: Path
) -> None:
    file = tmp_path / "erase.ndjson"
    items = [{"type": "sha256", "value": f"{n:064x}"} for n in range(ERASURE_LIMIT + 2)]
    file.write_text("\n".join(map(json.dumps, items)) + "\n\n")
    result = run(file, "--yes")
    assert result.exit_code == 0, result.output
    assert [path for path, _ in sent] == [f"/v1/signal-lists/{LIST}/erasures"] * 2
    assert [item for _, body in sent for item in body["items"]] == items
    assert "2 erased, 500 refused." in result.stdout
    assert "item 2: Check the id. (not_found)" in result.stdout


@pytest.mark.parametrize(
    ("text", "options"), [('{"id": "x"}\n', ()), ('{"id": "x"}\nnot json\n', ("--yes",))]
)
def test_nothing_is_sent_without_a_yes_or_with_a_line_that_cannot_be_read(
    sent: list[tuple[str, Any]], tmp_path: Path, text: str, options: tuple[str, ...]
) -> None:
    file = tmp_path / "erase.ndjson"
    file.write_text(text)
    assert run(file, *options).exit_code == 1
    assert sent == []
