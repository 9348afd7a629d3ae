# SPDX-License-Identifier: MIT
"""All scenarios: which measurements each needs, and the lines of the report that come of them."""
import dataclasses
import functools

from full import bulk, downloads, faults, figures, quality, steps
from full.demands import (DIRECTIONS, DOWNLOAD_MB, KINDS, LEAST_OF_BEST, PAIR, ROWS)

ALONE_RUNS = 3  # what a link alone gives is what it gives


@dataclasses.dataclass
class Measurement:
    """@function(seed) is one run, of about @seconds. @runs: no more than so many."""
    name: str
    function: object
    seconds: float
    runs: int = None

    def limit_s(self):
        return round(3 * self.seconds + 60)


@dataclasses.dataclass
class Line:
    """Of the report: the figure @key of the runs of measurement @of. @over: names of measurements,
    by the best median of which it is divided; "most" or "least" is best.
    """
    what: str
    of: str
    key: str
    unit: str = ""
    demand: tuple = None
    over: tuple = ()
    best: str = "most"
    digits: int = 1

    def values(self, results):
        """@results: {measurement: list of figures of its runs}. None where something is lacking."""
        values = [run[self.key] for run in results.get(self.of, []) if run[self.key] is not None]
        if not self.over:
            return values
        others = [figures.median([run[self.key] for run in results.get(name, [])])
                  for name in self.over]
        if None in others:
            return []
        best = max(others) if self.best == "most" else min(others)
        return [value / best for value in values]


@dataclasses.dataclass
class Scenario:
    key: str
    title: str
    measurements: list = dataclasses.field(default_factory=list)
    lines: list = dataclasses.field(default_factory=list)

    def add(self, measurement, *lines):
        self.measurements.append(measurement)
        self.lines += lines


def alone_bulk(link, kind, direction, options):
    return Measurement(f"alone {link.name} {kind} {direction}",
                       functools.partial(bulk.run, (link,), kind, direction, options),
                       options.seconds + 8, ALONE_RUNS)


def ratio(what, of, key, over, least=LEAST_OF_BEST):
    return Line(f"{what}, of the best link alone", of, key, "", (">=", least), over, digits=3)


def row_scenario(row, options):
    scenario = Scenario(row.key, row.title)
    for direction in options.directions:
        for kind in options.kinds:
            name = f"{row.key} {kind} {direction}"
            alone = [alone_bulk(row.links[n], kind, direction, options) for n in row.alone]
            scenario.measurements += alone
            over, who = tuple(m.name for m in alone), f"{KINDS[kind]} {direction}"
            scenario.add(
                Measurement(name, functools.partial(bulk.run, row.links, kind, direction, options),
                            options.seconds + 8),
                Line(f"{who}: share of the summed rates", name, "share", "%",
                     (">=", row.share(kind))),
                ratio(f"{who}: rate", name, "mbps", over),
                ratio(f"{who}: first 5 s", name, "first", over),
                Line(f"{who}: voice p99 above the best base", name, "voice_ms", "ms",
                     row.voice_ms and ("<=", row.voice_ms)),
                Line(f"{who}: voice lost", name, "voice_loss", "%",
                     None if row.voice_loss is None else ("<=", row.voice_loss), digits=3),
                Line(f"{who}: segments sent again", name, "resent", "", digits=0),
                Line(f"{who}: processors busy", name, "busy", "%", digits=0))
    return scenario


def download_scenario(row):
    scenario = Scenario(f"downloads-{row.key}", f"downloads over {row.title}")

    def measurement(name, links, megabytes):
        rate = max(link.rate for link in links)
        return Measurement(f"{name} {megabytes} MB",
                           functools.partial(downloads.run, links, megabytes),
                           downloads.IDLE_S + 10 + 3 * megabytes * 8 / rate, ALONE_RUNS)
    for megabytes in DOWNLOAD_MB:
        alone = [measurement(f"alone {row.links[n].name}", (row.links[n],), megabytes)
                 for n in row.alone]
        scenario.measurements += alone
        bond = measurement(scenario.key, row.links, megabytes)
        scenario.add(bond, *(
            Line(f"{megabytes} MB {when}: time, of that over the best link alone", bond.name, key,
                 "", ("<=", row.download_ratio), tuple(m.name for m in alone), "least", 3)
            for key, when in (("fresh", "over a fresh tunnel"), ("after", "right after another"),
                              ("idle", f"after {downloads.IDLE_S} s of idling"))))
    return scenario


