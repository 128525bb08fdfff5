# SPDX-License-Identifier: MIT
"""The plot: host CPU time against native, as SVG.

Horizontal bars on a logarithmic axis on which native is 1: the means of the
classes on top, every workload below. The two colours are told apart by people
who do not see all colours, and by brightness alone.
"""

import math
from xml.sax.saxutils import escape

import report
import rows as rows_of

OURS, TCG = "#0072b2", "#e69f00"
INK, FAINT, GRID, FAIL = "#222222", "#777777", "#dddddd", "#c03000"
WIDTH = 1120
LEFT, RIGHT = 290, 240
FONT = "DejaVu Sans, Helvetica, Arial, sans-serif"


class Canvas:
    def __init__(self):
        self.parts = []
        self.y = 0

    def text(self, x, y, words, size=13, color=INK, anchor="start",
             weight="normal"):
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" '
            f'fill="{color}" text-anchor="{anchor}" '
            f'font-weight="{weight}">{escape(str(words))}</text>')

    def rect(self, x, y, width, height, color):
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" '
            f'height="{height:.1f}" fill="{color}"/>')

    def line(self, x1, y1, x2, y2, color, width=1.0, dash=""):
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{color}" stroke-width="{width}"'
            + (f' stroke-dasharray="{dash}"' if dash else "") + "/>")

    def svg(self):
        height = math.ceil(self.y)
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
                f'height="{height}" viewBox="0 0 {WIDTH} {height}" '
                f'font-family="{FONT}">\n'
                f'<!-- SPDX-License-Identifier: MIT -->\n'
                f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n'
                + "\n".join(self.parts) + "\n</svg>\n")


