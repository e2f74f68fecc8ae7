"""Changes every rule of the policy in turn, and says which change no test notices: `make mutants`.

mutmut makes the mutants and runs the tests (`[tool.mutmut]` in pyproject.toml). A survivor is a fault unless
`survivors.toml` says why it changes nothing; a reason whose mutant is no longer made is a fault too.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

KNOWN = Path(__file__).with_name("survivors.toml")
_SURVIVED = re.compile(r"^\s*(\S+): (survived|no tests|timeout|suspicious)$", re.MULTILINE)
_FUNCTION = re.compile(r"\.x_(.+)__mutmut_\d+$")

Mutant = tuple[str, str, str]
"""Function, the line as it is, the line as the mutant has it."""


def main() -> None:
    mutmut = Path(sys.executable).with_name("mutmut")
    subprocess.run([mutmut, "run", *sys.argv[1:]], check=True)
    results = subprocess.run([mutmut, "results"], check=True, capture_output=True, text=True).stdout
    survivors: dict[Mutant, str] = {}
    for name, _ in _SURVIVED.findall(results):
        shown = subprocess.run([mutmut, "show", name], check=True, capture_output=True, text=True).stdout
        survivors[_read(name, shown)] = name
    reasons = {
        (entry["function"], entry["was"], entry["becomes"])
        for entry in tomllib.loads(KNOWN.read_text())["survivor"]
        if entry["reason"]
    }
    unexplained = survivors.keys() - reasons
    unneeded = reasons - survivors.keys()
    for mutant in sorted(unexplained):
        print(f"\nsurvived: {survivors[mutant]}\n  - {mutant[1]}\n  + {mutant[2]}")
    for mutant in sorted(unneeded):
        print(f"\nno longer survives, take its reason out: {mutant[0]}\n  - {mutant[1]}\n  + {mutant[2]}")
    print(f"\n{len(survivors)} survivors, {len(unexplained)} of them without a reason")
    sys.exit(bool(unexplained or unneeded))


def _read(name: str, shown: str) -> Mutant:
    lines = [line for line in shown.splitlines() if not line.startswith(("---", "+++", "#", "@@"))]
    was = " ".join(line[1:].strip() for line in lines if line.startswith("-"))
    becomes = " ".join(line[1:].strip() for line in lines if line.startswith("+"))
    found = _FUNCTION.search(name)
    return (found.group(1) if found else name), was, becomes


if __name__ == "__main__":
    main()
