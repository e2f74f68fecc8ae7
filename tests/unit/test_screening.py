"""What plain personal data and content look like, and what only looks like them."""

import base64
import json
import random
import re
import sys
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from stdnum import iban, luhn

from app.screening import HINTS, Finding, screen, screen_document

ROOT = Path(__file__).parents[2]
SHARED = (ROOT / ".." / "shared" / "data").resolve()


def reasons(text: str, *, url: bool = False) -> set[str]:
    return {finding.reason for finding in screen(text, url=url)}


# --- what must pass --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["us-fincen-2020-a008.json", "ocse-livestream-payments.json"])
def test_every_text_of_the_samples_passes(name: str) -> None:
    assert screen_document(json.loads((ROOT / "samples" / name).read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "name",
    [
        "set-a-us-fincen-human-trafficking.json",
        "set-b-ocse-livestream-payments.json",
        "set-d-synthetic-platform-policy.json",
    ],
)
def test_every_text_of_the_research_sets_passes(name: str) -> None:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the research data is not beside this repository: {name}")
    assert screen_document(json.loads(path.read_text("utf-8"))) == []


HARMLESS = """\
31 CFR 1020.320 et al. (suspicious activity reporting)
12 CFR 1020.320(b)(2) and 31 U.S.C. 5318(g)
US Government work, public domain (17 U.S.C. 105)
USA PATRIOT Act s.314(b); 18 U.S.C. 1591-1597; Public Law 106-386, 114 Stat. 1464
SAR field 2 and narrative; 38(h); SAR field 2; 38(z) with 'OCSE'
HUMAN TRAFFICKING FIN-2020-A008, OCSE-FIN-2021-NTC3, FINTRAC-2020-OA001
case 2:21-cv-01234-ABC-XYZ, docket 1:20-cr-00345
Directive (EU) 2011/93/EU, Regulation 2016/679, OJ L 335, 17.12.2011, p. 1
GDPR Art. 9(2)(g), Art. 6(1)(e); ISO 20022 pacs.008.001.08; ISO 13616; RFC 8785
ISBN 978-3-16-148410-0, ISSN 2049-3630, doi:10.1007/978-3-030-12345-6_7
on 2020-10-15 and 16.09.2021, from 2019 to 2021, 2020-12, 2019 2020 2021
2020-10-15T00:00:00Z and 2026-11-23T09:00:00.000000Z
between 08:00-17:00, 22:00 to 05:00; call 2020-10-15; a 24-hour hotline
EUR 10-200, USD 1,000,000 or 2.500.000 EUR, 10 000 to 20 000 EUR, +10 000 000 EUR
29 309 106 reports in 2021, 32 059 029 reports in 2022
thresholds 0.05 0.10 0.15 0.20 0.25 and 10, 20, 30, 40
version 1.2.3-rc.4, section 1.2.3.4, v8.8.8.8
MCC 4829 6051 7995; NAICS 812112, 541511
c13dd15d-4099-5126-9d3b-7f628577e2c3
indicator--e27a6ac1-9241-5b5c-b089-6153a5b3ebe1
d41d8cd98f00b204e9800998ecf8427e
9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
1700000000 seconds, 1700000000000000 microseconds
github:j-wanger/signal-watch data/fincen/fin-2020-a008.md (verbatim copy, full text read)
a published summary (financialcrime.lu, 2025-03-13)
how-austrac-helps-protect-children-and-prevents-sexual-exploitation-of-children
follow @handle; names and others (at least two)
data: images and links; tel: see below
Zwei Zeilen\twith a tab, Ελληνικά, 日本語, العربية, e\u0301clair""".splitlines()


@pytest.mark.parametrize("text", HARMLESS)
def test_statutes_cases_dates_amounts_digests_and_versions_pass(text: str) -> None:
    assert screen(text) == []


@given(st.uuids(), st.binary(min_size=32, max_size=32), st.datetimes(), st.integers(0, 99_999_999))
def test_ids_digests_times_and_amounts_pass(uuid: Any, digest: bytes, time: Any, amount: int) -> None:
    text = f"{uuid} {digest.hex()} {time.isoformat()}Z {time.date()}: {amount:,} EUR"
    assert screen(text) == []


def test_web_addresses_pass_only_in_the_url_of_a_reference() -> None:
    address = "https://www.example.org/2020-10-15/Advisory%20Human%20508_0.pdf?id=2125550123"
    archived = f"https://web.example.org/20200101000000/{address}"
    accepted = {"references": [{"url": address}, {"url": archived}, {"url": None}]}
    assert screen_document(accepted) == []
    assert screen_document({"indicators": [accepted]}) == []
    for path, value in (
        ("/statement", {"statement": address}),
        ("/references/0/title", {"references": [{"title": address}]}),
        ("/url", {"url": address}),
        ("/references/0", {"references": [address]}),
    ):
        assert {(finding.path, finding.reason) for finding in screen_document(value)} >= {(path, "url")}


# --- what must not ---------------------------------------------------------------------------------------

before = st.sampled_from(["", "Write to ", "seen:", "(", "on 2020-10-15, ", "FIN-2020-A008 "])
after = st.sampled_from(["", ".", ")", " or later", ", twice in 30 days", "\n"])
label = st.from_regex(r"[a-z][a-z0-9]{0,10}", fullmatch=True)


@given(
    before,
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,20}", fullmatch=True),
    st.lists(label, min_size=1),
    after,
)
def test_email_addresses_are_found(lead: str, local: str, domain: list[str], trail: str) -> None:
    assert "email" in reasons(f"{lead}{local}@{'.'.join([*domain, 'org'])}{trail}")


