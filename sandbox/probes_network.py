"""Ways out over a network, to this machine's services, and to a neighbouring site."""

import os
import socket
from pathlib import Path

from sandbox.probe_room import (
    NO_SUCH,
    NOT_ALLOWED,
    Outcome,
    Probe,
    Room,
    listener,
    marker,
    named,
    node,
    output_of,
    refused,
    refused_calls,
    shell,
)

NOWHERE = "192.0.2.1"
"""An address reserved for documentation: nobody is disturbed if the wall should be open."""
NOWHERE_6 = "2001:db8::1"
METADATA = ("169.254.169.254", "169.254.170.2", "fd00:ec2::254")
GATEWAYS = ("10.0.2.2", "10.0.2.3", "169.254.1.2", "10.88.0.1", "172.17.0.1")
"""Where podman's and docker's usual networks put the host or its resolver."""
NO_WAY = frozenset({"ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT", "EACCES", "EPERM"})
NOBODY = frozenset({"ECONNREFUSED", "EADDRNOTAVAIL"})
NO_NAMES = frozenset({"EAI_AGAIN", "ENOTFOUND", "ECONNREFUSED"})
# Targets are HOST PORT; a path, with @ for the abstract kind; answers as `connected`, `no answer` or the error's name.
CONNECT = """
const net = require('net')
const place = (target) => {
  if (target.startsWith('/')) return { path: target }
  if (target.startsWith('@')) return { path: '\\0' + target.slice(1) }
  const [host, port] = target.split(' ')
  return { host, port: Number(port) }
}
const connect = (target) => new Promise((answer) => {
  const socket = net.connect(place(target))
  socket.setTimeout(2000)
  const tell = (word) => { socket.destroy(); answer(word) }
  socket.on('connect', () => tell('connected'))
  socket.on('timeout', () => tell('no answer'))
  socket.on('error', (error) => tell(error.code))
})
Promise.all(process.argv.slice(1).map(connect)).then((answers) => console.log(JSON.stringify(answers)))
"""
DATAGRAM = """
const socket = require('dgram').createSocket('udp4')
const send = (host) => new Promise((answer) =>
  socket.send('probe', 53, host, (error) => answer(error ? error.code : 'sent')))
Promise.all(process.argv.slice(1).map(send)).then((answers) => { console.log(JSON.stringify(answers)); socket.close() })
"""
RESOLVE = """
require('dns').promises.lookup('example.com').then((found) => found.address, (error) => error.code)
  .then((answer) => console.log(JSON.stringify(answer)))
"""
BIND = """
require('net').createServer().on('error', (error) => console.log(JSON.stringify(error.code)))
  .listen(Number(process.argv[1]), function () { console.log('"done"'); this.close() })
"""
# Listens everywhere it can, says at which port, and stays.
LISTEN = """
const fs = require('fs'), net = require('net')
net.createServer().listen('\\0' + process.argv[1], () =>
  net.createServer().listen(0, '0.0.0.0', function () {
    fs.writeFileSync('/tmp/port.new', String(this.address().port))
    fs.renameSync('/tmp/port.new', '/tmp/port')
  }))
"""
WAIT_FOR_PORT = "until [ -s /tmp/port ]; do sleep 0.05; done; cat /tmp/port"


def connections(room: Room, *targets: str) -> dict[str, str]:
    return dict(zip(targets, node(room.container, CONNECT, *targets), strict=True))


def listening(room: Room, name: str) -> int:
    """Starts a server in the neighbour that stays behind; its port."""
    script = f'rm -f /tmp/port; node -e "$0" -- {name} >/dev/null 2>&1 </dev/null & {WAIT_FOR_PORT}'
    return int(output_of(room.neighbour, "sh", "-c", script, LISTEN))


def network_out(room: Room) -> Outcome:
    return refused(connections(room, f"{NOWHERE} 80", f"{NOWHERE} 443"), NO_WAY)


