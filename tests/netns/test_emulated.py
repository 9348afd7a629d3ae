# SPDX-License-Identifier: MIT
"""Emulated links, without vtrunkd: delay, rate, queue, loss and blackhole are what they claim to be.

The machine may add to a delay or keep a rate from being reached, so upper bounds of times are wide; a
packet is never early and a rate never exceeded.
"""
import socket
import statistics
import time

from checks import check, limit, note, wait_until
from emulated import Emulated
from lab import Lab
from traffic import TcpStream, UdpStream, check_shaped, check_silent, family_of

TRIPS = 40
FULL = 1472  # bytes of payload that make 1500 bytes of IPv4
SLACK_MS = 30


def trips_ms(lab, address, count=TRIPS):
    """Round trips of single datagrams to a socket of the server that answers them."""
    times = []
    with lab.client.socket(family_of(address)) as near, lab.server.socket(family_of(address)) as far:
        far.bind((address, 9400))
        for sock in (near, far):
            sock.settimeout(3)
        for number in range(count):
            begin = time.monotonic()
            near.sendto(bytes([number]), (address, 9400))
            data, source = far.recvfrom(10)
            far.sendto(data, source)
            check(near.recv(10) == bytes([number]), "another answer")
            times.append((time.monotonic() - begin) * 1000)
    return times


def burst(lab, address, count):
    """Sends full datagrams at once; returns the seconds from then to each arrival."""
    times = []
    with lab.client.socket() as source, lab.server.socket() as sink:
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sink.bind((address, 9500))
        sink.settimeout(1)
        begin = time.monotonic()
        for _ in range(count):
            source.sendto(bytes(FULL), (address, 9500))
        try:
            while True:
                sink.recv(2048)
                times.append(time.monotonic() - begin)
        except TimeoutError:
            return times


def test_emulated_link_carries_both_families_at_once():
    with Lab(emulated=[Emulated(), None]) as lab:
        for i in lab.links:
            for family in (4, 6):
                check(lab.client.ping(lab.server_address(i, family)), f"link {i}, IPv{family}")
        rtt = statistics.median(trips_ms(lab, lab.server_address(1)))
        note(f"without a delay a round trip takes {rtt:.2f} ms")
        check(rtt < SLACK_MS, f"{rtt:.1f} ms")


def test_delay_is_what_it_claims():
    with Lab(emulated=[Emulated(delay_ms=(40, 10))]) as lab:
        times = trips_ms(lab, lab.server_address(1))
        note(f"delay 40 + 10 ms: {min(times):.2f} ms, median {statistics.median(times):.2f}")
        check(min(times) >= 50, f"{min(times):.2f} ms")
        check(statistics.median(times) < 50 + SLACK_MS, f"{statistics.median(times):.1f} ms")


def test_jitter_spreads_and_keeps_order():
    with Lab(emulated=[Emulated(delay_ms=10, jitter_ms=(30, 0))]) as lab:
        times = trips_ms(lab, lab.server_address(1), 60)
        note(f"delay 20 ms, jitter 30 ms: {min(times):.1f} to {max(times):.1f} ms")
        check(min(times) >= 20 and max(times) - min(times) > 20,
              f"{min(times):.1f} to {max(times):.1f} ms")
        with UdpStream(lab.client, lab.server, lab.server_address(1), per_second=1000) as stream:
            stream.wait_sent(500)
            stream.finish()
            arrived = list(stream.arrivals)
        check(arrived == sorted(arrived), "datagrams overtook each other")
        check(not stream.lost(), f"lost {stream.lost()}")


@limit(60)
def test_rate_of_each_direction_is_what_it_claims():
    with Lab(emulated=[Emulated(rate=(20, 8), delay_ms=5)]) as lab:
        check_shaped(lab.client, lab.server, lab.server_address(1), 20)
        check_shaped(lab.server, lab.client, lab.client_address(1), 8)


