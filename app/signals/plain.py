"""Telling fingerprints from plain personal data and content, which must never be stored.

Only values that already failed to read as a fingerprint come to `refuse_text`, so nothing here can refuse
a good one; `reads_as_text` looks at decoded bytes and is used only where chance cannot produce text.
"""

import re

from app.signals.refused import RefusalReason, Refused

_SHORTEST_HASH = 32
_HEX = re.compile(r"[0-9A-Fa-f]*")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{32,}={0,2}")
_TELEPHONE_OR_CARD = re.compile(r"[+(]?[\d ().\-/]{6,31}")
_IBAN = re.compile(r"[A-Za-z]{2}[0-9]{2}[A-Za-z0-9]{11,30}")
_NUMBER_IN_CODE = re.compile(r"[0-9]{10}")
_ADDRESS_IN_CODE = re.compile(r"(?:^|:)(?:[0-9]{1,3}\.){3}[0-9]{1,3}$")
_CODE_SEPARATORS = str.maketrans("", "", "._:-")

_KEYED_HINT = (
    "This reads as plain data, not as a fingerprint. Never send identifiers in clear: send a keyed hash"
    " as hmac_sha256 with identifier, key_id and epoch."
)


def plain_data() -> Refused:
    """The refusal of plain personal data: it says how to send it as a keyed hash."""
    return Refused(RefusalReason.PLAIN_DATA, _KEYED_HINT)


def refuse_text(text: str, expected: str, *, hexadecimal: bool) -> Refused:
    """The refusal of a value that does not read as its type; `expected` describes the form that would.

    Args:
        hexadecimal: the type is written in hex, so that all-hex text was only cut or padded.
    """
    if text[:5].lower() == "data:":
        return Refused(
            RefusalReason.CONTENT, f"Content is never accepted. Send only the fingerprint: {expected}."
        )
    if _looks_plain(text):
        return plain_data()
    if hexadecimal and _HEX.fullmatch(text) is None:
        return Refused(RefusalReason.WRONG_ALPHABET, f"Send {expected}.")
    return Refused(RefusalReason.WRONG_LENGTH, f"Send {expected}.")


def _looks_plain(text: str) -> bool:
    if _TELEPHONE_OR_CARD.fullmatch(text) or _is_iban(text):
        return True
    if "@" in text or "://" in text or any(character.isspace() for character in text):
        return True
    if "+" in text and _BASE64.fullmatch(text) is None:
        return True
    # Shorter than any hash and no hex either: a user name, a wallet, a word.
    return len(text) < _SHORTEST_HASH and _HEX.fullmatch(text) is None


def _is_iban(text: str) -> bool:
    """ISO 13616: the checksum tells an account from a cut hash, which may have the same alphabet."""
    if _IBAN.fullmatch(text) is None:
        return False
    return int("".join(str(int(character, 36)) for character in text[4:] + text[:4])) % 97 == 1


def reads_as_text(value: bytes) -> bool:
    """True when all bytes are printable ASCII, NUL padding at the ends aside: data dressed up as a hash.

    For 32 random bytes the chance is under 1e-13; do not ask for shorter digests.
    """
    return value.isascii() and value.strip(b"\0").decode("ascii").isprintable()


def carries_identifier(code: str) -> bool:
    """True when a code carries ten digits in a row, separators aside, or an IP address.

    Ten digits are the shortest run that telephone, card and account numbers (IBAN included) have in
    common; a date has eight. Cheaper than `app.screening`, whose other findings a code cannot spell.
    """
    if _ADDRESS_IN_CODE.search(code):
        return True
    return len(code) >= 10 and _NUMBER_IN_CODE.search(code.translate(_CODE_SEPARATORS)) is not None
