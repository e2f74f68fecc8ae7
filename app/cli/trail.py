"""Audit entries as lines for people: who got what, when, under which marking and purpose."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

COLUMNS = ("when", "who", "did", "what", "marking", "purpose", "decided")
_SUBJECTS_SHOWN = 4


def lines(items: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """One row per entry. `names` says what ids are called; the others are shown shortened."""
    return (_row(item["entry"], names) for item in items)


def gathered(items: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """As `lines`, but pages that one reader took one after another, of the same things, are one row."""
    for _, same in groupby(items, key=lambda item: _likeness(item["entry"])):
        entries = [item["entry"] for item in same]
        if len(entries) == 1:
            yield _row(entries[0], names)
            continue
        subjects = [dict(subject) for subject in entries[0]["subjects"]]
        for number, subject in enumerate(subjects):
            if "count" in subject:
                subject["count"] = sum(entry["subjects"][number]["count"] for entry in entries)
        row = _row({**entries[0], "subjects": subjects}, names)
        yield (*row[:3], f"{row[3]}, {len(entries)} times", *row[4:])


def _likeness(entry: Mapping[str, Any]) -> tuple[object, ...]:
    about = [
        {name: value for name, value in subject.items() if name not in {"count", "first", "last"}}
        for subject in entry["subjects"]
    ]
    counted = [sorted(subject) for subject in entry["subjects"]]
    return entry["actor"], entry["action"], entry["decision"], entry["purpose"], about, counted


def _row(entry: Mapping[str, Any], names: Mapping[str, str]) -> tuple[str, ...]:
    acting = entry["actor"]["member"]
    reason = f" ({entry['reason']})" if "reason" in entry else ""
    return (
        entry["at"].replace("T", " ")[:19],
        _name(acting, names) if acting else "the server",
        entry["action"],
        _what(entry["subjects"], names),
        ", ".join(_markings(entry["subjects"])),
        entry["purpose"] or "",
        entry["decision"] + reason,
    )


def _what(subjects: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> str:
    shown = [_subject(subject, names) for subject in subjects[:_SUBJECTS_SHOWN]]
    if len(subjects) > _SUBJECTS_SHOWN:
        shown.append(f"{len(subjects) - _SUBJECTS_SHOWN} more")
    return "; ".join(shown)


def _subject(subject: Mapping[str, Any], names: Mapping[str, str]) -> str:
    words = [subject["kind"]]
    about = subject.get("collection") or subject.get("id")
    if about:
        words.append(_name(about, names))
    if "version" in subject:
        words.append(subject["version"])
    if "count" in subject or "band" in subject:
        words.append(f"({subject.get('band') or format(subject['count'], ',')})")
    return " ".join(words)


def _markings(subjects: Iterable[Mapping[str, Any]]) -> list[str]:
    labels = (subject["marking"]["tlp"] for subject in subjects if "marking" in subject)
    return list(dict.fromkeys(label.removeprefix("TLP:") for label in labels))


def _name(ident: str, names: Mapping[str, str]) -> str:
    return names.get(ident, f"{ident[:8]}…")
