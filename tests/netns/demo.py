#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The demonstration behind tools/demo: two daemons, two links, and what they make of them.

It runs in network namespaces, so nothing outside them changes, and takes a minute and a half. Exit
status 0 when the tunnel did its work: the connection survived, the redundant stream lost nothing.
"""
import argparse
import os
import pathlib
import signal
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from checks import Failure, Settings  # noqa: E402 (the line above makes it findable)
from emulated import Emulated  # noqa: E402
from lab import CLIENT4, Lab, SERVER4, SERVER6  # noqa: E402
from traffic import TcpStream, UdpStream, iperf  # noqa: E402

ALONE_SECONDS = 2
BOTH_SECONDS = 5  # a sender takes longer to find the rate of several links
PACKETS_PER_SECOND = 200
CALL_SECONDS = 4


def say(text=""):
    print(text, flush=True)


def title(text):
    say(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"\n== {text}")


def show_config(daemon):
    """The configuration as it is used, but for the keys."""
    secret = daemon.config["wireguard"]["private_key"]
    with open(daemon.config_path) as file:
        text = file.read().replace(secret, "(32 bytes in base64, as vtrunkd genkey prints them)")
    say(f"\n# {daemon.name}.yaml")
    say(text.rstrip())


def measure(lab, seconds):
    """Mbit/s of one TCP connection through the tunnel, from client to server, after its start."""
    return iperf(lab, lab.client, lab.server, SERVER4, seconds=seconds, omit=1)


def alone(rate):
    """What a tunnel gives that has one link only."""
    with Lab(links=1, rates=[rate]) as lab:
        lab.tunnel()
        return measure(lab, ALONE_SECONDS)


def cut_during_transfer(lab, client):
    """(Mbit/s before, longest silence, Mbit/s after) of a connection that loses link 2."""
    with TcpStream(lab.client, lab.server, SERVER4) as stream:
        stream.run_for(0.5)
        stream.mark()
        stream.run_for(1)
        before = stream.mbps()
        stream.mark()
        lab.cut(2)
        client.wait_path("link-2", "down", 8)
        stream.run_for(0.5)
        stall = stream.stall()
        stream.mark()
        stream.run_for(1)
        return before, stall, stream.mbps()


def bond(name, rates, shows_config):
    """One pair of links: each alone, both together, one cut. Returns lines for the summary."""
    title(f"{name}: {rates[0]} and {rates[1]} Mbit/s, mode aggregate")
    singles = [alone(rate) for rate in rates]
    with Lab(rates=rates) as lab:
        client, server = lab.tunnel("aggregate")
        if shows_config:
            show_config(client)
            show_config(server)
            say()
        say(f"ping inside the tunnel: {lab.client.ping(SERVER4, 3)} of 3 answered, "
            f"over IPv6 {lab.client.ping(SERVER6, 3)} of 3")
        both = measure(lab, BOTH_SECONDS)
        for i, single in enumerate(singles, 1):
            say(f"one TCP connection over link {i} alone: {single:6.1f} Mbit/s")
        say(f"one TCP connection over both:         {both:6.1f} Mbit/s")
        before, stall, after = cut_during_transfer(lab, client)
        say(f"link 2 cut during a transfer: {before:.0f} Mbit/s before, {after:.0f} after, "
            f"longest silence {stall:.2f} s, connection kept")
    return [f"{name}: alone {singles[0]:.0f} and {singles[1]:.0f}, bonded {both:.0f} Mbit/s "
            f"({100 * both / sum(singles):.0f} % of the sum)",
            f"{' ' * len(name)}  a link cut during a transfer: connection kept, "
            f"stalled {stall:.2f} s"]


def landline(loss=0):
    return Emulated(rate=50, delay_ms=10, loss=loss)


def mobile():
    return Emulated(rate=15, delay_ms=40, jitter_ms=5)


def rate_over(*links):
    """What one TCP connection gets over a tunnel of @links that is told nothing about them."""
    with Lab(emulated=links) as lab:
        lab.tunnel("aggregate")
        return measure(lab, BOTH_SECONDS)


def different_links():
    """Links that differ in rate and delay, the first one also lossy, without weights."""
    name = "different links"
    title(f"{name}: 50 Mbit/s and 10 ms, 15 Mbit/s and 40 to 45 ms one way, without weights")
    fast, slow = rate_over(landline()), rate_over(mobile())
    say(f"one TCP connection over either alone: {fast:.1f} and {slow:.1f} Mbit/s")
    both = rate_over(landline(), mobile())
    say(f"over both:                             {both:.1f} Mbit/s")
    bare, lossy = rate_over(landline(0.01)), rate_over(landline(0.01), mobile())
    say(f"1 % lost on the first link, it alone:  {bare:.1f} Mbit/s")
    say(f"over both:                             {lossy:.1f} Mbit/s")
    return [f"{name}: alone {fast:.0f} and {slow:.0f}, bonded {both:.0f} Mbit/s",
            f"{' ' * len(name)}  1 % lost on the first link: it alone {bare:.0f}, bonded {lossy:.0f}"]


def call_beside_download():
    """A stream like a voice call while a download takes what the same links carry."""
    title("The same links, 50 packets/s of 160 bytes beside a download")
    with Lab(emulated=[landline(), mobile()]) as lab:
        lab.tunnel("aggregate")
        with TcpStream(lab.server, lab.client, CLIENT4) as download:
            download.wait_bytes(1_000_000)
            download.mark()
            with UdpStream(lab.server, lab.client, CLIENT4, per_second=50) as call:
                call.wait_flowing()
                call.wait_sent(50 * CALL_SECONDS)
                call.finish()
            rate = download.mbps()
    lost, gap = len(call.lost()), call.longest_gap() * 1000
    result = f"{lost} of {call.sent} packets lost, longest gap {gap:.0f} ms, of which 20 are the interval"
    say(f"download {rate:.1f} Mbit/s; {result}")
    return [f"a call beside a download of {rate:.0f} Mbit/s: {result}"]


def redundant(rates):
    """A stream over both links while one is cut and comes back."""
    title(f"The same links, mode redundant, {PACKETS_PER_SECOND} packets/s")
    with Lab(rates=rates) as lab:
        client, _ = lab.tunnel("redundant")
        with UdpStream(lab.client, lab.server, SERVER4, per_second=PACKETS_PER_SECOND) as stream:
            stream.wait_flowing()
            stream.wait_sent(PACKETS_PER_SECOND // 2)
            lab.cut(1)
            client.wait_path("link-1", "down", 8)
            lab.restore(1)
            stream.wait_sent(PACKETS_PER_SECOND)
            stream.finish()
        lost, gap = len(stream.lost()), stream.longest_gap() * 1000
    say(f"{stream.sent} packets sent, {lost} lost, {stream.duplicates} delivered twice, "
        f"longest gap {gap:.0f} ms")
    if lost or stream.duplicates:
        raise Failure(f"redundant mode lost {lost} packets and doubled {stream.duplicates}")
    return [f"redundant: {stream.sent} packets, link 1 cut meanwhile: {lost} lost, "
            f"longest gap {gap:.0f} ms"]


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vtrunkd", default="build/vtrunkd", metavar="PATH")
    Settings.vtrunkd = os.path.abspath(parser.parse_args().vtrunkd)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    begin = time.monotonic()
    say("A client and a server in network namespaces, two links between them, vtrunkd on both.")
    summary = bond("equal links", [100, 100], True)
    summary += bond("unequal links", [100, 40], False)
    summary += different_links()
    summary += call_beside_download()
    summary += redundant([100, 40])
    title(f"Summary, after {time.monotonic() - begin:.0f} s; everything is removed again")
    say("\n".join(summary))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except Failure as failure:
        print(f"demo: {failure}", *getattr(failure, "__notes__", []), sep="\n", file=sys.stderr)
        sys.exit(1)
