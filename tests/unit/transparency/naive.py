"""RFC 6962 section 2.1 word for word: recursive, over the entries, sharing nothing with the product."""

import hashlib
from collections.abc import Sequence


def entries(count: int) -> list[bytes]:
    """Entries that all differ, of several lengths, one of them empty."""
    return [b"" if n == 3 else f"entry {n} ".encode() * (1 + n % 4) for n in range(count)]


def tree_hash(data: Sequence[bytes]) -> bytes:
    """MTH(D[n])."""
    if not data:
        return hashlib.sha256(b"").digest()
    if len(data) == 1:
        return hashlib.sha256(b"\x00" + data[0]).digest()
    k = split(len(data))
    return hashlib.sha256(b"\x01" + tree_hash(data[:k]) + tree_hash(data[k:])).digest()


def path(m: int, data: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n])."""
    if len(data) == 1:
        return []
    k = split(len(data))
    if m < k:
        return [*path(m, data[:k]), tree_hash(data[k:])]
    return [*path(m - k, data[k:]), tree_hash(data[:k])]


def proof(m: int, data: Sequence[bytes], whole: bool = True) -> list[bytes]:  # noqa: FBT001, FBT002 - as in the RFC
    """PROOF(m, D[n]) by SUBPROOF(m, D[n], b)."""
    if m == len(data):
        return [] if whole else [tree_hash(data)]
    k = split(len(data))
    if m <= k:
        return [*proof(m, data[:k], whole), tree_hash(data[k:])]
    return [*proof(m - k, data[k:], whole=False), tree_hash(data[:k])]


def node(level: int, index: int, data: Sequence[bytes]) -> bytes:
    """The root of a full subtree."""
    found = data[index << level : (index + 1) << level]
    assert len(found) == 1 << level
    return tree_hash(found)


def path_shape(m: int, n: int) -> str:
    """On which side each hash of a path stands, from the root down."""
    if n == 1:
        return ""
    k = split(n)
    return "r" + path_shape(m, k) if m < k else "l" + path_shape(m - k, n - k)


def proof_shape(m: int, n: int) -> str:
    """On which side each hash of a consistency proof stands, from the root down."""
    if m == n:
        return "."
    k = split(n)
    return "r" + proof_shape(m, k) if m <= k else "l" + proof_shape(m - k, n - k)


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k
