# SPDX-License-Identifier: MIT
"""Runs a VMM or the native programs and takes host CPU time.

The CPU time of a VMM is its process's CPU clock: what all its threads have
run so far, those that ended included, in ns. It is the sum of the threads'
/proc/PID/task/*/schedstat, without the error of reading them one by one. To it
is added what its children run, which ours has: their clocks while they live,
then what the VMM's own account says, which counts in 10 ms.
"""

import os
import re
import select
import signal
import subprocess
import time

GUEST_MIB = 512
BEGIN = re.compile(rb"^BEGIN (\S+) (\d+)\s*$")
BENCH = re.compile(rb"^BENCH (\S+) ([\d.]+) ([\d.-]+) ([\d.-]+) (-?\d+) "
                   rb"([0-9a-f]{8})\s*$")


CHILD_RAM = "memfd:keel-ram"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def own_cpu_s(pid):
    """A process's CPU clock: its number inverted, and 2 (see clock_getcpuclockid
    in libc; Python has it for threads only)."""
    return time.clock_gettime((~pid << 3) | 2)


def children_of(pid):
    """The living children of all its threads."""
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/children",
                      encoding="ascii") as f:
                found += [int(word) for word in f.read().split()]
        except FileNotFoundError:
            pass
    return found


def cpu_s(pid):
    """What a process and its children have run."""
    with open(f"/proc/{pid}/stat", encoding="latin1") as f:
        fields = f.read().rpartition(")")[2].split()
    total = own_cpu_s(pid) + (int(fields[13]) + int(fields[14])) / TICKS_PER_S
    for child in children_of(pid):
        try:
            total += own_cpu_s(child)
        except OSError:  # gone meanwhile
            pass
    return total


class Vm:
    """A VMM with the guest's serial port on its standard output."""

    def __init__(self, command, log, timeout_s):
        self.end_s = time.monotonic() + timeout_s
        self.log = open(log, "wb")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self.log)
        self.pid = self.process.pid
        self.rest = b""
        self.timed_out = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def lines(self):
        """(line, CPU seconds when it came), until the VMM ends."""
        fd = self.process.stdout.fileno()
        while True:
            left = self.end_s - time.monotonic()
            if left <= 0:
                self.timed_out = True
                return
            if not select.select([fd], [], [], min(left, 1))[0]:
                continue
            data = os.read(fd, 65536)
            if not data:
                return
            used = cpu_s(self.pid)
            self.log.write(data)
            self.log.flush()
            *whole, self.rest = (self.rest + data).split(b"\n")
            for line in whole:
                yield line.rstrip(b"\r"), used


def vm_rows(vm):
    """Runs the guest to its end; (samples, facts about the guest, its end)."""
    samples, facts, begun = [], {}, None
    for line, used in vm.lines():
        begin, bench = BEGIN.match(line), BENCH.match(line)
        if begin:
            begun = (begin.group(1), int(begin.group(2)), used)
        elif bench and begun and begun[0] == bench.group(1):
            sample = sample_of(bench, begun[1])
            sample["cpu"] = (used - begun[2]) / begun[1]
            samples.append(sample)
            begun = None
        elif line.startswith((b"KERNEL ", b"CPU ", b"CLOCK ")):
            word, _, value = line.decode("latin1").partition(" ")
            facts[word.lower()] = value
        elif line == b"ALLDONE":
            return samples, facts, "ok"
    return samples, facts, "timeout" if vm.timed_out else "died"


def sample_of(bench, repeat):
    """One sample, per iteration, but for what the host must add."""
    wall, user, system = (float(bench.group(i)) / repeat for i in (2, 3, 4))
    return {"row": bench.group(1).decode(), "repeat": repeat,
            "guest_wall": wall, "guest_user": user, "guest_system": system,
            "status": int(bench.group(5)), "sum": bench.group(6).decode()}


def vm_boot(vm):
    """CPU seconds to the first line of /init; None when it never came."""
    for line, used in vm.lines():
        if line == b"INITUP":
            return used
    return None