def test_queue_drops_what_would_wait_longer():
    """120 datagrams of 1.5 ms each at once: the queue holds some 67 of them. Hosts say something of their
    own now and then, and that may find it full as well.
    """
    with Lab(emulated=[Emulated(rate=8, queue_ms=100)]) as lab:
        times = burst(lab, lab.server_address(1), 120)
        full = lab.emulators[1].counters()["up"]["queue_full"]
        note(f"{len(times)} of 120 pass, the last one after {times[-1] * 1000:.0f} ms")
        others = full - (120 - len(times))
        check(0 <= others <= 3, f"{full} dropped, {len(times)} arrived")
        check(60 <= len(times) < 110, f"{len(times)} of 120 pass a queue of 100 ms")
        check(times[-1] >= 0.0015 * len(times), f"all arrived after {times[-1]:.3f} s")


def count_losses(lab):
    """(share, mean length of a run) of what is lost of 2000 datagrams."""
    with UdpStream(lab.client, lab.server, lab.server_address(1), per_second=1000) as stream:
        stream.wait_sent(2000)
        stream.finish(0.5)
    lost = stream.lost()
    runs = sum(1 for number in lost if number - 1 not in lost)
    return len(lost) / stream.sent, len(lost) / max(runs, 1)


def test_losses_are_what_they_claim():
    with Lab(emulated=[Emulated(loss=(0.05, 0))]) as lab:
        share, run = count_losses(lab)
        note(f"loss 5 %: {share * 100:.1f} %, in runs of {run:.2f}")
        check(0.03 < share < 0.07 and run < 1.3, f"{share * 100:.1f} % in runs of {run:.2f}")
        lab.emulators[1].change("up", loss=0, burst_loss=0.1, burst=10)
        share, run = count_losses(lab)
        note(f"loss 10 % in bursts of 10: {share * 100:.1f} %, in runs of {run:.1f}")
        check(0.04 < share < 0.18 and 5 < run < 18, f"{share * 100:.1f} % in runs of {run:.1f}")


def test_blackhole_is_silent_and_can_be_undone():
    with Lab(emulated=[Emulated(delay_ms=20), Emulated()]) as lab:
        with (UdpStream(lab.client, lab.server, lab.server_address(1)) as up,
              UdpStream(lab.server, lab.client, lab.client_address(1)) as down):
            up.wait_flowing()
            down.wait_flowing()
            lab.emulators[1].change("up", blackhole=1)
            check_silent(up)
            down.wait_flowing()
            lab.emulators[1].change("both", blackhole=1)
            check_silent(down)
            check(up.refused == 0 and down.refused == 0, "the senders were told")
            check(lab.client.ping(lab.server_address(2)), "the other link is silent too")
            lab.emulators[1].change("both", blackhole=0)
            up.wait_flowing()
            down.wait_flowing()


def test_rate_step_is_felt():
    with Lab(emulated=[Emulated(rate=20, queue_ms=100)]) as lab:
        with TcpStream(lab.client, lab.server, lab.server_address(1)) as stream:
            before = stream.best_mbps(14, seconds=1)
            lab.emulators[1].change("both", rate=4)
            stream.run_for(1)
            stream.mark()
            stream.run_for(2)
            after = stream.mbps()
        note(f"{before:.1f} Mbit/s, after a step from 20 to 4 {after:.1f}")
        check(before > 14 and 1 < after < 4.4, f"{before:.1f} and then {after:.1f} Mbit/s")


def test_emulator_ends_when_nobody_holds_its_socket():
    with Lab(emulated=[Emulated()]) as lab:
        emulator = lab.emulators[1]
        emulator.control.close()
        wait_until("its end", lambda: not emulator.process.is_running(), 5)
        check(not lab.server.has_device("wan1"), "its device is still there")


def test_unplugged_emulated_link_loses_its_carrier_and_comes_back():
    with Lab(emulated=[Emulated(delay_ms=5)]) as lab:
        lab.unplug(1)
        for namespace, device in ((lab.client, "up1"), (lab.server, "wan1")):
            wait_until(f"{device} without carrier",
                       lambda: "NO-CARRIER" in namespace.run("ip", "link", "show", device), 3)
        lab.plug(1)
        for family in (4, 6):
            wait_until(f"IPv{family} over link 1",
                       lambda: lab.client.ping(lab.server_address(1, family)), 5)
