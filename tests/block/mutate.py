#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Damaged and hostile images under keel image: in bounds, and never a crash.

  tests/block/mutate.py --keel PROGRAM [--count N] [--seed N]

Copies of good images get impossible values in the header, its extensions and
all tables. info, check, map, convert and check -r all each end by themselves
within 5 s of processor time and 1.5 GB of address space, and no file beside the
image's own and the copy's is made or changed.
"""

import argparse
import os
import random
import resource
import shutil
import struct
import subprocess
import sys
import tempfile

EDGES = (0, 1, 0x1ff, 0x200, 0x7fffffff, 0xffffffff, 1 << 32, 1 << 55,
         (1 << 56) - 512, 1 << 62, (1 << 63) | 0x10000, (1 << 64) - 1)


def quiet(words):
    subprocess.run(words, check=True, capture_output=True)


def make_seeds(folder):
    """Good images of several kinds."""
    seeds = []

    def image(name, options):
        path = os.path.join(folder, name)
        quiet(["qemu-img", "create", "-q", "-f", "qcow2", "-o", options, path,
               "4M"])
        quiet(["qemu-io", "-c", "write -P 1 0 1M", "-c", "write -z 2M 1M",
               path])
        seeds.append(path)
        return path

    image("v3", "cluster_size=4k")
    image("v2", "cluster_size=64k,compat=0.10")
    image("bits", "cluster_size=512,refcount_bits=1")
    path = image("snapshot", "cluster_size=4k")
    quiet(["qemu-img", "snapshot", "-c", "one", path])
    path = image("bitmap", "cluster_size=4k")
    quiet(["qemu-img", "bitmap", "--add", path, "b"])
    quiet(["qemu-img", "convert", "-c", "-O", "qcow2", seeds[0],
           os.path.join(folder, "packed")])
    seeds.append(os.path.join(folder, "packed"))
    return seeds


def places(data):
    """Where the image's own numbers are."""
    cluster = 1 << struct.unpack_from(">I", data, 20)[0]
    l1_size, l1, table = struct.unpack_from(">IQQ", data, 36)
    snapshots = struct.unpack_from(">Q", data, 64)[0]
    yield from range(8, 200, 4)
    for start in (l1, table, snapshots):
        yield from range(start, start + 64, 4)
    for i in range(l1_size):
        l2 = struct.unpack_from(">Q", data, l1 + i * 8)[0] & 0xfffffffffffe00
        if l2:
            yield from range(l2, l2 + min(cluster, 256), 4)


def mutate(seed, path, rng):
    with open(seed, "rb") as f:
        data = bytearray(f.read())
    where = [p for p in places(data) if p + 8 <= len(data)]
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.choice(where)
        if rng.random() < 0.3:
            data[at] ^= 1 << rng.randrange(8)
        elif rng.random() < 0.5:
            struct.pack_into(">I", data, at, rng.choice(EDGES) & 0xffffffff)
        else:
            struct.pack_into(">Q", data, at, rng.choice(EDGES))
    if rng.random() < 0.1:
        del data[rng.randrange(len(data)):]
    with open(path, "wb") as f:
        f.write(data)
    if rng.random() < 0.1:
        os.truncate(path, rng.choice((1 << 30, 1 << 36, 1 << 43)) - 1)


def limits():
    resource.setrlimit(resource.RLIMIT_CPU, (5, 6))
    resource.setrlimit(resource.RLIMIT_AS, (1500 << 20, 1500 << 20))
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 20, 64 << 20))


def attempt(words):
    """None, or what is wrong."""
    try:
        done = subprocess.run(words, capture_output=True, timeout=60,
                              preexec_fn=limits, check=False)
    except subprocess.TimeoutExpired:
        return "no end within 60 s"
    # A copy of a huge disk may end by the limit on files, never otherwise.
    if done.returncode < 0 and done.returncode != -25:
        return "ended by signal %d" % -done.returncode
    if done.returncode not in (0, 1, 2, 3, -25):
        return "exit status %d" % done.returncode
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keel", required=True)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    keel, rng = os.path.abspath(options.keel), random.Random(options.seed)
    folder = tempfile.mkdtemp(prefix="keel-mutate-")
    seeds, passed, failed = make_seeds(folder), 0, 0
    path = os.path.join(folder, "mutant.qcow2")
    copy = os.path.join(folder, "copy.raw")
    expected = set(os.listdir(folder)) | {"mutant.qcow2", "copy.raw"}
    for n in range(options.count):
        mutate(rng.choice(seeds), path, rng)
        wrong = None
        for words in (["info"], ["check"], ["map"], ["convert", "-O", "raw"],
                      ["check", "-r", "all"]):
            wrong = wrong or attempt([keel, "image"] + words + [path] +
                                     ([copy] if words[0] == "convert" else []))
            if wrong:
                wrong = "%s: %s" % (" ".join(words), wrong)
                break
        if not wrong and set(os.listdir(folder)) - expected:
            wrong = "another file was made"
        if wrong:
            failed += 1
            kept = "/tmp/keel-mutant-%d-%d" % (options.seed, n)
            shutil.copyfile(path, kept) if os.path.getsize(path) < 1 << 30 \
                else None
            print("FAIL mutant %d: %s\n  kept as %s" % (n, wrong, kept))
        else:
            passed += 1
        if os.path.exists(copy):
            os.remove(copy)
    shutil.rmtree(folder)
    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
