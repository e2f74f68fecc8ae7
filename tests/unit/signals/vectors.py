"""Published vectors of each signal type, and items made of them."""

import base64
from typing import Any

import pytest

from app.signals import kinds
from app.signals.encodings import TMK_MAGIC
from app.signals.kinds import RefusalReason, Refused
from schemas.vocabulary import SignalType

MD5_ABC = "900150983cd24fb0d6963f7d28e17f72"  # RFC 1321 appendix A.5
SHA1_ABC = "a9993e364706816aba3e25717850c26c9cd0d89d"  # RFC 3174 section 7.3
# FIPS 180-4 examples (NIST, SHA256.pdf and SHA512.pdf)
SHA256_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
SHA512_ABC = (
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
)
HMAC_RFC4231_CASE_2 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
PDQ_BRIDGE = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"

KEYED = {"identifier": "email", "key_id": "group-key", "epoch": 3}
VECTORS: dict[SignalType, dict[str, Any]] = {
    SignalType.MD5: {"value": MD5_ABC},
    SignalType.SHA1: {"value": SHA1_ABC},
    SignalType.SHA256: {"value": SHA256_ABC},
    SignalType.SHA512: {"value": SHA512_ABC},
    SignalType.VIDEO_MD5: {"value": MD5_ABC},
    SignalType.PDQ: {"value": PDQ_BRIDGE, "quality": 100},
    SignalType.VPDQ: {"value": f'["{PDQ_BRIDGE},100,0","{PDQ_BRIDGE},50,1.5"]'},
    SignalType.TMK_PDQF: {"value": base64.b64encode(TMK_MAGIC + bytes(range(256)) * 5).decode()},
    SignalType.PHOTODNA: {"value": base64.b64encode(bytes(range(144))).decode()},
    SignalType.URL_SHA256: {"value": SHA256_ABC},
    SignalType.HMAC_SHA256: {"value": HMAC_RFC4231_CASE_2, **KEYED},
}
FIXED_HEX = [
    SignalType.MD5,
    SignalType.SHA1,
    SignalType.SHA256,
    SignalType.SHA512,
    SignalType.VIDEO_MD5,
    SignalType.PDQ,
    SignalType.URL_SHA256,
    SignalType.HMAC_SHA256,
]


def item(kind: SignalType, **changed: object) -> dict[str, object]:
    return {"type": kind.value, **VECTORS[kind], **changed}


def refusal(raw: object) -> RefusalReason:
    with pytest.raises(Refused) as caught:
        kinds.parse(raw)
    assert caught.value.hint
    return caught.value.reason
