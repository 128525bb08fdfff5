#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our disks and QEMU's tools on the same images, in turns and at random.

  tests/block/cross.py --io PROGRAM --keel PROGRAM --seconds N [--seed N]

Each case makes an image of some kind, and then in turns one side writes, zeros,
discards, makes snapshots or resizes, and the other reads all of it back.
After each turn `qemu-img check` and `keel image check` find nothing wrong.
Disks are small; their content is modelled as one 32-bit value per sector.
"""

import argparse
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

SECTOR = 512


class Failure(Exception):
    pass


def run(words, data=None, accept=(0,)):
    done = subprocess.run(words, input=data, capture_output=True, text=True,
                          timeout=120, check=False)
    if done.returncode not in accept:
        raise Failure("%s: exit status %d\n%s%s" % (
            " ".join(words), done.returncode, done.stdout[-1500:],
            done.stderr[-1500:]))
    return done.stdout


class Model:
    """What each sector may be: a set of values, mostly of one."""

    def __init__(self, sectors):
        self.sectors = [frozenset((0,))] * sectors

    def copy(self):
        other = Model(0)
        other.sectors = list(self.sectors)
        return other

    def put(self, offset, size, value):
        first, count = offset // SECTOR, size // SECTOR
        self.sectors[first:first + count] = [frozenset((value,))] * count

    def discard(self, offset, size):
        for i in range(offset // SECTOR, (offset + size) // SECTOR):
            self.sectors[i] = self.sectors[i] | {0}

    def resize(self, sectors):
        more = sectors - len(self.sectors)
        self.sectors = (self.sectors + [frozenset((0,))] * max(more, 0)
                        )[:sectors]

    def compare(self, path, who):
        with open(path, "rb") as f:
            data = f.read()
        if len(data) != len(self.sectors) * SECTOR:
            raise Failure("%s: the disk has %d bytes, not %d" % (
                who, len(data), len(self.sectors) * SECTOR))
        for i, allowed in enumerate(self.sectors):
            sector = data[i * SECTOR:(i + 1) * SECTOR]
            value = struct.unpack_from("<I", sector)[0]
            if value not in allowed or sector != sector[:4] * 128:
                raise Failure("%s: sector %d is %#x, not one of %s" % (
                    who, i, value, [hex(a) for a in allowed]))
            self.sectors[i] = frozenset((value,))


class Case:
    def __init__(self, rng, folder, tools):
        self.rng, self.folder, self.tools = rng, folder, tools
        self.log = []
        self.image = os.path.join(folder, "disk.qcow2")
        self.dump = os.path.join(folder, "dump")
        self.sectors = rng.choice((1, 127, 2048, 4096, 16383, 32768))
        self.snapshots, self.has_bitmaps, self.serial = {}, False, 0
        self.format, self.backing = "qcow2", False
        self.model = Model(self.sectors)
        self.make()

    def call(self, words, data=None, accept=(0,)):
        self.log.append(" ".join(words) + ("\n" + data if data else ""))
        return run(words, data, accept)

    # ---- making ----

    def make_backing(self):
        fmt = self.rng.choice(("raw", "qcow2"))
        path = os.path.join(self.folder, "base." + fmt)
        size = max(1, int(self.sectors * self.rng.choice((0.3, 1, 1.5))))
        self.call(["qemu-img", "create", "-q", "-f", fmt, path,
                   str(size * SECTOR)])
        for _ in range(8):
            first = self.rng.randrange(size)
            count = min(size - first, self.rng.randrange(1, 3000))
            self.call(["qemu-io", "-f", fmt, "-c", "write -P 66 %d %d" % (
                first * SECTOR, count * SECTOR), path])
            count = min(count, self.sectors - first)
            if count > 0:
                self.model.put(first * SECTOR, count * SECTOR, 0x42424242)
        return path, fmt

    def make(self):
        rng = self.rng
        if rng.random() < 0.08:
            self.format = "raw"
            self.image = os.path.join(self.folder, "disk.img")
            self.call(["qemu-img", "create", "-q", "-f", "raw", self.image,
                       str(self.sectors * SECTOR)])
            return
        options = ["cluster_size=%d" % (512 << rng.randrange(13))]
        self.v2 = rng.random() < 0.2
        if self.v2:
            options.append("compat=0.10")
        else:
            self.refcount_bits = 1 << rng.randrange(7)
            options.append("refcount_bits=%d" % self.refcount_bits)
            if rng.random() < 0.3:
                options.append("compression_type=zstd")
            if rng.random() < 0.2:
                options.append("lazy_refcounts=on")
        if self.v2:
            self.refcount_bits = 16
        self.backing = rng.random() < 0.4
        if self.backing:
            path, fmt = self.make_backing()
            options += ["backing_file=%s" % path, "backing_fmt=%s" % fmt]
        elif rng.random() < 0.2:
            options.append("preallocation=metadata")
        maker = (["qemu-img"] if rng.random() < 0.5
                 else [self.tools.keel, "image"])
        self.call(maker + ["create", "-q", "-f", "qcow2", "-o",
                           ",".join(options), self.image,
                           str(self.sectors * SECTOR)])

    # ---- turns ----

    def value(self):
        self.serial += 1
        return self.serial

    def a_range(self):
        rng, sectors = self.rng, len(self.model.sectors)
        first = rng.randrange(sectors)
        count = rng.choice((1, 2, 8, 64, 128, 300, 2048, 9000))
        if rng.random() < 0.3:
            first = first // 128 * 128
        return (first * SECTOR,
                min(sectors - first, rng.randrange(1, count + 1)) * SECTOR)

    def our_turn(self):
        rng = self.rng
        words = [self.tools.io, "--format", self.format,
                 "--aio", rng.choice(("uring", "threads")),
                 "--cache", rng.choice(("writeback", "writeback",
                                        "writethrough", "unsafe", "none")),
                 ] + (["--backing"] if self.backing else [])
        if rng.random() < 0.7:
            words.append("--discard")
        lines, touched = [], []
        for _ in range(rng.randrange(1, 60)):
            offset, size = self.a_range()
            if any(offset < e and s < offset + size for s, e in touched):
                lines.append("q")
                touched = []
            touched.append((offset, offset + size))
            op = rng.choice("wwwwwwwzud" + "fr")
            if op == "w":
                value = self.value()
                lines.append("w %d %d %d" % (offset, size, value))
                self.model.put(offset, size, value)
            elif op in "zu":
                lines.append("%s %d %d" % (op, offset, size))
                self.model.put(offset, size, 0)
            elif op == "d":
                lines.append("d %d %d" % (offset, size))
                self.model.discard(offset, size)
            elif op == "f":
                lines.append("f")
            else:
                allowed = self.model.sectors[offset // SECTOR]
                if len(allowed) == 1:
                    lines.append("r %d 512 %d" % (offset, *allowed))
        self.call(words + [self.image], "\n".join(lines) + "\n")

    def qemu_turn(self):
        rng = self.rng
        words = ["qemu-io", "-f", self.format, "-d", "unmap", "-t", "writeback"]
        for _ in range(rng.randrange(1, 25)):
            offset, size = self.a_range()
            op = rng.random()
            if op < 0.6:
                value = rng.randrange(1, 256)
                words += ["-c", "write -P %d %d %d" % (value, offset, size)]
                self.model.put(offset, size, value * 0x01010101)
            elif op < 0.8:
                words += ["-c", "write -z %s %d %d" % (
                    rng.choice(("", "-u")), offset, size)]
                self.model.put(offset, size, 0)
            else:
                words += ["-c", "discard %d %d" % (offset, size)]
                self.model.discard(offset, size)
        out = self.call(words + [self.image])
        if re.search(r"failed|error", out, re.I):
            raise Failure("qemu-io: " + out)

    def snapshot_turn(self):
        rng = self.rng
        kind = rng.choice("cad")
        if kind == "c" and len(self.snapshots) < 3 and (
                self.refcount_bits > 2):
            name = "s%d" % self.value()
            self.call(["qemu-img", "snapshot", "-c", name, self.image])
            self.settle()
            self.snapshots[name] = self.model.copy()
        elif kind != "c" and self.snapshots:
            name = rng.choice(sorted(self.snapshots))
            self.call(["qemu-img", "snapshot", "-" + kind, name, self.image])
            if kind == "d":
                del self.snapshots[name]
            else:
                self.model = self.snapshots[name].copy()

    def other_turn(self):
        rng = self.rng
        if self.snapshots or self.has_bitmaps:
            return
        if rng.random() < 0.3 and not self.v2:
            self.call(["qemu-img", "bitmap", "--add", self.image, "b1"])
            self.call(["qemu-img", "bitmap", "--add", "--disable", self.image,
                       "b2"])
            self.has_bitmaps = True
            return
        sectors = max(1, int(len(self.model.sectors) *
                             rng.choice((0.7, 1.3, 2))))
        if sectors > 60000:
            return
        tool = (["qemu-img"] if rng.random() < 0.3
                else [self.tools.keel, "image"])
        backing = []
        if self.backing and tool[0] != "qemu-img":
            backing = ["--backing", "on"]
        self.call(tool + ["resize", "-q", "--shrink"] + backing +
                  [self.image, str(sectors * SECTOR)])
        # What is cut off and comes again is zeros.
        self.model.resize(sectors)

    # ---- judging ----

    def check(self):
        if self.format == "raw":
            return
        self.call(["qemu-img", "check", "-q", self.image])
        self.call([self.tools.keel, "image", "check", "-q", self.image])

    def settle(self):
        self.call(["qemu-img", "convert", "-f", self.format, "-O", "raw",
                   self.image, self.dump])
        self.model.compare(self.dump, "qemu-img")
        way = self.rng.random()
        backing = ["--backing", "on"] if self.backing else []
        if way < 0.5:
            self.call([self.tools.keel, "image", "convert", "-f", self.format]
                      + backing + ["-O", "raw", self.image, self.dump])
        else:
            self.call([self.tools.io, "--format", self.format, "--read-only"]
                      + (["--backing"] if backing else []) + [self.image],
                      "x %s\n" % self.dump)
        self.model.compare(self.dump, "ours")

    def converted(self):
        """Our copy, packed or not, is the same disk for QEMU."""
        copy = os.path.join(self.folder, "copy.qcow2")
        self.call([self.tools.keel, "image", "convert", "-f", self.format] +
                  (["--backing", "on"] if self.backing else []) +
                  (["-c"] if self.rng.random() < 0.6 else []) +
                  ["-O", "qcow2", "-o", "cluster_size=%d,compression_type=%s"
                   % (512 << self.rng.randrange(13),
                      self.rng.choice(("zlib", "zstd"))), self.image, copy])
        self.call(["qemu-img", "check", "-q", copy])
        self.call([self.tools.keel, "image", "check", "-q", copy])
        self.call(["qemu-img", "compare", "-q", self.image, copy])
        self.call([self.tools.keel, "image", "compare", "-q"] +
                  (["--backing", "on"] if self.backing else []) +
                  [self.image, copy])
        # and one that QEMU packs is what we go on with
        if not self.snapshots and not self.has_bitmaps and (
                self.format == "qcow2") and self.rng.random() < 0.7:
            self.call(["qemu-img", "convert", "-c", "-O", "qcow2", "-o",
                       "compression_type=" +
                       self.rng.choice(("zlib", "zstd")), self.image, copy])
            os.replace(copy, self.image)
            self.v2, self.backing, self.refcount_bits = False, False, 16

    def turn(self):
        kind = self.rng.random()
        if kind < 0.5:
            self.our_turn()
        elif kind < 0.75 or self.format == "raw":
            self.qemu_turn()
        elif kind < 0.88:
            self.snapshot_turn()
        elif kind < 0.95:
            self.other_turn()
        else:
            self.converted()
        self.check()
        self.settle()


def one_case(seed, tools, turns):
    rng = random.Random(seed)
    folder = tempfile.mkdtemp(prefix="keel-cross-", dir=tools.folder)
    case = None
    try:
        case = Case(rng, folder, tools)
        for _ in range(turns):
            case.turn()
    except (Failure, subprocess.TimeoutExpired) as failure:
        print("FAIL seed %d: %s" % (seed, failure))
        with open(os.path.join(folder, "log"), "w", encoding="utf-8") as f:
            f.write("\n".join(case.log if case else []) + "\n")
        print("  kept in %s" % folder)
        return False
    shutil.rmtree(folder)
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--io", required=True)
    parser.add_argument("--keel", required=True)
    parser.add_argument("--folder")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--turns", type=int, default=12)
    parser.add_argument("--one", action="store_true",
                        help="the seed's case and no other")
    tools = parser.parse_args()
    tools.io, tools.keel = (os.path.abspath(p) for p in (tools.io, tools.keel))
    end = time.monotonic() + tools.seconds
    passed = failed = 0
    seed = tools.seed
    while (not passed + failed) or (time.monotonic() < end
                                    and not tools.one and failed < 3):
        if one_case(seed, tools, tools.turns):
            passed += 1
        else:
            failed += 1
        seed += 1
    print("cross: seeds %d to %d" % (tools.seed, seed - 1))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
