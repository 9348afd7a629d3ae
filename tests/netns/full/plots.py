# SPDX-License-Identifier: MIT
"""One run over time, drawn by gnuplot: rate of each link and of all, round trip, queue, losses."""
import shutil
import subprocess

from full import figures

SMOOTH_S = 0.5  # of rates and losses: counters are read more often
GNUPLOT_S = 60
HEAD = """set terminal svg size 1000,1200 font "sans,12" background "white"
set output "{path}"
set multiplot layout 4,1 title "{title}" noenhanced
set grid
set key outside right noenhanced
set lmargin 9
set rmargin 24
set xrange [0:{end:.3f}]
set yrange [0:*]
"""


def every(samples, seconds):
    """Of @samples (time, value) those at least @seconds apart."""
    kept = []
    for sample in samples:
        if not kept or sample[0] - kept[-1][0] >= seconds - 1e-6:
            kept.append(sample)
    return kept


def rates(counts, scale):
    """(time, growth per second times @scale), at the middle of each interval."""
    return [((a + b) / 2, n / (b - a) * scale)
            for a, b, n in figures.differences(every(counts, SMOOTH_S))]


def of_link(samples, link, key):
    return [(s["t"], s["links"][link][key]) for s in samples
            if s["links"][link].get(key) is not None]


def total(samples, key):
    return [(s["t"], sum(link[key] for link in s["links"].values())) for s in samples]


def goodput(recorded):
    """What arrived inside, by iperf3's intervals or by the receiver's count."""
    if recorded.get("goodput"):
        begin = next((t for t, word in recorded["events"] if word == "bulk begins"), 0)
        return [(begin + (a + b) / 2, amount / (b - a)) for a, b, amount in recorded["goodput"]]
    counts = [(s["t"], s["got"]) for s in recorded["samples"] if "got" in s]
    return rates(counts, 8e-6)


def panels(recorded):
    """[(label of the axis, [(name, points, style)])], from top to bottom."""
    samples = recorded["samples"]
    links = sorted(samples[0]["links"])

    def by_link(points, word="", dashes=""):
        return [(f"link {link}{word}", points(link), f"lines lc {link}{dashes}") for link in links]

    def estimates(points):
        return by_link(points, ", estimate", " dt 3")
    rate = by_link(lambda link: rates(of_link(samples, link, "bytes"), 8e-6))
    rate += [("all links", rates(total(samples, "bytes"), 8e-6), 'lines lw 2 lc "black"'),
             ("received inside", goodput(recorded), 'lines lw 2 dt 2 lc "black"')]
    rate += estimates(lambda link: [(t, value * 1e-6)
                                    for t, value in of_link(samples, link, "capacity_bps")])
    rtt = by_link(lambda link: of_link(samples, link, "rtt_ms"))
    queue = by_link(lambda link: of_link(samples, link, "emulated_queue_ms"))
    queue += estimates(lambda link: of_link(samples, link, "queue_ms"))
    loss = by_link(lambda link: rates(of_link(samples, link, "lost"), 1))
    return [("Mbit/s", rate), ("round trip, ms", rtt), ("queue, ms", queue),
            ("lost, packets/s", loss)]


def script(recorded, title, path):
    samples = recorded["samples"]
    lines = [HEAD.format(path=path, title=title, end=max(samples[-1]["t"], 0.1))]
    for number, (at, word) in enumerate(recorded["events"], 1):
        lines.append(f"set arrow {number} from {at:.3f}, graph 0 to {at:.3f}, graph 1 nohead dt 4")
        lines.append(f'set label {number} "{word}" at {at:.3f}, graph 0.95 offset 0.5 '
                     'font ",9" noenhanced')
    for label, curves in panels(recorded):
        curves = [curve for curve in curves if curve[1]]
        lines += [f'set ylabel "{label}"', "set xlabel 'seconds'" if "lost" in label else ""]
        if not curves:  # an axis without a curve is what gnuplot refuses
            curves = [("nothing known", [(0, 0)], "points pt 0")]
        lines.append("plot " + ", ".join(
            f"'-' using 1:2 with {style} title \"{name}\"" for name, _, style in curves))
        for _, points, _ in curves:
            lines += [f"{t:.3f} {value:.6g}" for t, value in points] + ["e"]
    return "\n".join([*lines, "unset multiplot"]) + "\n"


def draw(recorded, title, path):
    """Writes an SVG to @path; returns what went wrong, or None."""
    try:
        done = subprocess.run(["gnuplot"], input=script(recorded, title, path), capture_output=True,
                              text=True, timeout=GNUPLOT_S)
    except subprocess.TimeoutExpired:
        return f"gnuplot takes longer than {GNUPLOT_S} s"
    return done.stderr.strip() if done.returncode else None


def missing():
    """Why nothing can be drawn here, or None."""
    return None if shutil.which("gnuplot") else "not installed: gnuplot"
