# SPDX-License-Identifier: MIT
"""What flows through a lab and what is measured of it: streams, iperf3, captures, forged datagrams.

Streams run in threads of this process over sockets that live in the namespaces. A stream is a
context: leaving it ends its threads. Times are of CLOCK_MONOTONIC, in seconds unless named.
"""
import errno
import ipaddress
import json
import socket
import struct
import threading
import time

from checks import Failure, check, wait_until
from namespace import Process, internet_checksum

PAUSE_S = 1  # from sending to arrival a datagram takes less
POLL_S = 0.1  # how long a thread may overlook that it shall end
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
PACKET_OUTGOING = 4
SOL_PACKET, PACKET_VNET_HDR = 263, 15
VNET_HDR = struct.Struct("=BBHHHH")  # flags, gso_type, hdr_len, gso_size, csum_start, csum_offset
GSO_NONE = 0
ETHERNET_BYTES = 14
SO_TIMESTAMPNS = 35
TIMESPEC = struct.Struct("=qq")  # of 64-bit machines
TCPI_TOTAL_RETRANS = 100  # offset in struct tcp_info
SO_BINDTODEVICE = getattr(socket, "SO_BINDTODEVICE", 25)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


CUBIC = "cubic"  # what most hosts use; what the machine prefers may be another


def use_congestion_control(sock, name):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())


