#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Power cuts: what was written and not synced may be lost, in any part.

  tests/block/cut.py --io PROGRAM --keel PROGRAM --recorder LIBRARY --seconds N

Requests run under a library that writes down each change of the file and each
sync (record.c). Then the power is cut at random places: what ended before the
last sync began is in the file, of what came later any part, by 4 KiB. Each such
image must be whole but for leaks, and each sector hold what the last flush that
was answered left, or something written since.
"""

import argparse
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time

SECTOR, BLOCK = 512, 4096


def call(words, accept=(0,), **more):
    done = subprocess.run(words, capture_output=True, timeout=120, check=False,
                          **more)
    if done.returncode not in accept:
        raise AssertionError("%s: exit status %d\n%s%s" % (
            " ".join(words), done.returncode, done.stdout[-1500:].decode(),
            done.stderr[-1500:].decode()))
    return done.returncode


def read_log(path):
    with open(path, "rb") as f:
        data = f.read()
    at, records = 0, []
    while at < len(data):
        kind, offset, size = struct.unpack_from("<cQQ", data, at)
        at += 17
        kind = kind.decode()
        body = b""
        if kind in "wm":
            body = data[at:at + size]
            at += size
        records.append((kind, offset, size, body))
    return records


def apply(image, record):
    kind, offset, size, body = record
    if kind == "z":
        body = bytes(size)
    if kind in "wz":
        if kind == "w" and offset + size > len(image):
            image.extend(bytes(offset + size - len(image)))
        size = min(size, max(0, len(image) - offset))
        image[offset:offset + size] = body[:size]
    elif kind == "e" and offset > len(image):
        image.extend(bytes(offset - len(image)))
    elif kind == "t":
        del image[offset:]
        image.extend(bytes(offset - len(image)))


def pieces(record):
    """A write in the parts that a medium keeps or loses one by one."""
    kind, offset, size, body = record
    if kind not in "wz":
        return [record]
    out, at = [], 0
    while at < size:
        n = min(size - at, BLOCK - (offset + at) % BLOCK)
        out.append((kind, offset + at, n, body[at:at + n]))
        at += n
    return out


def cut(base, records, place, rng):
    """The file after a cut when `place` records had ended."""
    durable = 0
    for kind, offset, _, _ in records[:place]:
        if kind == "s":
            durable = max(durable, offset)
    image, keep = bytearray(base), rng.choice((0.0, 0.2, 0.5, 0.8, 1.0))
    for i, record in enumerate(records[:place]):
        if record[0] in "sm":
            continue
        for piece in pieces(record) if i >= durable else [record]:
            if i < durable or rng.random() < keep:
                apply(image, piece)
    return image


class Case:
    def __init__(self, tools, folder, rng):
        self.tools, self.folder, self.rng = tools, folder, rng
        self.image = os.path.join(folder, "cut.qcow2")
        self.sectors = rng.choice((2048, 8192, 16384))
        self.model = {}
        options = ["cluster_size=%d" % (512 << rng.randrange(0, 10, 1))]
        if rng.random() < 0.2:
            options.append("compat=0.10")
        else:
            options.append("refcount_bits=%d" % rng.choice((8, 16, 64)))
        call(["qemu-img", "create", "-q", "-f", "qcow2", "-o",
              ",".join(options), self.image, str(self.sectors * SECTOR)])
        if rng.random() < 0.5:
            self.run_io(self.script(60)[0], [])
            if rng.random() < 0.6:
                call(["qemu-img", "snapshot", "-c", "s", self.image])
            # What this left is where the case begins.
            self.model = self.read(self.image)

    def run_io(self, lines, more):
        call([self.tools.io, "--aio", "threads"] + more + [self.image],
             input=("\n".join(lines) + "\n").encode())

    def read(self, image):
        raw = os.path.join(self.folder, "raw")
        call(["qemu-img", "convert", "-O", "raw", image, raw])
        with open(raw, "rb") as f:
            data = f.read()
        found = {}
        for s in range(self.sectors):
            sector = data[s * SECTOR:(s + 1) * SECTOR]
            if sector != sector[:4] * 128:
                raise AssertionError("sector %d is torn" % s)
            found[s] = int.from_bytes(sector[:4], "little")
        return found

    def script(self, count):
        """Lines, and the writes between one mark and the next."""
        rng, lines, epochs, now, flying = self.rng, [], [], [], []
        for n in range(count):
            first = rng.randrange(self.sectors)
            size = min(rng.choice((1, 8, 8, 64, 300)), self.sectors - first)
            kind = rng.random()
            value = 0 if kind < 0.2 else rng.randrange(1, 1 << 31)
            # Two at once in one place may end in either order.
            if any(first < f + c and f < first + size for f, c in flying):
                lines.append("q")
                flying = []
            flying.append((first, size))
            lines.append("%s %d %d %d" % (
                "w" if value else rng.choice("zu"), first * SECTOR,
                size * SECTOR, value))
            now.append((first, size, value))
            lines += ["q"] * (rng.random() < 0.7) + ["f"] * (rng.random() < .1)
            if rng.random() < 0.1:
                lines.append("p %d" % len(epochs))
                epochs.append(now)
                now = []
        return lines, epochs + [now]

    def go(self, cuts):
        with open(self.image, "rb") as f:
            base = f.read()
        log = os.path.join(self.folder, "log")
        lines, epochs = self.script(self.rng.randrange(20, 200))
        os.environ.update(LD_PRELOAD=self.tools.recorder, KEEL_RECORD=log)
        try:
            self.run_io(lines, ["--discard"])
        finally:
            del os.environ["LD_PRELOAD"]
        records = read_log(log)
        if not any(r[0] == "s" for r in records):
            raise AssertionError("nothing was synced")
        for _ in range(cuts):
            place = self.rng.randrange(len(records) + 1)
            self.judge(cut(base, records, place, self.rng), epochs,
                       sum(r[0] == "m" for r in records[:place]))

    def judge(self, image, epochs, marks):
        path = os.path.join(self.folder, "after.qcow2")
        with open(path, "wb") as f:
            f.write(image)
        rc = call(["qemu-img", "check", "-q", path], accept=(0, 3))
        call([self.tools.keel, "image", "check", "-q", path], accept=(rc,))
        found, kept, later = self.read(path), dict(self.model), {}
        for i, epoch in enumerate(epochs):
            for first, size, value in epoch:
                for s in range(first, first + size):
                    if i < marks:
                        kept[s] = value
                    else:
                        later.setdefault(s, set()).add(value)
        for s, value in found.items():
            if value != kept.get(s, 0) and value not in later.get(s, ()):
                raise AssertionError("sector %d is %d, not %d" % (
                    s, value, kept.get(s, 0)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--io", required=True)
    parser.add_argument("--keel", required=True)
    parser.add_argument("--recorder", required=True)
    parser.add_argument("--folder")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    tools = parser.parse_args()
    for name in "io", "keel", "recorder":
        setattr(tools, name, os.path.abspath(getattr(tools, name)))
    end, cases, cuts = time.monotonic() + tools.seconds, 0, 20
    while not cases or time.monotonic() < end:
        folder = tempfile.mkdtemp(prefix="keel-cut-", dir=tools.folder)
        seed = tools.seed + cases
        try:
            Case(tools, folder, random.Random(seed)).go(cuts)
        except (AssertionError, subprocess.TimeoutExpired) as failure:
            print("FAIL cut, seed %d: %s\n  kept in %s" % (seed, failure,
                                                         folder))
            print("%d passed, 1 failed, 0 skipped" % cases)
            return 1
        shutil.rmtree(folder)
        cases += 1
    print("cut: %d images of %d runs" % (cuts * cases, cases))
    print("%d passed, 0 failed, 0 skipped" % cases)
    return 0


if __name__ == "__main__":
    sys.exit(main())
