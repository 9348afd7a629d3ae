# SPDX-License-Identifier: MIT
"""Names with several addresses, links of two families: every path finds an address that serves."""
from checks import check, limit, long, wait_until
from lab import Lab, PORT, SERVER4, SERVER_ANY4, SERVER_ANY6

NAME = "gateway.test"
DEAD = ["10.70.0.97", "10.70.0.98", "10.70.0.99"]  # of nobody
ANY_SOCKET = f"0.0.0.0:{PORT}, [::]:{PORT}"


def device_links(lab):
    """Client links that are bound to their devices and lead to NAME."""
    return [{"name": f"link-{i}", "device": f"up{i}", "endpoint": f"{NAME}:{PORT}"}
            for i in lab.links]


def pair_of_names(lab, addresses, client=None):
    """A client whose links are bound to devices and lead to NAME, and a server of one link for both
    families."""
    lab.client.hosts({NAME: addresses})
    return lab.pair(client={"wireguard": {"links": device_links(lab)}, **(client or {})},
                    server={"wireguard": {"links": [{"name": "wan", "bind": f"[::]:{PORT}"}]}})


def is_over(daemon, link, address):
    """Whether the path over @link is up and leads to @address."""
    path = daemon.path(link)
    return path and path["state"] == "up" and path["endpoint"] == address


def test_name_gives_each_link_the_family_that_it_has():
    with Lab() as lab:
        lab.client.ip("address del 10.71.1.2/24 dev up1")
        lab.client.ip("-6 address del fd71:2::2/64 dev up2")
        client, server = pair_of_names(lab, [SERVER_ANY4, SERVER_ANY6])
        server.start()
        client.start()
        client.wait_bonded(["link-1", "link-2"])
        check(is_over(client, "link-1", f"[{SERVER_ANY6}]:{PORT}"), "link 1 does not use IPv6")
        check(is_over(client, "link-2", f"{SERVER_ANY4}:{PORT}"), "link 2 does not use IPv4")
        check(lab.client.ping(SERVER4, 5) == 5, "echo requests are lost")


def test_family_that_comes_later_is_used():
    """A modem that is there and has no address yet."""
    with Lab() as lab:
        lab.client.ip("address del 10.71.2.2/24 dev up2", "-6 address del fd71:2::2/64 dev up2")
        client, server = pair_of_names(lab, [SERVER_ANY4, SERVER_ANY6])
        server.start()
        client.start()
        client.wait_bonded(["link-1"])
        lab.client.ip("address add 10.71.2.2/24 dev up2",
                      "route add default via 10.71.2.1 metric 102")
        wait_until("link 2 uses IPv4",
                   lambda: is_over(client, "link-2", f"{SERVER_ANY4}:{PORT}"), 20)
        check(client.path("link-1")["state"] == "up", "link 1 fell")


def check_serves_both(wireguard):
    """A server of one link with @wireguard is reached over IPv4 and over IPv6."""
    with Lab() as lab:
        client, server = lab.pair(families=[4, 6], server={"wireguard": wireguard})
        server.start()
        check(server.status()["links"][0]["bind"] == ANY_SOCKET,
              f"bound to {server.status()['links'][0]['bind']}")
        client.start()
        client.wait_bonded(["link-1", "link-2"])
        wait_until("the server has a path of each family", lambda: {
            path["endpoint"][0] == "[" for path in server.peer()["paths"]
            if path["state"] == "up"} == {False, True}, 10)
        before = server.status()["links"][0]
        check(lab.client.ping(SERVER4, 10) == 10, "echo requests are lost")
        after = server.status()["links"]
        check(len(after) == 1, f"{len(after)} links in the status")
        check(after[0]["rx_packets"] >= before["rx_packets"] + 10, "the link does not count all")


def test_any_ipv6_address_serves_both_families():
    check_serves_both({"links": [{"name": "wan", "bind": f"[::]:{PORT}"}]})


def test_listen_port_serves_both_families():
    check_serves_both({"listen_port": PORT, "links": [{"name": "wan"}]})