class Axis:
    """Ratios to native, from a little under the least to over the greatest."""

    def __init__(self, values):
        values = [v for v in values if v] + [1.0, 10.0]
        self.low = math.log10(min(values)) - 0.08
        self.high = math.log10(max(values)) + 0.04

    def x(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def ticks(self):
        candidates = [d * 10 ** e for e in range(-2, 5) for d in (1, 2, 5)]
        return [t for t in candidates
                if self.low <= math.log10(t) <= self.high]


def draw_axis(canvas, axis, top, bottom):
    """The grid, under the bars that come later."""
    for tick in axis.ticks():
        x = axis.x(tick)
        is_native = tick == 1
        canvas.line(x, top, x, bottom, INK if is_native else GRID,
                    1.6 if is_native else 1)
        canvas.text(x, top - 6, "native" if is_native else f"{tick:g}×",
                    12, INK if is_native else FAINT, "middle",
                    "bold" if is_native else "normal")


def draw_bar(canvas, axis, y, height, value, color, size, clear_of=0):
    """From native to the value; the figure stands at the bar's end, and not
    across the mark at `clear_of`."""
    if value is None:
        canvas.text(axis.x(1) + 6, y + height - 1, "not measured", size, FAINT)
        return
    start, end = sorted((axis.x(1), axis.x(value)))
    canvas.rect(start, y, end - start, height, color)
    words = report.number(value, 2)
    x = max(end, axis.x(1)) + 5
    if x - 5 <= clear_of <= x + 0.65 * size * len(words):
        x = clear_of + 6
    canvas.text(x, y + height / 2 + size * 0.36, words, size)


def draw_pair(canvas, axis, item, height, size, weight):
    """TCG above ours, the bar to be held as a mark across ours."""
    gap = max(2, height * 0.2)
    middle = canvas.y + height + gap / 2
    mark = axis.x(item["bar"]) if item.get("bar") else 0
    canvas.text(LEFT - 12, middle + size * 0.36, item["label"], size,
                anchor="end", weight=weight)
    draw_bar(canvas, axis, canvas.y, height, item["tcg"], TCG, size - 2)
    draw_bar(canvas, axis, canvas.y + height + gap, height, item["ours"],
             OURS, size - 2, mark)
    if mark:
        canvas.line(mark, canvas.y + height + gap - 2, mark,
                    canvas.y + 2 * height + gap + 2, INK, 2.4)
    canvas.text(WIDTH - 12, middle + size * 0.36, item["note"], size - 1,
                FAIL if "FAIL" in item["note"] else FAINT, "end")
    canvas.y += 2 * height + gap


def note_of(figures):
    """How many times TCG's speed, and the verdict."""
    words = []
    if figures["ours/tcg"]:
        words.append(f"{report.number(1 / figures['ours/tcg'], 2)}× TCG's speed")
    if figures["verdict"]:
        words.append(figures["verdict"])
    return ", ".join(words)


def class_items(result):
    return [{"label": c["title"], "tcg": c["tcg/native"],
             "ours": c["ours/native"], "bar": c["bar"], "note": note_of(c)}
            for c in result["classes"]]


def row_items(result, rows):
    """[(heading, [item...])], in the order of the classes."""
    headings = {kind: title for kind, (title, _) in rows_of.CLASSES.items()}
    headings[rows_of.OTHER] = "only in the mean over all"
    headings[rows_of.ALONE] = "in no mean"
    headings[rows_of.PARALLEL] = "two threads, with 1 and 2 processors"
    found = []
    for kind, heading in headings.items():
        items = [{"label": r["name"], "tcg": r["tcg/native"],
                  "ours": r["ours/native"],
                  "note": "FAIL" if r["verdict"] == "FAIL" else ""}
                 for r in result["rows"]
                 if rows[r["name"].split("/")[0]].kind == kind]
        if items:
            found.append((heading, items))
    return found


def draw_head(canvas, result):
    m = result["about"]
    canvas.text(24, 38, "Host CPU time against native (shorter is better)", 22,
                weight="bold")
    canvas.text(24, 62, f"{m['date']} · {m['cpu']}, {m['cpus']} processors · "
                f"{report.runs(m)} · logarithmic", 13, FAINT)
    x, y = 24, 88
    for color, label in ((OURS, "Keel, software engine"),
                         (TCG, "QEMU TCG" + (
                             ", better of two CPU models"
                             if "tcgmax" in m["ways"] else ""))):
        canvas.rect(x, y - 12, 26, 14, color)
        canvas.text(x + 34, y, label, 14)
        x += 60 + 8.6 * len(label)
    canvas.line(x + 4, y - 14, x + 4, y + 4, INK, 2.4)
    canvas.text(x + 14, y, "bar for Keel", 14)
    canvas.y = 96


def draw_machine(canvas, result):
    if not result["machine"]:
        return
    canvas.y += 34
    canvas.text(24, canvas.y, "Machine", 16, weight="bold")
    for x, words in ((620, "QEMU TCG"), (740, "Keel"), (860, "bar")):
        canvas.text(x, canvas.y, words, 13, FAINT, "end")
    for m in result["machine"]:
        canvas.y += 22
        canvas.text(24, canvas.y, m["title"])
        for x, value in ((620, report.number(m["tcg"])),
                         (740, report.number(m["ours"])), (860, m["bar"])):
            canvas.text(x, canvas.y, value, anchor="end",
                        weight="bold" if x == 740 else "normal")
        canvas.text(876, canvas.y, m["unit"], 12, FAINT)
        canvas.text(WIDTH - 12, canvas.y, m["verdict"], 12,
                    FAIL if m["verdict"] == "FAIL" else FAINT, "end")


def draw_section(canvas, axis, groups, height, size, weight):
    """Bars in groups, with a grid behind all of them."""
    canvas.y += 30
    top, at = canvas.y, len(canvas.parts)
    canvas.y += 8
    for heading, items in groups:
        if heading:
            canvas.y += 16
            canvas.text(24, canvas.y, heading, 13, FAINT, weight="bold")
            canvas.y += 8
        for item in items:
            draw_pair(canvas, axis, item, height, size, weight)
            canvas.y += height * 0.75
    bars, canvas.parts = canvas.parts[at:], canvas.parts[:at]
    draw_axis(canvas, axis, top, canvas.y)
    canvas.parts += bars


def plot(result, rows):
    classes, groups = class_items(result), row_items(result, rows)
    axis = Axis([item[way] for items in [classes] + [g for _, g in groups]
                 for item in items for way in ("tcg", "ours")])
    canvas = Canvas()
    draw_head(canvas, result)
    if classes:
        draw_section(canvas, axis, [("", classes)], 14, 15, "bold")
    draw_machine(canvas, result)
    if groups:
        canvas.y += 14
        draw_section(canvas, axis, groups, 9, 12, "normal")
    canvas.y += 20
    return canvas.svg()
