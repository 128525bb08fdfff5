# SPDX-License-Identifier: MIT
"""What is tested in each machine, in this order.

A case gets the machine, raises Failure or Skip, and may return a remark.
"""
import contextlib
import json
import os
import subprocess

from console import Failure
from machine import (BOOT_SECONDS, FIELD, GIVEN, MIB, SCRATCH, Skip, host,
                     need)
from peer import Peer, free_port, noise, sha256


def login(machine):
    machine.start()
    machine.state = "lost"
    remark = machine.boot()
    machine.state = "on"
    return remark


def system(machine):
    """The machine that was asked for, and all units of the system started."""
    get = machine.console.get
    state = machine.console.run("systemctl is-system-running --wait",
                                BOOT_SECONDS)[1]
    if state != "running":
        raise Failure(f"the system is {state}: " +
                      get("systemctl --failed --no-legend --plain"))
    if get("uname -sm") != "Linux x86_64":
        raise Failure(f"uname says {get('uname -a')}")
    if get("nproc") != str(machine.cpus):
        raise Failure(f"{get('nproc')} processors, not {machine.cpus}")
    firmware = get("test -d /sys/firmware/efi && echo uefi || echo bios")
    if firmware != machine.firmware:
        raise Failure(f"started by {firmware}")
    return get("uname -r")


def disks(machine):
    """Both are there with their sizes, and the scratch disk has our bytes."""
    get = machine.console.get
    sizes = {}
    for line in get("lsblk -bdno NAME,SIZE,TYPE").splitlines():
        name, size, kind = line.split()
        if kind == "disk":
            sizes[int(size)] = "/dev/" + name
    wanted = [2 << 30, SCRATCH * MIB]
    if sorted(sizes) != sorted(wanted):
        raise Failure(f"disks of {sorted(sizes)} bytes, not {wanted}")
    machine.scratch = sizes[SCRATCH * MIB]
    got = get(f"dd if={machine.scratch} bs=1M count={GIVEN} iflag=direct "
              "status=none | sha256sum").split()[0]
    if got != sha256(noise(GIVEN * MIB, 1)):
        raise Failure("the scratch disk does not read as it was written")
    return " ".join(sorted(sizes.values()))


def cdrom(machine):
    """Its file and all of it as they were made; the tray, open and closed."""
    if not machine.cdrom:
        raise Skip("only kernels with a driver for AHCI get a CD-ROM")
    get = machine.console.get
    get("mount -o ro /dev/sr0 /mnt")
    got = get("sha256sum /mnt/given").split()[0]
    if got != sha256(noise(GIVEN * MIB, 4)):
        raise Failure("the CD-ROM does not read as it was made")
    # CDROM_LOCKDOOR 0, CDROMEJECT, CDROM_DRIVE_STATUS (2: open), CDROMCLOSETRAY
    get("umount /mnt; echo 0 >/proc/sys/dev/cdrom/lock")
    status = get("python3 -c 'import fcntl, os; "
                 "f = os.open(\"/dev/sr0\", os.O_RDONLY | os.O_NONBLOCK); "
                 "c = lambda n: fcntl.ioctl(f, n, 0); "
                 "c(0x5329); c(0x5309); s = c(0x5326); c(0x5319); "
                 "print(s, c(0x5326))'")
    if status != "2 4":
        raise Failure(f"the tray is {status}, not open (2) and then has a "
                      "disc (4)")
    with open(machine.cdrom, "rb") as f:
        wanted = sha256(f.read())
    size = os.path.getsize(machine.cdrom) // 2048
    got = get(f"dd if=/dev/sr0 bs=2048 count={size} status=none | "
              "sha256sum").split()[0]
    if got != wanted:
        raise Failure("the drive does not read as the image is")


def fio(machine, size, *options):
    if not machine.scratch:
        raise Failure("there is no scratch disk to work on")
    text = machine.console.get(
        f"fio --name=verify --filename={machine.scratch} --offset={GIVEN}M "
        f"--size={size}M --direct=1 --verify=crc32c --verify_fatal=1 "
        f"--do_verify=1 --output-format=json {' '.join(options)}", 300)
    job = json.loads(text[text.index("{"):])["jobs"][0]
    read, written = job["read"]["io_bytes"], job["write"]["io_bytes"]
    if job["error"] or written < size * MIB or read < size * MIB:
        raise Failure(f"error {job['error']}, {read} bytes read and "
                      f"{written} written of {size} MiB")
    return f"{size} MiB"


