# SPDX-License-Identifier: MIT
"""Links that differ in rate and delay, lose packets or fall silent, bonded by two vtrunkd that were
told nothing about them: no weights.

The machine is shared and may be slow, so bounds are far from what a quiet one shows, which the notes
tell.
"""
from checks import bulk, check, note, wait_until
from emulated import Emulated
from lab import CLIENT4, Lab, SERVER4
from traffic import TcpStream, UdpStream

FAST, SLOW = 20, 6  # Mbit/s: little enough for daemons under sanitizers
FAST_MS, SLOW_MS = 10, 60  # one way
PER_SECOND = 200  # of a stream like a voice
COPIES = "replay"  # of what was sent again over another link and was not lost


def unequal(fast_loss=0, slow_loss=0):
    return Lab(emulated=[Emulated(rate=FAST, delay_ms=FAST_MS, loss=fast_loss),
                         Emulated(rate=SLOW, delay_ms=SLOW_MS, loss=slow_loss)])


def ends(lab, direction):
    """(sender, receiver, address in the tunnel) of data in @direction."""
    return {"up": (lab.client, lab.server, SERVER4),
            "down": (lab.server, lab.client, CLIENT4)}[direction]


def check_drops(daemons, allowed=("congested", COPIES)):
    """Nothing was dropped for another reason than @allowed."""
    for daemon in daemons:
        drops = {name: count for name, count in daemon.drops().items() if count}
        note(f"{daemon.name} dropped {drops}")
        check(set(drops) <= set(allowed), f"{daemon.name} dropped {drops}")


def check_one_flow(direction, least, fast_loss=0, slow_loss=0):
    """One TCP connection gets @least of the fast link's rate. Returns how many packets the links lost
    and how many segments were sent again that the daemon had not dropped.
    """
    with unequal(fast_loss, slow_loss) as lab:
        daemons = lab.tunnel("aggregate")
        with TcpStream(*ends(lab, direction)) as stream:
            stream.wait_bytes(500_000)
            rate = stream.best_mbps(least * FAST)
            lost = sum(emulator.counters()[direction]["lost"]
                       for emulator in lab.emulators.values())
            again = stream.retransmitted()
            told = daemons[0 if direction == "up" else 1].drops()["congested"]
        note(f"{rate:.1f} Mbit/s over {FAST} and {SLOW}; {lost} packets lost, {again} segments sent "
             f"again, {told} dropped as congested")
        check(rate > least * FAST, f"{rate:.1f} Mbit/s over links of {FAST} and {SLOW}")
        check_drops(daemons)
        return lost, again - told


@bulk
def test_one_flow_is_not_far_below_the_fast_link():
    """Shares of 1 to 1 would make it 12 at best: twice the slow link."""
    check_one_flow("up", 0.7)


@bulk
def test_one_download_is_not_far_below_the_fast_link():
    check_one_flow("down", 0.7)


def check_spared(lost, again):
    check(again < lost / 2 + 10, f"{lost} packets lost on the links, {again} segments sent again")


@bulk
def test_losses_of_the_slow_link_leave_one_flow_alone():
    check_spared(*check_one_flow("up", 0.6, slow_loss=0.01))


@bulk
def test_losses_of_the_fast_link_are_repaired_over_the_other():
    """TCP that saw 1 % of loss would have 8 Mbit/s at this round trip."""
    check_spared(*check_one_flow("up", 0.55, fast_loss=0.01))


@bulk
def test_losses_of_the_fast_link_are_repaired_in_a_download():
    check_spared(*check_one_flow("down", 0.55, fast_loss=0.01))


def check_stream(link, silence, direction="up"):
    """A stream of small packets while @link falls silent in the directions @silence, with no notice."""
    with unequal() as lab:
        daemons = lab.tunnel("aggregate")
        with UdpStream(*ends(lab, direction), per_second=PER_SECOND) as stream:
            stream.wait_flowing()
            stream.wait_sent(PER_SECOND)
            lab.emulators[link].change(silence, blackhole=1)
            stream.wait_sent(3 * PER_SECOND)
            stream.finish()
        lost, gap = len(stream.lost()), stream.longest_gap()
        note(f"lost {lost} of {stream.sent}, longest gap {gap * 1000:.0f} ms")
        check(lost <= 5, f"lost {lost} of {stream.sent}")
        check(gap < 0.6, f"gap of {gap:.2f} s")
        check(not stream.duplicates, f"{stream.duplicates} duplicates")
        check_drops(daemons)


