# SPDX-License-Identifier: MIT
"""Links that die and come back, under traffic and idle."""
import time

from checks import bulk, check, limit, note, wait_until
from lab import CLIENT4, Lab, PORT, SERVER4, SERVER_ANY4
from traffic import TcpStream, UdpStream

STALL_S = 2.0  # what a cut may cost a TCP connection with default health settings
IDLE_S = 6.0   # health_check_timeout_ms, 5 s, is the latest; then the time to see it


def check_survives_cut(lab, sender, receiver, address, client, server, **directions):
    """A link dies under a TCP transfer and comes back; the connection hardly notices."""
    with TcpStream(sender, receiver, address) as stream:
        stream.wait_bytes(2_000_000)
        stream.mark()
        lab.cut(1, **directions)
        seen = [daemon.wait_path("link-1", "down", IDLE_S) for daemon in (client, server)]
        stream.wait_bytes(1_000_000)
        stall = stream.stall()
        note(f"stall {stall:.2f} s; path down at client and server after "
             f"{seen[0]:.2f} and {sum(seen):.2f} s")
        check(stall < STALL_S, f"the cut stalls TCP for {stall:.2f} s")
        lab.restore(1)
        stream.mark()
        for daemon in (client, server):
            daemon.wait_path("link-1", "up", 15)
        stream.wait_bytes(1_000_000)
        check(stream.stall() < STALL_S, f"the return stalls TCP for {stream.stall():.2f} s")
        before = client.path("link-1")["tx_packets"]
        wait_until("link 1 carries data again",
                   lambda: client.path("link-1")["tx_packets"] > before + 100, 10)


@bulk
def test_cut_and_restored_link_under_upload():
    with Lab(rates=[30, 30]) as lab:
        client, server = lab.tunnel()
        check_survives_cut(lab, lab.client, lab.server, SERVER4, client, server)


@bulk
def test_cut_and_restored_link_under_download():
    with Lab(rates=[30, 30]) as lab:
        client, server = lab.tunnel()
        check_survives_cut(lab, lab.server, lab.client, CLIENT4, client, server)


@bulk
def test_link_dead_in_one_direction_is_not_used():
    with Lab(rates=[30, 30]) as lab:
        client, server = lab.tunnel()
        check_survives_cut(lab, lab.client, lab.server, SERVER4, client, server,
                           up=True, down=False)


def test_cut_of_an_idle_link_is_noticed():
    with Lab() as lab:
        client, server = lab.tunnel()
        for daemon in (client, server):
            check(daemon.path("link-1")["last_heard_s"] < 3, "an idle path is not probed")
        lab.cut(1)
        begin = time.monotonic()
        for daemon in (client, server):
            daemon.wait_path("link-1", "down", IDLE_S)
        note(f"noticed by both after {time.monotonic() - begin:.2f} s")
        check(client.path("link-2")["state"] == "up", "the other path fell too")
        check(client.path("link-1")["reason"], "no reason is given")
        check(lab.client.ping(SERVER4, 5) == 5, "echo requests are lost on a dead link")
        lab.restore(1)
        for daemon in (client, server):
            daemon.wait_path("link-1", "up", 15)


def test_short_intervals_notice_sooner():
    with Lab() as lab:
        client, _ = lab.tunnel(wireguard={"health_check_interval_ms": 100,
                                          "health_check_timeout_ms": 1000})
        lab.cut(2)
        seen = client.wait_path("link-2", "down", 2)
        note(f"noticed after {seen:.2f} s")


@bulk
def test_redundant_stream_loses_nothing_when_a_link_is_cut():
    with Lab() as lab:
        client, _ = lab.tunnel("redundant")
        with (UdpStream(lab.client, lab.server, SERVER4) as up,
              UdpStream(lab.server, lab.client, CLIENT4, port=9201) as down):
            streams = (up, down)
            for stream in streams:
                stream.wait_flowing()
            up.wait_sent(100)
            lab.cut(1)
            client.wait_path("link-1", "down", IDLE_S)
            up.wait_sent(100)
            lab.restore(1)
            client.wait_path("link-1", "up", 15)
            up.wait_sent(200)
            for stream in streams:
                stream.finish()
                check(not stream.lost(), f"lost {stream.lost()} of {stream.sent}")
                check(not stream.duplicates, f"{stream.duplicates} duplicates")


def test_pulled_cable_moves_data_at_once():
    with Lab() as lab:
        client, _ = lab.tunnel()
        with UdpStream(lab.client, lab.server, SERVER4) as stream:
            stream.wait_flowing()
            lab.unplug(1)
            client.wait_path("link-1", "down", IDLE_S)
            stream.wait_flowing()
            check(stream.longest_gap() < STALL_S, f"gap of {stream.longest_gap():.2f} s")
            lab.plug(1)
            client.wait_path("link-1", "up", 20)
            stream.finish()
        check(not stream.duplicates, f"{stream.duplicates} duplicates")


