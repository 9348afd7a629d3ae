# SPDX-License-Identifier: MIT
"""Two vtrunkd tell each other when a device, an address or a way out of one end goes, and when it is
back: the other end learns of it from the first message, not from probes that nobody answers.

The links are emulated, with a delay, so that each end sees nothing but what it is told: a device that
is set down at one end is a silent link to the other.
"""
from contextlib import ExitStack

from checks import check, note, wait_until
from emulated import Emulated
from lab import CLIENT4, Lab, SERVER4
from traffic import UdpStream

PER_SECOND = 200
SAYS = "the peer says that"


def two_links():
    """The first is the quicker one, which a stream takes."""
    return Lab(emulated=[Emulated(rate=20, delay_ms=5), Emulated(rate=20, delay_ms=15)])


def both_ways(lab, stack):
    """A stream like a voice in each direction, which flows."""
    streams = [stack.enter_context(UdpStream(*ends, per_second=PER_SECOND)) for ends in
               ((lab.client, lab.server, SERVER4), (lab.server, lab.client, CLIENT4))]
    for stream in streams:
        stream.wait_flowing()
        stream.wait_sent(PER_SECOND)
    return streams


def finish(streams):
    """What is lost is little, and never for long: what was under way is sent again."""
    for stream, way in zip(streams, ("up", "down")):
        stream.wait_sent(PER_SECOND)
        stream.finish()
        lost, gap = len(stream.lost()), stream.longest_gap()
        note(f"{way}: lost {lost} of {stream.sent}, longest gap {gap * 1000:.0f} ms")
        check(lost <= 5, f"{way}: lost {lost} of {stream.sent}")
        check(gap < 0.4, f"{way}: gap of {gap:.2f} s")
        check(not stream.duplicates, f"{way}: {stream.duplicates} duplicates")


def fell(lab, i, lose, daemons, reason):
    """The links' ends (client, server): the first loses link @i, and the second hears why."""
    one, other = daemons
    with ExitStack() as stack:
        streams = both_ways(lab, stack)
        lose()
        one.wait_path(f"link-{i}", "down", 5)
        other.wait_path(f"link-{i}", "down", 5)
        check(reason in other.path(f"link-{i}")["reason"],
              f"{other.name}: {other.path(f'link-{i}')['reason']}")
        finish(streams)


def back(lab, i, regain, daemons):
    """Both ends use link @i again, and the one that was told is told so."""
    regain()
    for daemon in daemons:
        daemon.wait_path(f"link-{i}", "up", 20)
        wait_until(f"{daemon.name} uses link {i} again",
                   lambda daemon=daemon: daemon.path(f"link-{i}")["in_use"], 10)
    with ExitStack() as stack:
        finish(both_ways(lab, stack))


def set_up(lab, side, i):
    """The device of link @i at @side is up again, with the routes that it lost."""
    if side == "client":
        lab.client.ip(f"link set up{i} up", *lab._neighbours(f"up{i}"),
                      f"route add 10.72.{i}.0/24 via 10.71.{i}.1",
                      f"route add default via 10.71.{i}.1 metric {100 + i}",
                      f"route add default via 10.71.{i}.1 table {100 + i}")
    else:
        lab.server.ip(f"link set wan{i} up", *lab._neighbours(f"wan{i}"),
                      f"route add 10.71.{i}.0/24 via 10.72.{i}.2",
                      f"route add default via 10.72.{i}.2 metric {100 + i}")


def test_device_of_the_client_goes_down_and_comes_back():
    with two_links() as lab:
        daemons = lab.tunnel()
        fell(lab, 1, lambda: lab.client.ip("link set up1 down"), daemons, f"{SAYS} its device")
        back(lab, 1, lambda: set_up(lab, "client", 1), daemons)


def test_device_of_the_server_goes_down_and_comes_back():
    with two_links() as lab:
        daemons = lab.tunnel()[::-1]
        fell(lab, 1, lambda: lab.server.ip("link set wan1 down"), daemons, f"{SAYS} its device")
        back(lab, 1, lambda: set_up(lab, "server", 1), daemons)


def test_address_of_the_client_goes_and_comes_back():
    with two_links() as lab:
        daemons = lab.tunnel()
        fell(lab, 1, lambda: lab.client.ip("address del 10.71.1.2/24 dev up1"), daemons,
             f"{SAYS} its address")
        back(lab, 1, lambda: lab.client.ip(
            "address add 10.71.1.2/24 dev up1", "route add 10.72.1.0/24 via 10.71.1.1",
            "route replace default via 10.71.1.1 metric 101",
            "route replace default via 10.71.1.1 table 101"), daemons)


def test_system_of_the_client_refuses_and_lets_pass_again():
    """Nothing tells of it but what becomes of the datagrams."""
    with two_links() as lab:
        daemons = lab.tunnel(wireguard={"error_backoff_secs": 1})
        fell(lab, 1, lambda: lab.client.nft(
            "table ip refuse { chain out { type filter hook output priority 0; "
            "oifname up1 meta l4proto udp drop; }; }"), daemons, f"{SAYS} its system refuses")
        back(lab, 1, lambda: lab.client.nft("delete table ip refuse"), daemons)


def test_only_path_goes_on_when_the_other_was_told_to_be_gone():
    """What one end says of one path leaves the other alone, whatever happens there."""
    with two_links() as lab:
        client, server = lab.tunnel()
        lab.client.ip("link set up1 down")
        server.wait_path("link-1", "down", 5)
        wait_until("data passes", lambda: lab.client.ping(SERVER4), 5)
        check(server.path("link-2")["in_use"], "the other path is not in use")
        check(SAYS not in server.path("link-2")["reason"], server.path("link-2")["reason"])
        check(client.drops()["frame_malformed"] == 0 and server.drops()["frame_malformed"] == 0,
              f"{client.drops()} {server.drops()}")
