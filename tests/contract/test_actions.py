"""Every action that an entry can have is known to the filters: a new one is held to it from its first day."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.audit.actions import OTHERS, known
from app.console import wording

APP = Path(__file__).parents[2] / "app"
TREES = {path: ast.parse(path.read_text()) for path in sorted(APP.rglob("*.py"))}
ASIDE = {"action"}
"""What hands on the action that it was given."""


def takers() -> dict[str, int]:
    """Functions that take an action, by name: at which place among their arguments, `self` not counted."""
    found: dict[str, int] = {}
    for tree in TREES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                for each in node.body:
                    if isinstance(each, ast.FunctionDef) and each.name == "__init__" and takes(each):
                        found[node.name] = place(each)
            elif isinstance(node, ast.FunctionDef) and node.name != "known" and takes(node):
                found[node.name] = place(node)
    return found


def takes(node: ast.FunctionDef) -> bool:
    return any(each.arg == "action" for each in node.args.args)


def place(node: ast.FunctionDef) -> int:
    return [each.arg for each in node.args.args if each.arg != "self"].index("action")


def constants() -> dict[str, set[str]]:
    """Words that modules give a name to, by that name."""
    found: dict[str, set[str]] = {}
    for tree in TREES.values():
        for node in tree.body:
            if not isinstance(node, ast.Assign | ast.AnnAssign):
                continue
            value = node.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if isinstance(target, ast.Name):
                        found.setdefault(target.id, set()).add(value.value)
    return found


def given() -> Iterator[tuple[str, ast.expr]]:
    """Where an action is handed over, and what."""
    functions = takers()
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            named = [each.value for each in node.keywords if each.arg == "action"]
            at = functions.get(getattr(node.func, "id", getattr(node.func, "attr", "")))
            if at is not None and at < len(node.args):
                named.append(node.args[at])
            for value in named:
                yield f"{path.relative_to(APP)}:{node.lineno}", value


def words() -> list[tuple[str, str]]:
    """Each action that the code names where it hands one over."""
    named = constants()
    found = []
    for where, value in given():
        parts = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
        for part in parts:
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and "." in part.value:
                found.append((where, part.value))
            elif isinstance(part, ast.Name) and part.id not in ASIDE:
                found += [(where, word) for word in named.get(part.id, ()) if "." in word]
    return found


WORDS = sorted(set(words()))


@pytest.mark.parametrize(("where", "action"), WORDS, ids=[f"{action} {where}" for where, action in WORDS])
def test_an_action_that_is_left_in_the_log_can_be_asked_for(where: str, action: str) -> None:
    assert known(action), f"{where} leaves {action!r}, which app/audit/actions.py does not know"


def test_the_list_of_reads_names_nothing_that_no_code_leaves() -> None:
    written = {action for _, action in WORDS}
    assert OTHERS - written == set()


def test_every_action_has_words_on_the_pages_of_the_console() -> None:
    assert {action for _, action in WORDS} - wording.ACTIONS.keys() == set()