def fio_verify(machine):
    return fio(machine, 8, "--rw=randwrite", "--bs=4k", "--ioengine=libaio",
               "--iodepth=16")


def fio_sizes(machine):
    """Blocks of all sizes, and a flush after some."""
    return fio(machine, FIELD, "--rw=randwrite", "--bsrange=4k-256k",
               "--ioengine=io_uring", "--iodepth=32", "--fsync=16")


def copy(machine):
    """A file copied on the root file system, read again from the disk."""
    get = machine.console.get
    get(f"dd if={machine.scratch} of=/root/one bs=1M count={GIVEN} "
        "status=none && cp /root/one /root/two && sync")
    check_copy(machine)


def check_copy(machine):
    get = machine.console.get
    get("sync; echo 3 >/proc/sys/vm/drop_caches")
    sums = get("sha256sum /root/one /root/two").split()[::2]
    if sums != [sha256(noise(GIVEN * MIB, 1))] * 2:
        raise Failure("the copies are not what was copied")


def write(machine):
    """For this host to find once the machine has ended."""
    machine.console.get(
        f"dd if={machine.scratch} of={machine.scratch} bs=1M count={GIVEN} "
        f"seek={GIVEN + FIELD} iflag=direct oflag=direct conv=notrunc,fsync")


def dhcp(machine):
    machine.need("net")
    # The route says who gave it; an address without end is not "dynamic".
    text = machine.console.get(
        "for i in $(seq 60); do ip -4 route show default proto dhcp | "
        "grep -q src && ip -4 -o addr show scope global | grep inet && "
        "exit 0; sleep 1; done; ip addr; ip route; exit 1", 90)
    if not machine.gateway():
        raise Failure("no default route")
    return text.split()[3]


@contextlib.contextmanager
def peer(data):
    p = Peer(data, 120)
    try:
        yield p
    finally:
        p.close()


def fetch(machine):
    """A file from a server on this host's loopback, and back to another."""
    gateway = machine.gateway()
    data = noise(8 * MIB, 2)
    with peer(data) as p:
        got = machine.console.get(
            f"bash -c 'cat </dev/tcp/{gateway}/{p.port(p.give)}' "
            ">/root/got && sha256sum /root/got").split()[0]
        if got != sha256(data):
            raise Failure("what the guest got is not what was sent")
        machine.console.get(
            f"bash -c 'cat /root/got >/dev/tcp/{gateway}/{p.port(p.take)}'")
        p.threads[1].join(timeout=60)
        if p.received != data:
            raise Failure("what the guest sent is not what came")


