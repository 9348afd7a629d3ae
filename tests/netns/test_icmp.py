# SPDX-License-Identifier: MIT
"""What the network says of a path that leads nowhere is heeded at once, and believed no further."""
import socket
import struct
import threading
import time

from checks import bulk, check, note, wait_until
from emulated import Emulated
from lab import Lab, PORT, SERVER4, SERVER6
from traffic import TcpStream, UdpStream

DELAY_MS = 150  # one way: who waits for silence waits for a round trip at least ...
GAP_S = 0.2     # ... of 0.3 s; this leaves room for pauses of a busy machine
RATE = 20       # Mbit/s of a link: little enough for a daemon under sanitizers


def busiest_link(client):
    """The number of the link that carries what is sent now."""
    def sent():
        return {path["link"]: path["tx_packets"] for path in client.peer()["paths"]}
    before = sent()
    time.sleep(0.5)
    after = sent()
    return int(max(after, key=lambda link: after[link] - before[link]).rsplit("-", 1)[1])


def check_left_at_once(family, kind):
    """The router next to the client begins to refuse what goes over the link that carries a stream."""
    server_address = SERVER4 if family == 4 else SERVER6
    with Lab(emulated=[Emulated(delay_ms=DELAY_MS), Emulated(delay_ms=DELAY_MS)]) as lab:
        client, server = lab.tunnel(families=[family, family])
        with UdpStream(lab.client, lab.server, server_address) as stream:
            stream.wait_flowing()
            stream.wait_sent(400)  # round trips are known
            i = busiest_link(client)
            option, net = ("", f"10.72.{i}.0/24") if family == 4 else ("-6 ", f"fd72:{i}::/64")
            lab.wan.ip(f"{option}route add {kind} {net} table {100 + i}")
            wait_until("the path is doubted", lambda: client.path(f"link-{i}")["doubts"], 5, 0.05)
            stream.wait_sent(400)
            client.wait_path(f"link-{i}", "down", 8)
            stream.finish()
        note(f"IPv{family}, {kind}: gap of {stream.longest_gap() * 1000:.0f} ms, "
             f"{client.path(f'link-{i}')['doubts']} doubts")
        stream.check_lossless(client, server)
        check(stream.longest_gap() < GAP_S, f"gap of {stream.longest_gap():.3f} s")
        check("an ICMP error" not in client.path(f"link-{i}")["reason"],
              "an ICMP error alone brought the path down")
        lab.wan.ip(f"{option}route del {kind} {net} table {100 + i}")
        client.wait_path(f"link-{i}", "up", 20)


def test_link_whose_router_says_unreachable_is_left_at_once():
    check_left_at_once(4, "unreachable")


def test_link_whose_router_says_prohibited_is_left_at_once_over_ipv6():
    check_left_at_once(6, "prohibit")


class Liar:
    """Somebody on the way who sends forged ICMP errors about the client's datagrams over all links."""

    def __init__(self, lab, client):
        self.sent = 0
        self.stopping = threading.Event()
        self.messages = [self._message(lab, i, self._port(client, i)) for i in lab.links]
        self.source = lab.wan.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.thread = threading.Thread(target=self._send, daemon=True)

    @staticmethod
    def _port(client, i):
        """Of the client's link i, which has its own."""
        link = next(link for link in client.status()["links"] if link["name"] == f"link-{i}")
        return int(next(at for at in link["bind"].split(", ") if not at.startswith("["))
                   .rsplit(":", 1)[1])

    @staticmethod
    def _message(lab, i, port):
        """(message, to whom): host unreachable, with a checksum that fits."""
        ours, theirs = lab.client_address(i), lab.server_address(i)
        datagram = struct.pack("!BBHHHBBH4s4sHHHH", 0x45, 0, 100, 0, 0, 60, socket.IPPROTO_UDP, 0,
                               socket.inet_aton(ours), socket.inet_aton(theirs), port, PORT, 80, 0)
        words = struct.unpack("!18H", struct.pack("!BBHI", 3, 1, 0, 0) + datagram)
        total = sum(words)
        total = (total & 0xffff) + (total >> 16)
        checksum = ~(total + (total >> 16)) & 0xffff
        return struct.pack("!BBHI", 3, 1, checksum, 0) + datagram, ours

    def _send(self):
        while not self.stopping.is_set():
            for message, ours in self.messages:
                self.source.sendto(message, (ours, 0))
                self.sent += 1
            time.sleep(0.001)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(5)
        self.source.close()


@bulk
def test_forged_icmp_errors_cost_a_healthy_link_next_to_nothing():
    with Lab(rates=[RATE, RATE]) as lab:
        client, _ = lab.tunnel()
        with TcpStream(lab.client, lab.server, SERVER4) as stream:
            stream.best_mbps(1.5 * RATE)
            stream.mark()
            stream.wait_bytes(6_000_000)
            before = stream.mbps()
            with Liar(lab, client) as liar:
                wait_until("the lies are heard",
                           lambda: any(path["doubts"] for path in client.peer()["paths"]), 10)
                stream.wait_bytes(3_000_000)  # ever less is believed
                stream.mark()
                stream.wait_bytes(15_000_000)
                during = stream.mbps()
                doubts = {path["link"]: path["doubts"] for path in client.peer()["paths"]}
        note(f"{before:.1f} Mbit/s before, {during:.1f} under {liar.sent} lies, doubts {doubts}")
        check(during > 0.75 * before, f"{before:.1f} Mbit/s before, {during:.1f} under lies")
        check(max(doubts.values()) < 15, f"doubted again and again: {doubts}")
        for link in ("link-1", "link-2"):
            check(not client.process.has_said(f"link={link} remote={lab.server_address(int(link[-1]))}:"
                                              f"{PORT}: down"), f"{link} fell")


def test_path_whose_first_datagram_is_refused_is_doubted():
    """Long before it rests: the firewall of the client itself refuses one."""
    with Lab() as lab:
        client, server = lab.tunnel()
        with UdpStream(lab.client, lab.server, SERVER4) as stream:
            stream.wait_flowing()
            stream.wait_sent(200)
            i = busiest_link(client)
            lab.client.nft("table ip refuse { chain out { type filter hook output priority 0; "
                           f"ip daddr {lab.server_address(i)} drop; }}; }}")
            wait_until("the path is doubted", lambda: client.path(f"link-{i}")["doubts"], 5, 0.05)
            client.wait_path(f"link-{i}", "down", 8)
            stream.finish()
        stream.check_lossless(client, server)
