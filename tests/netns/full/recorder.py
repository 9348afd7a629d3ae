# SPDX-License-Identifier: MIT
"""What happens over time: the emulated links' own counters and what the sending daemon believes."""
import json
import socket
import time

from traffic import Stream

POLL_HZ = 10
REPLY_BYTES = 1 << 16
OF_PATH = ("state", "rtt_ms", "queue_ms", "capacity_bps")  # of `vtrunkd status --json`


def ask_status(daemon):
    """What `vtrunkd status --json` prints, without a process for it (vtrunkd/ctl.h)."""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(10)
        control.connect(daemon.socket_path)
        control.sendall(b'{"request":"status"}\n')
        reply = b""
        while part := control.recv(REPLY_BYTES):
            reply += part
    return json.loads(reply)["status"]


def processor_time():
    """(busy, all) of all processors so far, in ticks"""
    with open("/proc/stat") as file:
        user, nice, system, idle, waiting, *others = map(int, file.readline().split()[1:9])
    busy = user + nice + system + sum(others)
    return busy, busy + idle + waiting


class Recorder(Stream):
    """Samples until it is closed: {"t", "links": {"1": {..}}} with what the links carried in
    @direction, their queue and losses so far, and what @daemon, which sends, says of its paths;
    "got" is what @count() says, bytes that arrived so far. `events` are words for a moment.
    """

    def __init__(self, lab, daemon, direction, count=None, per_second=POLL_HZ):
        super().__init__()
        self.lab, self.daemon, self.direction, self.count = lab, daemon, direction, count
        self.interval = 1 / per_second
        self.begin, self.ticks = time.monotonic(), processor_time()
        self.samples, self.events = [], []
        self.spawn(self._run)

    def now(self):
        return time.monotonic() - self.begin

    def mark(self, word):
        """Returns the moment."""
        self.events.append((self.now(), word))
        return self.events[-1][0]

    def _run(self):
        due = self.begin
        while not self.stopping.is_set():
            self.samples.append(self._sample())
            due = max(due + self.interval, time.monotonic())
            self.stopping.wait(due - time.monotonic())

    def _sample(self):
        paths = {path["link"]: path for path in ask_status(self.daemon)["peers"][0]["paths"]}
        sample = {"t": self.now(), "links": {}}
        if self.count:
            sample["got"] = self.count()
        for i, emulator in self.lab.emulators.items():
            counters = emulator.counters()[self.direction]
            path = paths.get(f"link-{i}", {})
            sample["links"][str(i)] = {
                "bytes": counters["delivered_bytes"], "emulated_queue_ms": counters["queue_ms"],
                "lost": counters["lost"] + counters["queue_full"] + counters["swallowed"],
                **{key: path.get(key) for key in OF_PATH}}
        return sample

    def busy_percent(self):
        """Of the machine, since the beginning."""
        (busy, all_of_them), (busy_before, all_before) = processor_time(), self.ticks
        return 100 * (busy - busy_before) / max(1, all_of_them - all_before)

    def of_link(self, i, key):
        """(time, value) of all samples"""
        return [(s["t"], s["links"][str(i)][key]) for s in self.samples]

    def got(self):
        return [(s["t"], s["got"]) for s in self.samples]

    def kept(self):
        """What goes into the results."""
        if self.error:
            raise self.error
        return {"samples": self.samples, "events": self.events}
