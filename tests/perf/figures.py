# SPDX-License-Identifier: MIT
"""From samples to medians, ratios, means and verdicts."""

import math
import statistics

import rows as rows_of

WAYS = ("native", "tcg", "tcgmax", "ours")


def median(values):
    """None of nothing: a missing figure must not look like a quick one."""
    return statistics.median(values) if values else None


def geomean(values):
    """None when one is missing: a mean over fewer rows is another mean."""
    values = list(values)
    if not values or any(v is None or v <= 0 for v in values):
        return None
    return math.exp(sum(map(math.log, values)) / len(values))


def ratio(a, b):
    return a / b if a is not None and b else None


def group(samples, field="cpu"):
    """{row: {way: [value...]}}; samples that failed are left out."""
    found = {}
    for s in samples:
        if s["status"] == 0:
            found.setdefault(s["row"], {}).setdefault(
                s["way"], []).append(s[field])
    return found


def spread(values):
    return {"n": len(values), "min": min(values), "max": max(values),
            "median": median(values)} if values else None


def better_tcg(by_way):
    """(median, which) of TCG's two CPU models, the one that costs less."""
    both = [(median(by_way[way]), way) for way in ("tcg", "tcgmax")
            if by_way.get(way)]
    return min(both) if both else (None, None)


def failures(samples):
    """{row: what is wrong with ours}: a bad end, or other output than the
    native program's."""
    sums, wrong = {}, {}
    for s in samples:
        if s["way"] == "native" and s["status"] == 0:
            sums.setdefault(s["row"].split("/")[0], s["sum"])
    for s in samples:
        if s["way"] != "ours":
            continue
        if s["status"] != 0:
            wrong[s["row"]] = f"wait status {s['status']}"
        elif sums.get(s["row"].split("/")[0], s["sum"]) != s["sum"]:
            wrong[s["row"]] = "other output than natively"
    return wrong


def is_slower(name, figures):
    """Whether ours takes longer than TCG may, where TCG does the same."""
    return (name not in rows_of.LOCKED
            and (figures["ours/tcg"] or 0) > rows_of.TCG_BAR)


def row_verdict(name, figures, all_figures, wrong):
    """(bar, verdict) of one row; verdict "" where something is missing."""
    ours = figures["ours"]
    if wrong:
        return wrong, "FAIL"
    if name in rows_of.LOCKED:
        bar, base = rows_of.LOCKED[name], figures["native"]
        text = f"{bar:g} native"
    elif name in rows_of.PARALLEL_BARS:
        way, other, bar = rows_of.PARALLEL_BARS[name]
        base = all_figures.get(other, {}).get(way)
        text = f"{bar:g} {'own /1' if way == 'ours' else way}"
    else:
        bar, base = rows_of.TCG_BAR, figures["tcg"]
        text = f"{bar:g} TCG"
    if ours is None or base is None:
        return text, ""
    if is_slower(name, figures):
        return text, "FAIL"
    return text, "pass" if ours <= bar * base else "FAIL"


def summarize_rows(samples, order):
    """[{name, native, tcg, which, ours, ratios, bar, verdict...}]."""
    grouped, wrong = group(samples), failures(samples)
    found = {}
    for name in order:
        by_way = grouped.get(name, {})
        tcg, which = better_tcg(by_way)
        native, ours = median(by_way.get("native")), median(by_way.get("ours"))
        found[name] = {
            "name": name, "native": native, "tcg": tcg, "tcg_model": which,
            "ours": ours, "tcg/native": ratio(tcg, native),
            "ours/native": ratio(ours, native), "ours/tcg": ratio(ours, tcg),
            "spread": {way: spread(by_way.get(way, [])) for way in WAYS}}
    short = {s["row"] for s in samples if s["way"] == "native"
             and s["cpu"] * s["repeat"] < rows_of.SHORT_S}
    for name, figures in found.items():
        figures["bar"], figures["verdict"] = row_verdict(
            name, figures, found, wrong.get(name))
        figures["wrong"] = name in wrong
        figures["short"] = name in short
        figures["slower"] = is_slower(name, figures)
    return list(found.values())


