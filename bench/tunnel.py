#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TCP through a tunnel of one unlimited link: vtrunkd beside Debian's wireguard-go, in the same run.

Two network namespaces joined by a veth pair, MTU 1420 inside, both ends of the tunnel on this machine.
The programs take turns, so that a machine that gets slower harms both; the figure to quote is the
median of the ratios. CPU seconds per GB are user and system time of both daemons. Needs root.
"""
import argparse
import os
import pathlib
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "netns"))

from checks import Settings  # noqa: E402 (the line above makes it findable)
from lab import Lab, SERVER4  # noqa: E402
from traffic import iperf  # noqa: E402

WARM_UP_S = 1


def cpu_seconds(pids):
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(lab, pids, streams, seconds):
    """(Mbit/s, CPU seconds per GB)."""
    iperf(lab, lab.client, lab.server, SERVER4, seconds=WARM_UP_S, streams=streams)
    before = cpu_seconds(pids)
    rate = iperf(lab, lab.client, lab.server, SERVER4, seconds=seconds, streams=streams)
    gigabytes = rate * seconds / 8000
    return rate, (cpu_seconds(pids) - before) / gigabytes


def run_vtrunkd(streams, seconds):
    with Lab(links=1) as lab:
        client, server = lab.tunnel("aggregate")
        return measure(lab, [client.pid, server.pid], streams, seconds)


def run_wireguard_go(streams, seconds):
    with Lab(links=1) as lab:
        client, server = lab.stock_pair()
        return measure(lab, [client.process.pid, server.process.pid], streams, seconds)


def compare(streams, runs, seconds):
    ratios = []
    for _ in range(runs):
        ours, theirs = run_vtrunkd(streams, seconds), run_wireguard_go(streams, seconds)
        ratios.append(ours[0] / theirs[0])
        print(f"{streams:>7} {ours[0]:>10.0f} {ours[1]:>8.1f} {theirs[0]:>14.0f} {theirs[1]:>8.1f} "
              f"{ratios[-1]:>7.2f}", flush=True)
    print(f"{streams:>7} flow(s): median ratio {statistics.median(ratios):.2f}, "
          f"from {min(ratios):.2f} to {max(ratios):.2f} in {runs} runs", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vtrunkd", default=str(ROOT / "build" / "vtrunkd"), metavar="PATH")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--streams", type=int, nargs="*", default=[1, 4])
    options = parser.parse_args()
    Settings.vtrunkd = os.path.abspath(options.vtrunkd)
    print(f"{'flows':>7} {'vtrunkd':>10} {'CPU s/GB':>8} {'wireguard-go':>14} {'CPU s/GB':>8} "
          f"{'ratio':>7}")
    for streams in options.streams:
        compare(streams, options.runs, options.seconds)


if __name__ == "__main__":
    main()
