# SPDX-License-Identifier: MIT
"""Our own device and the devices of the links: what the kernel and people do to them."""
import contextlib
import os
import socket
import subprocess

from checks import Settings, check, require, wait_until
from daemons import merged
from lab import CLIENT4, Lab, PORT, SERVER4, SERVER6, SERVER_ANY4

SO_BINDTODEVICE = 25


def says_to_all(namespace, device):
    """One datagram to every neighbour on @device, of each family."""
    for family, group in ((socket.AF_INET, "224.0.0.251"), (socket.AF_INET6, "ff02::fb")):
        with namespace.socket(family) as sock:
            sock.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, device.encode())
            sock.sendto(b"anybody there?", (group, 5353))


def test_kernel_says_nothing_into_the_tunnel_by_itself():
    """No fe80:: address, no router solicitations, no reports of multicast groups."""
    with Lab(links=1) as lab:
        client, server = lab.tunnel()
        for daemon in (client, server):
            device = daemon.namespace.device(daemon.interface)
            scopes = {address["scope"] for address in device["addr_info"]}
            check("link" not in scopes, f"{daemon.name} has {device['addr_info']}")
            check("MULTICAST" not in device["flags"], f"{daemon.name} is {device['flags']}")
        check(lab.client.ping(SERVER6, 3) == 3, "IPv6 does not pass")
        for daemon in (client, server):
            check(daemon.drops()["link_scope"] == 0, f"{daemon.name} said something: "
                                                     f"{daemon.drops()}")


def test_what_stays_on_a_link_does_not_enter_the_tunnel():
    """A program speaks to its neighbours on the device of a single peer: dropped here, counted."""
    with Lab(links=1) as lab:
        client, server = lab.tunnel()
        lab.client.ip(f"route add 224.0.0.0/4 dev {client.interface}")
        says_to_all(lab.client, client.interface)
        wait_until("both are counted", lambda: client.drops()["link_scope"] == 2, 5)
        check(lab.client.ping(SERVER4), "the tunnel does not pass")
        check(client.peer()["tx_packets"] > 0, "nothing was sent")
        check(server.drops()["allowed_ips"] == 0, f"the server got it: {server.drops()}")


def test_multicast_that_allowed_ips_name_enters_the_tunnel():
    """As routing protocols need it."""
    with Lab(links=1) as lab:
        client, server = lab.pair()
        key = client.config["wireguard"].pop("peer_public_key")
        endpoint = client.config["wireguard"]["links"][0].pop("endpoint")
        client.config["wireguard"]["peers"] = [{
            "name": "server", "public_key": key, "endpoints": [endpoint],
            "allowed_ips": [f"{SERVER4}/32", "224.0.0.0/24", "ff02::/16"]}]
        server.start()
        client.start()
        client.wait_bonded(["link-1"])
        with contextlib.closing(lab.server.socket(kind=socket.SOCK_DGRAM)) as listener:
            listener.bind(("224.0.0.251", 5353))
            group = socket.inet_aton("224.0.0.251") + socket.inet_aton(SERVER4)
            listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
            listener.settimeout(5)
            says_to_all(lab.client, client.interface)
            check(listener.recvfrom(64)[1][0] == CLIENT4, "from another address")
        check(client.drops()["link_scope"] == 0, f"dropped: {client.drops()}")


def wildcard_pair(lab, **client):
    """A client whose only link is bound to nothing, so that the main table decides."""
    link = {"name": "link-1", "endpoint": f"{lab.server_address(1)}:{PORT}"}
    lab.client.ip("route del 10.72.1.0/24", "rule del from 10.71.1.2 lookup 101")
    return lab.pair(client=merged({"wireguard": {"links": [link]}}, client))


def bytes_into(namespace, device):
    """What the namespace has sent into the device so far."""
    return namespace.statistics(device)["tx"]["bytes"]


