# SPDX-License-Identifier: MIT
"""The tables, as text that is Markdown too."""

import rows as rows_of

ROW_HEAD = ("workload", "native s", "TCG s", "ours s", "TCG/native",
            "ours/native", "ours/TCG", "bar", "verdict")


def number(value, digits=3):
    """Three significant digits or so, "-" for what is missing."""
    if value is None:
        return "-"
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    if abs(value) >= 1:
        return f"{value:.2f}"
    return f"{value:.{digits}f}"


def seconds(value):
    return "-" if value is None else f"{value:.4f}"


def table(head, body):
    """The first column to the left, figures to the right."""
    lines = [[str(c) for c in line] for line in [head] + body]
    width = [max(len(line[i]) for line in lines) for i in range(len(head))]

    def draw(line):
        return "| " + " | ".join(
            c.ljust(w) if i == 0 else c.rjust(w)
            for i, (c, w) in enumerate(zip(line, width))) + " |"

    rule = "|" + "|".join(
        "-" * (w + 1) + ("-" if i == 0 else ":")
        for i, w in enumerate(width)) + "|"
    return "\n".join([draw(lines[0]), rule] + [draw(x) for x in lines[1:]])


def row_line(row):
    name = row["name"] + (" *" if row["tcg_model"] == "tcgmax" else "")
    verdict = row["verdict"] or "-"
    if row["slower"]:
        verdict += ", slower"
    if row["short"]:
        verdict += ", short"
    return [name, seconds(row["native"]), seconds(row["tcg"]),
            seconds(row["ours"]), number(row["tcg/native"]),
            number(row["ours/native"]), number(row["ours/tcg"]),
            row["bar"], verdict]


def class_table(result):
    body = []
    for c in result["classes"]:
        title = c["title"]
        if c["rows"] < c["of"]:
            title += f" ({c['rows']} of {c['of']})"
        body.append([title, c["of"], number(c["tcg/native"]),
                     number(c["ours/native"]), number(c["ours/tcg"]),
                     f"{c['bar']:g}", c["verdict"] or "-"])
    return table(("class", "rows", "TCG/native", "ours/native", "ours/TCG",
                  "bar", "verdict"), body)


def machine_table(result):
    body = [[m["title"], m["unit"], number(m["tcg"]), number(m["ours"]),
             m["bar"], m["verdict"] or "-"] for m in result["machine"]]
    return table(("machine", "unit", "TCG", "ours", "bar", "verdict"), body)


def scaling_line(result):
    s = result["scaling"]
    if all(s[way] is None for way in ("native", "tcg", "ours")):
        return ""
    return ("Work of par-sha256 in the same wall time with 2 processors "
            "instead of 1: " + ", ".join(
                f"{way} {number(s[way])}" for way in ("native", "tcg", "ours"))
            + f"; bar 1.8; {s['verdict'] or '-'}.")


def tables(result):
    parts = []
    if result["classes"]:
        parts.append(class_table(result))
    if result["rows"]:
        parts.append(table(ROW_HEAD, [row_line(r) for r in result["rows"]]))
        if any(r["tcg_model"] == "tcgmax" for r in result["rows"]):
            parts.append("\\* TCG's better figure is that of `-cpu max`.")
        parts.append(scaling_line(result))
    if result["machine"]:
        parts.append(machine_table(result))
    ends = [e for e in result["ends"] if e["end"] != "ok"]
    parts += [f"{e['way']}, run {e['run']}, {e['what']}: {e['end']}"
              for e in ends]
    return "\n\n".join(p for p in parts if p)


def total(result):
    return f"{result['passed']} passed, {result['failed']} failed"


def runs(about_it):
    if about_it["runs"] == 1:
        return "one run"
    return f"medians of {about_it['runs']} alternating runs"


def about(result):
    """What was measured, on what, when."""
    m = result["about"]
    lines = [f"- {m['date']}, on {m['cpu']} with {m['cpus']} processors, "
             f"Linux {m['kernel']}",
             f"- load average {m['load_before']} before and "
             f"{m.get('load_after', '-')} after; {runs(m)}"
             + (", short rows not repeated" if m["quick"] else ""),
             f"- guest: Linux {m.get('guest_kernel', '-')}, "
             f"{m['guest_mib']} MiB, one processor unless said otherwise"]
    for way, text in m["ways"].items():
        lines.append(f"- {way}: {text}")
    return "\n".join(lines)


METHOD = """\
## Method

Figures are CPU seconds of the host for one execution of the workload, not
wall time, so that they hold on a machine that others use as well. For a VMM it
is the process's CPU clock (the sum of what its threads ran) and that of its
children, which are ours only, between the guest's line before the workload and
the one after it, in both of which the guest rests for 30 ms. Natively it is `getrusage` of the children, on as many
processors as the guest has. All three run the same static and Debian programs;
natively in a chroot on the host's kernel, which is another one than the
guest's, so that rows made of system calls compare two kernels too.

The ways alternate within each run. Rows that take less than 50 ms natively are
repeated inside one measurement, the same number of times for all
(`tests/perf/guest/workloads.txt`), and reported for one execution; a row that
was too short nevertheless says "short". TCG is taken at the better of its
default CPU model and `-cpu max`, row by row (\\*). Each program's checksum must
be the native one's.

Means are geometric, over all rows of a class; a class with a row missing has
none. In no mean are:

"""


def alone_list():
    return "\n".join(f"- `{name}`: {why}"
                     for name, why in rows_of.ALONE_BECAUSE.items())


def document(result, plot):
    """docs/performance.md."""
    return (f"<!-- SPDX-License-Identifier: MIT -->\n# Performance\n\n"
            f"Written by `./dev bench --publish`; the last measurement.\n\n"
            f"{about(result)}\n\n"
            f"![host CPU time against native]({plot})\n\n"
            f"## Result\n\n{tables(result)}\n\n{total(result)}\n\n"
            f"{METHOD}{alone_list()}\n"
            "- the rows of two threads: `/1` and `/2` are processors\n")
