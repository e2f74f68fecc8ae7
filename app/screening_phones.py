"""Whether a text holds a telephone number, in international or national form.

Numbers are everywhere in red flags: dates, amounts, statutes, case numbers. So a run of digits is taken
for a telephone number only if it is written like one: with `+` or `00`, with a trunk zero, in North American
groups, in the groups of a country without a trunk zero, or after a word such as "phone".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import phonenumbers

_LOOKUPS = 50
"""How often one text may ask the number library. A text with more number-like groups is refused unread."""

_REGIONS = (
    "BR",
    "CL",
    "CN",
    "CO",
    "CZ",
    "DK",
    "ES",
    "GR",
    "HU",
    "IN",
    "IT",
    "MX",
    "NO",
    "PE",
    "PL",
    "PT",
    "RU",
)
"""Countries whose numbers are written without a trunk zero, so that only their grouping gives them away."""

_DATE = re.compile(
    r"(?<![0-9])(?:[12][0-9]{3}-[01][0-9](?:-[0-3][0-9])?|[0-3]?[0-9][./-][0-3]?[0-9][./-][12][0-9]{3})"
    r"(?![0-9]|[./-][0-9])"
)
_RUN = re.compile(r"(?<![A-Za-z0-9_])[+(]{0,2}[0-9](?:[ ().\-/]{0,3}[0-9])*")
_GROUP = re.compile(r"[0-9]+")
_CUE = re.compile(
    r"(?:\btel|phone|mobile|\bcell|\bfax|whatsapp|viber|wechat|telegram|\bsms|\bdial|\bcall|hotline|helpline)"
    r"(?:[ .:#(-]{0,3}(?:us|me|on|at|no|nr|number|is|line))?(?:[ .:#(-]{0,3}(?:on|at|is))?[ .:#(-]{0,3}$",
    re.IGNORECASE,
)
_CUE_REACH = 40


@dataclass(frozen=True, slots=True)
class _Group:
    digits: str
    before: str
    """The character in front, empty at the start of the run."""


@dataclass(frozen=True, slots=True)
class _Run:
    groups: tuple[_Group, ...]
    plus: bool
    cued: bool
    in_identifier: bool
    """Part of something like `CASE-2021-001234`."""

    @property
    def digits(self) -> str:
        return "".join(group.digits for group in self.groups)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(group.digits) for group in self.groups)


def has_phone(text: str) -> bool:
    """Whether `text` (plain characters, ASCII digits) holds a telephone number."""
    lookups = 0
    for run in _runs(_DATE.sub("#", text)):
        if _marked(run) or (not run.in_identifier and _has_trunk_zero(run.groups)):
            return True
        if run.in_identifier or not _worth_a_lookup(run):
            continue
        lookups += 1
        if lookups > _LOOKUPS or _north_american(run) or _grouped_like_a_country(run):
            return True
    return False


def _runs(text: str) -> Iterator[_Run]:
    for match in _RUN.finditer(text):
        run = match.group()
        groups = [_Group(m.group(), run[m.start() - 1 : m.start()]) for m in _GROUP.finditer(run)]
        if text[match.end() : match.end() + 1].isalpha() and text[match.end()] not in "xX":
            groups.pop()
        if sum(len(group.digits) for group in groups) < 7:
            continue
        front = text[max(0, match.start() - _CUE_REACH) : match.start()]
        yield _Run(
            groups=tuple(groups),
            plus="+" in run[:2],
            cued=_CUE.search(front) is not None,
            in_identifier=front[-1:] == "-" and front[-2:-1].isalnum(),
        )


def _marked(run: _Run) -> bool:
    """Says itself that it is one: `+`, `00` and a country, or a word in front. Round amounts do not count."""
    digits = run.digits
    if len(digits.rstrip("0")) < 4:
        return False
    if run.plus:
        return len(digits) >= 8
    abroad = run.groups[0].digits.startswith("00") and digits[2:3] != "0"
    return run.cued or (abroad and 10 <= len(digits) <= 17)


def _has_trunk_zero(groups: tuple[_Group, ...]) -> bool:
    """`0412 345 678`, `(030) 123456`, `06-12345678`: a zero, no second one, nine to twelve digits."""
    for index, group in enumerate(groups):
        if not group.digits.startswith("0") or group.before not in ("", " ", "(", "+"):
            continue
        if group.digits == "0" and index + 1 < len(groups) and groups[index + 1].before == ".":
            continue
        digits = ""
        for following in groups[index : index + 8]:
            digits += following.digits
            if 9 <= len(digits) <= 12 and digits[1] != "0":
                return True
    return False


def _worth_a_lookup(run: _Run) -> bool:
    return run.shape in _NORTH_AMERICAN or (len(run.groups) >= 2 and 8 <= len(run.digits) <= 13)


_NORTH_AMERICAN = ((3, 3, 4), (1, 3, 3, 4), (3, 7), (1, 3, 7), (10,), (11,))


def _north_american(run: _Run) -> bool:
    digits = run.digits
    local = digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
    if run.shape not in _NORTH_AMERICAN or len(local) != 10 or local[0] in "01" or local[3] in "01":
        return False
    return phonenumbers.is_valid_number(phonenumbers.parse(local, "US"))


def _grouped_like_a_country(run: _Run) -> bool:
    first, *others = run.shape
    if run.shape != (5, 5) and (len(others) < 2 or (first < 3 and set(others) == {3})):
        return False  # `29 309 106` is how amounts are written
    return any(_written_as_in(region, run) for region in _REGIONS)


def _written_as_in(region: str, run: _Run) -> bool:
    try:
        number = phonenumbers.parse(run.digits, region)
    except phonenumbers.NumberParseException:
        return False
    if number.country_code != phonenumbers.country_code_for_region(
        region
    ) or not phonenumbers.is_valid_number(number):
        return False
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    international = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    written = [group.digits for group in run.groups]
    return written in (_GROUP.findall(national), _GROUP.findall(international)[1:])
