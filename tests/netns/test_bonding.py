# SPDX-License-Identifier: MIT
"""Two vtrunkd over several links: modes, address families, names, ways to bind."""
from checks import bulk, check, note, wait_until
from lab import CLIENT4, CLIENT6, Lab, PORT, SERVER4, SERVER6, SERVER_ANY4
from traffic import TcpStream, UdpStream

RATE = 25  # Mbit/s of a link: little enough for a daemon under sanitizers


def sent_bytes(daemon):
    """{link: bytes sent on its path so far}"""
    return {path["link"]: path["tx_bytes"] for path in daemon.peer()["paths"]}


def capacities(daemon):
    return [f"{(path['capacity_bps'] or 0) / 1e6:.1f}" for path in daemon.peer()["paths"]]


def check_sum_of_links(lab, client, address):
    """One TCP connection takes clearly more than one link has, and both links carry it."""
    with TcpStream(lab.client, lab.server, address) as stream:
        stream.wait_bytes(500_000)
        before = sent_bytes(client)
        rate, after = stream.best_mbps(1.4 * RATE), sent_bytes(client)
        known = capacities(client)
    check(rate > 1.4 * RATE, f"two links of {RATE} Mbit/s give {rate:.1f}")
    moved = [after[link] - before[link] for link in ("link-1", "link-2")]
    note(f"{rate:.1f} Mbit/s, bytes by link {moved}, thought to carry {known} Mbit/s")
    check(min(moved) > 0.3 * sum(moved), f"bytes by link: {moved}")


@bulk
def test_aggregate_adds_two_links_over_ipv4():
    with Lab(rates=[RATE, RATE]) as lab:
        client, _ = lab.tunnel("aggregate")
        check_sum_of_links(lab, client, SERVER4)


@bulk
def test_aggregate_adds_two_links_over_ipv6():
    with Lab(rates=[RATE, RATE]) as lab:
        client, _ = lab.tunnel("aggregate", families=[6, 6])
        check_sum_of_links(lab, client, SERVER6)


@bulk
def test_one_link_ipv4_and_one_ipv6_add_up():
    with Lab(rates=[RATE, RATE]) as lab:
        client, _ = lab.tunnel("bonding", families=[4, 6])
        check_sum_of_links(lab, client, SERVER4)


@bulk
def test_heavier_of_equal_links_is_preferred():
    """What fits into one link needs no other: weights say which."""
    with Lab() as lab:
        client, _ = lab.tunnel("aggregate", weights=[1, 4])
        before = sent_bytes(client)
        with UdpStream(lab.client, lab.server, SERVER4, per_second=1000, size=1000) as stream:
            stream.wait_flowing()
            stream.wait_sent(2000)
            stream.finish()
        after = sent_bytes(client)
        one, two = (after[link] - before[link] for link in ("link-1", "link-2"))
        note(f"thought to carry {capacities(client)} Mbit/s")
        check(two > 2 * one, f"weights 1 to 4, bytes {one} to {two}")


@bulk
def test_inner_ipv4_and_ipv6_both_ways():
    with Lab() as lab:
        lab.tunnel()
        for namespace, addresses in ((lab.client, (SERVER4, SERVER6)),
                                     (lab.server, (CLIENT4, CLIENT6))):
            for address in addresses:
                check(namespace.ping(address, 5) == 5, f"echo requests to {address} are lost")


@bulk
def test_workers_keep_the_order_of_a_flow():
    """Several workers on both sides; one link, so that no path can overtake another."""
    with Lab(links=1) as lab:
        workers = {"dataplane": {"workers": 3}}
        lab.tunnel(client=workers, server=workers)
        with UdpStream(lab.client, lab.server, SERVER4, per_second=5000, size=500) as stream:
            stream.wait_flowing()
            stream.wait_sent(10_000)
            stream.finish()
            arrived = list(stream.arrivals)
        check(arrived == sorted(arrived), "datagrams overtook each other")
        check(not stream.duplicates, f"{stream.duplicates} duplicates")


