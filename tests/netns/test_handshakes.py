# SPDX-License-Identifier: MIT
"""Sessions that are made, displaced and ended while links are dead or somebody lies."""
import os
import time

from checks import check, note, wait_until
from daemons import generate_key
from handmade import (GOODBYE, HELLO, Handmade, LANE_CONTROL, PATH_CHALLENGE, PATH_RESPONSE,
                      PROBE, frame, hello, time_stamp)
from lab import CLIENT4, Lab, PORT, SERVER4
from traffic import Capture, Forger, UdpStream, paced

LINKS = ["link-1", "link-2"]


def passes(lab, seconds):
    """Seconds until an echo request is answered; a failure when none is in time."""
    begin = time.monotonic()
    wait_until("the tunnel passes", lambda: lab.client.ping(SERVER4, patience=0.3), seconds, 0)
    return time.monotonic() - begin


def initiations(capture, outgoing=True):
    return [d for d in capture.datagrams if d.payload[:1] == b"\x01" and d.outgoing == outgoing]


# -- links that are dead in one direction


def test_link_without_downstream_does_not_keep_the_session_from_the_others():
    """The responder would answer the copy that comes first, into the link that brings nothing back."""
    with Lab() as lab:
        client, server = lab.pair()
        lab.cut(1, up=False, down=True)
        server.start()
        client.start()
        note(f"the tunnel passes after {passes(lab, 4):.2f} s")
        wait_until("both are bonded", lambda: all(
            daemon.peer()["bonding"] == "bonded" for daemon in (client, server)), 5)
        check(server.drops().get("replay", 0) == 0, "a copy of the initiation counts as a replay")


def test_server_restarted_while_a_link_has_no_downstream():
    with Lab() as lab:
        _, server = lab.tunnel()
        lab.cut(1, up=False, down=True)
        server.wait_path("link-1", "down", 8)
        server.stop()
        server.start()
        note(f"the tunnel passes after {passes(lab, 8):.2f} s")


def test_first_initiation_leaves_on_every_link():
    with Lab() as lab:
        client, server = lab.pair()
        lab.cut(1)
        server.start()
        with Capture(lab.client, "up2", PORT) as capture:
            client.start()
            wait_until("an initiation on link 2", lambda: initiations(capture), 2)
        note(f"the tunnel passes after {passes(lab, 3):.2f} s")


def test_copies_of_the_first_initiation_leave_apart():
    """A responder that works on handshakes in several threads answers two that come together, and
    then knows only one of its answers.
    """
    with Lab() as lab:
        client, _ = lab.pair()
        with Capture(lab.client, "up1", PORT) as one, Capture(lab.client, "up2", PORT) as two:
            client.start()
            wait_until("both copies", lambda: initiations(one) and initiations(two), 3)
            first, second = (initiations(capture)[0].time_ns for capture in (one, two))
    note(f"{abs(second - first) / 1e6:.2f} ms apart")
    check(abs(second - first) >= 3e6, "copies left together")


# -- ends and restarts


def test_peer_that_said_goodbye_is_looked_for_at_once():
    with Lab(links=1) as lab:
        client, server = lab.tunnel()
        with Capture(lab.client, "up1", PORT) as capture:
            server.stop()
            wait_until("the client knows", lambda: client.peer()["session"] != "established", 2)
            begin = time.monotonic()
            wait_until("three initiations", lambda: len(initiations(capture)) >= 3, 4)
            note(f"three initiations within {time.monotonic() - begin:.2f} s of the goodbye")
        server.start()
        note(f"the tunnel passes {passes(lab, 4):.2f} s after the server is ready")


def test_displaced_host_makes_a_session_again():
    """Another host with the same key takes over and is gone again. What the server still hears of the
    first one must not let that believe that all is well.
    """
    with Lab() as lab:
        first, server = lab.tunnel()
        second = lab.daemon(lab.client, "second", {**first.config, "network": {
            **first.config["network"], "interface": lab.interface(), "addresses": ["10.98.0.2/24"],
            "routes": "none"}})
        second.config["wireguard"]["links"] = [
            {**link, "bind": f"{link['bind']}:4{number}000"}
            for number, link in enumerate(first.config["wireguard"]["links"])]
        made = first.peer()["handshakes"]
        second.start()
        wait_until("the second host takes over",
                   lambda: second.peer()["bonding"] == "bonded", 10)
        second.kill()
        begin = time.monotonic()
        wait_until("the first one makes a session", lambda: first.peer()["handshakes"] > made, 20)
        note(f"a new session {time.monotonic() - begin:.1f} s later")
        passes(lab, 10)


