"""Refuses plain personal data and content in text: Halyard holds descriptions, rules, hashes and metadata.

What is looked for: e-mail addresses, phone numbers, IBANs, payment cards, IP addresses, addresses of web
pages outside the fields made for them, embedded files (base64, data URIs) and control characters. It is a
net for mistakes, not a lock: somebody who hides a number on purpose gets through, so reviewers still read.

A finding never contains what was found. Every scan is linear in the text: patterns have no nested
repetition, and what costs more (the phone number library) is called a bounded number of times.
"""

import html
import ipaddress
import re
import string
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

from stdnum import iban, luhn

from app.screening_phones import has_phone

URL_PATHS = ("references/*/url",)
"""Tails of the paths whose text may be the address of a web page."""

HINTS = {
    "email": "Looks like an e-mail address. Remove it: identifiers travel only as keyed hashes.",
    "phone": "Looks like a phone number. Remove it; write lists with commas and dates as YYYY-MM-DD.",
    "iban": "Looks like a bank account number (IBAN). Remove it: identifiers travel only as keyed hashes.",
    "card": "Looks like a payment card number. Remove it.",
    "ip": "Looks like an IP address. Remove it: identifiers travel only as keyed hashes.",
    "url": "A web address is accepted only in the url of a reference: http or https, no credentials.",
    "blob": "Looks like an embedded file or encoded value. Content is never accepted; use words.",
    "control": "Contains control characters or broken Unicode. Send plain text.",
}


_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Finding:
    """Where (RFC 6901 pointer), why (a key of `HINTS`) and what to do. Never what was found."""

    path: str
    reason: str
    hint: str


def screen(text: str, *, path: str = "", url: bool = False) -> list[Finding]:
    """What must not be in `text`, each reason once. `url`: the field may hold the address of a web page."""
    plain = _plain(text)
    detectors = _URL_DETECTORS if url else _TEXT_DETECTORS
    reasons = [reason for reason, found in detectors if found(plain)]
    if _CONTROL.search(text):
        reasons.append("control")
    return [Finding(path, reason, HINTS[reason]) for reason in reasons]


def screen_document(value: Any, path: str = "", *, urls_at: Sequence[str] = URL_PATHS) -> list[Finding]:
    """`screen` for every text, field name and whole number in a JSON value, in document order.

    A field name that is refused, or is no plain name, stands as `?` in the path: a path repeats nothing.
    """
    findings: list[Finding] = []
    waiting: list[tuple[str, Any]] = [(path, value)]
    while waiting:
        at, item = waiting.pop()
        if isinstance(item, str):
            findings += screen(item, path=at, url=_may_be_url(at, urls_at))
        elif isinstance(item, dict):
            children = [(_child(at, str(key), findings), child) for key, child in item.items()]
            waiting += reversed(children)
        elif isinstance(item, list):
            waiting += [(f"{at}/{index}", child) for index, child in reversed(list(enumerate(item)))]
        elif isinstance(item, int) and abs(item) < 10**19 and _has_card(str(abs(item))):
            findings.append(Finding(at, "card", HINTS["card"]))
    return findings


def _child(at: str, key: str, findings: list[Finding]) -> str:
    refused = screen(key, path=f"{at}/?")
    findings += refused
    return f"{at}/?" if refused or not _NAME.fullmatch(key) else f"{at}/{key}"


def _may_be_url(path: str, urls_at: Sequence[str]) -> bool:
    segments = path.split("/")
    for tail in urls_at:
        wanted = tail.split("/")
        last = segments[-len(wanted) :]
        if len(last) == len(wanted) and all(w in ("*", s) for w, s in zip(wanted, last, strict=True)):
            return True
    return False


# --- what the detectors see ------------------------------------------------------------------------------

_DIGEST = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    r"|[0-9A-Fa-f]{128}|[0-9A-Fa-f]{96}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{56}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{32})(?![0-9A-Za-z])"
)