def test_two_links_may_share_a_port_by_family():
    with Lab() as lab:
        links = [{"name": "four", "bind": f"0.0.0.0:{PORT}"},
                 {"name": "six", "bind": f"[::]:{PORT}"}]
        client, server = lab.pair(families=[4, 6], server={"wireguard": {"links": links}})
        server.start()
        client.start()
        client.wait_bonded(["link-1", "link-2"])
        server.wait_bonded(["four", "six"])


def test_port_of_the_systems_choice_is_the_same_for_both_families():
    with Lab(links=1) as lab:
        _, server = lab.pair(server={"wireguard": {"links": [{"name": "wan", "bind": "[::]:0"}]}})
        server.start()
        bound = server.status()["links"][0]["bind"].split(", ")
        ports = {bind.rpartition(":")[2] for bind in bound}
        check(len(bound) == 2 and len(ports) == 1 and "0" not in ports, f"bound to {bound}")


def test_without_ipv6_on_the_host_both_families_mean_ipv4():
    with Lab(links=1) as lab:
        lab.server.sysctl(net__ipv6__conf__all__disable_ipv6=1,
                          net__ipv6__conf__default__disable_ipv6=1)
        client, server = lab.pair(server={
            "network": {"addresses": [f"{SERVER4}/24"]},
            "wireguard": {"listen_port": PORT, "links": [{"name": "wan"}]}})
        server.start()
        client.start()
        client.wait_bonded(["link-1"])
        check(lab.client.ping(SERVER4), "the tunnel does not pass")


def check_reaches(addresses, swallowed, wireguard=None):
    """All links come up although @swallowed of the @addresses of the gateway never answer."""
    with Lab() as lab:
        for address in swallowed:
            lab.swallow(address)
        lab.client.hosts({NAME: addresses})
        client, server = lab.pair(
            wireguard=wireguard,
            client={"wireguard": {"links": device_links(lab)}},
            server={"wireguard": {"links": [{"name": "wan", "bind": f"[::]:{PORT}"}]}})
        server.start()
        client.start()
        client.wait_session(20)
        if not wireguard:
            client.wait_bonded(["link-1", "link-2"], 20)
        check(lab.client.ping(SERVER4, 5) == 5, "echo requests are lost")


def test_first_address_of_a_name_is_dead():
    check_reaches([DEAD[0], SERVER_ANY4], DEAD)


def test_first_address_of_a_name_is_dead_for_plain_wireguard():
    check_reaches([DEAD[0], SERVER_ANY4], DEAD, {"bonding": "off"})


@limit(90)
def test_only_the_last_address_of_a_name_lives():
    with Lab(links=1) as lab:
        for address in DEAD:
            lab.swallow(address)
        client, server = pair_of_names(lab, [*DEAD, SERVER_ANY4])
        server.start()
        client.start()
        client.wait_bonded(["link-1"], 40)


def test_black_hole_of_ipv6():
    check_reaches([SERVER_ANY6, SERVER_ANY4], [SERVER_ANY6])


def test_black_hole_of_ipv4():
    check_reaches([SERVER_ANY6, SERVER_ANY4], [SERVER_ANY4])


def test_address_that_dies_is_left_while_another_link_works():
    with Lab() as lab:
        client, server = pair_of_names(lab, [SERVER_ANY6, SERVER_ANY4])
        server.start()
        client.start()
        client.wait_bonded(["link-1", "link-2"])
        was = {link: client.path(link)["endpoint"] for link in ("link-1", "link-2")}
        six, four = f"[{SERVER_ANY6}]:{PORT}", f"{SERVER_ANY4}:{PORT}"
        lab.swallow(SERVER_ANY6 if was["link-1"] == six else SERVER_ANY4, links=[1])
        other = four if was["link-1"] == six else six
        wait_until("link 1 uses the other address", lambda: is_over(client, "link-1", other), 25)
        check(is_over(client, "link-2", was["link-2"]), "link 2 left its address")
        check(lab.client.ping(SERVER4, 5) == 5, "echo requests are lost")


