# SPDX-License-Identifier: MIT
"""Modes that choose a path by what was learned and stripe nothing: real daemons, links without weights."""
import contextlib

from checks import bulk, check, note, wait_until
from emulated import Emulated
from lab import Lab, SERVER4
from traffic import TcpStream, UdpStream

RATE = 20  # Mbit/s
QUICK_MS, LONG_MS = 10, 40  # one way


def two_links():
    return Lab(emulated=[Emulated(rate=RATE, delay_ms=QUICK_MS),
                         Emulated(rate=RATE, delay_ms=LONG_MS)])


def carried(daemon, link):
    return daemon.path(link)["tx_packets"]


# ---- lowlat ----

@bulk
def test_lowlat_fills_the_quickest_link_and_leaves_the_other():
    with two_links() as lab:
        client, _ = lab.tunnel("lowlat")
        with TcpStream(lab.client, lab.server, SERVER4) as stream:
            stream.wait_bytes(1_000_000)
            rate = stream.best_mbps(0.6 * RATE)
            quick, long = carried(client, "link-1"), carried(client, "link-2")
        note(f"{rate:.1f} Mbit/s; {quick} packets over the quick link, {long} over the other")
        check(rate > 0.6 * RATE, f"{rate:.1f} Mbit/s over a link of {RATE}")
        check(long < quick / 4, f"{quick} packets over the quick link, {long} over the other")


@bulk
def test_lowlat_spares_a_stream_beside_an_upload():
    """The link's own queue holds 50 ms, TCP would fill it."""
    with two_links() as lab:
        lab.tunnel("lowlat")
        with TcpStream(lab.client, lab.server, SERVER4) as upload:
            upload.wait_bytes(1_000_000)
            with UdpStream(lab.client, lab.server, SERVER4, per_second=50) as stream:
                stream.wait_flowing()
                stream.wait_sent(150)
                stream.finish()
        lost, gap = len(stream.lost()), stream.longest_gap()
        note(f"lost {lost} of {stream.sent}, longest gap {gap * 1000:.0f} ms, 20 are the interval")
        check(lost <= 2, f"lost {lost} of {stream.sent}")
        check(gap < 0.4, f"gap of {gap:.2f} s")


def test_lowlat_moves_to_the_other_link_when_the_quickest_falls_silent():
    with two_links() as lab:
        client, _ = lab.tunnel("lowlat")
        with UdpStream(lab.client, lab.server, SERVER4, per_second=200, size=1000) as stream:
            stream.wait_flowing()
            stream.wait_sent(200)
            quick = carried(client, "link-1")
            lab.emulators[1].change("both", blackhole=1)
            stream.wait_sent(400)
            stream.finish()
        lost, gap = len(stream.lost()), stream.longest_gap()
        note(f"{quick} packets over the quick link; lost {lost} of {stream.sent}, longest gap "
             f"{gap * 1000:.0f} ms")
        check(quick > 150, f"{quick} packets over the quick link")
        check(lost <= 5, f"lost {lost} of {stream.sent}")
        check(gap < 0.6, f"gap of {gap:.2f} s")


def test_lowlat_follows_when_another_link_becomes_the_quickest():
    with two_links() as lab:
        client, _ = lab.tunnel("lowlat")
        with UdpStream(lab.client, lab.server, SERVER4, per_second=100, size=1000) as stream:
            stream.wait_flowing()
            lab.emulators[1].change("both", delay_ms=3 * LONG_MS)
            before = carried(client, "link-2")
            wait_until("the other link carries the stream",
                       lambda: carried(client, "link-2") > before + 300, 40)


# ---- balance ----

def two_alike():
    return Lab(emulated=[Emulated(rate=RATE, delay_ms=QUICK_MS)] * 2)


@bulk
def test_balance_gives_two_connections_a_link_each():
    with two_alike() as lab:
        client, _ = lab.tunnel("balance")
        with TcpStream(lab.client, lab.server, SERVER4) as first:
            first.wait_bytes(500_000)
            with TcpStream(lab.client, lab.server, SERVER4, port=9101) as second:
                second.wait_bytes(500_000)
                rates = [stream.best_mbps(0.7 * RATE) for stream in (first, second)]
                shares = [carried(client, f"link-{i}") for i in lab.links]
        note(f"{rates[0]:.1f} and {rates[1]:.1f} Mbit/s; packets over the links {shares}")
        check(min(rates) > 0.6 * RATE, f"{rates} Mbit/s over two links of {RATE}")


class Pair:
    """Two streams of unlike rates, for two seconds from when what was on its way before has arrived."""

    def __init__(self, lab, client, port):
        self.over_links, self.lost = [], []
        with contextlib.ExitStack() as stack:
            self.streams = []
            for number, per_second in enumerate((500, 300)):
                self.streams.append(stack.enter_context(
                    UdpStream(lab.client, lab.server, SERVER4, port=port + number,
                              per_second=per_second, size=1000)))
                self.streams[-1].wait_flowing()
            self.streams[0].wait_sent(100)
            before = [carried(client, f"link-{i}") for i in lab.links]
            self.first = [stream.sent for stream in self.streams]
            self.streams[0].wait_sent(1000)
            self.last = [stream.sent for stream in self.streams]
            self.over_links = [carried(client, f"link-{i}") - was for i, was in zip(lab.links, before)]
            for stream in self.streams:
                stream.finish()

    def has_a_link_each(self):
        """All the while: a pause of the machine is a silence, for which a connection moves. The links carry
        probes and reports as well.
        """
        sent = sorted(last - first for first, last in zip(self.first, self.last))
        return all(-20 < carried - own < 200 for carried, own in zip(sorted(self.over_links), sent))

    def check(self):
        for stream, first, last in zip(self.streams, self.first, self.last):
            came = [number for number in stream.arrivals if first + 100 < number <= last]
            check(came == sorted(came), "packets of one connection overtook each other")
            check(len(stream.lost()) <= 2, f"lost {len(stream.lost())} of {stream.sent}")


@bulk
def test_balance_keeps_the_order_of_each_connection_over_unequal_links():
    """Neither waits for an order, and none is disturbed."""
    with two_links() as lab:
        client, _ = lab.tunnel("balance")
        with TcpStream(lab.client, lab.server, SERVER4) as short:  # the links are measured
            short.wait_bytes(500_000)
        for attempt in range(6):
            pair = Pair(lab, client, 9200 + 2 * attempt)
            if pair.has_a_link_each():
                break
        note(f"{attempt + 1} attempts; packets over the links {pair.over_links}")
        check(pair.has_a_link_each(), f"packets over the links {pair.over_links}")
        pair.check()


def test_balance_moves_a_connection_when_its_link_falls_silent():
    with two_alike() as lab:
        client, _ = lab.tunnel("balance")
        with UdpStream(lab.client, lab.server, SERVER4, per_second=200, size=1000) as stream:
            stream.wait_flowing()
            stream.wait_sent(200)  # until the links are measured
            before = [carried(client, f"link-{i}") for i in lab.links]
            stream.wait_sent(200)
            shares = [carried(client, f"link-{i}") - b for i, b in zip(lab.links, before)]
            lab.emulators[1 + shares.index(max(shares))].change("both", blackhole=1)
            stream.wait_sent(400)
            stream.finish()
        lost, gap = len(stream.lost()), stream.longest_gap()
        note(f"lost {lost} of {stream.sent}, longest gap {gap * 1000:.0f} ms")
        check(max(shares) > 2 * min(shares), f"packets over the links {shares}: it was not on one")
        check(lost <= 5, f"lost {lost} of {stream.sent}")
        check(gap < 0.6, f"gap of {gap:.2f} s")
