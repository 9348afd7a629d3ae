# SPDX-License-Identifier: MIT
"""`vtrunkd explain`: why each path carried what it did in the last second."""
import os
import re
import subprocess

from checks import Settings, bulk, check, note, wait_until
from emulated import Emulated
from lab import Lab, SERVER4
from test_interop import vtrunkd_to_stock
from traffic import TcpStream

FAST, SLOW = 20, 6  # Mbit/s
WIDTH = 80


def unequal():
    return Lab(emulated=[Emulated(rate=FAST, delay_ms=10), Emulated(rate=SLOW, delay_ms=60)])


def explain(daemon, *words):
    done = subprocess.run([Settings.vtrunkd, "explain", *words, "--interface", daemon.interface],
                          capture_output=True, text=True, timeout=20,
                          env={**os.environ, **daemon.lab.sanitizer_env(f"{daemon.name}-explain")})
    check(done.returncode == 0, f"explain: exit {done.returncode}: {done.stderr}")
    return done.stdout


def why(daemon):
    """{link: sentence}"""
    return {path["link"]: path["why"] or "" for path in daemon.peer()["paths"]}


def wait_why(daemon, link, pattern, timeout=15):
    def is_so():
        return re.search(pattern, why(daemon).get(link, ""))
    try:
        return wait_until(f"{link}: {pattern!r}", is_so, timeout)
    finally:
        note(f"{link}: {why(daemon).get(link)}")


def shares(daemon):
    return [path["share_percent"] for path in daemon.peer()["paths"]]


@bulk
def test_saturated_unequal_links():
    with unequal() as lab:
        client, _ = lab.tunnel("aggregate")
        with TcpStream(lab.client, lab.server, SERVER4) as stream:
            stream.wait_bytes(2_000_000)
            wait_why(client, "link-2", r"^carried [0-9.]+ %: its way is \d+ ms longer than link-1's, so "
                                       r"it joins only while link-1 has more than \d+ ms of work "
                                       r"waiting; it did for [0-9.]+ s of the last one$", 30)
            wait_why(client, "link-1", r"^carried [0-9.]+ %: it is the quickest, and was full for ")
            percent = shares(client)
        check(all(percent) and abs(sum(percent) - 100) < 0.001, f"shares: {percent}")
        check(percent[0] > percent[1], f"shares: {percent}")


@bulk
def test_modes_in_which_one_path_alone_may_take_bulk():
    with unequal() as lab:
        client, _ = lab.tunnel("lowlat")
        with TcpStream(lab.client, lab.server, SERVER4) as stream:
            stream.wait_bytes(1_000_000)
            wait_why(client, "link-1", "^carried [a-z0-9. %]+: everything goes over the quickest, which "
                                       "it is, and it ")
    with unequal() as lab:
        client, _ = lab.tunnel("balance")
        with TcpStream(lab.client, lab.server, SERVER4) as stream:
            stream.wait_bytes(1_000_000)
            wait_until("a flow has a path", lambda: any(
                re.match(r"carried [a-z0-9. %]+: \d+ of \d+ flows (is|are) its own, and it ", text)
                for text in why(client).values()), 15)
        note(why(client))


def test_words_of_idle_and_of_dead_paths():
    """What stands on the terminal fits it."""
    with unequal() as lab:
        client, server = lab.tunnel("aggregate")
        for link in ("link-1", "link-2"):
            wait_why(client, link, "^idle: nothing was sent to the peer$")
        check(shares(client) == [None, None], f"shares of nothing: {shares(client)}")
        lab.emulators[2].change("both", blackhole=1)
        wait_why(client, "link-2", r"^down for [0-9.]+ s: \d probes overdue$")
        text = explain(client, client.peer()["name"])
        check("down for" in text and "idle: nothing" in text, text)
        check(all(len(line) <= WIDTH for line in text.splitlines()), f"wider than {WIDTH}:\n{text}")
        lab.emulators[2].change("both", blackhole=0)
        wait_why(client, "link-2", "^held down for |^coming back: ", 30)
        wait_why(client, "link-2", "^idle: ", 30)


def test_backup_of_mode_failover():
    with unequal() as lab:
        client, _ = lab.tunnel("failover")
        backup = wait_until("one is a backup", lambda: next(
            (link for link, text in why(client).items() if text.startswith("backup: ")), None), 15)
        first = ({"link-1", "link-2"} - {backup}).pop()
        check(why(client)[backup] == f"backup: waits until {first} is down", why(client)[backup])


def test_plain_peer_has_one_path():
    with Lab() as lab:
        client, _ = vtrunkd_to_stock(lab)
        client.wait_session()
        wait_until("it is found out", lambda: client.peer()["bonding"] == "stock", 15)
        check(lab.client.ping(SERVER4, 10), "no answer")
        texts = why(client)
        note(texts)
        used = [link for link, text in texts.items() if text.startswith("carried ")]
        check(len(used) == 1 and "plain WireGuard" in texts[used[0]], f"{texts}")
        for link in set(texts) - set(used):
            check(texts[link].endswith(f"can use one path only, now {used[0]}"), texts[link])