@pytest.mark.parametrize(
    "text",
    [
        "Jane <jane@example.org>",
        '"jane doe"@example.org',
        "jane@xn--bcher-kva.example",
        "jané@bücher.example",
        "jane@[192.168.0.1]",
        "jane%40example.org",
        "jane&#64;example.org",
        "ｊａｎｅ＠ｅｘａｍｐｌｅ．ｏｒｇ",  # noqa: RUF001 (full-width look-alikes are the point)
        "jane\u200b@example.org",
        "jane (at) example.org",
        "@jane@social.example",
    ],
)
def test_email_addresses_in_disguise_are_found(text: str) -> None:
    assert "email" in reasons(text)


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/?to=jane@example.org",
        "https://example.org/?to=jane%40example.org",
        "https://jane:secret@example.org/",
        "mailto:jane@example.org",
        "https://example.org/+442079460958",
        "https://example.org/DE89370400440532013000",
        "javascript:alert(1)",
        "data:text/html,x",
    ],
)
def test_a_url_field_takes_no_personal_data_and_no_other_scheme(address: str) -> None:
    assert screen(address, url=True)


BBAN = {
    "DE": "n18",
    "GB": "a4n14",
    "NL": "a4n10",
    "FR": "n10c11n2",
    "ES": "n20",
    "GR": "n7c16",
    "NO": "n11",
    "PL": "n24",
}
KINDS = {"n": "[0-9]", "a": "[A-Z]", "c": "[A-Z0-9]"}


@st.composite
def ibans(draw: st.DrawFn) -> str:
    country = draw(st.sampled_from(sorted(BBAN)))
    form = "".join(
        f"{KINDS[kind]}{{{length}}}" for kind, length in re.findall("([nac])([0-9]+)", BBAN[country])
    )
    body = draw(st.from_regex(form, fullmatch=True))
    assume(body.isascii())
    number = f"{country}{iban.calc_check_digits(f'{country}00{body}')}{body}"
    assert iban.is_valid(number, check_country=False)
    separator = draw(st.sampled_from(["", " ", "-"]))
    written = separator.join(number[i : i + 4] for i in range(0, len(number), 4))
    return draw(st.sampled_from([written, written.lower()]))


@given(before, ibans(), after)
def test_ibans_are_found_in_any_grouping(lead: str, number: str, trail: str) -> None:
    assert "iban" in reasons(f"{lead}{number}{trail}")


@given(ibans(), st.integers(1, 8))
def test_an_iban_with_a_wrong_check_digit_is_none(number: str, shift: int) -> None:
    wrong = f"{number[:3]}{(int(number[3]) + shift) % 10}{number[4:]}"
    assert "iban" not in reasons(wrong)


