"""Why one submitted signal is not taken: a code for programs and a hint for people, never the value."""

from enum import StrEnum


class RefusalReason(StrEnum):
    """Reason codes of per-item answers."""

    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_FIELD = "unknown_field"
    UNEXPECTED_FIELD = "unexpected_field"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    WRONG_LENGTH = "wrong_length"
    WRONG_ALPHABET = "wrong_alphabet"
    WRONG_FORMAT = "wrong_format"
    OUT_OF_RANGE = "out_of_range"
    TOO_LARGE = "too_large"
    PLAIN_DATA = "plain_data"
    CONTENT = "content"
    EMPTY_CONTENT = "empty_content"
    DEGENERATE = "degenerate"
    LOW_QUALITY = "low_quality"
    NO_EXACT_LOOKUP = "no_exact_lookup"
    VALIDITY_PAST = "validity_past"
    VALIDITY_TOO_LONG = "validity_too_long"
    TYPE_NOT_TAKEN = "type_not_taken"
    MARKING = "marking"
    MARKED_OTHERWISE = "marked_otherwise"
    NOT_OWNER = "not_owner"
    NOT_YOURS = "not_yours"
    UNKNOWN_KEY = "unknown_key"
    RETIRED_EPOCH = "retired_epoch"
    NOT_NARROWER = "not_narrower"
    NO_CONTRIBUTION = "no_contribution"
    TAKEN = "taken"
    GONE = "gone"
    NEEDS_PERSON = "needs_person"
    NOT_FOUND = "not_found"
    ERASED = "erased"


class Refused(Exception):
    """One signal is refused; the others go on. Bulk code catches this per item.

    `reason` is a stable code, `hint` says what to send instead. Neither repeats what was sent, so both
    may stand in answers and logs.
    """

    def __init__(self, reason: RefusalReason, hint: str) -> None:
        super().__init__(reason, hint)
        self.reason = reason
        self.hint = hint
