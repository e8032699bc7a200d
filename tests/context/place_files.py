"""A small file of places in MaxMind's format, written by hand: a tree over the bits of an address, then the records.

Every node is two numbers of 24 bits: where to go on a zero and on a one. A number below the count of nodes is another
node; the count itself is "nothing known"; above it, a record that lies so many bytes (less 16) into the data.
"""

import ipaddress
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_MAP, _TEXT, _UINT16, _UINT32, _UINT64, _ARRAY = 7, 2, 5, 6, 9, 11
_MARKER = b"\xab\xcd\xefMaxMind.com"
_SEPARATOR = 16


def city(country: str, region: str, name: str) -> dict[str, Any]:
    """A record as the city databases have it."""
    return {
        "country": {"iso_code": country},
        "subdivisions": [{"names": {"en": region}}],
        "city": {"names": {"en": name, "de": f"{name} (de)"}},
    }


def write(path: Path, networks: Mapping[str, Any], *, built: datetime = datetime(2026, 3, 1, tzinfo=UTC)) -> Path:
    """Write the records of IPv4 networks to `path`, as whoever replaces such a file does: whole, then renamed."""
    nodes: list[list[int | None]] = [[None, None]]
    data, places = b"", {}
    for network, record in networks.items():
        places[network] = len(data)
        data += _encoded(record)
        _lay(nodes, ipaddress.ip_network(network), -1 - places[network])
    tree = b"".join(_pointer(side, len(nodes)).to_bytes(3, "big") for node in nodes for side in node)
    told = {
        "node_count": (len(nodes), _UINT32),
        "record_size": (24, _UINT16),
        "ip_version": (4, _UINT16),
        "database_type": "Test-City",
        "languages": ["en"],
        "binary_format_major_version": (2, _UINT16),
        "binary_format_minor_version": (0, _UINT16),
        "build_epoch": (int(built.timestamp()), _UINT64),
        "description": {"en": "places for tests"},
    }
    whole = path.with_suffix(".new")
    whole.write_bytes(tree + bytes(_SEPARATOR) + data + _MARKER + _encoded(told))
    return whole.rename(path)


def _lay(nodes: list[list[int | None]], network: Any, record: int) -> None:
    bits = f"{int(network.network_address):032b}"[: network.prefixlen]
    node = 0
    for bit in bits[:-1]:
        if nodes[node][int(bit)] is None:
            nodes.append([None, None])
            nodes[node][int(bit)] = len(nodes) - 1
        node = nodes[node][int(bit)]
    nodes[node][int(bits[-1])] = record


def _pointer(side: int | None, count: int) -> int:
    if side is None:
        return count
    return side if side >= 0 else count + _SEPARATOR + (-1 - side)


def _encoded(value: Any) -> bytes:
    match value:
        case dict():
            return _head(_MAP, len(value)) + b"".join(_encoded(key) + _encoded(held) for key, held in value.items())
        case list():
            return _head(_ARRAY, len(value)) + b"".join(map(_encoded, value))
        case str():
            return _head(_TEXT, len(value.encode())) + value.encode()
        case (int() as number, int() as kind):
            plain = number.to_bytes((number.bit_length() + 7) // 8, "big")
            return _head(kind, len(plain)) + plain
        case _:
            raise TypeError(value)


def _head(kind: int, size: int) -> bytes:
    small, more = (size, b"") if size < 29 else (29, bytes([size - 29]))
    return (bytes([kind << 5 | small]) if kind <= _MAP else bytes([small, kind - 7])) + more
