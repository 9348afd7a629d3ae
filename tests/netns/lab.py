# SPDX-License-Identifier: MIT
"""A client and a server in network namespaces, joined by links that can be cut, shaped and rebound.

                  up1 +---------------------+ wan1
        +--------+----| in1    wan    out1  |----+--------+
        | client |    |                     |    | server |
        +--------+----| in2           out2  |----+--------+
                  up2 +---------------------+ wan2

Link i is the way up<i> - in<i> - out<i> - wan<i>. The namespace "wan" stands for the wide area: it
forwards each link by itself and holds everything that happens to a link (rate, loss of all packets,
address translation, pulled cable), so that the two hosts see only what they would see of a distant
fault. Their neighbour entries are permanent: a dead link is silent.

A link may be emulated: the way out<i> - wan<i> is no cable then but a program that gives it a rate with
a queue, delay, jitter and loss (emulated.py). All else about the link is as it is without.

    client, link i   10.71.<i>.2  fd71:<i>::2     server, link i   10.72.<i>.1  fd72:<i>::1
    server, every link            10.70.0.1  fd70::1
    inside the tunnel             client 10.99.0.2  fd99::2       server 10.99.0.1  fd99::1

The client reaches 10.72.<i>.0/24 over link i by its main table. 10.70.0.1 is reached over the link
whose source address or device the socket is bound to, link 1 otherwise.

Everything carries the process id of the test and is removed when the `with` block is left, whatever
the reason. Only what a Lab started itself is ever signalled or deleted.
"""
import contextlib
import glob
import itertools
import json
import os
import re
import shutil
import signal
import socket
import struct
import tempfile

from checks import Failure, Settings, check, require, wait_until
from daemons import Daemon, WireGuardGo, generate_key, merged
from emulated import LinkEmulator
from namespace import Namespace

PORT = 51820  # the server's, on every link
CLIENT4, SERVER4, CLIENT6, SERVER6 = "10.99.0.2", "10.99.0.1", "fd99::2", "fd99::1"
SERVER_ANY4, SERVER_ANY6 = "10.70.0.1", "fd70::1"
NETLINK_NETFILTER = 12
LOG_LINES = 200  # of all logs of a lab, shown when a test fails
SANITIZER_EXIT = 86

serial = itertools.count(1)


@contextlib.contextmanager
def signals_blocked():
    """No signal interrupts what undoes things."""
    which = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, which)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def sweep(pid):
    """Removes what the labs of process @pid left, which was killed."""
    with signals_blocked():
        for path in glob.glob(f"/run/netns/vtrunkd-{pid}-*"):
            namespace = Namespace(os.path.basename(path))
            namespace.has_hosts = True
            namespace.destroy()
        left = glob.glob(f"/run/vtrunkd/vt{pid}x*.sock") + glob.glob(f"/run/wireguard/vt{pid}x*.sock")
        for path in left:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        directory = Settings.directory or tempfile.gettempdir()
        if not Settings.keep:
            for path in glob.glob(f"{directory}/vtrunkd-{pid}-*"):
                shutil.rmtree(path, ignore_errors=True)


