# SPDX-License-Identifier: MIT
"""Redundant and failover between two vtrunkd over emulated links.

The machine is shared and may be slow, so bounds are far from what a quiet one shows, which the notes
tell.
"""
from checks import bulk, check, note, wait_until
from emulated import Emulated
from lab import Lab, SERVER4
from traffic import TcpStream, UdpStream

FAST, SLOW = 20, 6  # Mbit/s: little enough for daemons under sanitizers
FAST_MS, SLOW_MS = 10, 30  # one way
PER_SECOND = 200  # of a stream like a voice


def lines(fast_loss=0, slow_loss=0):
    return Lab(emulated=[Emulated(rate=FAST, delay_ms=FAST_MS, loss=fast_loss),
                         Emulated(rate=SLOW, delay_ms=SLOW_MS, loss=slow_loss)])


def carried(daemon):
    """{link: packets sent on its path so far}"""
    return {path["link"]: path["tx_packets"] for path in daemon.peer()["paths"]}


def send_stream(lab, seconds, meanwhile=lambda: None):
    """A stream during which @meanwhile is called, after a second of it."""
    with UdpStream(lab.client, lab.server, SERVER4, per_second=PER_SECOND) as stream:
        stream.wait_flowing()
        stream.wait_sent(PER_SECOND)
        meanwhile()
        stream.wait_sent(seconds * PER_SECOND)
        stream.finish()
    note(f"lost {len(stream.lost())} of {stream.sent}, longest gap {stream.longest_gap() * 1000:.0f} ms")
    check(not stream.duplicates, f"{stream.duplicates} duplicates")
    return stream


# ---- redundant ----

def test_redundant_loses_what_both_links_lose():
    """A hundredth on average; twice as much would be five times its deviation."""
    with lines(fast_loss=0.1, slow_loss=0.1) as lab:
        lab.tunnel("redundant")
        stream = send_stream(lab, 11)
        share = len(stream.lost()) / stream.sent
        check(share < 0.02, f"{100 * share:.1f} % were lost")


def test_redundant_loses_nothing_when_a_link_falls_silent():
    with lines() as lab:
        client, _ = lab.tunnel("redundant")
        silence = lambda: lab.emulators[1].change("both", blackhole=1)
        stream = send_stream(lab, 3, silence)
        check(not stream.lost(), f"lost {len(stream.lost())} of {stream.sent}")
        client.wait_path("link-1", "down", 6)


@bulk
def test_redundant_transfer_has_the_rate_of_the_wider_link():
    """Copies for the narrow one hold up nobody; and it carries as many as it can."""
    with lines() as lab:
        client, server = lab.tunnel("redundant")
        with TcpStream(lab.client, lab.server, SERVER4) as stream:
            stream.wait_bytes(500_000)
            before = carried(client)
            rate = stream.best_mbps(0.7 * FAST)
            after = carried(client)
            again = stream.retransmitted()
        fast, slow = (after[link] - before[link] for link in ("link-1", "link-2"))
        note(f"{rate:.1f} Mbit/s over {FAST} and {SLOW}; {fast} and {slow} packets, {again} sent again, "
             f"{server.drops()['replay']} copies refused")
        check(rate > 0.7 * FAST, f"{rate:.1f} Mbit/s over links of {FAST} and {SLOW}")
        check(slow > fast / 10, f"{fast} and {slow} packets")


# ---- failover ----

def test_failover_loses_nothing_when_the_link_in_use_falls_silent():
    with lines() as lab:
        client, _ = lab.tunnel("failover", weights=[10, 1])
        silence = lambda: lab.emulators[1].change("both", blackhole=1)
        stream = send_stream(lab, 3, silence)
        check(len(stream.lost()) <= 5, f"lost {len(stream.lost())} of {stream.sent}")
        check(stream.longest_gap() < 0.6, f"gap of {stream.longest_gap():.2f} s")
        client.wait_path("link-1", "down", 6)


def test_failover_prefers_the_heavier_link_however_slow_and_returns_to_it():
    with lines() as lab:
        client, _ = lab.tunnel("failover", weights=[1, 10])

        def share_of_slow():
            before = carried(client)
            stream.wait_sent(PER_SECOND)
            after = carried(client)
            sent = {link: after[link] - before[link] for link in before}
            return sent["link-2"] / max(1, sum(sent.values()))

        with UdpStream(lab.client, lab.server, SERVER4, per_second=PER_SECOND) as stream:
            stream.wait_flowing()
            share = share_of_slow()
            check(share > 0.8, f"the heavier link carries {share:.2f}")
            lab.emulators[2].change("both", blackhole=1)
            wait_until("all is on the other link", lambda: share_of_slow() < 0.2, 10)
            lab.emulators[2].change("both", blackhole=0)
            wait_until("it is back", lambda: share_of_slow() > 0.8, 15)


@bulk
def test_failover_repairs_what_its_link_loses():
    """Without it one connection over 1 % and 20 ms gets a quarter of the link."""
    with lines(fast_loss=0.01) as lab:
        client, server = lab.tunnel("failover", weights=[10, 1])
        with TcpStream(lab.client, lab.server, SERVER4) as stream:
            stream.wait_bytes(500_000)
            rate = stream.best_mbps(0.6 * FAST)
            lost = lab.emulators[1].counters()["up"]["lost"]
            again = stream.retransmitted() - client.drops()["congested"]
        note(f"{rate:.1f} Mbit/s over a link of {FAST}; {lost} lost, {again} segments sent again")
        check(rate > 0.6 * FAST, f"{rate:.1f} Mbit/s over a link of {FAST}")
        check(again < lost / 2, f"{again} segments sent again for {lost} lost")


@bulk
def test_failover_keeps_a_transfer_going():
    with lines() as lab:
        client, _ = lab.tunnel("failover", weights=[10, 1])
        with TcpStream(lab.client, lab.server, SERVER4) as stream:
            stream.wait_bytes(500_000)
            stream.best_mbps(0.6 * FAST, seconds=1)
            stream.mark()
            lab.emulators[1].change("both", blackhole=1)
            client.wait_path("link-1", "down", 6)
            stream.wait_bytes(100_000)
            stall = stream.stall()
            rate = stream.best_mbps(0.5 * SLOW, seconds=1)
        note(f"stalled {stall:.2f} s, then {rate:.1f} Mbit/s over a link of {SLOW}")
        check(stall < 1.5, f"stalled {stall:.2f} s")
        check(rate > 0.5 * SLOW, f"{rate:.1f} Mbit/s over a link of {SLOW}")
