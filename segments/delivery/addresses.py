"""Which addresses may be connected to: public ones, and what the operator allows. Pure.

A destination's URL is written by a person and its name is answered by somebody else's server. Without this guard
either could make the platform call what only the platform can reach: its own database, a cloud's metadata service. So
the address that a name resolves to is judged, and the connection is made to that very address; a name that answers
differently the next time gains nothing. IPv6 is read from the allowed side: only global unicast, and none of its ranges
that carry another address inside (6to4, Teredo), which would lead round the judgement.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_CARRYING = (IPv6Network("2001::/32"), IPv6Network("2002::/16"))
# Special to IANA, and called global by some versions of the library.
_SPECIAL = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"), IPv6Network("2001::/23"))


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the operator allows besides public addresses: hosts by name, and networks."""

    hosts: frozenset[str]
    networks: tuple[Network, ...]

    def names(self, host: str) -> bool:
        """Say whether the host itself is allowed, wherever it resolves to."""
        return host.lower().rstrip(".") in self.hosts

    def holds(self, address: Address) -> bool:
        return any(address in network for network in self.networks if network.version == address.version)


def read_allowed(words: Iterable[str]) -> Allowed:
    """Read "hooks.internal", "10.1.0.0/16" and "127.0.0.1" as they stand in CDP_DELIVERY_ALLOW."""
    hosts, networks = set(), []
    for word in words:
        try:
            networks.append(ip_network(word.strip("[]"), strict=False))
        except ValueError:
            hosts.add(word.lower().rstrip("."))
    return Allowed(frozenset(hosts), tuple(networks))


def is_public(address: Address) -> bool:
    """Say whether the address is one of the open internet."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address not in _GLOBAL_UNICAST or any(address in network for network in _CARRYING):
            return False
    special = any(address in network for network in _SPECIAL if network.version == address.version)
    return address.is_global and not address.is_multicast and not special


def may_connect(address: Address, *, host: str, allowed: Allowed) -> bool:
    """Say whether a message for `host` may be sent to this address of its."""
    return is_public(address) or allowed.names(host) or allowed.holds(address)


def literal(host: str) -> Address | None:
    """Read a host that is written as an address; None for a name."""
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None
