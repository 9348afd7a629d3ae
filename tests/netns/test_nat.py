# SPDX-License-Identifier: MIT
"""A path's remote address moves with the peer, and only after the peer proved to be there."""
from checks import check, note, wait_until
from lab import Lab, PORT, SERVER4
from traffic import Capture, Forger, UdpStream

LINKS = ["link-1", "link-2"]
FAST = {"health_check_interval_ms": 200, "health_check_timeout_ms": 2000}


def nat_endpoint(i, port):
    return f"10.72.{i}.2:{port}"


def start(lab):
    client, server = lab.tunnel(wireguard=FAST)
    for i in lab.links:
        check(server.path(f"link-{i}")["endpoint"] == nat_endpoint(i, 40000 + i),
              f"the server sees {server.path(f'link-{i}')['endpoint']}")
    return client, server


def paths_over(server, link):
    return [path for path in server.peer()["paths"] if path["link"] == link]


def test_rebinding_moves_the_endpoint_of_that_path():
    with Lab(nat=True) as lab:
        _, server = start(lab)
        with UdpStream(lab.client, lab.server, SERVER4) as stream:
            stream.wait_flowing()
            lab.rebind(1, 41001)
            wait_until("the endpoint follows",
                       lambda: (nat_endpoint(1, 41001), "up") in [
                           (path["endpoint"], path["state"])
                           for path in paths_over(server, "link-1")], 5)
            stream.wait_flowing()
            note(f"longest gap of the stream {stream.longest_gap():.2f} s")
            check(stream.longest_gap() < 2, f"gap of {stream.longest_gap():.2f} s")
        check(server.path("link-2")["endpoint"] == nat_endpoint(2, 40002), "link 2 moved")
        check(len(paths_over(server, "link-1")) == 1, "the old address is still a path")
        check(server.peer()["handshakes"] == 1, "a new handshake was made")


def test_rebinding_of_an_idle_tunnel_is_followed():
    with Lab(nat=True) as lab:
        client, server = start(lab)
        lab.rebind(1, 41001)
        lab.rebind(2, 41002)
        for i in lab.links:
            wait_until(f"the endpoint of link {i} follows",
                       lambda: paths_over(server, f"link-{i}")[0]["endpoint"]
                       == nat_endpoint(i, 41000 + i), 10)
        for daemon in (client, server):
            daemon.wait_bonded(LINKS, 15)
        check(lab.server.ping("10.99.0.2", 3) == 3, "the server cannot reach the client")


def test_router_that_forgets_hears_the_server_first():
    """Its table is empty, and what fills it is a datagram to the address that is the client's."""
    with Lab(nat=True) as lab:
        client, server = start(lab)
        with Capture(lab.server, "wan1", PORT) as capture, client.standing_still():
            lab.rebind(1, 40001)
            already = len(capture.payloads(outgoing=True))
            wait_until("the server has probed the address",
                       lambda: len(capture.payloads(outgoing=True)) > already, 5)
        for daemon in (client, server):
            daemon.wait_bonded(LINKS, 15)
        check(server.path("link-1")["endpoint"] == nat_endpoint(1, 40001),
              f"the server sees {server.path('link-1')['endpoint']}")


def test_new_address_without_answer_is_not_followed():
    """The new mapping passes upward only: the challenge finds no way, so nothing moves there."""
    with Lab(nat=True) as lab:
        _, server = start(lab)
        with Capture(lab.server, "wan1", PORT) as capture:
            lab.cut(1, up=False, down=True)
            lab.rebind(1, 41001)

            def seen(outgoing):
                return [d for d in list(capture.datagrams)
                        if d.outgoing == outgoing
                        and (d.destination if outgoing else d.source)[1] == 41001]
            wait_until("probes from the new address", lambda: len(seen(False)) >= 5, 10)
            wait_until("a challenge to the new address", lambda: seen(True), 5)
            check(server.path("link-1")["endpoint"] == nat_endpoint(1, 40001),
                  "the endpoint moved without proof")
            heard = sum(len(d.payload) for d in seen(False))
            sent = sum(len(d.payload) for d in seen(True))
            check(sent <= 3 * heard, f"{sent} bytes sent to an address that gave {heard}")
        lab.restore(1)
        wait_until("the endpoint follows once answers pass",
                   lambda: server.path("link-1")["endpoint"] == nat_endpoint(1, 41001), 20)


def test_stolen_datagram_from_elsewhere_moves_nothing():
    """Someone on the way holds datagrams back and sends them from an address of their own first."""
    with Lab() as lab:
        client, server = lab.tunnel(wireguard=FAST)
        target = (lab.server_address(1), PORT)
        endpoint = server.path("link-1")["endpoint"]
        with Capture(lab.client, "up1", PORT) as at_client, \
                Capture(lab.server, "wan1", PORT) as at_server, \
                Forger(lab.client, device="up2") as forger:
            lab.cut(1, up=True, down=False)

            def sent():
                return at_client.payloads(outgoing=True, first_byte=4)
            already = len(sent())
            wait_until("datagrams that do not arrive", lambda: len(sent()) >= already + 5, 10)
            stolen = sent()[already:]
            for payload in stolen:
                forger.send(("203.0.113.5", 4444), target, payload)
            wait_until("the stolen datagrams arrive",
                       lambda: sum(d.source[0] == "203.0.113.5" for d in list(at_server.datagrams))
                       >= len(stolen), 5)
            server.wait_path("link-1", "down", 6)
            check(server.path("link-1")["endpoint"] == endpoint,
                  f"the endpoint moved to {server.path('link-1')['endpoint']}")
            answers = [d for d in at_server.datagrams if d.destination[0] == "203.0.113.5"]
            heard, sent = sum(map(len, stolen)), sum(len(d.payload) for d in answers)
            check(sent <= 3 * heard, f"{sent} bytes sent to the thief who gave {heard}")
        lab.restore(1)
        client.wait_bonded(LINKS, 15)
        check(server.path("link-1")["endpoint"] == endpoint, "the endpoint moved afterwards")