def test_endpoint_routed_into_its_own_tunnel_does_not_go_round():
    """Each datagram of the link enters the TUN device again, is dropped there, and that is said."""
    with Lab(links=1) as lab:
        client, server = wildcard_pair(lab)
        server.start()
        client.start()
        client.wait_bonded(["link-1"])
        before = bytes_into(lab.client, client.interface)
        lab.client.ip(f"route add {lab.server_address(1)}/32 dev {client.interface}")
        lab.client.ping(SERVER4, 3, patience=0.1)

        def grown():
            return bytes_into(lab.client, client.interface) - before
        wait_until("a datagram came back and was dropped, or goes round",
                   lambda: client.drops().get("routing_loop", 0) > 0 or grown() > 70_000, 10)
        check(grown() <= 70_000, f"{grown()} bytes entered the tunnel for three echo requests")
        wait_until("it is said", lambda: "leads into the tunnel" in client.process.log(), 10)
        check(grown() <= 70_000, f"{grown()} bytes entered the tunnel for three echo requests")
        lab.client.ip(f"route del {lab.server_address(1)}/32 dev {client.interface}")
        wait_until("the tunnel passes again", lambda: lab.client.ping(SERVER4), 30)
        check(client.process.log().count("leads into the tunnel") == 1, "it is said too often")


def test_datagrams_from_the_port_of_a_link_to_elsewhere_pass():
    """As of a host behind us that speaks WireGuard itself."""
    with Lab(links=1) as lab:
        client, _ = lab.tunnel()
        port = int(client.link("link-1")["bind"].rsplit(":", 1)[1])
        with (contextlib.closing(lab.client.socket()) as sender,
              contextlib.closing(lab.server.socket()) as receiver):
            receiver.bind((SERVER4, PORT))
            receiver.settimeout(5)
            sender.bind((CLIENT4, port))
            sender.sendto(b"through", (SERVER4, PORT))
            check(receiver.recvfrom(64)[0] == b"through", "something else came")
        check(client.drops()["routing_loop"] == 0, f"dropped: {client.drops()}")


def listed_pair(lab, allowed_ips, **client):
    """A client that knows its server as an entry of `peers` with @allowed_ips; see Lab.pair()."""
    pair, server = lab.pair(client=client)
    wireguard = pair.config["wireguard"]
    endpoints = [{"link": link["name"], "address": link.pop("endpoint")}
                 for link in wireguard["links"]]
    wireguard["peers"] = [{"name": "server", "public_key": wireguard.pop("peer_public_key"),
                           "endpoints": endpoints, "allowed_ips": allowed_ips}]
    return pair, server


def test_ipv6_prefixes_do_no_harm_where_ipv6_is_off():
    with Lab(links=1) as lab:
        lab.client.sysctl(net__ipv6__conf__all__disable_ipv6=1,
                          net__ipv6__conf__default__disable_ipv6=1)
        client, server = listed_pair(lab, ["10.99.0.0/24", "fd99::/64", "fd77::/48"])
        server.start()
        client.start()
        client.wait_bonded(["link-1"])
        check(lab.client.ping(SERVER4), "IPv4 does not pass")
        check(client.process.log().count("IPv6 is off here") == 1, "it is not said, or twice")


BEHIND = "10.123.0.1"  # the server's, reached by a route of the allowed IPs


def pair_with_net_behind(lab):
    lab.server.ip(f"address add {BEHIND}/32 dev lo")
    client, server = listed_pair(lab, ["10.99.0.0/24", "fd99::/64", "10.123.0.0/24"])
    server.start()
    client.start()
    client.wait_bonded(["link-1"])
    check(lab.client.ping(BEHIND), "no tunnel even before")
    return client


def check_whole_again(lab, client):
    wait_until("the route is back", lambda: lab.client.ping(BEHIND, patience=0.3), 10)
    for address in (SERVER4, SERVER6):
        check(lab.client.ping(address), f"{address} is not reached")
    check("put back what it had lost" in client.process.log(), "it is not said")


def test_device_set_down_and_up_gets_its_addresses_and_routes_back():
    with Lab(links=1) as lab:
        lab.client.sysctl(net__ipv6__conf__all__keep_addr_on_down=0,
                          net__ipv6__conf__default__keep_addr_on_down=0)
        client = pair_with_net_behind(lab)
        lab.client.ip(f"link set {client.interface} down")
        wait_until("it is said", lambda: "it was set down" in client.process.log(), 5)
        lab.client.ip(f"link set {client.interface} up")
        check_whole_again(lab, client)


def test_flushed_addresses_are_put_back():
    with Lab(links=1) as lab:
        client = pair_with_net_behind(lab)
        for _ in range(2):
            lab.client.ip(f"address flush dev {client.interface}")
            check_whole_again(lab, client)