def test_dead_address_of_one_link_is_left_in_a_session_over_the_other():
    with Lab() as lab:
        for address in DEAD:
            lab.swallow(address)
        lab.client.hosts({NAME: [DEAD[0], SERVER_ANY4]})
        client, server = lab.pair(
            server={"wireguard": {"links": [{"name": "wan", "bind": f"0.0.0.0:{PORT}"}]}})
        links = client.config["wireguard"]["links"]
        links[1]["endpoint"] = f"{NAME}:{PORT}"
        server.start()
        client.start()
        client.wait_bonded(["link-1", "link-2"], 30)


def test_first_address_of_a_name_is_refused_by_our_own_firewall():
    with Lab(links=1) as lab:
        lab.client.nft("table ip own { chain out { type filter hook output priority 0; "
                       f"ip daddr {DEAD[0]} drop; }}; }}")
        client, server = pair_of_names(lab, [DEAD[0], SERVER_ANY4])
        server.start()
        client.start()
        client.wait_bonded(["link-1"], 12)


@limit(100)
def test_name_that_changes_is_followed_while_another_link_works():
    """The old address of link 2 dies; link 1 carries on, and the name is asked again."""
    with Lab() as lab:
        lab.client.hosts({NAME: lab.server_address(2)})
        client, server = lab.pair(
            server={"wireguard": {"links": [{"name": "wan", "bind": f"0.0.0.0:{PORT}"}]}})
        client.config["wireguard"]["links"][1]["endpoint"] = f"{NAME}:{PORT}"
        server.start()
        client.start()
        client.wait_bonded(["link-1", "link-2"])
        lab.swallow(lab.server_address(2))
        lab.client.hosts({NAME: SERVER_ANY4})
        client.wait_path("link-2", "down", 15)
        wait_until("link 2 uses the new address",
                   lambda: is_over(client, "link-2", f"{SERVER_ANY4}:{PORT}"), 60)
        check(client.path("link-1")["state"] == "up", "link 1 fell")


@limit(100)
def test_gateway_answers_from_its_address_that_the_peer_has_moved_to():
    """Its link is bound to none. The path that moves is the one that the session began on."""
    new = "10.72.2.77"
    with Lab() as lab:
        lab.server.ip(f"address add {new}/24 dev wan2")
        lab.client.hosts({NAME: lab.server_address(2)})
        client, server = lab.pair(
            server={"wireguard": {"links": [{"name": "wan", "bind": f"0.0.0.0:{PORT}"}]}})
        client.config["wireguard"]["links"][1]["endpoint"] = f"{NAME}:{PORT}"
        lab.cut(1)
        server.start()
        client.start()
        client.wait_bonded(["link-2"])
        lab.restore(1)
        client.wait_bonded(["link-1", "link-2"])
        lab.swallow(lab.server_address(2))
        lab.client.hosts({NAME: new})
        client.wait_path("link-2", "down", 15)
        wait_until("link 2 uses the new address",
                   lambda: is_over(client, "link-2", f"{new}:{PORT}"), 60)
        wait_until("the server's paths are up", lambda: [
            path["state"] for path in server.peer()["paths"]] == ["up", "up"], 15)


def test_silent_name_server_holds_up_one_name_only():
    with Lab() as lab, lab.client.socket() as name_server:
        lab.client.hosts({NAME: lab.server_address(2)})
        lab.client.resolver_options("timeout:25 attempts:1")
        name_server.bind(("127.0.0.1", 53))
        client, server = lab.pair()
        for i, name in enumerate(["silent.test", NAME]):
            client.config["wireguard"]["links"][i]["endpoint"] = f"{name}:{PORT}"
        server.start()
        client.start()
        name_server.settimeout(10)
        name_server.recv(2048)  # asked for the one that it will not tell
        client.wait_bonded(["link-2"], 10)


@long
@limit(120)
def test_names_stay_as_they_were_while_nobody_tells_them():
    with Lab() as lab:
        client, server = pair_of_names(lab, [SERVER_ANY4])
        server.start()
        client.start()
        client.wait_bonded(["link-1", "link-2"])
        lab.client.hosts({})
        for link in (1, 2):
            lab.cut(link)
            client.wait_path(f"link-{link}", "down", 15)
        wait_until("the name is asked for again",
                   lambda: "keeping those known before" in client.process.log(), 45)
        for link in (1, 2):
            lab.restore(link)
        client.wait_bonded(["link-1", "link-2"], 30)
