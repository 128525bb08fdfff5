# SPDX-License-Identifier: MIT
"""One virtual machine with its two disks, from the image to the shell."""
import os
import shutil
import subprocess
import time

from console import Console, Failure
from peer import free_port, noise
from vmms import VMMS

LOGS = "out/check/server"
BOOT_SECONDS = int(os.environ.get("KEEL_SERVER_SECONDS", "900"))
MIB = 1 << 20
# The scratch disk: the host's, fio's and the guest's part of it, in MiB.
GIVEN, FIELD = 16, 32
SCRATCH = GIVEN + FIELD + GIVEN


class Skip(Exception):
    """The case cannot be tested here; says why."""


def host(*argv, seconds=300, **options):
    """The output of a program on this host that must succeed."""
    done = subprocess.run(argv, capture_output=True, timeout=seconds,
                          check=False, **options)
    if done.returncode:
        text = (done.stdout + done.stderr).decode(errors="replace")
        raise Failure(f"status {done.returncode} of '{argv[0]}': "
                      f"{text.strip()[-800:]}")
    return done.stdout.decode(errors="replace")


def need(program):
    if not shutil.which(program):
        raise Skip(f"this host has no {program}")


class Machine:
    """One machine with its disks; the console is there once it has started."""

    def __init__(self, vmm, firmware, cpus, form, bus):
        self.name = f"{firmware}-{cpus}-{form}-{bus}"
        self.command_line, self.lacks = VMMS[vmm]
        self.firmware, self.cpus = firmware, cpus
        self.form, self.bus = form, bus
        self.directory = os.path.join(LOGS, vmm, self.name)
        self.forward = free_port()
        self.console = self.scratch = self.cdrom = None
        self.state = "off"  # then on, then ended; or lost
        # Only Debian's generic kernel has a driver for AHCI.
        self.kernel = "amd64" if bus == "ahci" else "cloud"
        self.image = "out/guest/server" + \
            ("-amd64" if self.kernel == "amd64" else "")

    def need(self, *features):
        for feature in features:
            if feature in self.lacks:
                raise Skip(f"there is no {feature} yet")

    def disk(self, name):
        return os.path.join(self.directory, f"{name}.{self.form}")

    def prepare(self):
        self.need(self.firmware, self.bus)
        if self.form == "qcow2":
            need("qemu-img")
        shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(self.directory)
        host("tools/mk-server-image", self.kernel, seconds=900)
        host("cp", "--sparse=always", f"{self.image}/disk.{self.form}",
             self.disk("root"))
        raw = os.path.join(self.directory, "scratch.raw")
        with open(raw, "wb") as f:
            f.write(noise(GIVEN * MIB, 1))
            f.truncate(SCRATCH * MIB)
        if self.bus == "ahci":
            self.make_cdrom()
        if self.form == "qcow2":
            host("qemu-img", "convert", "-O", "qcow2", raw,
                 self.disk("scratch"))

    def make_cdrom(self):
        """One with a file of our bytes; cloud kernels have no driver for it."""
        need("xorriso")
        root = os.path.join(self.directory, "cdrom")
        os.makedirs(root)
        with open(os.path.join(root, "given"), "wb") as f:
            f.write(noise(GIVEN * MIB, 4))
        self.cdrom = root + ".iso"
        host("xorriso", "-as", "mkisofs", "-R", "-o", self.cdrom, root)

    def start(self, log=""):
        """Again, too; each start has a log of its own."""
        if self.console:
            self.console.close()
        self.console = Console(
            self.command_line({
                "firmware": self.firmware, "cpus": self.cpus, "bus": self.bus,
                "directory": self.directory, "forward": self.forward,
                "cdrom": self.cdrom,
                "disks": [(self.disk("root"), self.form),
                          (self.disk("scratch"), self.form)]}),
            f"{self.directory}{log}.log")

    def raw(self, name):
        """The disk as a raw file, once the machine has ended."""
        if self.form == "raw":
            return self.disk(name)
        path = os.path.join(self.directory, f"{name}-after.raw")
        host("qemu-img", "convert", "-O", "raw", self.disk(name), path)
        return path

    def reach_menu(self):
        """From the start to the boot loader, which is as far as firmware goes."""
        self.console.wait_for(rb"GNU GRUB +version", BOOT_SECONDS, "menu")
        self.console.measure()
        return f"{self.console.cpu_s:.1f} s of CPU"

    def boot(self):
        """From the start or a reset to the shell; returns what it took."""
        start, cpu_s = time.monotonic(), self.console.cpu_s
        took = []
        for what, pattern in (("menu", rb"GNU GRUB +version"),
                              ("kernel", rb"Linux version "),
                              ("login", None)):
            if pattern:
                self.console.wait_for(pattern, BOOT_SECONDS, what)
            else:
                self.console.log_in(BOOT_SECONDS)
            took.append(f"{what} {time.monotonic() - start:.1f}")
        self.console.measure()
        return f"{', '.join(took)} s, " \
            f"{self.console.cpu_s - cpu_s:.1f} s of CPU"

    def gateway(self):
        """The guest's name for this host's loopback."""
        self.need("net")
        return self.console.get("ip -4 route show default | cut -d' ' -f3")
