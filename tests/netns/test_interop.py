# SPDX-License-Identifier: MIT
"""Debian's wireguard-go on the other end: to it vtrunkd is WireGuard, nothing else."""
import time

from checks import bulk, check, limit, long, note, wait_until
from daemons import WireGuardGo, generate_key
from lab import CLIENT4, CLIENT6, Lab, PORT, SERVER4, SERVER6
from traffic import Capture, TcpStream, UdpStream, iperf

# What wireguard-go logs when a payload is neither IPv4 nor IPv6, such as a control frame of ours.
FOREIGN = ("invalid IP version", "unknown type", "invalid message")


def vtrunkd_to_stock(lab, psk=None, **wireguard):
    """vtrunkd is the client and initiates over its links, wireguard-go listens."""
    client, server = lab.pair(wireguard={"preshared_key": psk, **wireguard})
    stock = WireGuardGo(lab, lab.server, "stock", server.config["wireguard"]["private_key"],
                        [f"{SERVER4}/24", f"{SERVER6}/64"])
    secret = ["preshared-key", lab.file("psk", psk)] if psk else []
    stock.set("listen-port", PORT, "peer", server.config["wireguard"]["peer_public_key"], *secret,
              "allowed-ips", f"{CLIENT4}/32,{CLIENT6}/128")
    client.start()
    return client, stock


def stock_to_vtrunkd(lab, psk=None, **wireguard):
    """wireguard-go is the client and initiates, vtrunkd listens on every link."""
    client, server = lab.pair(wireguard={"preshared_key": psk, **wireguard})
    server.start()
    stock = WireGuardGo(lab, lab.client, "stock", client.config["wireguard"]["private_key"],
                        [f"{CLIENT4}/24", f"{CLIENT6}/64"])
    secret = ["preshared-key", lab.file("psk", psk)] if psk else []
    stock.set("peer", client.config["wireguard"]["peer_public_key"], *secret, "allowed-ips",
              f"{SERVER4}/32,{SERVER6}/128", "endpoint", f"{lab.server_address(1)}:{PORT}")
    return server, stock


def check_passes(lab, daemon, stock):
    """Echo requests and TCP both ways, both families; the stock peer met nothing foreign."""
    wait_until("the tunnel passes", lambda: lab.client.ping(SERVER4), 15)
    for namespace, address in ((lab.client, SERVER4), (lab.client, SERVER6),
                               (lab.server, CLIENT4), (lab.server, CLIENT6)):
        check(namespace.ping(address, 3) == 3, f"echo requests to {address} are lost")
    up = iperf(lab, lab.client, lab.server, SERVER4, seconds=2)
    down = iperf(lab, lab.server, lab.client, CLIENT6, seconds=2)
    note(f"up {up:.0f}, down {down:.0f} Mbit/s")
    check(min(up, down) > 5, f"up {up:.1f}, down {down:.1f} Mbit/s")
    peer = daemon.peer()
    check(peer["bonding"] == "stock", f"the verdict is {peer['bonding']}")
    check(peer["session"] == "established", f"the session is {peer['session']}")
    check_nothing_foreign(stock)


def check_nothing_foreign(stock):
    for text in FOREIGN:
        check(text not in stock.process.log(), f"the stock peer says: {text}")


@bulk
def test_stock_responder():
    with Lab() as lab:
        client, stock = vtrunkd_to_stock(lab)
        check_passes(lab, client, stock)
        check(client.peer()["session_role"] == "initiator", "who has initiated?")


@bulk
def test_stock_initiator():
    with Lab() as lab:
        server, stock = stock_to_vtrunkd(lab)
        check_passes(lab, server, stock)
        check(server.peer()["session_role"] == "responder", "who has initiated?")


def test_preshared_key_with_stock_peer():
    for start in (vtrunkd_to_stock, stock_to_vtrunkd):
        with Lab(links=1) as lab:
            start(lab, psk=generate_key()[0])
            wait_until("the tunnel passes", lambda: lab.client.ping(SERVER4), 15)


def test_preshared_key_between_vtrunkd_peers():
    with Lab() as lab:
        lab.tunnel(wireguard={"preshared_key": generate_key()[0]})
        check(lab.client.ping(SERVER4, 3) == 3, "echo requests are lost")


def test_wrong_preshared_key_makes_no_session():
    with Lab() as lab:
        client, server = lab.pair()
        client.config["wireguard"]["preshared_key"] = generate_key()[0]
        server.start()
        with Capture(lab.client, "up1", PORT) as capture:
            client.start()
            wait_until("a response comes", lambda: capture.payloads(False, 2), 10)
            check(not lab.client.ping(SERVER4), "the tunnel passes")
        check(client.peer()["session"] != "established", "a session without the key")


def test_stock_peer_is_sent_to_over_one_link_only():
    with Lab() as lab:
        with Capture(lab.server, "wan1", PORT) as one, Capture(lab.server, "wan2", PORT) as two:
            client, stock = vtrunkd_to_stock(lab)
            wait_until("the tunnel passes", lambda: lab.client.ping(SERVER4), 15)

            def seen():
                return [len(capture.payloads(False, 4)) for capture in (one, two)]
            before = seen()
            with UdpStream(lab.client, lab.server, SERVER4) as stream:
                stream.wait_flowing()
                stream.wait_sent(300)
                stream.finish()
                check(not stream.lost(), f"lost {stream.lost()} of {stream.sent}")
            wait_until("as many are captured", lambda: sum(seen()) - sum(before) >= stream.sent, 3)
            moved = [after - start for after, start in zip(seen(), before)]
        check(min(moved) == 0, f"datagrams by link: {moved}")
        wait_until("the verdict", lambda: client.peer()["bonding"] == "stock", 5)
        check_nothing_foreign(stock)