# -- what the system refuses


def test_one_refused_datagram_does_not_rest_the_only_path():
    with Lab(links=1) as lab:
        client, _ = lab.tunnel()
        lab.client.nft(f"table ip refuse {{ chain out {{ type filter hook output priority 0; "
                       f"udp dport {PORT} meta length > 1000 drop; }}; }}")
        big = lab.client.socket()
        big.sendto(bytes(1200), (SERVER4, 9))
        wait_until("a refusal is counted", lambda: client.link("link-1")["tx_errors"], 5)
        check(client.path("link-1")["in_use"], "the only path rests")
        check(lab.client.ping(SERVER4, 10) == 10, "echo requests are lost after one refusal")
        big.close()


def test_path_that_is_always_refused_rests_beside_another():
    with Lab() as lab:
        client, _ = lab.tunnel()
        lab.client.nft("table ip refuse { chain out { type filter hook output priority 0; "
                       f"ip daddr {lab.server_address(1)} drop; }}; }}")
        client.wait_path("link-1", "down", 5)
        check(lab.client.ping(SERVER4, 5) == 5, "echo requests are lost")


# -- a peer that lies


def handmade_peer(lab, server, port=40001):
    """A peer made by hand with the key that @server expects; (it, its private key)."""
    sock = lab.client.socket()
    sock.bind((lab.client_address(1), port))
    return Handmade(sock, (lab.server_address(1), PORT), lab.handmade_key,
                    server.status()["public_key"])


def lone_server(lab, **wireguard):
    """A server whose only peer is made by hand."""
    lab.handmade_key, public = generate_key()
    _, server = lab.pair(server={"wireguard": {"peer_public_key": public, **wireguard}})
    return server.start()


def bytes_to(capture, address):
    return sum(len(d.payload) for d in capture.datagrams
               if d.outgoing and d.destination[0] == address)


def lie(payloads):
    """The peer is a vtrunkd with a session; in its next handshake it claims to be at a victim's address,
    and sends @payloads from there. How many bytes that makes, and the datagrams that the victim gets.
    """
    victim = "10.71.1.200"
    with Lab(links=1) as lab:
        server = lone_server(lab, bonding="require")
        honest = handmade_peer(lab, server)
        honest.bond()
        with (Forger(lab.client, device="up1") as forger, Capture(lab.server, "wan1", PORT) as tap):
            liar = handmade_peer(lab, server, 40002)
            source, destination = (victim, 7777), (lab.server_address(1), PORT)
            message = liar.initiation()
            forger.send(source, destination, message)
            honest_copy = liar.destination
            liar.sock.sendto(message, honest_copy)  # its response comes to where the liar is
            liar.await_response()
            sent = len(message)
            for payload in payloads:
                datagram = liar.sealed(payload)
                forger.send(source, destination, datagram)
                sent += len(datagram)
            sender = lab.server.socket()
            until = time.monotonic() + 5
            while time.monotonic() < until:  # data that wants to go to the peer
                sender.sendto(bytes(1000), (CLIENT4, 9))
                liar.receive(0.01)
            sender.close()
            got = [len(d.payload) for d in tap.datagrams if d.destination[0] == victim]
            note(f"{sum(got)} bytes to the victim for {sent} in its name")
            return sent, got


def test_data_does_not_follow_the_origin_of_a_handshake_without_proof():
    sent, got = lie([b"", frame(2, hello(b"\1" * 8))])
    check(0 < sum(got) <= 3 * sent, f"{sum(got)} bytes to an address that never answered")


def test_data_that_waits_does_not_follow_a_peer_that_is_refused():
    """It never greets, so it is plain after a while, and where it says to be."""
    _, got = lie([b""])
    check(0 < max(got) < 1000, "data to an address that never answered")


