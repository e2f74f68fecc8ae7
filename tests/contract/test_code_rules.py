"""Rules of the house that no linter knows."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
APP = sorted((ROOT / "app").rglob("*.py"))
PRODUCT = [*APP, *sorted((ROOT / "schemas").rglob("*.py")), *sorted((ROOT / "bench").rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))

COMMITS = {"app/upgrade.py"}
"""Commits by name, because alembic leaves that to its caller. All else commits by leaving a block."""

LABEL_RULES = {
    "app/policy.py": "the rules themselves",
    "app/question.py": "the words in which the policy is asked",
    "app/facts.py": "reads labels from rows",
    "app/remark.py": "reads labels from the wire, and what is RED takes a person",
    "app/audit/service.py": "of somebody's reading of RED a colleague learns no id",
    "app/cli/markings.py": "the audience that a label implies on the command line",
    "app/sets/lines.py": "RED leaves pointers in the feed instead of lines",
    "app/sets/queries.py": "a version's own marking is its set's",
    "app/sets/service.py": "RED leaves pointers in the feed instead of lines",
    "app/signals/kinds.py": "the floor of a signal type",
    "app/signals/lines.py": "RED leaves pointers in the feed instead of lines",
    "app/signals/lists.py": "floors of signal types; RED lists are refused",
    "app/api/sets.py": "what is RED is never kept by a cache",
    "app/api/versions.py": "what is RED is never kept by a cache",
    "app/api/signals.py": "what is RED is never kept by a cache",
}
"""Who may name a TLP label in code, and why. A rule about who sees what belongs into policy.py alone."""


def name(path):
    return path.relative_to(ROOT).as_posix()


def test_nothing_commits_but_leaving_a_transaction():
    found = {name(path) for path in APP if re.search(r"\.commit\(", path.read_text())}
    assert found == COMMITS


def test_labels_are_named_only_where_a_reason_is_written():
    def names_a_label(path):
        return any(
            isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Tlp"
            for node in ast.walk(ast.parse(path.read_text()))
        )

    found = {name(path) for path in APP if names_a_label(path)}
    assert found <= set(LABEL_RULES), found - set(LABEL_RULES)


def test_files_stay_small_enough_to_be_read():
    def lines(path):
        return len(path.read_text().splitlines())

    assert {name(path): lines(path) for path in PRODUCT if lines(path) > 400} == {}
    assert {name(path): lines(path) for path in TESTS if lines(path) > 500} == {}


def test_nothing_is_imported_inside_a_function():
    found = []
    for path in PRODUCT:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                inner = [child for child in ast.walk(node) if isinstance(child, ast.Import | ast.ImportFrom)]
                found += [f"{name(path)}:{child.lineno}" for child in inner]
    assert found == []


def test_every_exists_names_its_own_tables():
    """Left alone, SQLAlchemy correlates one level only: a rule would then hold for everybody, silently."""
    found = []
    for path in APP:
        text = path.read_text()
        found += [
            f"{name(path)}:{text[: match.start()].count(chr(10)) + 1}"
            for match in re.finditer(r"(?<!\.)\bexists\(\)", text)
            if "correlate_except" not in text[match.start() : match.start() + 400]
        ]
    assert found == []