def test_stream_survives_silence_of_the_fast_link():
    check_stream(1, "both")


def test_stream_survives_silence_of_the_fast_link_on_its_way():
    check_stream(1, "up")


def test_stream_survives_silence_of_the_fast_link_on_the_way_back():
    check_stream(1, "down")


def test_stream_survives_silence_of_the_slow_link():
    check_stream(2, "both")


def test_stream_down_survives_silence_of_the_fast_link():
    check_stream(1, "both", "down")


def test_stream_down_survives_silence_of_the_fast_link_on_its_way():
    check_stream(1, "down", "down")


@bulk
def test_stream_beside_a_download_waits_for_none_of_it():
    """What the download has waiting is 50 ms and more of each link; the stream goes before it."""
    with unequal() as lab:
        daemons = lab.tunnel("aggregate")
        with TcpStream(*ends(lab, "down")) as download:
            download.wait_bytes(500_000)
            with UdpStream(*ends(lab, "down"), per_second=50) as stream:
                stream.wait_flowing()
                stream.wait_sent(150)
                stream.finish()
        lost, gap = len(stream.lost()), stream.longest_gap()
        note(f"lost {lost} of {stream.sent}, longest gap {gap * 1000:.0f} ms, 20 are the interval")
        check(lost <= 2, f"lost {lost} of {stream.sent}")
        check(gap < 0.4, f"gap of {gap:.2f} s")
        check_drops(daemons)


def stall_of_silence(lab, stream, sender, silence):
    """Seconds without a byte when the fast link falls silent in the midst of a transfer."""
    stream.best_mbps(0.6 * FAST, seconds=1)
    stream.mark()
    lab.emulators[1].change(silence, blackhole=1)
    sender.wait_path("link-1", "down", 6)
    stream.wait_bytes(100_000)
    return stream.stall()


def check_flow_survives(silence, direction="up"):
    """One TCP connection at full rate while the fast link falls silent goes on over the slow one. It is
    tried again when that took long: a machine that is busy elsewhere makes it no shorter.
    """
    with unequal() as lab:
        sender = lab.tunnel("aggregate")[0 if direction == "up" else 1]
        with TcpStream(*ends(lab, direction)) as stream:
            stream.wait_bytes(500_000)
            stalls = [stall_of_silence(lab, stream, sender, silence)]
            while min(stalls) > 1 and len(stalls) < 3:
                lab.emulators[1].change("both", blackhole=0)
                sender.wait_path("link-1", "up", 10)
                stalls.append(stall_of_silence(lab, stream, sender, silence))
            rate = stream.best_mbps(0.5 * SLOW, seconds=1)
        seen = ", ".join(f"{stall:.2f}" for stall in stalls)
        note(f"stalled {seen} s, then {rate:.1f} Mbit/s over a link of {SLOW}")
        check(min(stalls) < 1, f"stalled {seen} s")
        check(rate > 0.5 * SLOW, f"{rate:.1f} Mbit/s over a link of {SLOW}")


@bulk
def test_flow_survives_silence_of_the_fast_link():
    check_flow_survives("both")


@bulk
def test_flow_survives_silence_of_the_fast_link_on_its_way():
    check_flow_survives("up")


@bulk
def test_download_survives_silence_of_the_fast_link():
    check_flow_survives("both", "down")


@bulk
def test_too_much_is_dropped_as_congested_and_nothing_else_stays_behind():
    """Half as much again as the links carry: what does not arrive was dropped, and told as dropped."""
    with unequal() as lab:
        client, server = lab.tunnel("aggregate")
        with UdpStream(lab.client, lab.server, SERVER4, per_second=4000, size=1200) as stream:
            stream.wait_flowing()
            stream.wait_sent(12_000)
            stream.finish()
        device = lab.client.statistics(client.interface)["tx"]
        links = [emulator.counters()["up"] for emulator in lab.emulators.values()]
        told = client.drops()["congested"] + device["dropped"] + device["errors"]
        on_links = sum(link["queue_full"] for link in links)
        lost = len(stream.lost())
        note(f"{stream.sent} sent, {lost} lost: {told} dropped by the client, {on_links} by the links")
        check(lost > stream.sent // 20, f"{lost} of {stream.sent} lost: that was not too much")
        check(lost <= told + on_links, f"{lost} lost, {told} dropped by the client, {on_links} by links")
        check_drops((client, server))
        wait_until("nothing is on its way", lambda: lab.client.ping(SERVER4), 3)