def led_pair(lab, allowed_ips):
    """A client whose only link is bound to nothing, and whose allowed IPs hold its endpoint."""
    client, server = listed_pair(lab, allowed_ips)
    client.config["wireguard"]["links"] = [{"name": "link-1"}]
    client.config["wireguard"]["peers"][0]["endpoints"] = [f"{lab.server_address(1)}:{PORT}"]
    lab.client.ip("route del 10.72.1.0/24", "rule del from 10.71.1.2 lookup 101")
    return client, server


def host_routes(lab):
    """The routes to the endpoint of link 1."""
    return require(["ip", "-n", lab.client.name, "route", "show", lab.server_address(1)])


def test_half_defaults_lead_everything_but_the_endpoint_into_the_tunnel():
    """The host route follows the default route, and goes with the daemon."""
    with Lab(links=2) as lab:
        lab.server.ip("address add 198.51.100.1/32 dev lo")
        lab.wan.ip("route add 10.72.1.0/24 via 10.72.1.1 table 102")
        lab.server.ip("address add 10.72.1.1/32 dev lo")
        client, server = led_pair(lab, ["0.0.0.0/1", "128.0.0.0/1"])
        check("keeps a route" in check_config(client), "no warning")
        server.start()
        client.start()
        client.wait_bonded(["link-1"])
        wait_until("everything passes", lambda: lab.client.ping("198.51.100.1"), 10)
        check("via 10.71.1.1" in host_routes(lab), f"routes: {host_routes(lab)}")
        lab.client.ip("route del default via 10.71.1.1")
        wait_until("it follows", lambda: "via 10.71.2.1" in host_routes(lab), 5)
        check(client.drops()["routing_loop"] < 50, "datagrams went round")
        client.stop()
        check(not host_routes(lab), f"left behind: {host_routes(lab)}")


def check_config(daemon):
    """What `vtrunkd check` says of its configuration, which must be good."""
    daemon.write_config()
    done = subprocess.run([Settings.vtrunkd, "check", "-c", daemon.config_path],
                          capture_output=True, text=True, timeout=20,
                          env={**os.environ, **daemon.lab.sanitizer_env("check")})
    check(done.returncode == 0, f"exit {done.returncode}: {done.stderr}")
    return done.stderr


def test_allowed_ips_that_hold_the_endpoint_do_not_cut_it_off():
    with Lab(links=1) as lab:
        client, server = led_pair(lab, ["10.99.0.0/24", "10.0.0.0/8",
                                        f"{lab.server_address(1)}/32"])
        server.start()
        client.start()
        client.wait_bonded(["link-1"])
        check(lab.client.ping(SERVER4), "the tunnel does not pass")
        lab.client.ip(f"link set {client.interface} down", f"link set {client.interface} up")
        wait_until("it passes again", lambda: lab.client.ping(SERVER4), 10)
        check("via 10.71.1.1" in host_routes(lab), f"routes: {host_routes(lab)}")
        client.kill()
        client.start()
        client.wait_bonded(["link-1"])
        client.stop()
        check(not host_routes(lab), f"left behind: {host_routes(lab)}")


def test_wildcard_link_follows_the_default_route():
    """The address of the line before stays configured: it is not the one to send from any more."""
    with Lab(links=2) as lab:
        client, server = lab.pair(
            client={"wireguard": {"links": [{"name": "any",
                                             "endpoint": f"{SERVER_ANY4}:{PORT}"}]}},
            server={"wireguard": {"links": [{"name": "any", "bind": f"0.0.0.0:{PORT}"}]}})
        for i in lab.links:
            lab.client.ip(f"rule del from {lab.client_address(i)} lookup {100 + i}")
        server.start()
        client.start()
        client.wait_bonded(["any"])
        check(lab.client.ping(SERVER4), "no tunnel even before")
        lab.cut(1)
        lab.client.ip("route del default via 10.71.1.1")
        wait_until("the tunnel passes over the other line",
                   lambda: lab.client.ping(SERVER4, patience=0.3), 20)


def without_rules(lab):
    """What a person has who only wrote the addresses down: no rule for any source."""
    for i in lab.links:
        lab.client.ip(f"rule del from {lab.client_address(i)} lookup {100 + i}")


