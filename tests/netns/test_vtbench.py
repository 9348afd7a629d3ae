# SPDX-License-Identifier: MIT
"""`vtbench tunnel`: its figures are there, and it leaves nothing behind, however it ends."""
import contextlib
import glob
import json
import os
import pathlib
import signal
import subprocess

from checks import Settings, check, limit, wait_until


def vtbench():
    return str(pathlib.Path(Settings.vtrunkd).parent / "bench" / "vtbench")


def left_out():
    """It is not built with -Dbench=disabled."""
    return None if os.access(vtbench(), os.X_OK) else "built without vtbench"


@contextlib.contextmanager
def bench(*words):
    """A running `vtbench tunnel`, killed if the test leaves it behind."""
    command = [vtbench(), "tunnel", "--vtrunkd", Settings.vtrunkd, *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def namespaces_of(pid):
    return [os.path.basename(path) for path in glob.glob(f"/run/netns/vtbench-{pid}-*")]


def processes_of(pid):
    """{process id: name} of what runs in its namespaces."""
    found = {}
    for name in namespaces_of(pid):
        done = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True)
        for child in done.stdout.split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found[int(child)] = pathlib.Path(f"/proc/{child}/comm").read_text().strip()
    return found


def check_nothing_left(pid, children=()):
    check(not namespaces_of(pid), f"namespaces are left: {namespaces_of(pid)}")
    sockets = glob.glob(f"/run/vtrunkd/vb{pid}*") + glob.glob(f"/run/wireguard/vb{pid}*")
    check(not sockets, f"control sockets are left: {sockets}")
    left = [child for child in children if os.path.exists(f"/proc/{child}")]
    check(not left, f"processes are left: {left}")


def rows_of(report):
    """{(test, direction): values}"""
    return {(row["labels"]["test"], row["labels"]["direction"]): row["values"]
            for row in report["rows"]}


@limit(90)
def test_measures_a_tunnel():
    with bench("--tests", "tcp1,idle-ping", "--seconds", "1", "--runs", "1",
               "--json", "-") as process:
        out, err = process.communicate(timeout=80)
    check(process.returncode == 0, f"exit {process.returncode}: {err}")
    rows = rows_of(json.loads(out))
    check(set(rows) == {("tcp1", "up"), ("idle-ping", "both")}, f"rows {sorted(rows)}")
    tcp, ping = rows["tcp1", "up"], rows["idle-ping", "both"]
    for values, name in ((tcp, "gbps"), (tcp, "cpu_s_per_gb"), (ping, "rtt_us_median")):
        check(values[name] > 0, f"{name} is {values[name]}")
    check(ping["rtt_us_p99"] >= ping["rtt_us_median"], f"round trips {ping}")
    check(0 <= ping["loss_percent"] < 100, f"loss {ping['loss_percent']} %")
    check(tcp["kpps"] is None and tcp["ratio"] is None, f"figures that were not measured: {tcp}")
    check_nothing_left(process.pid)


@limit(120)
def test_compares_variants_over_their_own_links():
    with bench("--tests", "udp64,idle", "--seconds", "1", "--runs", "1", "--json", "-",
               "--vs", "none", "--variant", "two:links=2,dataplane.workers=1") as process:
        out, err = process.communicate(timeout=110)
    check(process.returncode == 0, f"exit {process.returncode}: {err}")
    rows = json.loads(out)["rows"]
    seen = [(*row["labels"].values(),) for row in rows]
    check(seen == [("two", "2", "udp64", "up"), ("none", "1", "udp64", "up"),
                   ("two", "2", "udp64", "down"), ("none", "1", "udp64", "down"),
                   ("two", "2", "idle", "client"), ("two", "2", "idle", "server")], f"rows {seen}")
    values = [row["values"] for row in rows]
    for ours, theirs in ((values[0], values[1]), (values[2], values[3])):
        check(ours["kpps"] > 0 and ours["cpu_ns_per_packet"] > 0, f"small packets: {ours}")
        ratio = ours["kpps"] / theirs["kpps"]
        check(abs(ours["ratio"] / ratio - 1) < 1e-6, f"ratio {ours['ratio']} instead of {ratio}")
        check(theirs["cpu_ns_per_packet"] is None, f"processor time of no program: {theirs}")
    check(values[4]["rss_mib"] > 0.1, f"idle: {values[4]}")
    check_nothing_left(process.pid)


@limit(60)
def test_daemon_that_refuses_its_configuration_is_reported():
    with bench("--tests", "idle-ping", "--set", "dataplane.no_such_key=1", "--json", "-") as process:
        out, err = process.communicate(timeout=50)
    report = json.loads(out)
    check(process.returncode == 1, f"exit {process.returncode}")
    check(report["rows"] == [], f"rows {report['rows']}")
    check("no_such_key" in err, f"what the daemon said is not shown: {err}")
    check(any("no tunnel" in note for note in report["notes"]), f"notes {report['notes']}")
    check_nothing_left(process.pid)


def interrupted(number, in_the_middle):
    with bench("--tests", "tcp1,udp64", "--seconds", "30", "--runs", "1") as process:
        wait_until("it is in the middle", lambda: in_the_middle(process.pid), 30, 0.01)
        children = processes_of(process.pid)
        process.send_signal(number)
        process.communicate(timeout=20)
        check(process.returncode == 128 + number, f"exit {process.returncode}")
        check_nothing_left(process.pid, children)


@limit(60)
def test_sigterm_while_measuring_leaves_nothing():
    def flows(pid):
        names = list(processes_of(pid).values())
        return names.count("iperf3") == 2 and len(names) >= 4
    interrupted(signal.SIGTERM, flows)


@limit(60)
def test_sigint_while_setting_up_leaves_nothing():
    interrupted(signal.SIGINT, namespaces_of)