@bulk
def test_aggregate_keeps_the_order_of_a_flow():
    """Striped over two equal links; a few may overtake when the machine stops a thread for long."""
    with Lab() as lab:
        lab.tunnel()
        with UdpStream(lab.client, lab.server, SERVER4, per_second=2000, size=500) as stream:
            stream.wait_flowing()
            stream.wait_sent(8_000)
            stream.finish()
            arrived = list(stream.arrivals)
        overtaken = sum(1 for before, after in zip(arrived, arrived[1:]) if after < before)
        note(f"{overtaken} of {len(arrived)} datagrams came after a later one")
        check(overtaken <= len(arrived) // 100, f"{overtaken} of {len(arrived)} overtook others")
        check(not stream.duplicates, f"{stream.duplicates} duplicates")


@bulk
def test_redundant_sends_all_on_every_link_and_delivers_once():
    with Lab() as lab:
        client, _ = lab.tunnel("redundant")
        before = {path["link"]: path["tx_packets"] for path in client.peer()["paths"]}
        with UdpStream(lab.client, lab.server, SERVER4) as stream:
            stream.wait_flowing()
            stream.wait_sent(400)
            stream.finish()
        check(not stream.lost() and not stream.duplicates,
              f"lost {stream.lost()}, {stream.duplicates} duplicates")
        for path in client.peer()["paths"]:
            carried = path["tx_packets"] - before[path["link"]]
            check(carried >= stream.sent, f"{path['link']} carried {carried} of {stream.sent}")


@bulk
def test_failover_uses_the_heaviest_link_and_returns_to_it():
    with Lab() as lab:
        client, _ = lab.tunnel("failover", weights=[10, 1],
                               wireguard={"health_check_interval_ms": 200})

        def share_of_link_1():
            before = sent_bytes(client)
            stream.wait_sent(200)
            after = sent_bytes(client)
            moved = {link: after[link] - before[link] for link in before}
            return moved["link-1"] / max(1, sum(moved.values()))

        with UdpStream(lab.client, lab.server, SERVER4, size=1000) as stream:
            stream.wait_flowing()
            share = share_of_link_1()
            check(share > 0.9, f"link 1 carries {share:.2f} of the data")
            lab.cut(1)
            client.wait_path("link-1", "down", 6)
            stream.wait_flowing()
            share = share_of_link_1()
            check(share < 0.1, f"the dead link still gets {share:.2f} of the data")
            check(client.path("link-2")["in_use"], "link 2 is not in use")
            lab.restore(1)
            client.wait_path("link-1", "up", 10)
            wait_until("data is back on link 1", lambda: share_of_link_1() > 0.9, 10)


def test_host_names_are_resolved():
    with Lab() as lab:
        lab.client.hosts({"one.gateway.test": lab.server_address(1),
                          "two.gateway.test": lab.server_address(2, 6)})
        client, server = lab.pair(families=[4, 6])
        client.config["wireguard"]["links"][0]["endpoint"] = f"one.gateway.test:{PORT}"
        client.config["wireguard"]["links"][1]["endpoint"] = f"two.gateway.test:{PORT}"
        server.start()
        client.start()
        client.wait_bonded(["link-1", "link-2"])
        check(lab.client.ping(SERVER4), "no answer through the tunnel")


def test_name_that_resolves_later_is_tried_again():
    with Lab() as lab:
        lab.client.hosts({})
        client, server = lab.pair()
        client.config["wireguard"]["links"][1]["endpoint"] = f"late.gateway.test:{PORT}"
        server.start()
        client.start()
        client.wait_bonded(["link-1"])
        lab.client.hosts({"late.gateway.test": lab.server_address(2)})
        client.wait_path("link-2", "up", 40)


def test_links_bound_by_source_address_reach_one_server_address():
    """The usual case: the server has one address and one link, the client two uplinks."""
    with Lab() as lab:
        client, server = lab.pair()
        for link in client.config["wireguard"]["links"]:
            link["endpoint"] = f"{SERVER_ANY4}:{PORT}"
        server.config["wireguard"]["links"] = [{"name": "any", "bind": f"0.0.0.0:{PORT}"}]
        check_one_server_address(lab, client, server)


def test_links_bound_by_device_reach_one_server_address():
    with Lab() as lab:
        client, server = lab.pair()
        for i, link in enumerate(client.config["wireguard"]["links"], 1):
            del link["bind"]
            link.update(device=f"up{i}", endpoint=f"{SERVER_ANY4}:{PORT}")
        server.config["wireguard"]["links"] = [{"name": "any", "bind": f"0.0.0.0:{PORT}"}]
        check_one_server_address(lab, client, server)


def check_one_server_address(lab, client, server):
    server.start()
    client.start()
    client.wait_bonded(["link-1", "link-2"])
    wait_until("the server has a path to either uplink",
               lambda: {path["endpoint"].rsplit(":", 1)[0] for path in server.peer()["paths"]
                        if path["state"] == "up"} == {"10.71.1.2", "10.71.2.2"}, 10)
    with UdpStream(lab.client, lab.server, SERVER4) as stream:
        stream.wait_flowing()
        stream.wait_sent(200)
        stream.finish()
    check(not stream.lost(), f"lost {stream.lost()}")
    for i in lab.links:  # either carries it alone
        lab.cut(i)
        client.wait_path(f"link-{i}", "down", 8)
        with UdpStream(lab.client, lab.server, SERVER4) as stream:
            stream.wait_flowing()
        lab.restore(i)
        client.wait_path(f"link-{i}", "up", 8)


@bulk
def test_bonding_off_is_plain_wireguard_on_one_link():
    with Lab() as lab:
        client, server = lab.pair(wireguard={"bonding": "off"})
        server.start()
        client.start()
        client.wait_session()
        with UdpStream(lab.client, lab.server, SERVER4) as stream:
            stream.wait_flowing()
            stream.wait_sent(200)
            stream.finish()
        check(not stream.lost(), f"lost {stream.lost()}")
        check(client.peer()["bonding"] == "stock", "bonding is on")
        used = [path["link"] for path in client.peer()["paths"] if path["tx_packets"] > 100]
        check(len(used) == 1, f"links in use: {used}")


@bulk
def test_three_links_add_up():
    with Lab(links=3, rates=[10, 10, 10]) as lab:
        lab.tunnel()
        with TcpStream(lab.client, lab.server, SERVER4) as stream:
            stream.wait_bytes(500_000)
            rate = stream.best_mbps(20)
            check(rate > 20, f"three links of 10 Mbit/s give {rate:.1f}")