def bound_pair(lab, **link):
    """A client whose links are bound to addresses, to an endpoint behind the default route."""
    client, server = lab.pair(server={"wireguard": {"links": [
        {"name": "any", "bind": f"{SERVER_ANY4}:{PORT}"}]}})
    client.config["wireguard"]["links"] = [
        {"name": f"link-{i}", "bind": lab.client_address(i),
         "endpoint": f"{SERVER_ANY4}:{PORT}", **link} for i in lab.links]
    without_rules(lab)
    server.start()
    return client, server


def test_links_bound_to_addresses_leave_by_the_devices_that_have_them():
    with Lab() as lab:
        client, _ = bound_pair(lab)
        before = bytes_into(lab.client, "up2")
        client.start()
        client.wait_bonded(["link-1", "link-2"])
        check(client.link("link-2")["device"] == "up2", f"{client.link('link-2')}")
        wait_until("link 2 uses its own line",
                   lambda: bytes_into(lab.client, "up2") > before + 300, 10)
        check(lab.client.ping(SERVER4, 5) == 5, "the tunnel loses packets")


def test_rules_decide_where_no_device_is_wanted():
    """`device: any`, and a mark: both links leave by the default route, as there is no rule."""
    with Lab() as lab:
        client, _ = bound_pair(lab, device="any")
        client.config["wireguard"]["links"][1].pop("device")
        client.config["wireguard"]["links"][1]["fwmark"] = 0x51
        client.start()
        client.wait_bonded(["link-1", "link-2"])
        for link in client.status()["links"]:
            check(link["device"] is None, f"{link['name']} is tied to {link['device']}")


def test_two_links_on_one_device_are_told():
    with Lab() as lab:
        lab.client.ip("address add 10.71.1.22/24 dev up1")
        client, _ = bound_pair(lab)
        client.config["wireguard"]["links"][1]["bind"] = "10.71.1.22"
        client.start()
        wait_until("it is said", lambda: "as link link-1 does" in client.process.log(), 5)
        check(client.link("link-2")["reason"] == "open, on the same device as link-1",
              f"the status does not: {client.link('link-2')}")


def test_address_that_moves_to_another_device_is_followed_at_once():
    """Somebody makes a bridge of an uplink. Waiting would take a minute."""
    with Lab(links=1) as lab:
        client, server = lab.pair(client={"wireguard": {"error_backoff_secs": 60}})
        server.start()
        client.start()
        client.wait_bonded(["link-1"])
        mac = lab.client.device("up1")["address"]
        lab.client.ip(f"link add br1 address {mac} type bridge", "link set br1 up",
                      "address add 10.71.1.2/24 dev br1",
                      "address del 10.71.1.2/24 dev up1", "link set up1 master br1",
                      "neigh replace 10.71.1.1 lladdr 02:00:00:01:0c:02 dev br1 nud permanent",
                      "route replace 10.72.1.0/24 via 10.71.1.1 dev br1",
                      "route replace default via 10.71.1.1 dev br1 table 101")
        wait_until("the tunnel passes again",
                   lambda: lab.client.ping(SERVER4, patience=0.3), 20)
        check(client.link("link-1")["device"] == "br1", f"{client.link('link-1')}")


def test_devices_that_swap_names_are_followed_at_once():
    with Lab() as lab:
        client, server = bound_pair(lab)
        client.config["wireguard"]["error_backoff_secs"] = 60
        client.config["wireguard"]["links"] = [
            {"name": "link-1", "device": "up1", "endpoint": f"{SERVER_ANY4}:{PORT}"}]
        client.start()
        client.wait_bonded(["link-1"])
        for old, new in (("up1", "spare"), ("up2", "up1"), ("spare", "up2")):
            lab.client.ip(f"link set {old} down", f"link set {old} name {new}",
                          f"link set {new} up")
        for device, i in (("up1", 2), ("up2", 1)):
            lab.client.ip(f"neigh replace 10.71.{i}.1 lladdr 02:00:00:0{i}:0c:02 dev {device} "
                          "nud permanent",
                          f"route replace default via 10.71.{i}.1 dev {device} metric {100 + i}")
        lab.cut(1)
        wait_until("the tunnel passes over the device of that name",
                   lambda: lab.client.ping(SERVER4, patience=0.3), 30)
