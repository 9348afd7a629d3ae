# SPDX-License-Identifier: MIT
"""What flows while it is measured: bulk of TCP and QUIC in programs of their own, a stream of
datagrams whose delay is known, a download of so many bytes.

All hosts of a lab are one machine with one clock, so a delay in one direction can be measured.
"""
import json
import shlex
import socket
import struct
import threading
import time

from checks import Failure, check, wait_until
from lab import CLIENT4, SERVER4
from namespace import Process
from traffic import (CUBIC, POLL_S, SO_TIMESTAMPNS, TIMESPEC, Stream, TcpStream, family_of,
                     use_congestion_control)

from full import figures

TCP_PORT, QUIC_PORT, DOWNLOAD_PORT = 5201, 5301, 9700
INTERVAL_S = 0.5  # of iperf3's figures
CHUNK = 1 << 18
CATCH_UP_S = 0.002
LISTEN = {"tcp": "0A", "udp": "07"}  # state in /proc/net


def ends(lab, direction):
    """(sender, receiver, the receiver's address in the tunnel)"""
    return {"up": (lab.client, lab.server, SERVER4),
            "down": (lab.server, lab.client, CLIENT4)}[direction]


def listens(process, protocol, port):
    check(process.is_running(), f"{process.name} ended: {process.log().strip()}")
    for family in (protocol, f"{protocol}6"):
        with open(f"/proc/{process.pid}/net/{family}") as file:
            rows = [line.split() for line in file.readlines()[1:]]
        if any(row[1].endswith(f":{port:04X}") and row[3] == LISTEN[protocol] for row in rows):
            return True
    return False


def netstat(namespace):
    """The kernel's counters of all TCP connections of @namespace."""
    lines = namespace.run("cat", "/proc/net/netstat", "/proc/net/snmp").splitlines()
    counters = {}
    for names, values in zip(lines[::2], lines[1::2]):
        counters.update(zip(names.split()[1:], map(int, values.split()[1:])))
    return counters


class Bulk:
    """What a bulk flow came to: `intervals` (begin, end, megabits) from its start on, as received;
    and `resent` segments, where that is known.
    """

    def __init__(self, intervals, resent=None):
        self.intervals, self.resent = intervals, resent

    def mbps(self, begin, end):
        return figures.mean_rate(self.intervals, begin, end)


class QuicBulk(Bulk):
    """The same of a program that tells two rates: of the first 5 s, and from @begin to the end."""

    def __init__(self, told, begin, seconds):
        self.first, self.rest = told["first_5s_mbit_s"] * 5 / min(5, seconds), told["mbit_s"]
        super().__init__([(0, min(begin, 5), self.first * min(begin, 5)),
                          (begin, seconds, self.rest * (seconds - begin))])

    def mbps(self, begin, end):
        return self.rest if begin else self.first


def tcp_bulk(lab, direction, flows, seconds):
    """@flows connections of iperf3 for @seconds. Returns Bulk."""
    sender, receiver, address = ends(lab, direction)
    server = Process(lab, receiver, "iperf3-server",
                     ["iperf3", "-s", "-1", "-p", TCP_PORT, "-B", address, "-i", INTERVAL_S,
                      "--json"])
    wait_until("iperf3 listens", lambda: listens(server, "tcp", TCP_PORT), 10, 0.02)
    said = json.loads(sender.run(
        "iperf3", "-c", address, "-p", TCP_PORT, "-P", flows, "-t", seconds, "-i", INTERVAL_S,
        "-C", CUBIC, "--connect-timeout", 5000, "--json", timeout=seconds + 30))
    check("error" not in said, f"iperf3: {said.get('error')}")
    wait_until("the end of iperf3", lambda: not server.is_running(), 15, 0.02)
    received = json.loads(server.log())
    sums = [interval["sum"] for interval in received["intervals"]]
    return Bulk([(s["start"], s["end"], s["bytes"] * 8e-6) for s in sums if s["end"] > s["start"]],
                said["end"]["sum_sent"].get("retransmits"))


def quic_bulk(lab, direction, command, begin, seconds):
    """A flow of @command for @seconds, of which what comes after @begin counts. Returns Bulk."""
    words, address = shlex.split(command), f"{SERVER4}:{QUIC_PORT}"
    server = Process(lab, lab.server, "quic-server", [*words, "server", address])
    wait_until("the QUIC server listens", lambda: listens(server, "udp", QUIC_PORT), 10, 0.02)
    client = Process(lab, lab.client, "quic-client",
                     [*words, "client", address, seconds, begin, direction])
    for process, limit_s in ((client, seconds + 30), (server, 15)):
        wait_until(f"the end of {process.name}", lambda: not process.is_running(), limit_s, 0.05)
        check(process.popen.returncode == 0, f"{process.name}: {process.log().strip()}")
    return QuicBulk(last_object((server if direction == "up" else client).log()), begin, seconds)


def last_object(text):
    """The last line of @text that is a JSON object; programs also write remarks."""
    lines = [line for line in text.splitlines() if line.startswith("{")]
    check(lines, f"no figures but: {text.strip()}")
    return json.loads(lines[-1])


