# SPDX-License-Identifier: MIT
"""The first contact of two hosts: what their logs tell somebody who mixed something up."""
from checks import check, limit, wait_until
from daemons import generate_key
from lab import Lab, PORT


def line_of(daemon, text):
    """The first line of a daemon's log with @text in it, or None."""
    return next((line for line in daemon.process.log().splitlines() if text in line), None)


@limit(60)
def test_both_ends_tell_which_keys_to_compare():
    with Lab(links=1) as lab:
        client, server = lab.pair()
        right = server.config["wireguard"]["peer_public_key"]
        server.config["wireguard"]["peer_public_key"] = generate_key()[1]
        server.start()
        client.start()
        line = wait_until("the client says that nobody answers",
                          lambda: line_of(client, "no answer to 3 "), 30)
        for text in ("warning", right, client.config["wireguard"]["peer_public_key"],
                     "vtrunkd pubkey -c", f"{lab.server_address(1)}:{PORT}"):
            check(text in line, f"no {text} in: {line}")
        line = line_of(server, "unknown peer")
        check(line and right in line, f"the key that came is not in: {line}")
        check("peer_public_key" in line, f"no word of what to do in: {line}")
        check(client.peer()["session"] == "handshake", "the client gave up")
