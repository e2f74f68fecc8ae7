"""Network addresses: which of them are public, and which lie in networks that something is bound to. Pure.

What the standard library calls global includes ranges that lead elsewhere: 64:ff9b::a00:1 and 2002:a00:1::1
are 10.0.0.1 to a translator or a relay. So IPv6 is public only inside 2000::/3, without what is listed here.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MAPPED = IPv6Network("::ffff:0:0/96")
_MAPPED_BITS = 96
_SITE_BITS = 64
_GLOBAL_UNICAST = IPv6Network("2000::/3")

_NOT_PUBLIC: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network (RFC 791)
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # behind carriers' address translation (RFC 6598)
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's own services, though the address is public
        "169.254.0.0/16",  # link-local, and clouds' metadata
        "172.16.0.0/12",  # private (RFC 1918)
        "192.0.0.0/24",  # protocol assignments (RFC 6890), and a cloud's metadata
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "192.168.0.0/16",  # private (RFC 1918)
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 (RFC 3056)
        "3fff::/20",  # documentation (RFC 9637)
    )
)


def is_public(address: Address) -> bool:
    """Whether an address is one of a host on the public internet, in its own and only form."""
    if isinstance(address, IPv6Address) and (
        address.scope_id is not None or address not in _GLOBAL_UNICAST
    ):  # mapped, compatible, NAT64, unique local, link-local, loopback, multicast: none is in there
        return False
    return address.is_global and not within(address, _NOT_PUBLIC)


def within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def read_address(text: str | None) -> Address | None:
    """An address as it is written, IPv4 also where it comes mapped into IPv6; None where it is none."""
    try:
        address = ip_address(text or "")
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@lru_cache(maxsize=4096)
def read_network(text: str) -> Network:
    """A network in CIDR form, IPv4 also where it is written mapped into IPv6.

    Raises:
        ValueError: it is none, or has bits set behind its prefix.
    """
    if "/" not in text:
        raise ValueError("a network has a prefix length")
    network = ip_network(text)
    mapped = isinstance(network, IPv6Network) and network.subnet_of(_MAPPED)
    if not mapped:
        return network
    inner = IPv4Address(int(network.network_address) & 0xFFFFFFFF)
    return IPv4Network((inner, network.prefixlen - _MAPPED_BITS))


def bound(networks: Sequence[str] | None, caller: str | None) -> bool:
    """Whether a caller's address lies in one of these networks; None: they do not matter."""
    if networks is None:
        return True
    address = read_address(caller)
    return address is not None and within(address, map(read_network, networks))


def site(caller: str | None) -> str:
    """What counts as one caller: an IPv4 address, or the IPv6 network that one site is given (RFC 6177)."""
    address = read_address(caller)
    if not isinstance(address, IPv6Address):
        return str(address) if address is not None else caller or "unknown"
    return str(IPv6Network((int(address), _SITE_BITS), strict=False))