def death_lines(who, name, gap_ms, also_tcp):
    lines = [Line(f"{who}: longest gap of 200/s", name, "gap_ms", "ms", ("<=", gap_ms)),
             Line(f"{who}: lost of 200/s", name, "lost", "packets", ("<=", 0) if also_tcp else None,
                  digits=0),
             Line(f"{who}: TCP stalls", name, "stall_ms", "ms", ("<=", 150) if also_tcp else None),
             Line(f"{who}: retransmission timeouts", name, "timeouts", "",
                  ("<=", 0) if also_tcp else None, digits=0)]
    return lines


def blackhole_scenario(options):
    scenario = Scenario("blackhole", "2 x 50 Mbit/s, 20 ms: one falls silent under load")
    for direction in options.directions:
        for silence in ("both", *DIRECTIONS):
            name = f"blackhole {silence} data {direction}"
            run = functools.partial(faults.blackhole, silence, direction)
            scenario.add(Measurement(name, run, 20),
                         *death_lines(f"data {direction}, silence {silence}", name, 100, True))
    return scenario


def device_scenario(options):
    scenario = Scenario("device-down", "2 x 50 Mbit/s, 20 ms: the client's device goes down")
    for direction in options.directions:
        name = f"device-down data {direction}"
        scenario.add(Measurement(name, functools.partial(faults.device_down, direction), 20),
                     *death_lines(f"data {direction}", name, 60, False))
    return scenario


def flows_of(options):
    """(kind, number of connections) of TCP as asked for."""
    return [(kind, int(kind[3:])) for kind in options.kinds if kind.startswith("tcp")]


def back_scenario(options):
    scenario = Scenario("link-back", "2 x 50 Mbit/s, 20 ms: a dead link is back")
    for direction in options.directions:
        for kind, flows in flows_of(options):
            name = f"link-back {kind} {direction}"
            scenario.add(
                Measurement(name, functools.partial(faults.link_back, flows, direction), 36),
                Line(f"{KINDS[kind]} {direction}: until 90 % of what headers leave of the sum",
                     name, "back_s", "s", ("<=", 5)))
    return scenario


def idle_scenario(_):
    scenario = Scenario("idle-death", "an idle tunnel: a link falls silent")
    for silence in ("both", *DIRECTIONS):
        name = f"idle-death {silence}"
        scenario.add(Measurement(name, functools.partial(faults.idle, silence), 24),
                     Line(f"silence {silence}: both ends know", name, "intervals",
                          "probe intervals", ("<=", 2), digits=2))
    return scenario


def flap_scenario(options):
    scenario = Scenario("flapping", "2 x 50 Mbit/s, 20 ms: one is up for 3 s and down for 1 s")
    for direction in options.directions:
        name = f"flapping {direction}"
        alone = alone_bulk(PAIR[0], "tcp1", direction, options)
        scenario.measurements.append(alone)
        scenario.add(Measurement(name, functools.partial(faults.flapping, direction),
                                 faults.FLAP_S + 16, 1),
                     Line(f"{direction}: TCP, of the steady link alone", name, "mbps", "",
                          (">=", 0.95), (alone.name,), digits=2),
                     Line(f"{direction}: voice lost", name, "lost", "packets", ("<=", 0), digits=0),
                     Line(f"{direction}: voice, longest gap", name, "gap_ms", "ms"))
    return scenario