def links_in_use(daemon):
    return {path["link"] for path in daemon.peer()["paths"] if path["in_use"]}


@bulk
@limit(90)
def test_stock_peer_fails_over_to_the_next_link():
    with Lab() as lab:
        client, stock = vtrunkd_to_stock(lab)
        with TcpStream(lab.client, lab.server, wait_tunnel(lab)) as stream:
            stream.wait_bytes(100_000)
            first, = links_in_use(client)
            i = int(first[-1])
            begin = time.monotonic()
            lab.cut(i)
            wait_until("another link is in use", lambda: links_in_use(client) - {first}, 30)
            stream.wait_bytes(100_000, 40)
            note(f"TCP goes on {time.monotonic() - begin:.1f} s after the cut")
        other = lab.client_address(3 - i)
        seen = stock.endpoint()
        check(seen.startswith(f"{other}:"), f"the stock peer sends to {seen}")
        check_nothing_foreign(stock)


def wait_tunnel(lab):
    wait_until("the tunnel passes", lambda: lab.client.ping(SERVER4), 15)
    return SERVER4


def test_roaming_stock_initiator_is_followed():
    with Lab() as lab:
        server, stock = stock_to_vtrunkd(lab)
        wait_tunnel(lab)
        stock.set("peer", stock.show("peers"), "endpoint", f"{lab.server_address(2)}:{PORT}")
        wait_until("the tunnel passes over link 2", lambda: lab.client.ping(SERVER4), 15)
        wait_until("the server answers over link 2",
                   lambda: server.peer()["endpoint"].startswith(f"{lab.client_address(2)}:"), 5)
        check(lab.server.ping(CLIENT4, 3) == 3, "the server cannot reach the client")


def test_bonding_required_refuses_a_stock_peer():
    with Lab(links=1) as lab:
        server, _ = stock_to_vtrunkd(lab, bonding="require")
        check(not lab.client.ping(SERVER4, 5), "a plain peer passes where bonding is required")
        wait_until("drops are counted", lambda: server.drops()["bonding_required"] > 0, 15)
        check(not lab.client.ping(SERVER4, 3), "a plain peer passes later on")


def test_restarted_stock_peer_is_found_again():
    with Lab(links=1) as lab:
        client, stock = vtrunkd_to_stock(lab)
        wait_tunnel(lab)
        public = stock.show("peers")
        with open(f"{lab.directory}/stock.key") as file:
            private = file.read().strip()
        stock.stop()
        again = WireGuardGo(lab, lab.server, "stock", private, [f"{SERVER4}/24"])
        again.set("listen-port", PORT, "peer", public, "allowed-ips", f"{CLIENT4}/32")
        wait_until("the tunnel passes again", lambda: lab.client.ping(SERVER4), 25)
        check(client.peer()["handshakes"] >= 2, "no new handshake")


@limit(90)
def test_stock_peer_may_come_from_any_number_of_ports():
    """More restarts than there are paths; each comes from a port of its own."""
    with Lab(links=1) as lab:
        (own, public), (private, stock_public) = generate_key(), generate_key()
        lab.daemon(lab.server, "gateway", {
            "network": {"addresses": [f"{SERVER4}/24"]},
            "wireguard": {
                "private_key": own,
                "links": [{"name": "any", "bind": f"0.0.0.0:{PORT}"}],
                "peers": [{"public_key": stock_public, "allowed_ips": [f"{CLIENT4}/32"]}]}}).start()
        for start in range(20):
            stock = WireGuardGo(lab, lab.client, f"stock-{start}", private, [f"{CLIENT4}/24"])
            stock.set("peer", public, "allowed-ips", f"{SERVER4}/32",
                      "endpoint", f"{lab.server_address(1)}:{PORT}")
            wait_until(f"start {start} passes", lambda: lab.client.ping(SERVER4), 5)
            stock.stop()


@long
@limit(220)
def test_keys_rotate_after_two_minutes():
    """All four pairs of roles and peers at once: the time is the same for all."""
    with Lab() as one, Lab() as two, Lab() as three:
        bonded, _ = one.tunnel()
        initiator, _ = vtrunkd_to_stock(two)
        responder, _ = stock_to_vtrunkd(three)
        daemons = (bonded, initiator, responder)
        for lab in (one, two, three):
            wait_tunnel(lab)
        before = [daemon.peer()["handshakes"] for daemon in daemons]
        streams = [UdpStream(lab.client, lab.server, SERVER4, per_second=50)
                   for lab in (one, two, three)]
        try:
            for stream in streams:
                stream.wait_flowing()
            for daemon, count in zip(daemons, before):
                wait_until(f"{daemon.interface} has new keys",
                           lambda: daemon.peer()["handshakes"] > count, 150, 1)
            for stream in streams:
                stream.wait_sent(200)
                stream.finish()
                check(len(stream.lost()) == 0, f"the rotation loses {stream.lost()}")
        finally:
            for stream in streams:
                stream.close()


@bulk
@long
@limit(400)
def test_gigabyte_over_stock_peer_in_both_roles():
    for start in (vtrunkd_to_stock, stock_to_vtrunkd):
        with Lab(links=1) as lab:
            _, stock = start(lab)
            wait_tunnel(lab)
            rate = iperf(lab, lab.client, lab.server, SERVER4, gigabytes=1)
            note(f"{start.__name__}: 1 GB at {rate:.0f} Mbit/s")
            check_nothing_foreign(stock)
