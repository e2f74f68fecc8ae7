"""Rules of the house that no linter knows: who commits, who knows Flask, who knows what a label means."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST = {"app": 400, "schemas": 400, "bench": 400, "tests": 500}
DOORS = (
    "app/api/", "app/cli/", "app/web/", "app/witness/", "app/worker/", "app/taxii/", "app/console/",
    "app/main.py",
)  # fmt: skip
DOOR_LIBRARIES = {
    "flask",
    "flask_smorest",
    "flask_limiter",
    "authlib",
    "click",
    "gunicorn",
    "rich",
    "werkzeug",
}
COMMITTERS = {"app/db.py", "app/upgrade.py"}
LABELS_KNOWN_TO = {
    "app/policy.py": (None, "the rules themselves"),
    "app/strictness.py": (None, "the measures that the rules use"),
    "app/remark.py": ({"RED"}, "whoever marks RED is its author, and must be a person"),
    "app/sets/lines.py": ({"RED"}, "what is RED stands in no place: pointers to its named users instead"),
    "app/signals/lines.py": ({"RED"}, "the same for signals"),
    "app/signals/lists.py": ({"RED", "RANK"}, "a list is never RED as a whole; floors of signal types"),
    "app/signals/kinds.py": ({"AMBER"}, "floors of perceptual hashes and keyed identifiers"),
    "app/api/versions.py": ({"RED"}, "what is RED is never stored by a cache"),
    "app/audit/withheld.py": ({"RED"}, "who may know that an entry about RED exists"),
    "app/cli/markings.py": ({"CLEAR", "GREEN"}, "options of the command line that name their audience"),
    "app/cli/demo_story.py": ({"GREEN", "AMBER"}, "what the demo's members mark"),
}
"""Files that may name TLP labels, which (None: all), and why. What they mean is for `policy.py` alone."""
LABEL = re.compile(r"(?:\bTlp\.|\bRank\.|[\"']TLP:)([A-Z]+)|\bTLP_(RANK)\b")


def sources(*folders: str) -> Iterator[tuple[str, str]]:
    """(path from the root, text) of every Python file in these folders."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")


def imported(text: str) -> set[str]:
    """First names of the modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("folder", LONGEST)
def test_no_file_grows_too_long(folder: str) -> None:
    long = {path: lines for path, text in sources(folder) if (lines := text.count("\n")) > LONGEST[folder]}
    assert long == {}


def test_only_the_database_module_commits() -> None:
    found = {path for path, text in sources("app") if ".commit(" in text}
    assert found <= COMMITTERS


def test_nothing_below_the_doors_knows_of_http_or_of_a_command_line() -> None:
    for path, text in sources("app"):
        if not path.startswith(DOORS):
            assert not imported(text) & DOOR_LIBRARIES, path


def test_the_published_language_imports_nothing_of_the_server() -> None:
    for path, text in sources("schemas"):
        assert not imported(text) & {"app", "sqlalchemy", "alembic", "migrations", "flask"}, path


def test_only_policy_decides_by_labels() -> None:
    naming: dict[str, set[str]] = {}
    for path, text in sources("app"):
        for found in LABEL.finditer(without_text(text)):
            naming.setdefault(path, set()).add(found[1] or found[2])
    assert naming.keys() == LABELS_KNOWN_TO.keys()
    for path, (allowed, _reason) in LABELS_KNOWN_TO.items():
        assert allowed is None or naming[path] <= allowed, path


def without_text(source: str) -> str:
    """The code without docstrings and comments: those may speak of labels."""
    return ast.unparse(_Bare().visit(ast.parse(source)))


class _Bare(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return ast.Expr(ast.Constant(...)) if is_text else node


CHANGES_CHANGED_BY = {
    "app/feed/append.py": "supersedes and clears; it deletes the prepared segments of what it touches first",
    "app/feed/clearing.py": "clears what was superseded before, of which no prepared segment holds anything",
}
"""Files that may update or delete lines of the feed, and why no prepared segment can outlive that."""
CHANGING = re.compile(r"\b(?:update|delete)\(\s*Change\b|\b(?:UPDATE|DELETE\s+FROM)\s+change\b")


def test_only_where_prepared_segments_go_with_them_are_lines_of_the_feed_changed() -> None:
    found = {path for path, text in sources("app") if CHANGING.search(text)}
    assert found == CHANGES_CHANGED_BY.keys()
    appending = (ROOT / "app/feed/append.py").read_text("utf-8")
    assert appending.index("segments.discard(") < appending.index("_replace(session, lines, first)")


def test_no_module_is_a_bag_of_odds_and_ends() -> None:
    names = {Path(path).name for path, _ in sources("app", "schemas")}
    assert not names & {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"}


def test_every_import_stands_at_the_top() -> None:
    for path, text in sources("app", "schemas"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = [part for part in ast.walk(node) if isinstance(part, ast.Import | ast.ImportFrom)]
                assert not inner, (path, node.name)


def test_no_error_is_swallowed_whole() -> None:
    """A handler of everything that only passes hides what it should tell."""
    everything = {"Exception", "BaseException"}
    for path, text in sources("app", "schemas", "migrations"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ExceptHandler):
                caught = node.type.id if isinstance(node.type, ast.Name) else None
                whole = node.type is None or caught in everything
                assert not (whole and all(isinstance(part, ast.Pass) for part in node.body)), path


def test_released_documents_are_named_by_their_version() -> None:
    for path in (ROOT / "schemas" / "documents").iterdir():
        if path.suffix == ".json":
            assert re.fullmatch(r"[a-z-]+\.v\d+\.json", path.name)


def test_every_exists_names_its_own_tables() -> None:
    """Left alone, SQLAlchemy correlates one level only: a rule would then hold for everybody, silently."""
    found = [
        f"{path}:{text[: match.start()].count(chr(10)) + 1}"
        for path, text in sources("app")
        for match in re.finditer(r"(?<![.\w])exists\(\)", text)
        if "correlate_except" not in text[match.start() : match.start() + 400]
    ]
    assert found == []
