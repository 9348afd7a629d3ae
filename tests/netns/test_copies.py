# SPDX-License-Identifier: MIT
"""A voice over links that lose: what is in a hurry leaves twice then, and arrives once."""
from checks import bulk, check, note
from emulated import Emulated
from lab import CLIENT4, Lab
from traffic import TcpStream, UdpStream

RATE = 20  # Mbit/s
LOSS = 0.05  # of the quicker link
PER_SECOND = 50
HEARD = 300  # packets that count


def drops_of_copies(daemon):
    return daemon.drops()["replay"]


def check_voice(other_ms, loss, beside):
    """A voice to the client over a link that loses @loss and one of @other_ms. Returns how many of the
    client's arrivals were copies.
    """
    with Lab(emulated=[Emulated(rate=RATE, delay_ms=10, loss=loss),
                       Emulated(rate=RATE, delay_ms=other_ms)]) as lab:
        client, _ = lab.tunnel("aggregate")
        with beside(lab), UdpStream(lab.server, lab.client, CLIENT4, per_second=PER_SECOND) as voice:
            voice.wait_flowing()
            voice.wait_sent(3 * PER_SECOND)  # until the loss is known
            begin, copies = voice.sent, drops_of_copies(client)
            voice.wait_sent(HEARD)
            voice.finish()
        lost = sum(number >= begin for number in voice.lost())
        copies = drops_of_copies(client) - copies
        note(f"lost {lost} of {voice.sent - begin}, {copies} copies refused, longest gap "
             f"{voice.longest_gap() * 1000:.0f} ms")
        check(not voice.duplicates, f"{voice.duplicates} duplicates")
        return lost, copies


class Alone:
    def __init__(self, _lab):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Download(TcpStream):
    def __init__(self, lab):
        super().__init__(lab.server, lab.client, CLIENT4)
        self.wait_bytes(500_000)


def check_spared(lost, copies):
    """Once, it would lose 15 of 300; twice, one at most."""
    check(lost <= 5, f"lost {lost} of {HEARD} and more")
    check(copies > HEARD // 2, f"{copies} copies came of {HEARD} and more")


def test_a_copy_leaves_over_another_link_that_is_near():
    check_spared(*check_voice(15, LOSS, Alone))


def test_a_copy_leaves_later_over_the_same_link_where_the_other_is_far():
    check_spared(*check_voice(60, LOSS, Alone))


@bulk
def test_a_voice_beside_a_download_over_a_link_that_loses_is_spared():
    check_spared(*check_voice(60, LOSS, Download))


def test_nothing_leaves_twice_over_links_that_lose_nothing():
    lost, copies = check_voice(15, 0, Alone)
    check(lost <= 1, f"lost {lost}")
    check(copies == 0, f"{copies} copies came")