def vm_idle(vm, settle_s=10, sample_s=15):
    """(% of a core, {memory beside the guest's: MiB}) of a sleeping guest."""
    for line, _ in vm.lines():
        if line == b"IDLE":
            break
    else:
        return None, {}
    time.sleep(settle_s)
    before, start_s = cpu_s(vm.pid), time.monotonic()
    time.sleep(sample_s)
    used = cpu_s(vm.pid) - before
    memory = {}
    for pid in [vm.pid] + children_of(vm.pid):
        try:
            with open(f"/proc/{pid}/smaps", encoding="utf-8") as f:
                found = beside_guest(f, GUEST_MIB, pid != vm.pid)
        except OSError:  # gone meanwhile
            continue
        for name, mib in found.items():
            memory[name] = memory.get(name, 0) + mib
    return 100 * used / (time.monotonic() - start_s), memory


def mappings(lines):
    """(name, inode, {field: KiB}) for each mapping of an smaps file."""
    found = []
    for line in lines:
        words = line.split()
        if re.match(r"^[0-9a-f]+-[0-9a-f]+ ", line):
            found.append((" ".join(words[5:]), words[4], {}))
        elif found and len(words) == 3 and words[2] == "kB":
            found[-1][2][words[0].rstrip(":")] = int(words[1])
    return found


def sums(outside):
    """MiB of what mappings outside the guest's RAM have, in three ways."""
    return {name: sum(fields.get(field, 0) for field in of
                      for fields in outside) / 1024
            for name, of in (("rss", ["Rss"]), ("pss", ["Pss"]),
                             ("private", ["Private_Clean",
                                          "Private_Dirty"]))}


def beside_guest(lines, guest_mib, child=False):
    """MiB of Rss, Pss and private memory outside the guest's own RAM. That is
    the one mapping of its size (a little more where a neighbour was merged
    with it), or all mappings of the one file of that size. Nothing is
    returned when there is none such, or when there are several. A child's is
    known by its name."""
    found = mappings(lines)
    if child:  # of the RAM it has pages here and there
        return sums([m[2] for m in found if CHILD_RAM not in m[0]])
    size = guest_mib * 1024
    ram = [(m, "file" + m[1] if m[1] != "0" else f"anonymous {i}")
           for i, m in enumerate(found)
           if size <= m[2].get("Size", 0) < size + 64 * 1024]
    if len({identity for _, identity in ram}) != 1:
        return {}
    inode = ram[0][0][1]
    guest = [m for m in found if m[1] == inode] if inode != "0" else [ram[0][0]]
    outside = [m[2] for m in found if not any(m is g for g in guest)]
    total = sums(outside)
    total["guest"] = sum(m[2].get("Rss", 0) for m in guest) / 1024
    return total


def start_once(command):
    """(wall ms, CPU ms) of a process from its start to its end; None when it
    did not end by the guest's first instruction."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    actions = [(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)]
    start_ns = time.monotonic_ns()
    pid = os.posix_spawnp(command[0], command, os.environ,
                          file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall_ms = (time.monotonic_ns() - start_ns) / 1e6
    os.close(null)
    if os.waitstatus_to_exitcode(status) != 1:
        return None
    return wall_ms, (usage.ru_utime + usage.ru_stime) * 1e3


NATIVE = """root=$1; shift
mount -t tmpfs tmp "$root/tmp" && mount --rbind /dev "$root/dev" &&
exec chroot "$root" /bin/bench /etc/workloads.txt "$@"
"""


def native_rows(root, which, repeat, cpus, timeout_s, log):
    """The same programs on the host, on so many of its processors, in a mount
    namespace of their own (and a user namespace, for others than root)."""
    allowed = sorted(os.sched_getaffinity(0))[-cpus:]
    command = ["unshare", "--mount"]
    if os.geteuid() != 0:
        command.append("--map-root-user")
    command += ["sh", "-c", NATIVE, "sh", root, which, str(repeat)]
    with open(log, "wb") as err:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=err, start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, allowed))
        try:
            out, _ = process.communicate(timeout=timeout_s)
            end = "ok" if process.returncode == 0 else "died"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, _ = process.communicate()
            end = "timeout"
    samples, repeat = [], {}
    for line in out.split(b"\n"):
        begin, bench = BEGIN.match(line), BENCH.match(line)
        if begin:
            repeat[begin.group(1)] = int(begin.group(2))
        elif bench:
            sample = sample_of(bench, repeat[bench.group(1)])
            sample["cpu"] = sample["guest_user"] + sample["guest_system"]
            samples.append(sample)
    return samples, {}, end