def test_link_without_route_does_not_harm_the_other():
    """Sending on it fails at once; it rests for error_backoff_secs and returns."""
    with Lab() as lab:
        client, _ = lab.tunnel(wireguard={"error_backoff_secs": 1})
        with UdpStream(lab.client, lab.server, SERVER4) as stream:
            stream.wait_flowing()
            lab.client.ip("route add unreachable 10.72.1.1/32", "rule add priority 1 lookup main")
            client.wait_path("link-1", "down", IDLE_S)
            stream.wait_flowing()
            check(stream.longest_gap() < STALL_S, f"gap of {stream.longest_gap():.2f} s")
            lab.client.ip("route del unreachable 10.72.1.1/32")
            client.wait_path("link-1", "up", 20)


def test_path_that_rests_is_tried_when_routes_change():
    """It does not wait for error_backoff_secs when the system says that something is different."""
    with Lab() as lab:
        client, _ = lab.tunnel(wireguard={"error_backoff_secs": 90})
        lab.client.nft("table ip refuse { chain out { type filter hook output priority 0; "
                       f"ip daddr {lab.server_address(1)} drop; }}; }}")
        wait_until("the path rests", lambda: client.process.has_said(", resting"), IDLE_S)
        lab.client.nft("delete table ip refuse")
        lab.client.ip("route add 10.250.0.0/24 dev up2")
        note(f"up {client.wait_path('link-1', 'up', 20):.1f} s after the routes changed")


@bulk
def test_tunnel_survives_the_loss_of_every_link():
    with Lab() as lab:
        client, server = lab.tunnel()
        with TcpStream(lab.client, lab.server, SERVER4) as stream:
            stream.wait_bytes(100_000)
            for i in lab.links:
                lab.cut(i)
            for link in ("link-1", "link-2"):
                client.wait_path(link, "down", IDLE_S)
            for i in lab.links:
                lab.restore(i)
            for daemon in (client, server):
                daemon.wait_bonded(["link-1", "link-2"], 25)
            stream.wait_bytes(100_000)


@bulk
def test_links_dying_in_turn_keep_the_connection():
    with Lab(rates=[30, 30]) as lab:
        client, _ = lab.tunnel(wireguard={"health_check_interval_ms": 200})
        with TcpStream(lab.client, lab.server, SERVER4) as stream:
            for i in (1, 2, 1):
                stream.wait_bytes(500_000)
                stream.mark()
                lab.cut(i)
                client.wait_path(f"link-{i}", "down", IDLE_S)
                stream.wait_bytes(500_000)
                check(stream.stall() < STALL_S, f"cut of link {i}: {stream.stall():.2f} s")
                lab.restore(i)
                client.wait_path(f"link-{i}", "up", 15)


def device_link(lab):
    """A client whose only link is bound to its device, not to an address."""
    link = {"name": "link-1", "bind": f"0.0.0.0:{PORT}", "device": "up1",
            "endpoint": f"{lab.server_address(1)}:{PORT}"}
    client, server = lab.pair(client={"wireguard": {"links": [link]}})
    server.start()
    client.start()
    client.wait_bonded(["link-1"])
    return client


def check_passes_data_again(lab, client):
    """Data, not only handshakes: these take another socket."""
    wait_until("the tunnel passes", lambda: lab.client.ping(SERVER4), 15)
    check(lab.client.ping(SERVER4, 5) == 5, "data is lost after the device came back")
    check(client.peer()["bonding"] == "bonded", "bonding is lost")
    check(client.drops()["malformed"] == 0, "data came to the socket of handshakes")


@bulk
def test_device_whose_carrier_returns_carries_data():
    with Lab(links=1) as lab:
        client = device_link(lab)
        lab.unplug(1)
        wait_until("the link waits", lambda: client.link("link-1")["state"] == "waiting", 5)
        lab.plug(1)
        check_passes_data_again(lab, client)


@bulk
def test_device_that_was_made_anew_carries_data():
    with Lab(links=1) as lab:
        client = device_link(lab)
        lab.pull_client_device(1)
        wait_until("the link waits", lambda: client.link("link-1")["state"] == "waiting", 5)
        lab.push_client_device(1)
        check_passes_data_again(lab, client)


@limit(60)
def test_paths_that_share_a_line_are_told():
    """At the client by the device they leave by, at the server by the address they come from."""
    with Lab() as lab:
        links = [{"name": f"link-{i}", "endpoint": f"{SERVER_ANY4}:{PORT}"} for i in lab.links]
        client, server = lab.pair(
            client={"wireguard": {"links": links}},
            server={"wireguard": {"links": [{"name": "any", "bind": f"0.0.0.0:{PORT}"}]}})
        server.start()
        client.start()
        client.wait_bonded(["link-1", "link-2"])

        def notes(daemon):
            return [path.get("note") or "" for path in daemon.peer()["paths"]]
        wait_until("the client names the device",
                   lambda: "leaves by device up1 as link link-1 does" in notes(client)[1], 10)
        check(not notes(client)[0], f"also of the first path: {notes(client)}")
        wait_until("the server names the address",
                   lambda: any("the same address as path" in note for note in notes(server)), 25)
        for daemon in (client, server):
            wait_until(f"the log of {daemon.name} says it",
                       lambda: daemon.process.has_said("one line"), 5)