def _plain(text: str) -> str:
    """The text as a reader sees it: escapes resolved, look-alike characters made plain, digests out."""
    text = html.unescape(text) if "&" in text else text
    text = unquote(text) if "%" in text else text
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_LookAlikes())
    return _DIGEST.sub("#", text)


class _LookAlikes(dict[int, str]):
    """For `str.translate`: any digit, dash or space to the ASCII one, invisible characters to nothing."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        category = unicodedata.category(char) if code > 127 else ""
        plain = {"Cf": "", "Pd": "-", "Zs": " "}.get(category, char)
        self[code] = str(unicodedata.decimal(char)) if category == "Nd" else plain
        return self[code]


# --- detectors -------------------------------------------------------------------------------------------

_EMAIL = re.compile(
    r"[^\s@(<\[/]@(?:(?:[\w-]{1,63}\.){1,8}(?:xn--[\w-]{1,59}|[^\W\d_]{2,63})|\[[0-9A-Fa-fIPv.:]{3,60}\])"
    r"|\w\s?[(\[{]\s?at\s?[)\]}]\s?\w",
    re.IGNORECASE,
)
_URL = re.compile(
    r"[a-z][a-z0-9+.-]{1,20}://|\bwww\.[a-z0-9]|\b(?:mailto|tel|sms|javascript):[^\s]", re.IGNORECASE
)
_DATA_URI = re.compile(r"\bdata:[a-z0-9.+/-]{0,80}(?:;[a-z0-9=.-]{1,80}){0,4},|;base64,", re.IGNORECASE)
_RUN = re.compile(r"[A-Za-z0-9+/_=-]{64,}")
_UNBROKEN = re.compile(r"[A-Za-z0-9+/]{64}")
_UNBROKEN_IN_URL = re.compile(r"[A-Za-z0-9+]{64}")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\u202a-\u202e\u2066-\u2069]"
)
"""Controls, lone surrogates, non-characters, and marks that turn the reading direction round."""
_DIGITS = re.compile(r"(?<![A-Za-z0-9_])[0-9](?:[ .\-]{0,3}[0-9])*(?![A-Za-z0-9_])")
_IBAN_START = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?=[ .\-]{0,2}[A-Za-z0-9])")
_IP4 = re.compile(r"(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w]|\.[0-9])")
_IP6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){3,8}(?![\w:])")
_PLUS = re.compile(r"\+[0-9][0-9 .-]{6,24}")
_NUMBERING = re.compile(
    r"(?:\bv|version|section|sections|sec\.?|chapter|article|art\.?|rule|clause|§)\s?$", re.IGNORECASE
)


def _has_email(text: str) -> bool:
    return _EMAIL.search(text) is not None


def _has_url(text: str) -> bool:
    return _URL.search(text) is not None


def _has_blob(text: str) -> bool:
    return _blob(text, _UNBROKEN)


def _has_blob_in_url(text: str) -> bool:
    return _blob(text, _UNBROKEN_IN_URL)


def _blob(text: str, unbroken: re.Pattern[str]) -> bool:
    """Long encoded runs. Slugs are long too, but do not change between cases and digits all the time."""
    if _DATA_URI.search(text) or unbroken.search(text):
        return True
    joined = text.replace("\r", "").replace("\n", "")
    return any(_looks_encoded(match.group()) for match in _RUN.finditer(joined))


def _looks_encoded(run: str) -> bool:
    kinds = ["d" if c.isdigit() else "u" if c.isupper() else "l" if c.islower() else "" for c in run]
    changes = sum(1 for a, b in pairwise(kinds) if a and b and a != b)
    return changes * 5 > len(run)


_IBAN_VALUES = {char: int(char, 36) for char in string.digits + string.ascii_letters}


def _has_iban(text: str) -> bool:
    return any(_iban_at(text, match.start()) for match in _IBAN_START.finditer(text))


def _iban_at(text: str, start: int) -> bool:
    """Whether an IBAN (ISO 13616: up to 34 characters, mod 97 = 1) begins at `start`, separators or not."""
    head = text[start : start + 4]
    head_value = int("".join(str(_IBAN_VALUES[char]) for char in head))
    compact, remainder, gap = head, 0, 0
    for offset in range(start + 4, min(start + 80, len(text))):
        char = text[offset]
        if char in " .-" and gap < 2:
            gap += 1
            continue
        if char not in _IBAN_VALUES or len(compact) == 34:
            return False
        gap = 0
        value = _IBAN_VALUES[char]
        compact += char
        remainder = (remainder * (10 if value < 10 else 100) + value) % 97
        ends = offset + 1 == len(text) or text[offset + 1] not in _IBAN_VALUES
        if (
            ends
            and len(compact) >= 15
            and (remainder * 1_000_000 + head_value) % 97 == 1
            and iban.is_valid(compact, check_country=False)
        ):
            return True
    return False


def _has_card(text: str) -> bool:
    return any(_card_in(re.findall("[0-9]+", match.group())) for match in _DIGITS.finditer(text))


def _card_in(groups: list[str]) -> bool:
    """Any neighbouring groups that make 13 to 19 digits of a known issuer with a right check digit."""
    for start in range(len(groups)):
        number = ""
        for group in groups[start : start + 19]:
            number += group
            if len(number) > 19:
                break
            if len(number) >= 13 and len(number) in _lengths(number[:4]) and luhn.is_valid(number):
                return True
    return False


_ISSUERS: tuple[tuple[int, int, range], ...] = (
    (4, 4, range(13, 20)),
    (51, 55, range(16, 17)),
    (2221, 2720, range(16, 17)),
    (2200, 2204, range(16, 20)),
    (34, 34, range(15, 16)),
    (37, 37, range(15, 16)),
    (300, 305, range(14, 20)),
    (36, 36, range(14, 20)),
    (38, 39, range(14, 20)),
    (3528, 3589, range(16, 20)),
    (50, 50, range(13, 20)),
    (56, 58, range(13, 20)),
    (60, 65, range(13, 20)),
    (67, 67, range(13, 20)),
)
"""First and last issuer prefix (ISO/IEC 7812), lengths in use."""


@cache
def _lengths(prefix: str) -> frozenset[int]:
    """The lengths of numbers that begin with these four digits."""
    return frozenset(
        length
        for first, last, lengths in _ISSUERS
        if first <= int(prefix[: len(str(first))]) <= last
        for length in lengths
    )


def _has_ip(text: str) -> bool:
    fours = (m for m in _IP4.finditer(text) if not _NUMBERING.search(text, max(0, m.start() - 12), m.start()))
    return any(_is_ip(m.group()) for m in fours) or any(_is_ip(m.group()) for m in _IP6.finditer(text))


def _is_ip(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False


def _is_no_web_address(text: str) -> bool:
    scheme, found, rest = text.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return not found or scheme.lower() not in ("http", "https") or "@" in host


def _has_international_phone(text: str) -> bool:
    """In an address only `+` says that digits are a telephone number: page numbers are long too."""
    return any(has_phone(match.group()) for match in _PLUS.finditer(text))


Detector = Callable[[str], bool]
_TEXT_DETECTORS: tuple[tuple[str, Detector], ...] = (
    ("email", _has_email),
    ("iban", _has_iban),
    ("card", _has_card),
    ("phone", has_phone),
    ("ip", _has_ip),
    ("url", _has_url),
    ("blob", _has_blob),
)
_URL_DETECTORS: tuple[tuple[str, Detector], ...] = (
    ("email", _has_email),
    ("iban", _has_iban),
    ("phone", _has_international_phone),
    ("url", _is_no_web_address),
    ("blob", _has_blob_in_url),
)
