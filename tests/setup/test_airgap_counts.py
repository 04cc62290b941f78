"""The air-gap test counts what it should: each case is a line as strace writes it."""

from __future__ import annotations

import pytest

from tests.airgap.counted import count


def four(address: str, port: int = 443) -> str:
    return f'{{sa_family=AF_INET, sin_port=htons({port}), sin_addr=inet_addr("{address}")}}'


def six(address: str, port: int = 443) -> str:
    place = f'inet_pton(AF_INET6, "{address}", &sin6_addr)'
    return f"{{sa_family=AF_INET6, sin6_port=htons({port}), sin6_flowinfo=htonl(0), {place}, sin6_scope_id=0}}"


def message(place: str) -> str:
    return f"{{msg_hdr={{msg_name={place}, msg_namelen=16, msg_iov=[], msg_iovlen=0}}, msg_len=1}}"


@pytest.mark.parametrize(
    ("line", "outside", "look_ups", "loopback"),
    [
        ('7 connect(3, {sa_family=AF_UNIX, sun_path="/run/x"}, 110) = 0', 0, 0, 0),
        (f"7 connect(3, {four('127.0.0.1')}, 16) = 0", 0, 0, 1),
        (f"7 connect(3, {four('192.0.2.1')}, 16) = -1 ENETUNREACH (Network is unreachable)", 1, 0, 0),
        (f"7 connect(3, {four('192.0.2.1')}, 16 <unfinished ...>", 1, 0, 0),
        (f"7 connect(3, {four('192.0.2.53', 53)}, 16) = 0", 1, 1, 0),
        (f"7 connect(3, {four('127.0.0.53', 53)}, 16) = 0", 0, 1, 1),
        (f"7 connect(3, {six('2001:db8::1')}, 28) = -1 ENETUNREACH", 1, 0, 0),
        (f"7 connect(3, {six('::1')}, 28) = 0", 0, 0, 1),
        (f"7 connect(3, {six('::ffff:192.0.2.9')}, 28) = 0", 1, 0, 0),
        (f'7 sendto(3, "x", 1, 0, {four("224.0.0.251", 5353)}, 16) = 1', 1, 1, 0),
        (f"7 sendmmsg(3, [{message(four('192.0.2.1'))}, {message(six('2001:db8::2'))}], 2, 0) = 2", 2, 0, 0),
        ('7 sendto(3, "x", 1, MSG_NOSIGNAL, NULL, 0) = 1', 0, 0, 0),
        ("7 sendto(3, [{nlmsg_len=20}], 20, 0, {sa_family=AF_NETLINK, nl_pid=0}, 12) = 20", 0, 0, 0),
        ("7 connect(3, {sa_family=AF_VSOCK, svm_cid=2}, 16) = 0", 1, 0, 0),
        ('7 connect(3, {sa_family=AF_UNSPEC, sa_data="x"}, 16) = 0', 0, 0, 0),
    ],
)
def test_an_attempt_counts_whether_it_succeeds_or_not(line: str, outside: int, look_ups: int, loopback: int) -> None:
    counts = count([line])
    assert (counts.outside, counts.look_ups, counts.loopback) == (outside, look_ups, loopback)
