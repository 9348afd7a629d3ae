# SPDX-License-Identifier: MIT
"""Packets to peers that are not there: how long they wait, and whom they are in the way of."""
import socket

from checks import check, limit, wait_until
from lab import Lab, SERVER4
from test_peers import Gateway, inner

ABSENT = 200  # more than half of the batches that a dispatcher has
LATE = ABSENT + 1  # a peer that comes while a packet waits for it
PRESENT = ABSENT + 2
PORT = 9300


def listen(lab):
    """A socket of the client that takes what reaches any of its peers."""
    sock = lab.client.socket(socket.AF_INET)
    sock.bind(("0.0.0.0", PORT))
    sock.settimeout(10)
    return sock


def waiting(gateway, number):
    return gateway.daemon.status()["peers"][number - 1]["staged_packets"]


@limit(90)
def test_absent_peers_are_in_nobodys_way_and_old_packets_are_not_sent():
    with Lab(links=1) as lab:
        gateway = Gateway(lab, PRESENT)
        gateway.daemon.start()
        present = gateway.vtrunkd(PRESENT).start()
        present.wait_session()
        source = lab.server.socket(socket.AF_INET)
        for number in range(1, LATE + 1):
            source.sendto(b"early", (inner(number), PORT))
        wait_until("a packet waits for the last one", lambda: waiting(gateway, LATE) == 1, 3)
        check(gateway.daemon.drops()["staged_full"] == 0, "memory for 200 packets is missing")
        check(lab.client.ping(SERVER4, device=present.interface), "the peer that is there suffers")
        wait_until("all were dropped by their age", lambda: gateway.daemon.drops()
                   ["staged_expired"] == LATE and waiting(gateway, LATE) == 0, 20)
        with listen(lab) as sink:
            late = gateway.vtrunkd(LATE).start()
            late.wait_session()
            source.sendto(b"new", (inner(LATE), PORT))
            check(sink.recv(64) == b"new", "an old packet was sent")
        check(lab.client.ping(SERVER4, device=late.interface), "the late peer does not pass")
        check(gateway.daemon.drops()["staged_full"] == 0, "packets gave way")


@limit(90)
def test_packet_that_waits_for_a_peer_is_the_first_that_it_gets():
    """Among many that wait for others which never come."""
    with Lab(links=1) as lab:
        gateway = Gateway(lab, LATE)
        gateway.daemon.start()
        source = lab.server.socket(socket.AF_INET)
        late = gateway.vtrunkd(LATE).start(wait=False)
        for number in range(1, ABSENT + 1):
            source.sendto(b"in vain", (inner(number), PORT))
        with listen(lab) as sink:
            for text in (b"first", b"second", b"third"):
                source.sendto(text, (inner(LATE), PORT))
            late.wait_session()
            source.sendto(b"last", (inner(LATE), PORT))
            got = [sink.recv(64) for _ in range(4)]
        check(got == [b"first", b"second", b"third", b"last"], f"{got} came")
        check(gateway.daemon.drops()["staged_full"] == 0, "packets gave way")
