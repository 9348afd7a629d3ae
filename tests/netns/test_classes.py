# SPDX-License-Identifier: MIT
"""Classes of traffic by configuration: which link packets of real daemons take, and how often."""
from checks import check, note
from emulated import Emulated
from lab import Lab, SERVER4
from traffic import UdpStream

RATE = 20  # Mbit/s
QUICK_MS, LONG_MS = 10, 40  # one way
PORT = 9200  # of a stream


def carried_by_links(wanted, port=PORT, size=160, cut=None):
    """What each link carried of 400 packets of a stream, with the class @wanted, and how many copies came."""
    with Lab(emulated=[Emulated(rate=RATE, delay_ms=QUICK_MS),
                       Emulated(rate=RATE, delay_ms=LONG_MS)]) as lab:
        client, server = lab.tunnel(wireguard={"classes": [wanted]})
        with UdpStream(lab.client, lab.server, SERVER4, port=port, per_second=100,
                       size=size) as stream:
            stream.wait_flowing()
            stream.wait_sent(100)  # until the links are measured
            if cut:
                lab.emulators[cut].change("both", blackhole=1)
                client.wait_path(f"link-{cut}", "down", 10)
            before = [client.path(f"link-{i}")["tx_packets"] for i in lab.links]
            stream.wait_sent(400)
            carried = [client.path(f"link-{i}")["tx_packets"] - b
                       for i, b in zip(lab.links, before)]
            stream.finish()
        copies = server.drops()["replay"]
        note(f"{carried} packets over the links, {copies} copies, lost {len(stream.lost())}")
        check(not stream.duplicates, f"{stream.duplicates} duplicates")
        check(cut or len(stream.lost()) <= 2, f"lost {len(stream.lost())} of {stream.sent}")
        return carried[0], carried[1], copies


def test_a_class_names_the_link():
    quick, long, copies = carried_by_links(
        {"match": {"protocol": "udp", "ports": [PORT]}, "treat": "link-2"})
    check(long > 380 and quick < 300, f"{quick} and {long} packets over the links")
    check(not copies, f"{copies} copies")


def test_a_class_whose_link_is_down_goes_as_without_it():
    quick, _, _ = carried_by_links({"match": {"ports": [PORT]}, "treat": "link-2"}, cut=2)
    check(quick > 380, f"{quick} packets over the quick link")


def test_a_class_leaves_twice_and_arrives_once():
    quick, long, copies = carried_by_links({"match": {"max_size": 120}, "treat": "duplicate"},
                                           size=60)
    check(quick > 380 and long > 380, f"{quick} and {long} packets over the links")
    check(copies > 380, f"{copies} copies")


def test_what_matches_no_class_is_told_apart_by_itself():
    quick, long, copies = carried_by_links(
        {"match": {"ports": [PORT]}, "treat": "link-2"}, port=PORT + 1)
    check(quick > 380 and long < 300, f"{quick} and {long} packets over the links")
    check(not copies, f"{copies} copies")
