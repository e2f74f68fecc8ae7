"""What a witness tells of itself: the logs that it follows, and what it refused."""

from datetime import UTC, datetime
from typing import Any

from app.witness.keeper import Evidence, Followed, Keeper


def status_of(keeper: Keeper) -> dict[str, Any]:
    """Name, key, and each log with what is held of it and what was refused.

    `fork` says whether any log's own signatures prove that it showed two histories.

    Raises:
        Damaged: a file of the witness cannot be read.
    """
    refused: dict[str, list[Evidence]] = {}
    for one in keeper.evidence():
        refused.setdefault(one.origin, []).append(one)
    return {
        "name": keeper.cosigner.name,
        "vkey": keeper.vkey,
        "fork": any(one.verdict.fork for found in refused.values() for one in found),
        "logs": [_log(followed, refused.get(followed.origin, [])) for followed in keeper.logs()],
    }


def _log(followed: Followed, refused: list[Evidence]) -> dict[str, Any]:
    held = followed.held
    return {
        "origin": followed.origin,
        "keys": [key.encode() for key in followed.keys],
        "size": held.size,
        "root": held.root.hex(),
        "cosigned_at": None if followed.cosigned_at is None else _moment(followed.cosigned_at),
        "fork": any(one.verdict.fork for one in refused),
        "refused": [
            {
                "verdict": one.verdict.value,
                "proves_fork": one.verdict.fork,
                "at": _moment(one.at),
                "held": one.held,
                "refused": one.refused,
                "file": one.file,
            }
            for one in refused
        ],
    }


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
