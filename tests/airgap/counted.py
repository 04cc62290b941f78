"""Attempts to reach something, out of strace's record: all of them, whether they succeeded or not."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

TRACED = "connect,sendto,sendmsg,sendmmsg"
# AF_UNSPEC takes a connection back; sockets of the other two never leave the kernel.
WITHIN = frozenset({"AF_UNIX", "AF_NETLINK", "AF_UNSPEC"})
DNS_PORTS = frozenset({53, 853, 5353, 5355})
_FAMILY = re.compile(r"sa_family=(AF_\w+|0x[0-9a-f]+|\d+)")
_PLACE = re.compile(
    r'sa_family=AF_INET6?, sin6?_port=htons\((\d+)\).*?(?:inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)")'
)


@dataclass(frozen=True, slots=True)
class Counts:
    """`named` are places outside with how often each was tried; look-ups count wherever they were sent."""

    loopback: int
    outside: int
    look_ups: int
    named: dict[str, int]


def is_loopback(address: str) -> bool:
    place = ipaddress.ip_address(address)
    mapped = place.ipv4_mapped if isinstance(place, ipaddress.IPv6Address) else None
    # Linux connects the unspecified address to the host itself.
    return (mapped or place).is_loopback or place.is_unspecified


def count(lines: Iterable[str]) -> Counts:
    loopback = look_ups = 0
    named: dict[str, int] = {}
    for line in lines:
        places = _PLACE.findall(line)
        for port, four, six in places:
            address = four or six
            if int(port) in DNS_PORTS:
                look_ups += 1
            if is_loopback(address):
                loopback += 1
            else:
                name = f"{address} port {port}"
                named[name] = named.get(name, 0) + 1
        strange = [family for family in _FAMILY.findall(line) if family not in {*WITHIN, "AF_INET", "AF_INET6"}]
        for family in strange:
            named[family] = named.get(family, 0) + 1
    return Counts(loopback, sum(named.values()), look_ups, named)
