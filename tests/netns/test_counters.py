# SPDX-License-Identifier: MIT
"""What the kernel throws away before the daemon sees it is counted in its status."""
import contextlib
import os
import socket
import struct
import subprocess

from checks import Settings, check, note, wait_until
from lab import CLIENT4, Lab, PORT
from traffic import Forger

DATA, INITIATION = 4, 1
DATA_BYTES, INITIATION_BYTES = 1400, 148
FLOOD = 12_000  # datagrams: more than the buffers of either socket hold
PACKETS = 3000  # more than the TUN queue holds


def flood(namespace, source, destination, kind, length, count=FLOOD):
    """Datagrams that begin as a message of type @kind does."""
    payload = struct.pack("<I", kind) + bytes(length - 4)
    with Forger(namespace) as forger:
        for _ in range(count):
            forger.send(source, destination, payload)


def flood_tun(daemon, address):
    """Packets into the TUN device, from the daemon's own machine."""
    with daemon.namespace.socket() as sock:
        for _ in range(PACKETS):
            with contextlib.suppress(BlockingIOError):
                sock.sendto(bytes(100), socket.MSG_DONTWAIT, (address, 9))


def dropped(daemon):
    """(data socket, handshake socket, TUN queue), of link 1"""
    status = daemon.status()
    link = status["links"][0]
    return link["kernel_drops"], link["handshake_kernel_drops"], status["tun"]["kernel_drops"]


def text_status(daemon):
    return subprocess.run([Settings.vtrunkd, "status", "-i", daemon.interface], text=True,
                          capture_output=True, timeout=20,
                          env={**os.environ, **daemon.lab.sanitizer_env("status")}).stdout


def test_what_the_kernel_drops_is_counted():
    with Lab(links=1) as lab:
        client, server = lab.tunnel()
        check(dropped(server) == (0, 0, 0), f"without a reason: {dropped(server)}")
        source, destination = (lab.client_address(1), 777), (lab.server_address(1), PORT)
        with server.standing_still():
            flood(lab.client, source, destination, DATA, DATA_BYTES)
            flood(lab.client, source, destination, INITIATION, INITIATION_BYTES)
            flood_tun(server, CLIENT4)
        data, handshakes, packets = wait_until("status", lambda: server.status() and dropped(server), 10)
        note(f"dropped {data} and {handshakes} of {FLOOD} datagrams, {packets} of {PACKETS} packets")
        check(0 < data < FLOOD, f"{data} of {FLOOD} datagrams of data")
        check(0 < handshakes < FLOOD, f"{handshakes} of {FLOOD} handshake messages")
        check(0 < packets < PACKETS, f"{packets} of {PACKETS} packets")
        check(dropped(client)[:2] == (0, 0), f"the other end counts {dropped(client)}")
        text = text_status(server)
        check(f"dropped by the kernel: {packets}\n" in text and f" {data} + {handshakes} " in text, text)


def test_what_was_dropped_stays_counted_when_the_device_comes_back():
    with Lab(links=1) as lab:
        link = {"name": "link-1", "bind": f"0.0.0.0:{PORT}", "device": "up1",
                "endpoint": f"{lab.server_address(1)}:{PORT}"}
        client, server = lab.pair(client={"wireguard": {"links": [link]}})
        server.start()
        client.start()
        client.wait_bonded(["link-1"])
        with client.standing_still():
            flood(lab.server, (lab.server_address(1), 777), (lab.client_address(1), PORT), DATA,
                  DATA_BYTES)
        before = dropped(client)
        check(before[0] > 0, f"nothing was dropped: {before}")
        lab.pull_client_device(1)
        wait_until("the link waits", lambda: client.link("link-1")["state"] == "waiting", 5)
        lab.push_client_device(1)
        wait_until("the link is up", lambda: client.link("link-1")["state"] == "up", 15)
        check(dropped(client)[:2] == before[:2], f"{before} became {dropped(client)}")