class TimedStream(Stream):
    """Numbered datagrams at a constant rate, with the delay of each: from the call that sends it to
    the moment the receiving kernel has it. So a receiver that waits for a processor disturbs
    nothing.
    """

    def __init__(self, sender, receiver, address, per_second, size=160, port=9300):
        super().__init__()
        self.interval, self.size, self.target = 1 / per_second, size, (address, port)
        self.sent = []  # by number: time
        self.arrived = {}  # number -> time of the first arrival
        self.duplicates = 0
        self.done_sending = threading.Event()
        self.sink = receiver.socket(family_of(address))
        self.sink.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.sink.bind(self.target)
        self.sink.settimeout(POLL_S)
        self.source = sender.socket(family_of(address))
        # The kernel's stamps are of the wall clock, all else here is of the other.
        self.wall = time.time() - time.monotonic()
        self.spawn(self._receive)
        self.spawn(self._send)

    def _send(self):
        padding = bytes(self.size - 8)
        due = time.monotonic()
        while not self.done_sending.is_set():
            datagram = struct.pack("!Q", len(self.sent)) + padding
            self.sent.append(time.monotonic())
            self.source.sendto(datagram, self.target)
            # What a busy machine kept from being sent is not made up for: that would be a burst.
            now = time.monotonic()
            due = max(due + self.interval, now - CATCH_UP_S)
            if due > now:
                time.sleep(due - now)

    def _receive(self):
        while not self.stopping.is_set():
            try:
                datagram, ancillary, _, _ = self.sink.recvmsg(self.size, 64)
            except TimeoutError:
                continue
            number, = struct.unpack_from("!Q", datagram)
            seconds, nanoseconds = TIMESPEC.unpack(ancillary[0][2])
            if number in self.arrived:
                self.duplicates += 1
            else:
                self.arrived[number] = seconds + nanoseconds * 1e-9 - self.wall

    def wait_flowing(self):
        goal = len(self.sent) + 1
        wait_until("datagrams arrive", lambda: any(n >= goal for n in list(self.arrived)), 15, 0.02)

    def finish(self, grace=2):
        """Sends no more; returns when all arrived or after @grace seconds."""
        self.done_sending.set()
        self.threads[1].join(5)
        deadline = time.monotonic() + grace
        while len(self.arrived) < len(self.sent) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.close()
        if self.error:
            raise Failure(f"the stream broke: {self.error!r}")
        return self

    def _between(self, begin, end):
        return [n for n, t in enumerate(self.sent) if begin <= t < end]

    def delays_ms(self, begin=0, end=float("inf")):
        """(when it was sent, its delay) of what was sent in that time and arrived."""
        return [(self.sent[n], (self.arrived[n] - self.sent[n]) * 1000)
                for n in self._between(begin, end) if n in self.arrived]

    def delay_ms(self, percent, begin=0, end=float("inf")):
        """A percentile of them."""
        return figures.percentile([delay for _, delay in self.delays_ms(begin, end)], percent)

    def lost(self, begin=0, end=float("inf")):
        """(how many of what was sent in that time never arrived, how many that were)"""
        numbers = self._between(begin, end)
        return sum(1 for n in numbers if n not in self.arrived), len(numbers)

    def gap_ms(self, begin, end):
        """The longest time without an arrival between @begin and @end."""
        times = [t for t in self.arrived.values() if begin <= t < end]
        return figures.longest_gap(times, begin, end) * 1000

    def close(self):
        self.done_sending.set()
        super().close()
        self.source.close()
        self.sink.close()


def voice(lab, direction, per_second=50):
    return TimedStream(*ends(lab, direction), per_second)


def tcp(lab, direction, number=0):
    """A connection whose stalls are known; several at a time need numbers."""
    return TcpStream(*ends(lab, direction), port=9100 + number)


def download(lab, direction, size):
    """Seconds from asking for @size bytes over a new connection to the last of them."""
    sender, receiver, _ = ends(lab, direction)
    address = CLIENT4 if sender is lab.client else SERVER4
    with sender.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        use_congestion_control(listener, CUBIC)  # what is accepted inherits it
        listener.bind((address, DOWNLOAD_PORT))
        listener.listen(1)
        thread = threading.Thread(target=_serve, args=(listener, size), daemon=True)
        thread.start()
        with receiver.socket(socket.AF_INET, socket.SOCK_STREAM) as sink:
            sink.settimeout(30)
            begin = time.monotonic()
            sink.connect((address, DOWNLOAD_PORT))
            sink.send(b"?")
            left, buffer = size, bytearray(CHUNK)
            while left:
                count = sink.recv_into(buffer)
                check(count, f"the download ends {left} bytes too early")
                left -= count
            seconds = time.monotonic() - begin
        thread.join(10)
    return seconds


def _serve(listener, size):
    listener.settimeout(30)
    source, _ = listener.accept()
    with source:
        source.settimeout(120)
        source.recv(1)
        chunk = bytes(CHUNK)
        for at in range(0, size, CHUNK):
            source.sendall(chunk[:min(CHUNK, size - at)])
        source.recv(1)  # until the other end has it all and closes
