# SPDX-License-Identifier: MIT
"""What is measured: the rows, their classes, and the bars they are held to."""

import os

HERE = os.path.dirname(os.path.abspath(__file__))
LIST = os.path.join(HERE, "guest", "workloads.txt")

# class in workloads.txt: its name, and ours / native at most.
CLASSES = {
    "integer": ("integer and applications", 2.2),
    "float": ("FP, SIMD, x87", 1.4),
    "memory": ("memory", 1.8),
    "syscalls": ("syscalls, scheduling, signals", 3.0),
    "processes": ("page faults, fork, exec", 6.0),
    "files": ("file system (tmpfs)", 4.0),
    "cold": ("cold code", 15.0),
}
ALL = ("all", 2.4)
# In the mean over all, in none of a class.
OTHER = "other"
# In no mean: see ALONE_BECAUSE.
ALONE = "alone"
# Two threads, measured with one and two processors; in no mean.
PARALLEL = "parallel"

ALONE_BECAUSE = {
    "atomic-1thr": "with one processor TCG leaves the LOCK prefix out, which "
                   "is not sound beside device threads; bar: 1.2 x native",
    "dd-zero-null": "natively bimodal",
    "smc-rewrite": "natively 1 ms",
}

# No row may cost more than this many times what TCG takes.
TCG_BAR = 1.1
# Rows in which TCG does less than the guest asked (see atomic-1thr): held to
# so many times the native figure instead.
LOCKED = {"atomic-1thr": 1.2, "par-atomic/1": 1.2}
# With two processors: (row, what it is compared with, at most how many times).
PARALLEL_BARS = {
    "par-sha256/2": ("ours", "par-sha256/1", 1.1),
    "par-atomic/2": ("native", "par-atomic/2", 1.5),
    "par-mutex/2": ("native", "par-mutex/2", 1.5),
}
# Work in the same wall time with two processors, where the native program
# scales by NATIVE_SCALES in the same run.
SCALES_AT_LEAST = 1.8
NATIVE_SCALES = 1.9

# Rows that are not workloads: name: (unit, title, at most; None: only TCG).
MACHINE = {
    "boot": ("CPU s", "cloud kernel to the first line of /init", 1.0),
    "boot32": ("CPU s", "i386 kernel to the first line of /init", None),
    "start": ("wall ms", "process start to the first guest instruction", 10.0),
    "start-cpu": ("CPU ms", "the same, CPU time", None),
    "idle": ("% of a core", "idle guest of 512 MiB", 0.3),
    "idle/2": ("% of a core", "the same with 2 processors", None),
    "memory": ("MiB", "memory beside the idle guest's own", 24.0),
}
# No bar of its own, nor a comparison with TCG.
UNBARRED = ("start-cpu",)

# A measurement below this is too short to be trusted.
SHORT_S = 0.05


class Row:
    def __init__(self, name, kind, repeat, needs):
        self.name = name
        self.kind = kind
        self.repeat = repeat
        self.needs = needs


def parse(lines):
    rows = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) < 5 or not words[2].isdigit() or int(words[2]) < 1:
            raise ValueError(f"line {number}: not 'name class repeat needs "
                             f"command': {line.strip()}")
        name, kind, repeat, needs = words[:4]
        if kind not in list(CLASSES) + [OTHER, ALONE, PARALLEL]:
            raise ValueError(f"line {number}: '{kind}' is no class")
        if name in rows:
            raise ValueError(f"line {number}: '{name}' is there twice")
        if needs != "-" and needs not in rows:
            raise ValueError(f"line {number}: '{needs}' does not run before")
        rows[name] = Row(name, kind, int(repeat), needs)
    return rows


def read():
    with open(LIST, encoding="utf-8") as f:
        return parse(f)


def in_class(rows, kind):
    return [r.name for r in rows.values() if r.kind == kind]


def in_all(rows):
    return [r.name for r in rows.values()
            if r.kind in CLASSES or r.kind == OTHER]


def machine_parts():
    """What can be asked for beside rows and classes."""
    return ["boot", "boot32", "start", "idle"]


def select(rows, words):
    """(main rows, parallel rows, machine parts) for what the user named; no
    words: all of it."""
    if not words:
        return ([r.name for r in rows.values() if r.kind != PARALLEL],
                in_class(rows, PARALLEL), machine_parts())
    chosen, parts = [], []
    for word in words:
        if word in machine_parts():
            parts.append(word)
        elif word in rows:
            chosen.append(word)
        elif word == "main":
            chosen += [r.name for r in rows.values() if r.kind != PARALLEL]
        elif in_class(rows, word):
            chosen += in_class(rows, word)
        else:
            raise ValueError(
                f"'{word}' is no row, class or part; parts are "
                f"{', '.join(machine_parts())}, classes "
                f"{', '.join(sorted({r.kind for r in rows.values()}))}, main")
    return ([n for n in rows if n in chosen and rows[n].kind != PARALLEL],
            [n for n in rows if n in chosen and rows[n].kind == PARALLEL],
            parts)