class Lab:
    """The namespaces, links and processes of one test.

    @links: how many. @rates: Mbit/s of each link as numbers or (up, down) pairs; None: as fast as
    it goes. @queue_ms: of each shaped link and direction. @nat: the wan translates what the client
    sends, see rebind(). @emulated: an Emulated for each link, or None for a cable; it says how many
    links there are.
    """

    def __init__(self, links=2, rates=None, queue_ms=50, nat=False, emulated=None):
        self.id = f"{os.getpid()}-{next(serial)}"
        links = len(emulated) if emulated else links
        self.links = range(1, links + 1)
        self.emulated = emulated or [None] * links
        self.emulators = {}  # link -> LinkEmulator
        self.rates = rates or [None] * links
        self.queue_ms, self.has_nat = queue_ms, nat
        self.processes, self.sockets = [], []
        self.client = self.wan = self.server = self.directory = None

    # -- life

    def __enter__(self):
        try:
            self._make()
        except BaseException as error:
            self._explain(error)
            self._destroy()
            raise
        return self

    def __exit__(self, kind, error, trace):
        with signals_blocked():
            fault = error
            try:
                self._end_processes(expect_clean=error is None)
            except Failure as failure:
                fault = failure
            if fault is not None:
                self._explain(fault)
            self._destroy()
        if fault is not error:
            raise fault

    def _make(self):
        self.directory = tempfile.mkdtemp(prefix=f"vtrunkd-{self.id}-", dir=Settings.directory)
        for role in ("client", "wan", "server"):
            namespace = Namespace(f"vtrunkd-{self.id}-{role}")
            setattr(self, role, namespace)  # first: whatever interrupts, it will be destroyed
            namespace.create()
            namespace.sysctl(
                net__ipv4__conf__all__rp_filter=0, net__ipv4__conf__default__rp_filter=0,
                net__ipv6__conf__all__disable_ipv6=0, net__ipv6__conf__default__disable_ipv6=0,
                net__ipv6__conf__default__accept_dad=0, net__ipv6__conf__default__accept_ra=0,
                net__ipv6__conf__all__keep_addr_on_down=1,
                net__ipv6__conf__default__keep_addr_on_down=1)
        self.wan.sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1)
        self.server.ip(f"address add {SERVER_ANY4}/32 dev lo",
                       f"address add {SERVER_ANY6}/128 dev lo")
        for i in self.links:
            self._make_link(i)
        chains = "".join(
            f'chain {dev}{i} {{ type filter hook ingress device "{dev}{i}" priority 0; }}\n'
            for i in self.links for dev in ("in", "out"))
        self.wan.nft(f"table netdev cut {{\n{chains}}}\n")
        if self.has_nat:
            self.wan.nft("table ip nat { chain post { type nat hook postrouting priority 100; }; }")
            # A router takes nothing in for itself: what comes for a mapping that it has forgotten
            # would else stand in its table, in the way of the mapping, for as long as it comes.
            self.wan.nft("table ip own { chain input { type filter hook input priority 0; "
                         'iifname "out*" meta l4proto udp drop; }; }')
            for i in self.links:
                self.rebind(i, 40000 + i)

    def _lay_cable(self, i, host, near, far, side):
        mac = f"02:00:00:{i:02x}:0{side}"
        require(["ip", "link", "add", near, "address", f"{mac}:01", "netns", host.name, "type",
                 "veth", "peer", "name", far, "address", f"{mac}:02", "netns", self.wan.name])

    def _emulate(self, i):
        mac = f"02:00:00:{i:02x}:0d"
        self.emulators[i] = LinkEmulator(self, i, self.emulated[i - 1])
        self.server.ip(f"link set wan{i} address {mac}:01")
        self.wan.ip(f"link set out{i} address {mac}:02")

    def _client_lines(self, i):
        return [*self._host_lines(f"up{i}", f"10.71.{i}", f"fd71:{i}:", 2, 1),
                *self._neighbours(f"up{i}"),
                f"route add 10.72.{i}.0/24 via 10.71.{i}.1",
                f"-6 route add fd72:{i}::/64 via fd71:{i}::1",
                f"route add default via 10.71.{i}.1 metric {100 + i}",
                f"-6 route add default via fd71:{i}::1 metric {100 + i}",
                f"route add default via 10.71.{i}.1 table {100 + i}",
                f"-6 route add default via fd71:{i}::1 dev up{i} table {100 + i}"]

    def pull_client_device(self, i):
        """The client's device of link i is gone, as a modem that was unplugged."""
        self.client.ip(f"link delete up{i}")

    def push_client_device(self, i):
        """And comes back, with the same name and addresses and another index."""
        self._lay_cable(i, self.client, f"up{i}", f"in{i}", "c")
        self.wan.ip(*self._host_lines(f"in{i}", f"10.71.{i}", f"fd71:{i}:", 1, 2),
                    *self._neighbours(f"in{i}"))
        self.client.ip(*self._client_lines(i))

    def _make_link(self, i):
        self._lay_cable(i, self.client, f"up{i}", f"in{i}", "c")
        if self.emulated[i - 1]:
            self._emulate(i)
        else:
            self._lay_cable(i, self.server, f"wan{i}", f"out{i}", "d")
        self.client.ip(*self._client_lines(i),
                       f"rule add from 10.71.{i}.2 lookup {100 + i}",
                       f"-6 rule add from fd71:{i}::2 lookup {100 + i}")
        self.server.ip(*self._host_lines(f"wan{i}", f"10.72.{i}", f"fd72:{i}:", 1, 2),
                       *self._neighbours(f"wan{i}"),
                       f"route add 10.71.{i}.0/24 via 10.72.{i}.2",
                       f"-6 route add fd71:{i}::/64 via fd72:{i}::2",
                       f"route add default via 10.72.{i}.2 metric {100 + i}",
                       f"-6 route add default via fd72:{i}::2 metric {100 + i}")
        self.wan.ip(*self._host_lines(f"in{i}", f"10.71.{i}", f"fd71:{i}:", 1, 2),
                    *self._host_lines(f"out{i}", f"10.72.{i}", f"fd72:{i}:", 2, 1),
                    *self._neighbours(f"in{i}"), *self._neighbours(f"out{i}"), *self._wan_routes(i),
                    f"rule add iif in{i} lookup {100 + i}",
                    f"-6 rule add iif in{i} lookup {100 + i}")
        rate = self.rates[i - 1]
        if rate is not None:
            up, down = rate if isinstance(rate, tuple) else (rate, rate)
            self.shape(i, up, down)

    @staticmethod
    def _host_lines(device, net4, net6, own, other):
        return [f"link set {device} up",
                f"address add {net4}.{own}/24 dev {device}",
                f"address add {net6}:{own}/64 dev {device} nodad"]

    @staticmethod
    def _neighbours(device):
        """Permanent entries for the other end of the cable."""
        name, i = re.fullmatch(r"([a-z]+)(\d+)", device).groups()
        side = "c" if name in ("up", "in") else "d"
        other = "02" if name in ("up", "wan") else "01"
        net, host = {"up": ("71", 1), "in": ("71", 2), "wan": ("72", 2), "out": ("72", 1)}[name]
        mac = f"02:00:00:{int(i):02x}:0{side}:{other}"
        return [f"neigh replace 10.{net}.{i}.{host} lladdr {mac} dev {device} nud permanent",
                f"neigh replace fd{net}:{i}::{host} lladdr {mac} dev {device} nud permanent"]

    @staticmethod
    def _wan_routes(i):
        """What came in over link i leaves over it: the address that all links share needs this."""
        return [f"route replace {SERVER_ANY4}/32 via 10.72.{i}.1 table {100 + i}",
                f"-6 route replace {SERVER_ANY6}/128 via fd72:{i}::1 dev out{i} table {100 + i}"]

    def _end_processes(self, expect_clean):
        """Stops what still runs, looks at how all ended and for sanitizer reports."""
        faults = []
        for process in sorted(self.processes, key=lambda process: process.ends_last):
            process.end()
            faults += [process.fault()] if process.fault() else []
        for report in sorted(glob.glob(f"{self.directory}/sanitizer.*")):
            with open(report, errors="replace") as file:
                faults.append(f"{os.path.basename(report)}:\n{file.read()}")
        if expect_clean and faults:
            raise Failure("\n".join(faults))

    def _explain(self, error):
        """Adds the ends of all logs to @error."""
        if not self.directory:
            return
        paths = sorted(glob.glob(f"{self.directory}/sanitizer.*") +
                       glob.glob(f"{self.directory}/*.log"))
        for path in paths:
            with open(path, errors="replace") as file:
                lines = file.readlines()
            tail = "".join(lines[-max(5, LOG_LINES // len(paths)):])
            error.add_note(f"--- end of {os.path.basename(path)}\n{tail.rstrip()}")

    def _destroy(self):
        with signals_blocked():
            for process in self.processes:
                process.end()
            for emulator in self.emulators.values():
                emulator.control.close()
            for namespace in (self.client, self.server, self.wan):
                if namespace:
                    namespace.destroy()
            for path in self.sockets:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)  # of one that was killed
            if self.directory and not Settings.keep:
                shutil.rmtree(self.directory, ignore_errors=True)

    # -- small things

    def file(self, name, content):
        """A private file in the lab's directory; returns its path."""
        path = f"{self.directory}/{name}"
        with open(path, "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content + "\n")
        return path

    def interface(self):
        """A device name no other test uses: control sockets of all namespaces share /run."""
        name = f"vt{os.getpid()}x{next(serial)}"
        self.sockets += [f"/run/vtrunkd/{name}.sock", f"/run/wireguard/{name}.sock"]
        return name

    def sanitizer_env(self, name):
        """Reports go to files of their own, which make the test fail."""
        path = f"{self.directory}/sanitizer.{name}"
        return {"ASAN_OPTIONS": f"detect_leaks=1:exitcode={SANITIZER_EXIT}:log_path={path}:"
                                "quarantine_size_mb=8:detect_stack_use_after_return=1",
                "UBSAN_OPTIONS": f"halt_on_error=1:print_stacktrace=1:exitcode={SANITIZER_EXIT}:"
                                 f"log_path={path}",
                "TSAN_OPTIONS": f"second_deadlock_stack=1:exitcode={SANITIZER_EXIT}:log_path={path}"}

    @staticmethod
    def client_address(i, family=4):
        return f"10.71.{i}.2" if family == 4 else f"fd71:{i}::2"

    @staticmethod
    def server_address(i, family=4):
        return f"10.72.{i}.1" if family == 4 else f"fd72:{i}::1"

    # -- links

    def shape(self, i, up_mbps, down_mbps):
        """Limits link i in both directions, with a short queue before each bottleneck."""
        for device, mbps in ((f"out{i}", up_mbps), (f"in{i}", down_mbps)):
            # 2 ms of the rate, and never less than one large GSO packet's worth of segments.
            burst = max(int(mbps * 1e6 / 8 * 0.002), 16000)
            self.wan.run("tc", "qdisc", "replace", "dev", device, "root", "tbf", "rate",
                         f"{mbps}mbit", "burst", burst, "latency", f"{self.queue_ms}ms")

    def cut(self, i, up=True, down=True):
        """From now on nothing passes, and nobody is told."""
        self._pass(i, not up, not down)

    def restore(self, i):
        self._pass(i, True, True)

    def _pass(self, i, up, down):
        verdict = {True: "accept", False: "drop"}
        self.wan.nft(f"add chain netdev cut in{i} {{ policy {verdict[up]}; }}\n"
                     f"add chain netdev cut out{i} {{ policy {verdict[down]}; }}\n")

    def swallow(self, address, links=None):
        """From now on nothing that is sent to @address passes, over no link or none of @links."""
        kind = "ip6" if ":" in address else "ip"
        self.wan.nft("".join(f"add rule netdev cut in{i} {kind} daddr {address} drop\n"
                             for i in links or self.links))

    def unplug(self, i):
        """Both hosts lose the carrier of link i."""
        self.wan.ip(f"link set in{i} down", f"link set out{i} down")
        if i in self.emulators:
            self.server.ip(f"link set wan{i} carrier off")

    def plug(self, i):
        if i in self.emulators:
            self.server.ip(f"link set wan{i} carrier on")
        self.wan.ip(f"link set in{i} up", f"link set out{i} up", *self._neighbours(f"in{i}"),
                    *self._neighbours(f"out{i}"), *self._wan_routes(i))
        self.client.ip(*self._neighbours(f"up{i}"))
        self.server.ip(*self._neighbours(f"wan{i}"))

    def rebind(self, i, port):
        """From now on the server sees link i's client at 10.72.<i>.2:@port and nowhere else."""
        rule = f'oifname "out{i}" ip saddr 10.71.{i}.2 meta l4proto udp snat to 10.72.{i}.2:{port}'
        listing = json.loads(self.wan.run("nft", "-j", "list", "chain", "ip", "nat", "post"))
        old = [item["rule"]["handle"] for item in listing["nftables"]
               if "rule" in item and item["rule"].get("comment") == f"link{i}"]
        self.wan.nft("".join(f"delete rule ip nat post handle {handle}\n" for handle in old) +
                     f'add rule ip nat post {rule} comment "link{i}"\n')
        self._forget_connections()

    def _forget_connections(self):
        """Empties the wan's connection table, as a router does that was switched off and on."""
        delete, request, ack = 1 << 8 | 2, 1, 4  # IPCTNL_MSG_CT_DELETE of NFNL_SUBSYS_CTNETLINK
        message = struct.pack("=IHHII", 20, delete, request | ack, 1, 0) + bytes(4)
        with self.wan.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as netlink:
            netlink.bind((0, 0))
            netlink.send(message)
            netlink.settimeout(5)
            error, = struct.unpack_from("=i", netlink.recv(4096), 16)
        check(error == 0, f"connection table: {os.strerror(-error)}")

    # -- daemons

    def daemon(self, namespace, name, config):
        """A vtrunkd, not yet started. How it ends is checked when the lab does."""
        network = {"mtu": 1420, "buffer_size": 2048, "interface": self.interface()}
        return Daemon(self, namespace, name, merged({"network": network}, config))

    def pair(self, mode="aggregate", families=None, weights=None, client=None, server=None,
             wireguard=None):
        """A client that initiates over every link and its server, configured and not yet started.

        @families: 4 or 6 per link; @weights: of the links, which have none otherwise. @client,
        @server: what their configurations say otherwise; @wireguard: the same for the section of
        that name of both.
        """
        families = families or [4] * len(self.links)
        own = [{"weight": weight} for weight in weights] if weights else [{}] * len(self.links)
        client_key, client_public = generate_key()
        server_key, server_public = generate_key()
        shared = {"bonding_mode": mode, **(wireguard or {})}

        def bracket(address):
            return f"[{address}]" if ":" in address else address

        client_links = [
            {"name": f"link-{i}", "bind": self.client_address(i, family),
             "endpoint": f"{bracket(self.server_address(i, family))}:{PORT}", **weight}
            for i, family, weight in zip(self.links, families, own)]
        server_links = [
            {"name": f"link-{i}", "bind": f"{bracket(self.server_address(i, family))}:{PORT}",
             **weight}
            for i, family, weight in zip(self.links, families, own)]
        client_config = {
            "network": {"addresses": [f"{CLIENT4}/24", f"{CLIENT6}/64"]},
            "wireguard": {"private_key": client_key, "peer_public_key": server_public, **shared,
                          "links": client_links}}
        server_config = {
            "network": {"addresses": [f"{SERVER4}/24", f"{SERVER6}/64"]},
            "wireguard": {"private_key": server_key, "peer_public_key": client_public, **shared,
                          "links": server_links}}
        return (self.daemon(self.client, "client", merged(client_config, client or {})),
                self.daemon(self.server, "server", merged(server_config, server or {})))

    def tunnel(self, mode="aggregate", **options):
        """pair(), both started and bonded over every link. Returns (client, server)."""
        client, server = self.pair(mode, **options)
        server.start()
        client.start()
        names = [f"link-{i}" for i in self.links]
        client.wait_bonded(names)
        server.wait_bonded(names)
        return client, server

    def stock_pair(self):
        """Two wireguard-go over link 1, whose tunnel passes; returns (client, server)."""
        (client_key, client_public), (server_key, server_public) = generate_key(), generate_key()
        server = WireGuardGo(self, self.server, "server", server_key, [f"{SERVER4}/24"])
        server.set("listen-port", PORT, "peer", client_public, "allowed-ips", f"{CLIENT4}/32")
        client = WireGuardGo(self, self.client, "client", client_key, [f"{CLIENT4}/24"])
        client.set("peer", server_public, "allowed-ips", f"{SERVER4}/32", "endpoint",
                   f"{self.server_address(1)}:{PORT}")
        wait_until("the tunnel passes", lambda: self.client.ping(SERVER4), 10)
        return client, server
