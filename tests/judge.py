"""An implementation of transparency logs that is not ours: golang.org/x/mod/sumdb from Debian's packages."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parent / "unit" / "transparency" / "independent"
GOPATH = Path("/usr/share/gocode")
"""Where Debian's golang-golang-x-mod-dev lies."""

Ask = Callable[..., list[dict[str, Any]]]
"""Puts questions to it, and gives its answers; see `independent/main.go`."""


def built(folder: Path, cache: Path) -> Ask:
    """Build it; skips the test where Debian's packages are not installed.

    Args:
        cache: where what was compiled is kept for the next time.
    """
    go = shutil.which("go")
    if go is None or not (GOPATH / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip("Debian's golang-go and golang-golang-x-mod-dev are not installed")
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "GOCACHE": str(cache),
        "GOPATH": str(GOPATH), "GO111MODULE": "off", "GOPROXY": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "",
        "CGO_ENABLED": "0",
    }  # fmt: skip
    program = folder / "independent"
    files = sorted(PROGRAM.glob("*.go"))
    subprocess.run([go, "build", "-o", program, *files], env=environment, cwd=folder, check=True)

    def answers(*questions: dict[str, Any]) -> list[dict[str, Any]]:
        done = subprocess.run(
            [program],
            input=json.dumps(questions, default=as_base64),
            env={"NO_PROXY": "*"},
            capture_output=True,
            text=True,
            check=True,
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    return answers


def as_base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