ISSUERS = {
    "4": 16,
    "51": 16,
    "55": 16,
    "2221": 16,
    "2720": 16,
    "34": 15,
    "37": 15,
    "6011": 16,
    "62": 19,
    "36": 14,
    "3528": 16,
}


@st.composite
def cards(draw: st.DrawFn) -> str:
    prefix = draw(st.sampled_from(sorted(ISSUERS)))
    rest = ISSUERS[prefix] - len(prefix) - 1
    body = prefix + "".join(draw(st.lists(st.sampled_from("0123456789"), min_size=rest, max_size=rest)))
    number = body + luhn.calc_check_digit(body)
    separator = draw(st.sampled_from(["", " ", "-", "  "]))
    cuts = draw(st.sampled_from([(4, 8, 12, 16), (4, 10), (6, 12)]))
    parts = [number[a:b] for a, b in zip((0, *cuts), (*cuts, None), strict=True)]
    return separator.join(part for part in parts if part)


@given(before, cards(), after)
def test_payment_cards_are_found_in_any_grouping(lead: str, number: str, trail: str) -> None:
    assert "card" in reasons(f"{lead}{number}{trail}")


@given(cards())
def test_a_number_with_a_wrong_luhn_digit_is_no_card(number: str) -> None:
    digits = re.sub("[^0-9]", "", number)
    assert "card" not in reasons(digits[:-1] + str((int(digits[-1]) + 1) % 10))


def test_a_card_number_that_is_no_text_is_found() -> None:
    assert [finding.path for finding in screen_document({"a": [1, True, 4111111111111111, 10**40]})] == [
        "/a/2"
    ]


NATIONAL = re.findall("..", "USCADEFRGBAUNLITESPLPTCZDKNOBRCNINMXRUJPKRZANGKEPHTHIDVNTRUAROHUATBECHFI")


@st.composite
def phones(draw: st.DrawFn, form: int) -> str:
    regions = NATIONAL if form == PhoneNumberFormat.NATIONAL else sorted(phonenumbers.SUPPORTED_REGIONS)
    region = draw(st.sampled_from(regions))
    kind = draw(st.sampled_from([PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE]))
    example = phonenumbers.example_number_for_type(region, kind) or phonenumbers.PhoneNumber(
        national_number=0
    )
    text = str(example.national_number)
    example.national_number = int(text[:-2] + f"{draw(st.integers(0, 99)):02}")
    assume(len(text) >= 7 and phonenumbers.is_valid_number(example))
    return str(phonenumbers.format_number(example, form))


@given(before, phones(PhoneNumberFormat.E164), after)
def test_phone_numbers_in_e164_are_found(lead: str, number: str, trail: str) -> None:
    assert "phone" in reasons(f"{lead}{number}{trail}")


@given(before, phones(PhoneNumberFormat.INTERNATIONAL), after)
def test_phone_numbers_in_international_form_are_found(lead: str, number: str, trail: str) -> None:
    assert "phone" in reasons(f"{lead}{number}{trail}")
    assert "phone" in reasons(f"{lead}{number.replace('+', '00', 1)}{trail}") or len(number) < 13


@given(before, phones(PhoneNumberFormat.NATIONAL), st.sampled_from(" -."), after)
def test_phone_numbers_in_national_form_are_found(lead: str, number: str, separator: str, trail: str) -> None:
    assert "phone" in reasons(f"{lead}{number.replace(' ', separator)}{trail}")


@given(
    phones(PhoneNumberFormat.NATIONAL),
    st.sampled_from(["phone", "Tel.", "mobile no.", "WhatsApp:", "call us on"]),
)
def test_any_long_number_after_a_word_for_telephone_is_found(number: str, cue: str) -> None:
    digits = re.sub("[^0-9]", "", number)
    assume(len(digits) >= 7 and digits.rstrip("0") != digits[:3])
    assert "phone" in reasons(f"Their {cue} {digits}, day and night")


@given(before, st.binary(min_size=48, max_size=300), st.sampled_from(["", "\n"]), after)
def test_base64_is_found(lead: str, data: bytes, breaks: str, trail: str) -> None:
    encoded = base64.b64encode(data).decode()
    assume(not re.fullmatch("[0-9A-Fa-f]{64,}", encoded))  # reads as a digest
    wrapped = "\n".join(encoded[i : i + 76] for i in range(0, len(encoded), 76)) if breaks else encoded
    assert "blob" in reasons(f"{lead}{wrapped}{trail}")


