#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Faults under a disk: the process killed at any moment, a full file system.

  tests/block/crash.py --io PROGRAM --keel PROGRAM [--rounds N] [--seed N]

kill: random writes with flushes, killed after 20 to 400 ms. Whatever was
flushed, as the program said before it died, is in the image; `qemu-img check`
finds nothing or leaks, never an error; the next round goes on with it.

full: a file system of a few MiB, and more writes than it takes. Some answer
with ENOSPC; what was written before reads back, and check is as above.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

SECTOR = 512


def call(words, accept=(0,)):
    done = subprocess.run(words, capture_output=True, text=True, timeout=120,
                          check=False)
    if done.returncode not in accept:
        raise AssertionError("%s: exit status %d\n%s%s" % (
            " ".join(words), done.returncode, done.stdout[-2000:],
            done.stderr[-2000:]))
    return done


class Kill:
    """One image, its sectors' last flushed values and those since then."""

    def __init__(self, tools, folder, rng, options):
        self.tools, self.rng, self.sectors = tools, rng, 64 * 2048
        self.image = os.path.join(folder, "kill.qcow2")
        self.dump = os.path.join(folder, "dump")
        call(["qemu-img", "create", "-q", "-f", "qcow2", "-o", options,
              self.image, str(self.sectors * SECTOR)])
        self.kept = {}
        self.serial = self.flushes = 0

    def script(self):
        """Lines, and after which of them which values were flushed."""
        rng, lines, flushed = self.rng, [], []
        since, flying = [], []
        for n in range(40000):
            first = rng.randrange(self.sectors)
            count = min(rng.choice((1, 8, 8, 8, 64, 200)),
                        self.sectors - first)
            self.serial += 1
            kind = rng.random()
            value = 0 if kind < 0.1 else self.serial
            # Two at once in one place may end in either order.
            if len(flying) > 64 or any(first < f + c and f < first + count
                                       for f, c in flying):
                lines.append("q")
                flying = []
            flying.append((first, count))
            lines.append("u %d %d" % (first * SECTOR, count * SECTOR)
                         if not value else "w %d %d %d" % (
                             first * SECTOR, count * SECTOR, value))
            since.append((first, count, value))
            if rng.random() < 0.2:
                lines.append("q")
            if rng.random() < 0.05:
                lines.append("p %d" % n)
                flushed.append((n, since))
                since = []
        return lines, flushed, since

    def round(self):
        lines, flushed, rest = self.script()
        words = [self.tools.io, "--discard", "--aio",
                 self.rng.choice(("uring", "threads")), self.image]
        with subprocess.Popen(words, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as child:
            out = self.feed(child, lines)
        said = [int(w) for w in re.findall(r"^(\d+)$", out, re.M)]
        if "error" in out:
            raise AssertionError("a request failed: " + out[-500:])
        done = call(["qemu-img", "check", self.image], accept=(0, 3))
        call([self.tools.keel, "image", "check", self.image],
             accept=(done.returncode,))
        self.flushes += len(said)
        self.compare(flushed, rest, said[-1] if said else -1)
        return done.returncode

    def feed(self, child, lines):
        """Writes until the time is over, kills, and reads what was said."""
        end = time.monotonic() + self.rng.uniform(0.02, 0.4)
        os.set_blocking(child.stdin.fileno(), False)
        data, at, out = "\n".join(lines).encode() + b"\n", 0, b""
        os.set_blocking(child.stdout.fileno(), False)
        while time.monotonic() < end:
            try:
                at += os.write(child.stdin.fileno(), data[at:at + 4096])
            except (BlockingIOError, BrokenPipeError):
                time.sleep(0.0005)
            try:
                out += os.read(child.stdout.fileno(), 65536)
            except BlockingIOError:
                pass
        child.kill()
        child.wait()
        os.set_blocking(child.stdout.fileno(), True)
        while True:
            more = os.read(child.stdout.fileno(), 65536)
            if not more:
                break
            out += more
        try:
            child.stdin.close()
        except BrokenPipeError:
            pass
        # The last word may be cut off.
        return out[:out.rfind(b"\n") + 1].decode()

    def compare(self, flushed, rest, last):
        """Flushed values, or what was asked for after the last flush."""
        later = {}
        for n, writes in flushed + [(1 << 60, rest)]:
            for first, count, value in writes:
                for s in range(first, first + count):
                    if n <= last:
                        self.kept[s] = value
                    else:
                        later.setdefault(s, set()).add(value)
        call(["qemu-img", "convert", "-O", "raw", self.image, self.dump])
        with open(self.dump, "rb") as f:
            data = f.read()
        for s in range(self.sectors):
            sector = data[s * SECTOR:(s + 1) * SECTOR]
            value = int.from_bytes(sector[:4], "little")
            allowed = later.get(s, set()) | {self.kept.get(s, 0)}
            if value not in allowed or sector != sector[:4] * 128:
                raise AssertionError("sector %d is %d, not one of %s" % (
                    s, value, sorted(allowed)[:5]))
            self.kept[s] = value


def kill_test(tools, rng):
    folder = tempfile.mkdtemp(prefix="keel-kill-", dir=tools.folder)
    results, flushes = [], 0
    for options in ("cluster_size=64k", "cluster_size=4k",
                    "cluster_size=512,refcount_bits=64"):
        kill = Kill(tools, folder, rng, options)
        for _ in range(tools.rounds):
            results.append(kill.round())
            if results[-1] == 3:
                call([tools.keel, "image", "check", "-q", "-r", "leaks",
                      kill.image])
                call(["qemu-img", "check", "-q", kill.image])
        flushes += kill.flushes
    shutil.rmtree(folder)
    print("kill: %d kills after %d flushes, %d clean, %d leaks only" % (
        len(results), flushes, results.count(0), results.count(3)))
    if not flushes:
        raise AssertionError("no flush was answered before a kill")


def full_test(tools, rng):
    folder = tempfile.mkdtemp(prefix="keel-full-", dir=tools.folder)
    place = os.path.join(folder, "small")
    os.mkdir(place)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs",
                       place], capture_output=True, check=False).returncode:
        print("SKIP full: a file system cannot be mounted")
        return False
    try:
        image = os.path.join(place, "full.qcow2")
        call([tools.keel, "image", "create", "-q", image, "64M"])
        order = list(range(400))
        rng.shuffle(order)
        lines = ["w %d 65536 %d\n%s" % (i * 131072, i + 1, "f\n" if i % 7 == 0
                                        else "") for i in order]
        done = subprocess.run([tools.io, image], input="\n".join(lines) +
                              "\nq\n", capture_output=True, text=True,
                              timeout=120, check=False)
        failed = {int(m) // 131072 for m in re.findall(
            r"^error w (\d+): No space", done.stdout, re.M)}
        if not failed or len(failed) == 400:
            raise AssertionError("%d of 400 writes failed:\n%s" % (
                len(failed), done.stdout[-1000:]))
        checked = call(["qemu-img", "check", image], accept=(0, 3))
        reads = "".join("r %d 65536 %d\n" % (i * 131072, i + 1)
                        for i in range(400) if i not in failed)
        done = subprocess.run([tools.io, "--read-only", image], input=reads,
                              capture_output=True, text=True, check=False,
                              timeout=120)
        if done.returncode:
            raise AssertionError("written and lost:\n" + done.stdout[-1000:])
        print("full: %d of 400 writes without space, check %d" % (
            len(failed), checked.returncode))
    finally:
        call(["umount", place])
        shutil.rmtree(folder)
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--io", required=True)
    parser.add_argument("--keel", required=True)
    parser.add_argument("--folder")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    tools = parser.parse_args()
    tools.io, tools.keel = (os.path.abspath(p) for p in (tools.io, tools.keel))
    passed = failed = skipped = 0
    for test in kill_test, full_test:
        try:
            if test(tools, random.Random(tools.seed)) is False:
                skipped += 1
            else:
                passed += 1
        except (AssertionError, subprocess.TimeoutExpired) as failure:
            print("FAIL %s: %s" % (test.__name__, failure))
            failed += 1
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
