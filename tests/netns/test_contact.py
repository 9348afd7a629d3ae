# SPDX-License-Identifier: MIT
"""The first contact of two hosts: what their logs tell somebody who mixed something up."""
import os
import subprocess

from checks import Settings, check, limit, wait_until
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


def run_vtrunkd(lab, *words, namespace=None, stdin=None):
    """A command to its end: exit status, standard output, standard error."""
    cmd = [Settings.vtrunkd, *words]
    done = subprocess.run(namespace.command(*cmd) if namespace else cmd, capture_output=True,
                          text=True, input=stdin, timeout=20,
                          env={**os.environ, **lab.sanitizer_env("command")})
    return done.returncode, done.stdout, done.stderr


def test_public_key_of_a_configuration_is_told():
    with Lab(links=1) as lab:
        private, public = generate_key()
        path = lab.file("half.yaml", f"wireguard: {{private_key: {private}, links: []}}")
        for words in (["-c", path], ["--config", path], [f"--config={path}"]):
            status, out, err = run_vtrunkd(lab, "pubkey", *words)
            check((status, out, err) == (0, f"{public}\n", ""), f"{words}: {status} {out} {err}")
        status, out, _ = run_vtrunkd(lab, "pubkey", stdin=private)
        check((status, out) == (0, f"{public}\n"), f"of wg's kind: {status} {out}")
        status, out, err = run_vtrunkd(lab, "pubkey", "-c", f"{lab.directory}/none")
        check(status == 1 and not out and "none" in err, f"no file: {status} {out} {err}")
        check(private not in err, "the private key is in a message")
