# SPDX-License-Identifier: MIT
"""The lab itself, without vtrunkd: faults are what they claim to be and measurements are true."""
import os
import select
import threading
import time

from checks import check, limit, wait_until
from lab import Lab, SERVER4, SERVER_ANY4, SERVER_ANY6
from traffic import (Capture, Forger, TcpStream, UdpStream, check_shaped, check_silent, family_of,
                     iperf)


def test_every_link_carries_both_families():
    with Lab(links=3) as lab:
        for i in lab.links:
            for family in (4, 6):
                check(lab.client.ping(lab.server_address(i, family)), f"link {i}, IPv{family}")
        for i in lab.links:
            for address, source in ((SERVER_ANY4, lab.client_address(i)),
                                    (SERVER_ANY6, lab.client_address(i, 6))):
                with Capture(lab.server, f"wan{i}", 9) as capture:
                    with lab.client.socket(family_of(source)) as s:
                        s.bind((source, 0))
                        s.sendto(b"hello", (address, 9))
                    wait_until(f"a datagram for {address} over link {i}",
                               lambda: capture.payloads() == [b"hello"], 3)


@limit(60)
def test_shaped_link_gives_its_rate():
    with Lab(links=2, rates=[20, (40, 10)]) as lab:
        check_shaped(lab.client, lab.server, lab.server_address(1), 20)
        check_shaped(lab.client, lab.server, lab.server_address(2), 40)
        check_shaped(lab.server, lab.client, lab.client_address(2), 10)


def test_cut_is_silent_and_can_be_undone():
    with Lab(links=2) as lab:
        with UdpStream(lab.client, lab.server, lab.server_address(1)) as stream:
            stream.wait_flowing()
            lab.cut(1)
            check_silent(stream)
            check(stream.refused == 0, "the sender was told of the cut")
            check("state UP" in lab.client.run("ip", "link", "show", "up1"), "carrier is lost")
            check(lab.client.ping(lab.server_address(2)), "the other link is cut too")
            lab.restore(1)
            stream.wait_flowing()
            check(0.4 < stream.longest_gap() < 2, f"gap of {stream.longest_gap():.2f} s")
            check(not stream.finish().duplicates, "duplicates")


def test_gap_of_a_stream_is_less_what_its_sender_paused():
    stream = UdpStream.__new__(UdpStream)
    stream.pauses = [(3.7, 0.4), (8.0, 0.3)]
    stream.arrivals = dict(enumerate((1.0, 1.1, 3.2, 3.3, 3.8, 5.0, 6.5)))
    check(abs(stream.longest_gap() - 2.1) < 1e-9, f"before any pause: {stream.longest_gap()}")
    stream.arrivals = dict(enumerate((3.2, 3.3, 3.8, 4.5, 5.3, 6.0)))
    check(abs(stream.longest_gap() - 0.7) < 1e-9, f"the others are shorter: {stream.longest_gap()}")


def test_cut_in_one_direction_leaves_the_other():
    with Lab(links=1) as lab:
        with (UdpStream(lab.client, lab.server, lab.server_address(1)) as up,
              UdpStream(lab.server, lab.client, lab.client_address(1)) as down):
            up.wait_flowing()
            down.wait_flowing()
            lab.cut(1, up=True, down=False)
            check_silent(up)
            down.wait_flowing()
            lab.restore(1)
            up.wait_flowing()


def test_unplugged_link_loses_its_carrier_and_comes_back():
    with Lab(links=2) as lab:
        lab.unplug(1)
        for namespace, device in ((lab.client, "up1"), (lab.server, "wan1")):
            wait_until(f"{device} without carrier",
                       lambda: "NO-CARRIER" in namespace.run("ip", "link", "show", device), 3)
        check(lab.client.ping(lab.server_address(2)), "the other link died too")
        lab.plug(1)
        for family in (4, 6):
            wait_until(f"IPv{family} over link 1",
                       lambda: lab.client.ping(lab.server_address(1, family)), 5)


def test_rebinding_changes_the_source_port():
    with Lab(links=1, nat=True) as lab:
        with Capture(lab.server, "wan1", 9200) as capture:
            with UdpStream(lab.client, lab.server, lab.server_address(1)) as stream:
                stream.wait_flowing()
                lab.rebind(1, 41111)
                stream.wait_flowing()
                stream.finish()
            check(not stream.lost(), f"lost {stream.lost()}")

            def sources():
                return {datagram.source for datagram in list(capture.datagrams)}
            wait_until("both ports are seen", lambda: len(sources()) > 1, 3)
            check(sources() == {("10.72.1.2", 40001), ("10.72.1.2", 41111)}, f"sources {sources()}")


def test_forged_datagrams_arrive_from_where_they_claim():
    with Lab(links=1) as lab:
        for family, source in ((4, "203.0.113.9"), (6, "2001:db8::9")):
            destination = (lab.server_address(1, family), 9300)
            with lab.server.socket(family_of(source)) as sink:
                sink.bind(destination)
                with Forger(lab.client, family) as forger:
                    def is_sent_and_heard():
                        """The kernel may drop the first ones, while it asks who has the address."""
                        forger.send((source, 777), destination, b"not me")
                        return select.select([sink], [], [], 0.3)[0]
                    wait_until("one arrives", is_sent_and_heard, 5, 0)
                payload, address = sink.recvfrom(100)
                check((payload, address[:2]) == (b"not me", (source, 777)), f"got {address}")


def check_sound(stream):
    """A link that works shows no stall, at least in a moment in which the machine works as well."""
    def is_smooth():
        stream.mark()
        stream.run_for(0.2)
        return stream.stall() < 0.1
    wait_until("a moment without a stall", is_smooth, 5, 0)


def test_tcp_meter_sees_a_stall_and_its_end():
    with Lab(links=1, rates=[50]) as lab:
        with TcpStream(lab.client, lab.server, lab.server_address(1)) as stream:
            stream.wait_bytes(1_000_000)
            begin = time.monotonic()
            check_sound(stream)
            lab.cut(1)
            wait_until("bytes stop", lambda: stream.stall() > 0.7, 5, 0.02)
            lab.restore(1)
            stream.wait_bytes(100_000)
            check(0.7 < stream.stall() < time.monotonic() - begin, f"stall of {stream.stall():.2f} s")


def test_names_of_a_namespace_resolve_there_only():
    with Lab(links=1) as lab:
        lab.client.hosts({"server.test": lab.server_address(1)})
        lab.server.hosts({"client.test": lab.client_address(1)})
        check(lab.client.resolves("server.test"), "server.test does not resolve")
        check(not lab.server.resolves("server.test"), "server.test resolves elsewhere")


@limit(30)
def test_two_stock_peers_make_a_tunnel():
    with Lab(links=1) as lab:
        lab.stock_pair()
        rate = iperf(lab, lab.client, lab.server, SERVER4, seconds=1)
        check(rate > 20, f"{rate:.0f} Mbit/s")


def test_failed_lab_leaves_nothing():
    names, kept = [], threading.Event()
    try:
        with Lab(links=1) as lab:
            names = [lab.client.name, lab.wan.name, lab.server.name, lab.directory]
            lab.client.hosts({"a.test": "192.0.2.1"})
            with UdpStream(lab.client, lab.server, lab.server_address(1)) as stream:
                stream.wait_flowing()
                kept.set()
                raise RuntimeError("as a test may")
    except RuntimeError:
        pass
    check(kept.is_set(), "the lab was not made")
    left = [path for name in names for path in (name, f"/etc/netns/{name}", f"/run/netns/{name}")
            if os.path.exists(path)]
    check(not left, f"left behind: {left}")
