# SPDX-License-Identifier: MIT
"""Figures beside demands: as Markdown for people and as JSON for programs."""
import json

from full import figures
from full.demands import KINDS, ROWS

WORDS = {True: "met", False: "**missed**", None: ""}


def shown(value, digits):
    return "-" if value is None else f"{value:.{digits}f}"


def evaluate(scenarios, results):
    """A dict for each line of the report: what, unit, demand, values of all runs, median,
    verdict.
    """
    report = []
    for scenario in scenarios:
        for line in scenario.lines:
            values = line.values(results)
            middle = figures.median(values)
            report.append({
                "scenario": scenario.key, "title": scenario.title, "what": line.what,
                "measurement": line.of, "key": line.key, "unit": line.unit, "digits": line.digits,
                "demand": line.demand, "values": values, "median": middle,
                "met": figures.is_met(middle, line.demand)})
    return report


def missed(report):
    return [line for line in report if line["met"] is False]


def not_measured(report):
    return [line for line in report if line["demand"] and line["median"] is None]


def verdict(line):
    if line["demand"] and line["median"] is None:
        return "not measured"
    return WORDS[line["met"]]


def demand_text(line):
    return "" if line["demand"] is None else f"{line['demand'][0]} {line['demand'][1]:g}"


def row_of(line):
    digits, values = line["digits"], line["values"]
    spread = f"{shown(min(values), digits)} .. {shown(max(values), digits)}" if values else "-"
    unit = f", {line['unit']}" if line["unit"] else ""
    return (f"| {line['what']}{unit} | {demand_text(line)} | {shown(line['median'], digits)} "
            f"| {spread} | {len(values)} | {verdict(line)} |")


def detail(report):
    lines, scenario = [], None
    for line in report:
        if line["scenario"] != scenario:
            scenario = line["scenario"]
            lines += ["", f"## {scenario}: {line['title']}", "",
                      "| what | demand | median | least .. most | runs | |",
                      "|---|---|---|---|---|---|"]
        lines.append(row_of(line))
    return lines


def overview(report):
    """A line for each row of the table and direction: share of each kind, worst voice."""
    by_place = {(line["measurement"], line["key"]): line for line in report}
    keys = {line["scenario"] for line in report}
    lines = ["| links | | " + " | ".join(KINDS.values()) + " | voice p99, ms | voice lost, % |",
             "|---|---|" + "---|" * (len(KINDS) + 2)]
    for row in ROWS:
        for direction in ("up", "down"):
            places = [f"{row.key} {kind} {direction}" for kind in KINDS]
            if row.key not in keys or not any((place, "share") in by_place for place in places):
                continue
            cells = [cell(by_place.get((place, "share"))) for place in places]
            cells += [cell(worst(by_place, places, key)) for key in ("voice_ms", "voice_loss")]
            lines.append(f"| {row.title} | {direction} | " + " | ".join(cells) + " |")
    return lines if len(lines) > 2 else []


def worst(by_place, places, key):
    known = [by_place[place, key] for place in places
             if (place, key) in by_place and by_place[place, key]["median"] is not None]
    return max(known, key=lambda line: line["median"], default=None)


def cell(line):
    """Figure and demand."""
    if line is None or line["median"] is None:
        return "-"
    text = shown(line["median"], line["digits"])
    if line["demand"]:
        text += f" ({demand_text(line)})"
    return f"**{text}**" if line["met"] is False else text


def markdown(report, head):
    bad, lacking = missed(report), not_measured(report)
    with_demand = sum(1 for line in report if line["demand"])
    lines = ["# Measured beside demanded", "", *head, "",
             f"{with_demand} demands: {len(bad)} missed, {len(lacking)} not measured.", ""]
    lines += overview(report)
    lines += detail(report)
    if bad:
        lines += ["", "## Missed", ""]
        lines += [f"- {line['scenario']}: {line['what']}: "
                  f"{shown(line['median'], line['digits'])} {line['unit']}".rstrip() +
                  f", demanded {demand_text(line)}" for line in bad]
    return "\n".join(lines) + "\n"


def as_json(report, about):
    return json.dumps({**about, "lines": report}, indent=1) + "\n"