def step_scenario(options):
    scenario = Scenario("rate-step", "2 x 50 Mbit/s, 20 ms: one has 10 Mbit/s for a while")
    for direction in options.directions:
        for kind, flows in flows_of(options):
            name, who = f"rate-step {kind} {direction}", f"{KINDS[kind]} {direction}"
            scenario.add(
                Measurement(name, functools.partial(steps.run, flows, direction), 38),
                Line(f"{who}: estimate within 15 % after 50 to 10", name, "down_s", "s", ("<=", 1)),
                Line(f"{who}: estimate within 15 % after 10 to 50", name, "up_s", "s", ("<=", 3)),
                Line(f"{who}: queue of that link p95, worst phase", name, "queue_ms", "ms",
                     ("<=", 30)),
                Line(f"{who}: voice p95 above base, worst phase", name, "voice_ms", "ms",
                     ("<=", 30)),
                Line(f"{who}: voice lost", name, "lost", "packets", digits=0))
    return scenario


def redundant_scenario(options):
    scenario = Scenario("redundant", "mode redundant, 2 links of 50 Mbit/s, 20 ms")
    for direction in options.directions:
        lossy, cut = f"redundant lossy {direction}", f"redundant cut {direction}"
        seconds = quality.STREAM_S + 8
        scenario.add(
            Measurement(lossy, functools.partial(quality.redundant, direction, loss=0.1), seconds),
            Line(f"{direction}: lost inside, 10 % of each link", lossy, "loss", "%", ("<=", 1.2),
                 digits=2),
            Line(f"{direction}: delivered twice", lossy, "twice", "packets", ("<=", 0), digits=0))
        scenario.add(
            Measurement(cut, functools.partial(quality.redundant, direction, loss=0, cuts=True),
                        seconds),
            Line(f"{direction}: lost when one falls silent", cut, "lost", "packets", ("<=", 0),
                 digits=0),
            Line(f"{direction}: delivered twice then", cut, "twice", "packets", ("<=", 0),
                 digits=0))
    return scenario


def clean_scenario(options):
    scenario = Scenario("clean", "equal clean links: what order, copies and control cost")
    for direction in options.directions:
        pair, single, again = (f"clean {what} {direction}"
                               for what in ("pair", "single", "spurious"))
        scenario.add(Measurement(single, functools.partial(quality.single_order, direction), 32),
                     Line(f"{direction}: p99 of large packets over one link", single, "p99_ms",
                          "ms", digits=2))
        scenario.add(Measurement(pair, functools.partial(quality.pair_order, direction), 32),
                     Added(f"{direction}: p99 added by two", pair, "p99_ms", "ms", ("<=", 1),
                           (single,), digits=2),
                     Line(f"{direction}: lost", pair, "lost", "packets", ("<=", 0), digits=0),
                     Line(f"{direction}: control traffic, of the data", pair, "control", "%",
                          ("<=", 1), digits=2))
        scenario.add(Measurement(again, functools.partial(quality.spurious, direction, options),
                                 options.seconds + 8),
                     Line(f"{direction}: sent again without need", again, "spurious", "%",
                          ("<=", 0.01), digits=4),
                     Line(f"{direction}: segments sent again", again, "resent", "", digits=0))
    scenario.add(Measurement("clean idle", quality.idle, quality.IDLE_S + 12),
                 Line("idle link, both directions", "clean idle", "kbps", "kB/s", ("<=", 1),
                      digits=2))
    return scenario


class Added(Line):
    """What is more than the least median of `over`."""

    def values(self, results):
        others = [figures.median([run[self.key] for run in results.get(name, [])])
                  for name in self.over]
        if None in others:
            return []
        return [value - min(others)
                for value in (run[self.key] for run in results.get(self.of, []))]


def scenarios(options):
    """All of them. @options: seconds, kinds, directions, quic (a command or None)."""
    return [*(row_scenario(row, options) for row in ROWS),
            *(download_scenario(row) for row in ROWS),
            blackhole_scenario(options), device_scenario(options), back_scenario(options),
            idle_scenario(options), flap_scenario(options), step_scenario(options),
            redundant_scenario(options), clean_scenario(options)]
