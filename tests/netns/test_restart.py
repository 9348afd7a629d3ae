# SPDX-License-Identifier: MIT
"""Daemons that stop, die and start again while the other side goes on."""
import os
import signal
import time

from checks import bulk, check, note, wait_until
from lab import Lab, PORT, SERVER4
from traffic import UdpStream

LINKS = ["link-1", "link-2"]
HEAL_S = 20  # the peer that lost nothing must find out by the new-handshake timer: 15 s and jitter


def check_heals(lab, daemon, restart):
    """The stream flows again after @restart(daemon), without a hand on the other side."""
    with UdpStream(lab.client, lab.server, SERVER4) as stream:
        stream.wait_flowing()
        begin = time.monotonic()
        restart(daemon)
        stream.wait_flowing(HEAL_S)
        note(f"{daemon.name}: flows again {time.monotonic() - begin:.1f} s after it went")
        stream.finish()
        check(not stream.duplicates, f"{stream.duplicates} duplicates")


def stop_and_start(daemon):
    daemon.stop()
    daemon.start()


def kill_and_start(daemon):
    daemon.kill()
    check(not daemon.namespace.has_device(daemon.interface), "the TUN device outlives kill -9")
    daemon.start()


def test_both_daemons_restarted_in_turn():
    with Lab() as lab:
        for daemon in reversed(lab.tunnel()):
            check_heals(lab, daemon, stop_and_start)


def test_both_daemons_killed_in_turn():
    with Lab() as lab:
        client, server = lab.tunnel()
        for daemon in (server, client):
            check_heals(lab, daemon, kill_and_start)
        for daemon in (client, server):
            daemon.wait_bonded(LINKS, 20)


def test_client_started_before_the_server():
    with Lab() as lab:
        client, server = lab.pair()
        client.start()
        wait_until("the client tries", lambda: client.peer()["session"] == "handshake", 5)
        server.start()
        client.wait_bonded(LINKS, 15)
        wait_until("the tunnel passes", lambda: lab.client.ping(SERVER4), 5)


def test_goodbye_ends_the_session_at_once():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Lab() as lab:
            client, server = lab.tunnel()
            client.stop(number)
            begin = time.monotonic()
            wait_until("the server knows", lambda: server.peer()["session"] == "none", 1)
            note(f"{signal.Signals(number).name}: known {time.monotonic() - begin:.2f} s later")
            server.stop(number)


@bulk
def test_stop_under_load_is_clean():
    with Lab() as lab:
        client, server = lab.tunnel()
        with UdpStream(lab.client, lab.server, SERVER4, per_second=2000, size=1200) as stream:
            stream.wait_flowing()
            begin = time.monotonic()
            server.stop()
            client.stop()
            note(f"both stopped in {time.monotonic() - begin:.2f} s")


def test_stale_socket_of_a_killed_daemon_is_replaced():
    with Lab() as lab:
        client, _ = lab.tunnel()
        client.kill()
        check(os.path.exists(client.socket_path), "kill -9 removed the socket?")
        client.start()
        client.wait_bonded(LINKS)


def test_running_daemon_keeps_its_interface():
    """A second daemon with the same configuration must not take over."""
    with Lab() as lab:
        client, _ = lab.tunnel()
        second = lab.daemon(lab.client, "second", client.config)
        second.start(wait=False)
        second.process.expected = 2
        status = second.process.popen.wait(10)
        check(status == 2, f"the second daemon exits with {status}")
        check(client.process.is_running() and client.status(), "the first one is gone")
        check(lab.client.ping(SERVER4), "its tunnel is broken")


def test_deleted_interface_ends_the_daemon():
    with Lab(links=1) as lab:
        client, _ = lab.tunnel()
        client.process.expected = 2
        lab.client.ip(f"link delete {client.interface}")
        status = client.process.popen.wait(5)
        check(status == 2, f"the daemon ends with {status}")
        check(not os.path.exists(client.socket_path), "its control socket is left")


def test_both_ends_that_begin_at_once_are_bonded():
    """Both have the other's address and start together, so that initiations may cross."""
    with Lab(links=1) as lab:
        client, server = lab.pair(server={"wireguard": {"links": [
            {"name": "link-1", "bind": f"{lab.server_address(1)}:{PORT}",
             "endpoint": f"{lab.client_address(1)}:{PORT}"}]}},
            client={"wireguard": {"links": [
                {"name": "link-1", "bind": f"{lab.client_address(1)}:{PORT}",
                 "endpoint": f"{lab.server_address(1)}:{PORT}"}]}})
        for daemon in (client, server):
            daemon.start(wait=False)
        for daemon in (client, server):
            daemon.wait_ready()
        for daemon in (client, server):
            daemon.wait_bonded(["link-1"])