def test_origin_that_answers_its_challenge_gets_the_data():
    with Lab(links=1) as lab:
        server = lone_server(lab)
        peer = handmade_peer(lab, server)
        peer.boot_id = b"\1" * 8
        peer.handshake()
        sender = lab.server.socket()
        sender.sendto(bytes(500), (CLIENT4, 9))
        peer.send(b"")
        got = []

        def has_data():
            message = peer.receive(0.2)
            got.extend(peer.answer(message, peer.boot_id))
            return any(len(payload) >= 500 for payload in [peer.opened(message) or b""])
        wait_until("data after the proof", has_data, 5, 0)
        check(HELLO in got and PATH_CHALLENGE in got, f"frames {got} before data")
        sender.close()


def challenges(count):
    return b"".join(frame(PATH_CHALLENGE, bytes(4) + os.urandom(16)) for _ in range(count))


def test_challenges_in_a_forged_name_make_no_more_than_they_weigh():
    """One datagram of a peer that lies about its address, with as many challenges as fit."""
    victim, count = ("10.71.1.200", 7777), 50
    with Lab(links=1) as lab:
        server = lone_server(lab)
        peer = handmade_peer(lab, server)
        peer.bond()
        peer.send(challenges(1), LANE_CONTROL)
        peer.answer_until("an answer to an honest challenge",
                          lambda seen: PATH_RESPONSE in seen, 5)
        source, destination = victim, (lab.server_address(1), PORT)
        with (Forger(lab.client, device="up1") as forger, Capture(lab.server, "wan1", PORT) as tap):
            datagrams = [peer.sealed(challenges(60), LANE_CONTROL) for _ in range(count)]
            for datagram in paced(datagrams, 200):
                forger.send(source, destination, datagram)
            # What came before it is taken when this is answered.
            peer.send(challenges(1), LANE_CONTROL)
            peer.answer_until("two probes more", lambda seen: seen.count(PROBE) >= 2, 8)
            sent = sum(len(d.payload) for d in tap.datagrams if d.source == victim)
            to_victim = [d for d in tap.datagrams if d.outgoing and d.destination == victim]
            got = bytes_to(tap, victim[0])
            note(f"{len(to_victim)} datagrams, {got} bytes to the victim for {sent} in its name")
            check(sent == sum(map(len, datagrams)), f"only {sent} bytes came to the server")
            check(got <= sent and len(to_victim) <= count,
                  f"{len(to_victim)} datagrams, {got} bytes to the victim for {sent} in its name")


def test_late_goodbye_of_the_session_before_is_ignored():
    with Lab(links=1) as lab:
        server = lone_server(lab)
        peer = handmade_peer(lab, server)
        peer.bond()
        late = peer.sealed(frame(GOODBYE, b"\1\0\0\0" + peer.boot_id), 16)
        time.sleep(0.05)  # two initiations within 20 ms are one too many
        peer.handshake()
        peer.send(b"")
        peer.answer_until("greeting", lambda seen: HELLO in seen, 5)
        peer.sock.sendto(late, peer.destination)
        peer.answer_until("two probes more", lambda seen: seen.count(PROBE) >= 2, 8)
        check(server.peer()["session"] == "established", "a late goodbye ended the session")


def test_initiation_of_an_older_time_is_refused_and_said():
    with Lab(links=1) as lab:
        server = lone_server(lab)
        peer = handmade_peer(lab, server)
        peer.handshake(stamp=time_stamp(seconds_ahead=1000))
        time.sleep(0.05)
        peer.sock.sendto(peer.initiation(), peer.destination)
        wait_until("the refusal is in status",
                   lambda: server.peer()["stale_initiations"] == 1, 5)
        check(995 < server.peer()["clock_behind_s"] <= 1005,
              f"behind by {server.peer()['clock_behind_s']} s")
        check("clock" in server.process.log(), "the log says nothing of a clock")
        peer.handshake(stamp=time_stamp(seconds_ahead=2000))
        wait_until("status forgets", lambda: server.peer()["clock_behind_s"] is None, 5)


def test_learnt_paths_of_a_peer_that_was_restarted_are_forgotten():
    with Lab(links=1) as lab:
        client, server = lab.tunnel()
        for _ in range(3):
            client.kill()
            client.start()
            client.wait_bonded(["link-1"])
        wait_until("one path is left", lambda: len(server.peer()["paths"]) == 1, 45)
        with UdpStream(lab.client, lab.server, SERVER4) as stream:
            stream.wait_flowing()