def network_6_out(room: Room) -> Outcome:
    return refused(connections(room, f"{NOWHERE_6} 80", "ff02::1 80"), NO_WAY | {"EINVAL"})


def datagram_out(room: Room) -> Outcome:
    targets = [NOWHERE, "255.255.255.255", "224.0.0.251"]
    return refused(dict(zip(targets, node(room.container, DATAGRAM, *targets), strict=True)), NO_WAY)


def metadata(room: Room) -> Outcome:
    return refused(connections(room, *(f"{address} 80" for address in METADATA)), NO_WAY)


def name_lookup(room: Room) -> Outcome:
    return refused({"example.com": node(room.container, RESOLVE)}, NO_NAMES)


def resolvers(room: Room) -> Outcome:
    """The name servers that this machine, or the room itself, is told to ask; one on loopback is asked there."""
    texts = [Path("/etc/resolv.conf").read_text(), output_of(room.container, "sh", "-c", "cat /etc/resolv.conf; true")]
    servers = sorted({word for text in texts for word in servers_of(text)} | {NOWHERE})
    return refused(connections(room, *(f"{server} 53" for server in servers)), NO_WAY | NOBODY)


def servers_of(text: str) -> list[str]:
    lines = [line.split() for line in text.splitlines()]
    return [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]


def host_loopback(room: Room) -> Outcome:
    with listener() as (port, hits):
        blocked, how = refused(connections(room, f"127.0.0.1 {port}", f"::1 {port}", f"0.0.0.0 {port}"), NOBODY)
    return blocked and not hits, f"{len(hits)} requests arrived" if hits else how


def host_addresses(room: Room) -> Outcome:
    return refused(connections(room, *(f"{address} 22" for address in (*GATEWAYS, *own_addresses()))), NO_WAY)


