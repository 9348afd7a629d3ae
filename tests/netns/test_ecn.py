# SPDX-License-Identifier: MIT
"""Congestion marks (ECN): those of routers on the way reach the packets inside, those who understand
them are marked rather than dropped by the queue in front of the links, and nobody else is touched.
"""
import contextlib
import json
import socket
import struct

from checks import bulk, check, note, wait_until
from emulated import Emulated
from lab import CLIENT4, CLIENT6, Lab, SERVER4, SERVER6
from test_interop import check_nothing_foreign, vtrunkd_to_stock
from traffic import TcpStream, family_of

NOT_ECT, ECT1, ECT0, CE = range(4)
PACKETS = 20
PORT = 9300
TCPI_DELIVERED_CE = 196  # in struct tcp_info
COPIES = "replay"  # of what was sent again over another link and was not lost
EF = 0xb8  # a DSCP, in its place in the byte


def mark(lab, only="", of=""):
    """From now on routers mark what comes over the links: what nft calls @only, by chance @of."""
    rules = "".join(f"meta l4proto udp {only.replace('ip ', f'{kind} ')} {of} {kind} ecn set ce;\n"
                    for kind in ("ip", "ip6"))
    lab.wan.nft("table inet marks { chain forward { type filter hook forward priority 0;\n"
                f"{rules}}}\n}}\n")


CAPABLE = "ip ecn { ect0, ect1 }"  # which is what routers mark


