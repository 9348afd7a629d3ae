# SPDX-License-Identifier: MIT
"""Links whose ways take packets of different lengths: what each carries is found, and data keeps to it."""
import socket

from checks import bulk, check, note, wait_until
from lab import CLIENT4, Lab, SERVER4, SERVER6
from traffic import TcpStream, UdpStream

INNER = 1420  # the tunnel's MTU
STEP = 16     # to which it is found out
NARROW = 1400  # of the way of link 2


def overhead(family):
    return {4: 60, 6: 80}[family]


def carries(way, family=4):
    """The longest packet inside the tunnel, as found out, over a way of that MTU."""
    return min(INNER, (way - overhead(family)) // STEP * STEP)


def narrow(lab, i, mtu):
    """From now on the router of link @i passes on no more in one piece, in both directions."""
    lab.wan.ip(f"route replace 10.71.{i}.2/32 dev in{i} mtu lock {mtu}",
               f"route replace 10.72.{i}.1/32 dev out{i} mtu lock {mtu}",
               f"-6 route replace fd71:{i}::2/128 dev in{i} mtu {mtu}",
               f"-6 route replace fd72:{i}::1/128 dev out{i} mtu {mtu}")


def swallow_long(lab, i, mtu):
    """From now on link @i loses what is longer, without a word and without making fragments."""
    lab.wan.ip(f"link set in{i} mtu {mtu}", f"link set out{i} mtu {mtu}")


def keep_silent(lab):
    """The router tells nobody what was too long."""
    lab.wan.nft("table inet silent { chain output { type filter hook output priority 0; "
                "icmp type destination-unreachable drop; icmpv6 type packet-too-big drop; }; }")


def mtu_of(daemon, link):
    return daemon.path(link)["mtu"]


def wait_mtu(daemon, link, mtu, timeout=20):
    wait_until(f"{daemon.name}: MTU of {link} is {mtu}", lambda: mtu_of(daemon, link) == mtu, timeout)


def fragments(lab):
    """How many of IPv4 were made, by the router and by the two hosts."""
    made = 0
    for namespace in (lab.client, lab.wan, lab.server):
        names, values = [line.split() for line in namespace.run("cat", "/proc/net/snmp").splitlines()
                         if line.startswith("Ip: ")]
        made += int(values[names.index("FragCreates")])
    return made


def check_keep_to_wide(lab, before, packets):
    """Of so many full packets since there were @before fragments. When the machine pauses, the wide
    link looks silent and a few leave over both; if length did not count, every second one would."""
    made = fragments(lab) - before
    check(made <= packets // 10, f"{made} fragments of {packets} full packets")


def check_found(families, is_silent):
    with Lab() as lab:
        narrow(lab, 2, NARROW)
        if is_silent:
            keep_silent(lab)
        daemons = lab.tunnel(families=families)
        for daemon in daemons:
            wait_mtu(daemon, "link-1", INNER)
            wait_mtu(daemon, "link-2", carries(NARROW, families[1]))
            wait_until("it is told", lambda d=daemon: d.process.has_said(
                f"link=link-2: carries packets of up to {carries(NARROW, families[1])} bytes only"), 5)
        before = fragments(lab)
        with UdpStream(lab.client, lab.server, SERVER4, size=INNER - 28) as full, \
                UdpStream(lab.client, lab.server, SERVER4, port=9201, size=1000) as short:
            full.wait_sent(300)
            short.wait_sent(300)
            full.finish()
            short.finish()
        full.check_lossless(*daemons)
        short.check_lossless(*daemons)
        check_keep_to_wide(lab, before, full.sent)


@bulk
def test_mtu_of_each_path_is_found_and_full_packets_take_the_wide_one():
    check_found([4, 4], is_silent=False)


@bulk
def test_mtu_is_found_where_routers_say_nothing():
    check_found([4, 4], is_silent=True)


@bulk
def test_mtu_is_found_over_ipv6():
    check_found([6, 6], is_silent=False)


@bulk
def test_mtu_is_found_over_ipv6_where_routers_say_nothing():
    check_found([4, 6], is_silent=True)


@bulk
def test_tcp_takes_both_links():
    """Its segments are made short enough for the narrow one when it begins, in both directions."""
    with Lab(rates=[25, 25]) as lab:
        narrow(lab, 2, NARROW)
        client, server = lab.tunnel()
        for daemon in (client, server):
            wait_mtu(daemon, "link-2", carries(NARROW))
        for source, sink, address, sender in ((lab.client, lab.server, SERVER4, client),
                                              (lab.server, lab.client, CLIENT4, server)):
            with TcpStream(source, sink, address) as stream:
                stream.wait_bytes(500_000)
                rate = stream.best_mbps(35)
            check(rate > 35, f"two links of 25 Mbit/s give {rate:.1f}")
        for daemon in (client, server):
            check(daemon.path("link-2")["tx_bytes"] > 1_000_000, "link 2 is not used")


@bulk
def test_redundant_copies_go_where_they_fit():
    with Lab() as lab:
        narrow(lab, 2, NARROW)
        client, _ = lab.tunnel("redundant")
        wait_mtu(client, "link-2", carries(NARROW))
        made = fragments(lab)
        for size, links in ((INNER - 28, ["link-1"]), (1000, ["link-1", "link-2"])):
            before = {link: client.path(link)["tx_bytes"] for link in ("link-1", "link-2")}
            with UdpStream(lab.client, lab.server, SERVER4, size=size) as stream:
                stream.wait_flowing()
                stream.wait_sent(200)
                stream.finish()
            check(not stream.lost(), f"{len(stream.lost())} of {stream.sent} lost")
            carried = [link for link in before
                       if client.path(link)["tx_bytes"] - before[link] > stream.sent * size / 2]
            check(carried == links, f"{size} bytes: carried by {carried}")
            check_keep_to_wide(lab, made, stream.sent)


def check_shrinks(is_silent):
    """In the middle of full packets over both links."""
    with Lab(links=2) as lab:
        client, server = lab.tunnel()
        for daemon in (client, server):
            wait_mtu(daemon, "link-2", INNER)
        if is_silent:
            keep_silent(lab)
        with UdpStream(lab.client, lab.server, SERVER4, per_second=400, size=INNER - 28) as stream:
            stream.wait_flowing()
            stream.wait_sent(400)
            narrow(lab, 2, NARROW)
            wait_mtu(client, "link-2", carries(NARROW))
            before = fragments(lab)
            stream.wait_sent(400)
            check_keep_to_wide(lab, before, 400)
            stream.finish()
        stream.check_lossless(client, server)
        wait_mtu(server, "link-2", carries(NARROW), timeout=30)


@bulk
def test_nothing_is_lost_when_a_path_shrinks():
    check_shrinks(is_silent=False)


@bulk
def test_nothing_is_lost_when_a_path_shrinks_without_a_word():
    check_shrinks(is_silent=True)


@bulk
def test_a_way_that_swallows_what_is_long_is_found_and_left_to_the_short():
    """It makes no fragments, and ordinary probes pass: until it is found out a part is lost."""
    with Lab() as lab:
        client, server = lab.tunnel()
        for daemon in (client, server):
            wait_mtu(daemon, "link-2", INNER)
        with UdpStream(lab.client, lab.server, SERVER4, per_second=400, size=INNER - 28) as stream:
            stream.wait_flowing()
            swallow_long(lab, 2, NARROW)
            wait_mtu(client, "link-2", carries(NARROW))
            wait_until("it is told", lambda: client.process.has_said(
                "link=link-2: swallows long packets, at most 1280 bytes for now"), 5)
            first = stream.sent + 1
            stream.wait_sent(400)
            stream.finish()
        lost = stream.lost()
        note(f"{len(lost)} of {stream.sent} lost until it was found out")
        check(not [number for number in lost if number >= first], "long packets are lost still")


@bulk
def test_mtu_of_our_own_device_is_known_at_once():
    """The system refuses what is longer: nothing has to be lost to find that out."""
    with Lab() as lab:
        lab.client.ip(f"link set up2 mtu {NARROW}")
        client, server = lab.tunnel()
        wait_mtu(client, "link-2", carries(NARROW))
        check(client.drops()["too_big"] == 0, f"drops: {client.drops()}")
        check(client.link("link-2")["tx_errors"] == 0, "a refused probe counts as an error")


def path_mtu_of_sender(source, address):
    """What its system believes after full packets."""
    is_v6 = ":" in address
    level, discover, mtu = (socket.IPPROTO_IPV6, 23, 24) if is_v6 else (socket.IPPROTO_IP, 10, 14)
    with source.socket(socket.AF_INET6 if is_v6 else socket.AF_INET) as sock:
        sock.setsockopt(level, discover, 2)  # PMTUDISC_DO
        sock.connect((address, 9300))
        for _ in range(3):
            try:
                sock.send(bytes(INNER - (48 if is_v6 else 28)))
            except OSError:
                break
        return sock.getsockopt(level, mtu)


@bulk
def test_senders_are_told_what_the_only_path_carries():
    with Lab(links=1) as lab:
        narrow(lab, 1, NARROW)
        client, server = lab.tunnel()
        for daemon in (client, server):
            wait_mtu(daemon, "link-1", carries(NARROW))
        for address in (SERVER4, SERVER6):
            wait_until(f"the sender to {address} knows", lambda to=address: path_mtu_of_sender(
                lab.client, to) == carries(NARROW), 10)
        with UdpStream(lab.server, lab.client, CLIENT4, size=INNER - 28) as stream:
            stream.wait_sent(200)
            stream.finish()
        stream.check_lossless(client, server)


@bulk
def test_running_connection_is_told_when_the_only_path_shrinks():
    """In super-packets, of which the answer quotes one segment."""
    with Lab(links=1) as lab:
        client, _ = lab.tunnel()
        wait_mtu(client, "link-1", INNER)
        for address in (SERVER4, SERVER6):
            with TcpStream(lab.client, lab.server, address) as stream:
                stream.wait_bytes(1_000_000)
                narrow(lab, 1, NARROW)
                wait_mtu(client, "link-1", carries(NARROW))

                def has_adapted():
                    before = fragments(lab)
                    stream.wait_bytes(500_000)
                    return fragments(lab) == before
                wait_until("its segments are short enough", has_adapted, 10)
                narrow(lab, 1, 1500)
                lab.cut(1)  # or the daemon would look again after ten minutes only
                client.wait_path("link-1", "down", 20)
                lab.restore(1)
                wait_mtu(client, "link-1", INNER)


@bulk
def test_a_path_that_becomes_wide_again_is_found_when_it_comes_back():
    with Lab() as lab:
        narrow(lab, 2, NARROW)
        client, _ = lab.tunnel()
        wait_mtu(client, "link-2", carries(NARROW))
        lab.cut(2)
        client.wait_path("link-2", "down", 20)
        narrow(lab, 2, 1500)
        lab.restore(2)
        wait_mtu(client, "link-2", INNER)