def ssh(machine):
    """The guest's sshd by a port of this host, a file each way."""
    machine.need("net")
    need("ssh")
    key = f"{machine.directory}/key"
    host("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key)
    with open(key + ".pub") as f:
        machine.console.get("mkdir -p -m 700 /root/.ssh && echo "
                            f"'{f.read().strip()}' >/root/.ssh/authorized_keys")
    argv = ["ssh", "-F", "none", "-i", key, "-p", str(machine.forward),
            "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes",
            "-o", f"UserKnownHostsFile={key}.known", "-o", "LogLevel=ERROR",
            "-o", "ConnectTimeout=60", "root@127.0.0.1"]
    data = noise(4 * MIB, 3)
    got = host(*argv, "cat >/root/sent && sha256sum /root/sent", input=data)
    if got.split()[0] != sha256(data):
        raise Failure("what the guest got is not what was sent")
    back = subprocess.run([*argv, "cat /root/sent"], timeout=300, check=False,
                          stdout=subprocess.PIPE).stdout
    if back != data:
        raise Failure("what came back is not what was sent")


def iperf3(machine):
    """Both ways; the figures are a remark, no measure."""
    gateway = machine.gateway()
    need("iperf3")
    rates = []
    for way in ("", " --reverse"):
        port = free_port()
        server = subprocess.Popen(
            ["iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", str(port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            text = machine.console.get(
                f"iperf3 -c {gateway} -p {port} -t 3 --json{way}", 120)
        finally:
            server.kill()
            server.wait()
        total = json.loads(text)["end"]["sum_received"]
        if total["bytes"] < MIB:
            raise Failure(f"{total['bytes']} bytes in 3 s{way}")
        rates.append(f"{total['bits_per_second'] / 1e6:.0f}")
    return f"{rates[0]} Mbit/s out, {rates[1]} in"


def reboot(machine):
    """Comes back, with what was written before."""
    machine.console.type("systemctl reboot\n")
    machine.state = "lost"
    remark = machine.boot()
    machine.state = "on"
    check_copy(machine)
    return remark


def power_off(machine):
    machine.console.type("systemctl poweroff\n")
    machine.state = "lost"
    status = machine.console.wait_end(120)
    if status:
        raise Failure(f"exit status {status}")
    machine.state = "ended"
    return f"{machine.console.cpu_s:.1f} s of CPU in all"


def clean(machine):
    """The root file system was unmounted: nothing to recover or to repair."""
    need("e2fsck")
    with open(f"{machine.image}/layout") as f:
        offset = f.read().strip().removeprefix("root_offset=")
    text = host("e2fsck", "-fn", f"{machine.raw('root')}?offset={offset}")
    if "recover" in text:
        raise Failure(text)


def written(machine):
    """What the guest wrote is what it read, as this host sees it."""
    with open(machine.raw("scratch"), "rb") as f:
        f.seek((GIVEN + FIELD) * MIB)
        if f.read(GIVEN * MIB) != noise(GIVEN * MIB, 1):
            raise Failure("the scratch disk is not what the guest wrote")


def images(machine):
    if machine.form != "qcow2":
        return
    for name in ("root", "scratch"):
        host("qemu-img", "check", machine.disk(name))


# What stands behind a variable's name, and what it says of it: kept, and to be
# seen by the boot loader and the system [UEFI 8.2 "Variable Services"].
VARIABLE = "KeelTest-5e12e3a0-0000-4000-8000-00000000f00d"
ATTRIBUTES = r"\007\000\000\000"


def need_uefi(machine):
    if machine.firmware != "uefi":
        raise Skip("only UEFI has variables")


def set_variable(machine):
    need_uefi(machine)
    get = machine.console.get
    path = f"/sys/firmware/efi/efivars/{VARIABLE}"
    get("mountpoint -q /sys/firmware/efi/efivars || "
        "mount -t efivarfs none /sys/firmware/efi/efivars")
    get(f"printf '{ATTRIBUTES}kept' >{path}")
    return f"{get('ls /sys/firmware/efi/efivars | wc -l')} variables"


def power_cycle(machine):
    """A variable that was set before the power went is there again."""
    need_uefi(machine)
    machine.start("-again")
    machine.state = "lost"
    remark = machine.boot()
    get = machine.console.get
    get("mountpoint -q /sys/firmware/efi/efivars || "
        "mount -t efivarfs none /sys/firmware/efi/efivars")
    text = get(f"cat /sys/firmware/efi/efivars/{VARIABLE} | tail -c +5")
    if text != "kept":
        raise Failure(f"the variable is '{text}'")
    power_off(machine)
    return remark


def menu(machine):
    """To GRUB by UEFI; then the machine is killed."""
    machine.start()
    return machine.reach_menu()


def menu_again(machine):
    """Nothing of what was killed keeps it from starting again."""
    machine.start("-again")
    return machine.reach_menu()


# As below, for a machine of which no more is tested.
MENU_CASES = [
    ("menu", menu, True, "off"),
    ("menu-again", menu_again, True, "off"),
]

# name, function, whether it is one without --all, what the machine must be
CASES = [
    ("login", login, True, "off"),
    ("system", system, True, "on"),
    ("disks", disks, True, "on"),
    ("cdrom", cdrom, False, "on"),
    ("fio", fio_verify, True, "on"),
    ("fio-sizes", fio_sizes, False, "on"),
    ("copy", copy, False, "on"),
    ("write", write, True, "on"),
    ("dhcp", dhcp, False, "on"),
    ("fetch", fetch, False, "on"),
    ("ssh", ssh, False, "on"),
    ("iperf3", iperf3, False, "on"),
    ("reboot", reboot, False, "on"),
    ("variable", set_variable, False, "on"),
    ("power-off", power_off, True, "on"),
    ("clean", clean, True, "ended"),
    ("written", written, True, "ended"),
    ("images", images, False, "ended"),
    ("power-cycle", power_cycle, False, "ended"),
]