class Tagged:
    """Datagrams with a type of service from one namespace to another, in the tunnel."""

    def __init__(self, sender, receiver, address):
        family = family_of(address)
        self.address, self.is_v6 = address, family == socket.AF_INET6
        self.sink, self.source = receiver.socket(family), sender.socket(family)
        self.sink.bind((address, PORT))
        if self.is_v6:
            self.sink.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
        else:
            self.sink.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        self.sink.settimeout(5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sink.close()
        self.source.close()

    def send(self, tos, count=PACKETS):
        level, option = ((socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if self.is_v6 else
                         (socket.IPPROTO_IP, socket.IP_TOS))
        self.source.setsockopt(level, option, tos)
        for _ in range(count):
            self.source.sendto(bytes(100), (self.address, PORT))

    def receive(self):
        """The type of service of the next one."""
        _, ancillary, _, _ = self.sink.recvmsg(2000, 64)
        return ancillary[0][2][0]

    def check(self, tos, want):
        """All that is sent with @tos comes with @want."""
        self.send(tos)
        got = [self.receive() for _ in range(PACKETS)]
        check(set(got) == {want}, f"sent with {tos:#x}, came with {sorted(set(got))}")


def check_carried(family, address):
    with Lab(links=1) as lab:
        _, server = lab.tunnel("aggregate", families=[family])
        with Tagged(lab.client, lab.server, address) as tagged:
            for ecn in range(4):
                tagged.check(EF | ecn, EF | ecn)
            mark(lab, CAPABLE)
            tagged.check(EF | NOT_ECT, EF | NOT_ECT)
            tagged.check(EF | ECT0, EF | CE)
            tagged.check(ECT1, CE)
            tagged.check(CE, CE)
        told = server.status()["ecn"]
        check(told == {"marked": 0, "carried": 2 * PACKETS, "unexpected": 0}, f"status: {told}")
        drops = {name: count for name, count in server.drops().items() if count}
        check(not drops, f"the server dropped {drops}")


def test_mark_of_a_router_is_on_the_packet_inside():
    check_carried(4, SERVER4)


def test_mark_of_a_router_over_ipv6_is_on_the_packet_inside():
    check_carried(6, SERVER4)


def test_mark_of_a_router_is_on_an_ipv6_packet_inside():
    check_carried(4, SERVER6)


def test_mark_that_nobody_understands_is_a_loss_and_control_goes_on():
    """Somebody marks everything, against the rules: also probes and reports, which do not care."""
    with Lab(links=1) as lab:
        client, server = lab.tunnel("aggregate")
        mark(lab)
        with Tagged(lab.client, lab.server, SERVER4) as tagged:
            tagged.send(NOT_ECT)
            wait_until("drops", lambda: server.drops()["ecn_not_ect"] == PACKETS, 5)
            tagged.check(ECT0, CE)
        before = client.peer()["rx_packets"]
        wait_until("the server is heard", lambda: client.peer()["rx_packets"] > before + 5, 10)
        check(client.path("link-1")["state"] == "up", f"the path is {client.path('link-1')}")
        check(server.status()["ecn"]["unexpected"] == PACKETS, f"{server.status()['ecn']}")
        wait_until("it is said", lambda: server.process.has_said("ECN field that nobody sends"), 5)


# ---- TCP


def use_ecn(lab, value=1):
    for namespace in (lab.client, lab.server):
        namespace.sysctl(net__ipv4__tcp_ecn=value)


def delivered_ce(stream):
    """Segments that its sender takes for marked: all that are acknowledged until it is known to have
    slowed down (RFC 3168), so more than were.
    """
    info = stream.source.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCPI_DELIVERED_CE + 4)
    return struct.unpack_from("=I", info, TCPI_DELIVERED_CE)[0]


def ends(lab, direction):
    """(sender, receiver, addresses in the tunnel) of data in @direction."""
    return {"up": (lab.client, lab.server, SERVER4), "down": (lab.server, lab.client, CLIENT6)}[
        direction]


def check_tcp_is_told(direction):
    """Two of a hundred trains are marked: the connection slows down for it and loses nothing."""
    with Lab(links=1) as lab:
        use_ecn(lab)
        daemons = lab.tunnel("aggregate")
        mark(lab, CAPABLE, "numgen random mod 100 < 2")
        with TcpStream(*ends(lab, direction)) as stream:
            stream.wait_bytes(20_000_000)
            wait_until("marks are told", lambda: delivered_ce(stream) > 0, 10)
            told, again = delivered_ce(stream), stream.retransmitted()
        receiver = daemons[1 if direction == "up" else 0]
        carried = receiver.status()["ecn"]["carried"]
        note(f"{carried} marks carried, {told} told to the sender, {again} segments sent again")
        check(carried > 0, "no mark was carried")


@bulk
def test_tcp_is_told_of_marks_on_the_way():
    check_tcp_is_told("up")


@bulk
def test_download_is_told_of_marks_on_the_way():
    check_tcp_is_told("down")


def saturate(direction, ecn, seconds=3):
    """Two connections over two unequal links, in front of which bulk waits. Returns (packets marked,
    packets dropped, segments taken for marked).
    """
    with Lab(emulated=[Emulated(rate=8, delay_ms=10), Emulated(rate=3, delay_ms=40)]) as lab:
        use_ecn(lab, ecn)
        daemons = lab.tunnel("aggregate")
        daemon = daemons[0 if direction == "up" else 1]

        def signs():
            return daemon.status()["ecn"]["marked"], daemon.drops()["congested"]
        with (TcpStream(*ends(lab, direction)) as one,
              TcpStream(*ends(lab, direction), port=9101) as other):
            wait_until("signs of congestion", lambda: sum(signs()) > 2, 60)
            one.mark()
            other.mark()
            one.run_for(seconds)
            rate = one.mbps() + other.mbps()
            told = delivered_ce(one) + delivered_ce(other)
            again = one.retransmitted() + other.retransmitted()
        marked, dropped = signs()
        note(f"{rate:.1f} Mbit/s; {marked} marked, {dropped} dropped as congested, {told} taken for "
             f"marked, {again} segments sent again")
        others = {name for d in daemons for name, count in d.drops().items() if count}
        check(others <= {"congested", COPIES}, f"dropped as {others}")
        return marked, dropped, told


def check_marked(direction):
    """What is dropped all the same is too much at once, after a pause of a busy machine."""
    marked, dropped, told = saturate(direction, 1)
    check(marked > 2, f"{marked} packets marked")
    check(dropped < marked, f"{dropped} packets dropped as congested, {marked} marked")
    check(told > 0, "the sender was told of no mark")


@bulk
def test_bulk_that_waits_too_long_is_marked_where_tcp_takes_marks():
    check_marked("up")


@bulk
def test_download_that_waits_too_long_is_marked_where_tcp_takes_marks():
    check_marked("down")


@bulk
def test_bulk_that_waits_too_long_is_never_marked_otherwise():
    marked, dropped, told = saturate("up", 0)
    check(marked == 0 and told == 0, f"{marked} packets marked, {told} told")
    check(dropped > 0, "nothing was dropped as congested")


# ---- WireGuard


def seen(lab):
    """How many packets with each field passed the routers."""
    listed = json.loads(lab.wan.run("nft", "-j", "list", "counters"))["nftables"]
    return {entry["counter"]["name"]: entry["counter"]["packets"] for entry in listed
            if "counter" in entry}


@bulk
def test_stock_peer_that_carries_no_marks_gets_nothing_to_mark():
    with Lab(links=1) as lab:
        use_ecn(lab)
        _, stock = vtrunkd_to_stock(lab)
        wait_until("the tunnel passes", lambda: lab.client.ping(SERVER4), 15)
        names = ("not_ect", "ect1", "ect0", "ce")
        lab.wan.nft("table inet seen {\n" + "".join(f"counter {name} {{ packets 0 bytes 0; }}\n" for name in names) +
                    "chain forward { type filter hook forward priority 0;\n" +
                    "".join(f"ip ecn {ecn} counter name {name};\n" for ecn, name in enumerate(names)) +
                    "}\n}\n")
        with TcpStream(lab.client, lab.server, SERVER4) as up, contextlib.closing(
                TcpStream(lab.server, lab.client, CLIENT4, port=9101)) as down:
            up.wait_bytes(1_000_000)
            down.wait_bytes(1_000_000)
        counts = seen(lab)
        check(counts["not_ect"] > 100, f"seen: {counts}")
        check(not counts["ect0"] + counts["ect1"] + counts["ce"], f"seen: {counts}")
        check_nothing_foreign(stock)