class Stream:
    """Threads that run until close(); the first exception of one of them is kept in `error`."""

    def __init__(self):
        self.stopping = threading.Event()
        self.error = None
        self.threads = []

    def spawn(self, function):
        def guarded():
            try:
                function()
            except Exception as error:  # the test's thread looks at it
                self.error = self.error or error
        thread = threading.Thread(target=guarded, daemon=True)
        self.threads.append(thread)
        thread.start()

    def close(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class UdpStream(Stream):
    """Numbered datagrams at a constant rate from one namespace to another."""

    def __init__(self, sender, receiver, address, port=9200, per_second=200, size=160):
        super().__init__()
        self.address, self.port = address, port
        self.interval, self.size = 1 / per_second, max(size, 8)
        self.sent, self.refused = 0, 0  # refused: sending them failed
        self.pauses = []  # (until when, for how long nothing was sent beyond the interval)
        self.arrivals = {}  # number -> time of its first arrival
        self.newest = -1
        self.duplicates = 0
        self.sink = receiver.socket(family_of(address))
        self.sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.sink.bind((address, port))
        self.sink.settimeout(POLL_S)
        self.source = sender.socket(family_of(address))
        self.done_sending = threading.Event()
        self.spawn(self._receive)
        self.spawn(self._send)

    def _send(self):
        padding = bytes(self.size - 8)
        begin = time.monotonic()
        while not self.done_sending.is_set():
            try:
                datagram = struct.pack("!Q", self.sent) + padding
                self.source.sendto(datagram, (self.address, self.port))
            except OSError:
                self.refused += 1
            self.sent += 1
            now, due = time.monotonic(), begin + self.sent * self.interval
            if due > now:
                time.sleep(due - now)
                now = time.monotonic()
            if now - due > self.interval:
                self.pauses.append((now, now - due))

    def _receive(self):
        while not self.stopping.is_set():
            try:
                datagram = self.sink.recv(65536)
            except TimeoutError:
                continue
            number, = struct.unpack_from("!Q", datagram)
            if number in self.arrivals:
                self.duplicates += 1
            else:
                self.arrivals[number] = time.monotonic()
                self.newest = max(self.newest, number)

    def wait_sent(self, more, timeout=30):
        """Returns when @more datagrams were sent from now on."""
        goal = self.sent + 1 + more  # one may have left already and not be counted yet
        wait_until(f"{more} datagrams sent", lambda: self.sent >= goal, timeout, 0.01)

    def wait_flowing(self, timeout=15):
        """Returns when a datagram sent from now on has arrived."""
        goal = self.sent + 1  # the one before may have left already and not be counted yet
        wait_until("datagrams arrive", lambda: self.newest >= goal, timeout, 0.01)

    def finish(self, grace=3.0):
        """Stops sending; waits until all arrived, @grace seconds at most."""
        self.done_sending.set()
        self.threads[1].join(5)
        try:
            wait_until("stragglers", lambda: len(self.arrivals) >= self.sent, grace, 0.01)
        except Failure:
            pass
        self.close()
        return self

    def lost(self):
        """Numbers that never arrived."""
        return [number for number in range(self.sent) if number not in self.arrivals]

    def check_lossless(self, *daemons):
        """Fails when one is missing, and says what @daemons and the receiving system dropped."""
        lost = self.lost()
        if lost:
            drops = {daemon.name: {reason: count for reason, count in daemon.drops().items() if count}
                     for daemon in daemons}
            check(False, f"lost {lost[:20]} ({len(lost)} of {self.sent}); dropped: {drops}")

    def longest_gap(self):
        """Between two arrivals, in seconds, less what the machine stood still for: the longest pause
        of the sender then or up to PAUSE_S before."""
        def paused(begin, end):
            return max((long for until, long in self.pauses if begin - PAUSE_S < until <= end + long),
                       default=0)
        longest, times = 0, sorted(self.arrivals.values())
        for a, b in zip(times, times[1:]):
            if b - a > longest:
                longest = max(longest, b - a - paused(a, b))
        return longest

    def close(self):
        self.done_sending.set()
        super().close()
        self.source.close()
        self.sink.close()


class TcpStream(Stream):
    """One TCP connection, as fast as it goes. Every byte is compared with what was sent.

    @congestion: the kernel's name of a congestion control, of both ends.
    """

    PATTERN = bytes(range(251)) * 1044  # 251 is prime: a shift shows; as long as one write
    CHUNK = 1 << 18

    def __init__(self, sender, receiver, address, port=9100, congestion=CUBIC):
        super().__init__()
        listener = receiver.socket(family_of(address), socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        use_congestion_control(listener, congestion)  # what is accepted inherits it
        listener.bind((address, port))
        listener.listen(1)
        listener.settimeout(10)
        self.source = sender.socket(family_of(address), socket.SOCK_STREAM)
        use_congestion_control(self.source, congestion)
        self.source.settimeout(10)
        self.source.connect((address, port))
        self.sink, _ = listener.accept()
        listener.close()
        self.source.settimeout(POLL_S)
        self.sink.settimeout(POLL_S)
        self.received = 0
        self.mark()
        self.spawn(self._send)
        self.spawn(self._receive)

    def _send(self):
        view, at = memoryview(self.PATTERN), 0
        while not self.stopping.is_set():
            try:
                at += self.source.send(view[at:])
            except TimeoutError:
                continue
            if at == len(view):
                at = 0

    def _receive(self):
        buffer = bytearray(self.CHUNK)
        view, twice = memoryview(buffer), memoryview(self.PATTERN * 3)
        while not self.stopping.is_set():
            try:
                count = self.sink.recv_into(buffer)
            except TimeoutError:
                continue
            if count == 0:
                raise Failure("the connection was closed")
            now, at = time.monotonic(), self.received % len(self.PATTERN)
            if view[:count] != twice[at:at + count]:
                raise Failure(f"bytes differ after {self.received}")
            self.gap = max(self.gap, now - self.last)
            self.last = now
            self.received += count

    def mark(self):
        """Rate and stall are counted from here."""
        self.gap, self.last = 0.0, time.monotonic()
        self.marked_at, self.marked_bytes = self.last, self.received

    def stall(self):
        """The longest time without a byte since mark(), the present one included."""
        return max(self.gap, time.monotonic() - self.last)

    def mbps(self):
        return (self.received - self.marked_bytes) * 8e-6 / (time.monotonic() - self.marked_at)

    def wait_bytes(self, more, timeout=30):
        """Returns when @more bytes arrived from now on; Failure when the connection broke."""
        goal = self.received + more

        def arrived():
            self.check_alive()
            return self.received >= goal
        wait_until(f"{more} bytes over TCP", arrived, timeout, 0.02)

    def check_alive(self):
        check(self.error is None, f"TCP: {self.error!r}")

    def run_for(self, seconds):
        """Lets it flow; a broken connection ends the wait at once."""
        deadline = time.monotonic() + seconds
        wait_until("time passes", lambda: self.check_alive() or time.monotonic() >= deadline,
                   seconds + 5, 0.02)

    def retransmitted(self):
        """Segments that were sent again so far."""
        info = self.source.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCPI_TOTAL_RETRANS + 4)
        return struct.unpack_from("=I", info, TCPI_TOTAL_RETRANS)[0]

    def best_mbps(self, enough, seconds=2, windows=6):
        """The best rate of up to @windows windows; ends early at one above @enough. A machine that is
        busy elsewhere spoils a window, never makes one better than the links allow.
        """
        best = 0.0
        for _ in range(windows):
            self.mark()
            self.run_for(seconds)
            best = max(best, self.mbps())
            if best > enough:
                break
        return best

    def close(self):
        super().close()
        self.source.close()
        self.sink.close()


def check_silent(stream):
    """Nothing comes of what is sent; what was on its way has time to arrive first."""
    stream.wait_sent(40)
    before = stream.newest
    stream.wait_sent(60)
    check(stream.newest == before, "datagrams pass a cut link")


def check_shaped(sender, receiver, address, mbps):
    """TCP takes most of what the link is said to give, and never more."""
    with TcpStream(sender, receiver, address) as stream:
        begin = time.monotonic()
        stream.wait_bytes(100_000)
        rate = stream.best_mbps(0.7 * mbps)
        # From the beginning: a window may begin with what waited for a receiver that had no processor.
        overall = stream.received * 8e-6 / (time.monotonic() - begin)
    check(rate > 0.7 * mbps, f"a link of {mbps} Mbit/s gives {rate:.1f}")
    check(overall < 1.05 * mbps, f"a link of {mbps} Mbit/s gives {overall:.1f} over all")


def iperf(lab, sender, receiver, address, seconds=3, omit=0, streams=1, gigabytes=None, port=5201):
    """What iperf3 measures over TCP, in Mbit/s received. @gigabytes instead of a time."""
    server = Process(lab, receiver, f"iperf3-{port}-{len(lab.processes)}",
                     ["iperf3", "-s", "-1", "-p", port, "-B", address, "--forceflush"])
    try:
        wait_until("iperf3 listens", lambda: "listening" in server.log(), 5, 0.02)
        amount = ["-n", f"{gigabytes}G"] if gigabytes else ["-t", seconds, "-O", omit]
        limit = 300 if gigabytes else seconds + omit + 20
        result = json.loads(sender.run("iperf3", "-c", address, "-p", port, "-P", streams, "--json",
                                       "--connect-timeout", 5000, *amount, timeout=limit))
    finally:
        server.end()
    check("error" not in result, f"iperf3: {result.get('error')}")
    return result["end"]["sum_received"]["bits_per_second"] / 1e6


class Datagram:
    """One captured UDP datagram."""

    __slots__ = ("time_ns", "outgoing", "source", "destination", "payload")

    def __init__(self, time_ns, outgoing, source, destination, payload):
        self.time_ns = time_ns  # when it passed the device, by the wall clock
        self.outgoing, self.source, self.destination, self.payload = (
            outgoing, source, destination, payload)


class Capture(Stream):
    """UDP datagrams that pass a device, to or from @port; nothing else is kept.

    A train of UDP_SEGMENT passes a virtual device in one piece; it is kept as the datagrams it is.
    """

    def __init__(self, namespace, device, port):
        super().__init__()
        self.port, self.datagrams = port, []
        self.socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((device, ETH_P_ALL))
        self.socket.settimeout(POLL_S)
        self.spawn(self._receive)

    def _receive(self):
        while not self.stopping.is_set():
            try:
                frame, ancillary, _, (_, protocol, kind, _, _) = self.socket.recvmsg(1 << 17, 64)
            except TimeoutError:
                continue
            parsed = parse_udp(protocol, frame[VNET_HDR.size + ETHERNET_BYTES:])
            if not parsed or self.port not in (parsed[0][1], parsed[1][1]):
                continue
            source, destination, payload = parsed
            seconds, nanoseconds = TIMESPEC.unpack(ancillary[0][2])
            _, gso_type, _, gso_size, _, _ = VNET_HDR.unpack_from(frame)
            step = len(payload) if gso_type == GSO_NONE else gso_size
            for at in range(0, len(payload), step or 1):
                self.datagrams.append(Datagram(seconds * 10**9 + nanoseconds,
                                               kind == PACKET_OUTGOING, source, destination,
                                               payload[at:at + step]))

    def payloads(self, outgoing=None, first_byte=None):
        return [d.payload for d in list(self.datagrams)
                if outgoing in (None, d.outgoing)
                and (first_byte is None or d.payload[:1] == bytes([first_byte]))]

    def close(self):
        super().close()
        self.socket.close()


def parse_udp(protocol, packet):
    """((source, port), (destination, port), payload) of an unfragmented UDP packet, or None."""
    if protocol == ETH_P_IP and len(packet) >= 28 and packet[9] == socket.IPPROTO_UDP:
        start, addresses = (packet[0] & 15) * 4, (packet[12:16], packet[16:20])
    elif protocol == ETH_P_IPV6 and len(packet) >= 48 and packet[6] == socket.IPPROTO_UDP:
        start, addresses = 40, (packet[8:24], packet[24:40])
    else:
        return None
    source_port, destination_port, length = struct.unpack_from("!HHH", packet, start)
    source, destination = (str(ipaddress.ip_address(raw)) for raw in addresses)
    return ((source, source_port), (destination, destination_port),
            packet[start + 8:start + length])


def udp_packet(source, destination, payload):
    """A whole IP packet; @source and @destination are (address, port) and need not be ours."""
    from_ip, to_ip = ipaddress.ip_address(source[0]), ipaddress.ip_address(destination[0])
    length = 8 + len(payload)
    ports = struct.pack("!HHH", source[1], destination[1], length)
    if from_ip.version == 4:
        # Header checksum and identification are filled in by the kernel; UDP goes without one.
        return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 0, 0, 64, socket.IPPROTO_UDP, 0,
                           from_ip.packed, to_ip.packed) + ports + b"\0\0" + payload
    pseudo = from_ip.packed + to_ip.packed + struct.pack("!IHBB", length, 0, 0, socket.IPPROTO_UDP)
    checksum = internet_checksum(pseudo + ports + b"\0\0" + payload) or 0xFFFF
    return struct.pack("!IHBB16s16s", 6 << 28, length, socket.IPPROTO_UDP, 64, from_ip.packed,
                       to_ip.packed) + ports + struct.pack("!H", checksum) + payload


class Forger:
    """Sends UDP datagrams from any source address out of a namespace."""

    def __init__(self, namespace, family=4, device=None):
        self.family = socket.AF_INET if family == 4 else socket.AF_INET6
        self.socket = namespace.socket(self.family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        if device:
            self.socket.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, device.encode())

    def send(self, source, destination, payload):
        packet = udp_packet(source, destination, payload)
        address = (destination[0], 0)
        try:
            self.socket.sendto(packet, address)
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def paced(items, per_second):
    """Yields @items no faster than @per_second, in bursts of a millisecond or so."""
    begin, burst = time.monotonic(), max(1, per_second // 1000)
    for number, item in enumerate(items):
        if number % burst == 0:
            pause = begin + number / per_second - time.monotonic()
            if pause > 0:
                time.sleep(pause)
        yield item