def summarize_class(title, bar, members, by_name):
    """A class passes only when each of its rows has been measured."""
    there = [by_name[n] for n in members if n in by_name]
    is_whole = len(there) == len(members)
    figures = {"title": title, "bar": bar, "rows": len(there),
               "of": len(members)}
    for name in ("tcg/native", "ours/native", "ours/tcg"):
        figures[name] = geomean(row[name] for row in there)
    value = figures["ours/native"]
    figures["verdict"] = (
        "" if not is_whole
        else "FAIL" if any(row["wrong"] for row in there)
        else "" if value is None
        else "pass" if value <= bar else "FAIL")
    return figures


def summarize_classes(rows, summary):
    by_name = {r["name"]: r for r in summary}
    found = [summarize_class(title, bar, rows_of.in_class(rows, kind), by_name)
             for kind, (title, bar) in rows_of.CLASSES.items()]
    found.append(summarize_class(rows_of.ALL[0], rows_of.ALL[1],
                                 rows_of.in_all(rows), by_name))
    return [c for c in found if c["rows"]]


def scaling(samples):
    """How much more par-sha256 does in the same wall time with 2 processors."""
    grouped = group(samples, "guest_wall")
    found = {}
    for way in ("native", "tcg", "ours"):
        one, two = (median(grouped.get(f"par-sha256/{n}", {}).get(way))
                    for n in (1, 2))
        found[way] = ratio(one, two)
    native, ours = found["native"], found["ours"]
    if native is None or ours is None:
        verdict = ""
    elif native < rows_of.NATIVE_SCALES:
        verdict = "not judged: natively less than 1.9"
    else:
        verdict = "pass" if ours >= rows_of.SCALES_AT_LEAST else "FAIL"
    found["verdict"] = verdict
    return found


def summarize_machine(samples):
    """Boot, start, idle: the median of each, held to its bar and to TCG."""
    by_name = {}
    for s in samples:
        by_name.setdefault(s["row"], {}).setdefault(
            s["way"], []).append(s["value"])
    found = []
    for name, (unit, title, bar) in rows_of.MACHINE.items():
        by_way = by_name.get(name)
        if not by_way:
            continue
        tcg, which = better_tcg(by_way)
        ours = median(by_way.get("ours"))
        verdict, text = machine_verdict(name, bar, ours, tcg, by_name)
        found.append({
            "name": name, "unit": unit, "title": title, "tcg": tcg,
            "tcg_model": which, "ours": ours, "bar": text,
            "verdict": verdict,
            "spread": {way: spread(v) for way, v in by_way.items()}})
    return found


def machine_verdict(name, bar, ours, tcg, by_name):
    if name in rows_of.UNBARRED:
        return "", "-"
    if name == "idle/2":
        # No more than with one; 0.05 % is what the clock's tick makes of it.
        one = median(by_name.get("idle", {}).get("ours"))
        limit, text = None if one is None else one + 0.05, "as with 1"
    elif bar is None:
        limit, text = tcg, "TCG"
    else:
        limit, text = bar, f"{bar:g}"
    if ours is None or limit is None:
        return "", text
    return "pass" if ours <= limit else "FAIL", text


def summarize(result, rows, order):
    """Adds to a result, which has samples and ends, what follows from them."""
    workloads = [s for s in result["samples"] if "sum" in s]
    machine = [s for s in result["samples"] if "value" in s]
    result["rows"] = summarize_rows(workloads, order)
    result["classes"] = summarize_classes(rows, result["rows"])
    result["machine"] = summarize_machine(machine)
    result["scaling"] = scaling(workloads)
    verdicts = [r["verdict"] for kind in ("rows", "classes", "machine")
                for r in result[kind]] + [result["scaling"]["verdict"]]
    result["passed"] = verdicts.count("pass")
    result["failed"] = verdicts.count("FAIL") + sum(
        end["end"] != "ok" for end in result["ends"])
    return result