def own_addresses() -> list[str]:
    """The address from which this machine would speak to others; none without a network. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect((NOWHERE, 9))
        except OSError:
            return []
        return [asked.getsockname()[0]]


def abstract_sockets(room: Room) -> Outcome:
    """Sockets that have a name but no file; display servers and container runtimes have had such ones."""
    name = f"probe-{marker()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(f"\0{name}")
        server.listen()
        return refused(connections(room, f"@{name}"), frozenset({"ECONNREFUSED"}))


def service_sockets(room: Room) -> Outcome:
    user = f"/run/user/{os.geteuid()}"
    places = [
        *("/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock"),
        *("/run/dbus/system_bus_socket", f"{user}/bus", f"{user}/podman/podman.sock", "/tmp/.X11-unix/X0"),
        *(str(room.container.socket), str(room.container.socket.with_name("control"))),
    ]
    return refused(connections(room, *places), NO_SUCH | NOT_ALLOWED)


def interfaces(room: Room) -> Outcome:
    devices = shell(room.container, "tail -n +3 /proc/net/dev | sed 's/:.*//'")
    routes = output_of(room.container, "cat", "/proc/net/route").splitlines()[1:]
    return judged_interfaces(devices, routes)


def judged_interfaces(devices: list[str], routes: list[str]) -> Outcome:
    # Some kernels show tunnel devices in every network namespace; without a route or an address they lead nowhere.
    leading = sorted({route.split()[0] for route in routes})
    return (
        "lo" in devices and not leading,
        f"devices {', '.join(devices)}; routes through {', '.join(leading) or 'none'}",
    )


def raw_packets(room: Room) -> Outcome:
    # socket(family, type, protocol)
    return refused_calls(
        room.container, {"packet": (41, 17, 3, 0), "raw-ip": (41, 2, 3, 1), "raw-ip-6": (41, 10, 3, 58)}
    )


def hypervisor_sockets(room: Room) -> Outcome:
    return refused_calls(room.container, {"vsock": (41, 40, 1, 0), "vsock-datagrams": (41, 40, 2, 0)})


def rare_sockets(room: Room) -> Outcome:
    """Families that nobody here needs and whose code in the kernel has had holes."""
    families = {"crypto": 38, "bluetooth": 31, "can": 29, "tipc": 30, "rds": 21, "xdp": 44, "key": 15, "nfc": 39}
    return refused_calls(room.container, {name: (41, family, 3, 0) for name, family in families.items()})


def kernel_messages(room: Room) -> Outcome:
    protocols = {"firewall": 12, "audit": 9, "devices": 15, "ipsec": 6, "connector": 11, "generic": 16}
    return refused_calls(room.container, {name: (41, 16, 3, number) for name, number in protocols.items()})


def low_port(room: Room) -> Outcome:
    return refused({str(port): node(room.container, BIND, str(port)) for port in (80,)}, NOT_ALLOWED)


def open_port(room: Room) -> Outcome:
    port = listening(room, f"probe-{marker()}")
    with socket.socket() as outside:
        code = outside.connect_ex(("127.0.0.1", port))
    return refused({f"port {port} from outside": named(code)}, NOBODY)


def neighbour_port(room: Room) -> Outcome:
    name = f"probe-{marker()}"
    port = listening(room, name)
    answers = connections(room, f"127.0.0.1 {port}", f"@{name}")
    return refused(answers, NOBODY)


def neighbour_processes(room: Room) -> Outcome:
    word = marker()
    shell(room.neighbour, f"sleep {word} >/dev/null 2>&1 </dev/null &")
    seen = output_of(room.container, "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'")
    return word not in seen and "node" in seen, "seen" if word in seen else "its processes are not to be seen"


def neighbour_files(room: Room) -> Outcome:
    word = marker()
    folders = "/tmp /dev/shm /srv/site"
    shell(room.neighbour, f"for f in {folders}; do echo hello > $f/{word}; done")
    written = shell(room.neighbour, f"find {folders} -name {word}")
    seen = shell(room.container, f"find {folders} -name {word}")
    return len(written) == 3 and not seen, f"{len(written)} files of it, {len(seen)} of them to be seen"


def neighbour_user(room: Room) -> Outcome:
    """A user of one's own, so that the kernel's counts and checks per user keep sites apart too."""
    users = [output_of(site, "id", "-u").strip() for site in (room.container, room.neighbour)]
    return len(set(users)) == 2 and "0" not in users, f"users {users[0]} and {users[1]}"


NETWORK = (
    Probe("network-out", "reach an address on the internet", network_out),
    Probe("network-6-out", "reach an address over IPv6", network_6_out),
    Probe("datagram-out", "send a datagram out, or to everybody on the network", datagram_out),
    Probe("metadata", "reach a cloud's metadata address", metadata),
    Probe("name-lookup", "resolve a name", name_lookup),
    Probe("resolvers", "speak to a name server directly", resolvers),
    Probe("host-loopback", "reach a service on this machine's loopback", host_loopback),
    Probe("host-addresses", "reach this machine by its own address or a gateway's", host_addresses),
    Probe("abstract-sockets", "reach a service of this machine by a socket without a file", abstract_sockets),
    Probe(
        "service-sockets",
        "reach a container engine, a message bus or the own control socket by its path",
        service_sockets,
    ),
    Probe("interfaces", "find another network interface or a route", interfaces),
    Probe("raw-packets", "make packets by hand", raw_packets),
    Probe("hypervisor-sockets", "speak to the hypervisor", hypervisor_sockets),
    Probe("rare-sockets", "open sockets of families that nobody needs", rare_sockets),
    Probe("kernel-messages", "speak to the kernel's firewall, audit or device services", kernel_messages),
    Probe("low-port", "listen on a port that is kept for system services", low_port),
)
NEIGHBOURS = (
    Probe("open-port", "be reached from this machine by a port of one's own", open_port),
    Probe("neighbour-port", "reach a server of another running site", neighbour_port),
    Probe("neighbour-processes", "see a process of another running site", neighbour_processes),
    Probe("neighbour-files", "see a file of another running site", neighbour_files),
    Probe("neighbour-user", "share the user of another running site", neighbour_user),
)
