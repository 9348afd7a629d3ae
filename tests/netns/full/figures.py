# SPDX-License-Identifier: MIT
"""Statistics of measurements. Pure: lists of numbers in, a number out; None where there is none."""
import bisect
import math
import statistics


def median(values):
    return statistics.median(values) if values else None


def percentile(values, percent):
    """The least of @values that @percent of them do not exceed."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def worst_percentile(samples, begins, percent):
    """Of @samples (time, value): the greatest percentile of a phase; phases begin at @begins and
    last until the next one.
    """
    ends = [*begins[1:], float("inf")]
    phases = [[value for time, value in samples if begin <= time < end]
              for begin, end in zip(begins, ends)]
    return max((percentile(phase, percent) for phase in phases if phase), default=None)


def longest_gap(times, begin=None, end=None):
    """The longest time between two of @times; with @begin and @end also from there and to there."""
    marks = sorted([*times, *(t for t in (begin, end) if t is not None)])
    return max((b - a for a, b in zip(marks, marks[1:])), default=0.0)


def mean_rate(intervals, begin, end):
    """Of @intervals (begin, end, amount), amount per time between @begin and @end. One that lies
    half inside counts half.
    """
    amount = covered = 0.0
    for a, b, n in intervals:
        inside = min(b, end) - max(a, begin)
        if inside > 0:
            amount += n * inside / (b - a)
            covered += inside
    return amount / covered if covered else None


def differences(samples):
    """Intervals (begin, end, amount) of @samples (time, count that only grows)."""
    return [(a, b, m - n) for (a, n), (b, m) in zip(samples, samples[1:]) if b > a]


def step_mean(steps, begin, end):
    """The mean of a value that changed at @steps (time, value), the first at or before @begin."""
    times = [time for time, _ in steps]
    total, at = 0.0, begin
    while at < end:
        now = bisect.bisect_right(times, at) - 1
        until = min(times[now + 1] if now + 1 < len(times) else end, end)
        total += steps[now][1] * (until - at)
        at = until
    return total / (end - begin)


def settled_after(samples, begin, target, tolerance, hold):
    """How long after @begin the @samples (time, value) come within @tolerance (0.15: 15 %) of
    @target to stay there for @hold; None: never.
    """
    since = None
    for time, value in samples:
        if time < begin:
            continue
        if value is None or abs(value / target - 1) > tolerance:
            since = None
        elif since is None:
            since = time
        if since is not None and time - since >= hold:
            return since - begin
    return None


def reached_after(samples, begin, rate, window):
    """How long after @begin the count in @samples (time, count) has grown at @rate for @window;
    None: never.
    """
    samples = [(time, count) for time, count in samples if time >= begin]
    first = 0
    for time, count in samples:
        while first + 1 < len(samples) and samples[first + 1][0] <= time - window + 1e-9:
            first += 1
        span = time - samples[first][0]
        if span >= window - 1e-9 and (count - samples[first][1]) / span >= rate:
            return time - begin
    return None


def is_met(value, demand):
    """Whether @value is what @demand, ("<=" or ">=", limit), wants; None where nothing is
    wanted.
    """
    if demand is None or value is None:
        return None
    relation, limit = demand
    return value <= limit if relation == "<=" else value >= limit