@given(st.integers(0, 2**32), st.integers(60, 300))
def test_base64_for_urls_and_in_short_lines_is_found(seed: int, size: int) -> None:
    data = random.Random(seed).randbytes(size)
    assert "blob" in reasons(base64.urlsafe_b64encode(data).decode())
    assert "blob" in reasons(f"https://example.org/{base64.urlsafe_b64encode(data).decode()}", url=True)
    encoded = base64.b64encode(data).decode()
    assert "blob" in reasons("\r\n".join(encoded[i : i + 32] for i in range(0, len(encoded), 32)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("data:image/png;base64,iVBORw0KGgo=", "blob"),
        ("data:,hello", "blob"),
        ("ff" * 65, "blob"),
        ("a\x00b", "control"),
        ("a\x1b[31mb", "control"),
        ("a\ud800b", "control"),
        ("a\uffffb", "control"),
        ("a\u202eb", "control"),
        ("from 8.8.8.8 often", "ip"),
        ("from 2606:4700:4700::1111 often", "ip"),
        ("see http://example.org", "url"),
        ("see www.example.org", "url"),
        ("see onion://abc", "url"),
        ("tel:+442079460958", "phone"),
        ("٠٤١٢ ٣٤٥ ٦٧٨", "phone"),
        ("0412\u2011345\u2011678", "phone"),
    ],
)
def test_other_content_is_found(text: str, reason: str) -> None:
    assert reason in reasons(text)


# --- what a finding says ---------------------------------------------------------------------------------


def test_findings_name_the_place_and_the_reason_and_never_the_text() -> None:
    secret = "jane.canary@example.org"
    value = {"a": {"b": ["fine", secret]}, secret: {"c": secret}, "two words": secret}
    findings = screen_document(value, "/body")
    assert [(finding.path, finding.reason) for finding in findings] == [
        ("/body/?", "email"),
        ("/body/a/b/1", "email"),
        ("/body/?/c", "email"),
        ("/body/?", "email"),
    ]
    assert "canary" not in repr(findings)
    assert findings[0] == Finding("/body/?", "email", HINTS["email"])


def test_each_reason_is_named_once_and_no_nesting_is_too_deep() -> None:
    twice = "jane@example.org and joe@example.org, 0412 345 678"
    assert [finding.reason for finding in screen(twice)] == ["email", "phone"]
    deep: Any = twice
    for _ in range(5000):
        deep = [deep]
    assert len(screen_document(deep)) == 2


# --- cost ------------------------------------------------------------------------------------------------

SIZE = 100_000
ADVERSARIAL = {
    "digits": "7",
    "digits and spaces": "4 ",
    "pairs": "07 ",
    "dashes": "555-",
    "long groups": "2125 ",
    "phones without end": "612 34 56 7",
    "almost amounts": "29 309 106, ",
    "iban starts": "DE89 ",
    "ats": "a@",
    "dots": "a@b.",
    "labels": "@" + "a" * 62 + ".",
    "colons": "ff:",
    "schemes": "a+",
    "entities": "&#64",
    "percents": "%25",
    "ligatures": "\ufdfa",
    "hex": "deadbeef",
    "brackets": "(at [at ",
    "data uris": "data:;a",
    "base64 lines": "QUJDREVG\n",
}


def _steps(text: str, *, url: bool) -> int:
    """How many functions, of Python and of C, one screening calls."""
    count = 0

    def tick(_frame: Any, event: str, _arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(tick)
    try:
        screen(text, url=url)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ADVERSARIAL)
@pytest.mark.parametrize("end", ["", "!"])
def test_the_cost_grows_no_faster_than_the_text(name: str, end: str) -> None:
    unit = ADVERSARIAL[name]
    small, large = ((unit * (size // len(unit) + 1))[:size] + end for size in (SIZE // 10, SIZE))
    for url in (False, True):
        assert _steps(large, url=url) < 12 * _steps(small, url=url) + 5000
