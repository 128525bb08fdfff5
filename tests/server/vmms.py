# SPDX-License-Identifier: MIT
"""The command lines: one function for each virtual machine monitor.

A machine is a dict: firmware (bios, uefi), cpus, bus (virtio, ahci), disks
(path and format), cdrom (a path, or None), forward (a port of this host that leads to the guest's
sshd), directory (for its files).
"""
import os
import shutil

OVMF = "/usr/share/OVMF"


def keel(machine):
    """Options beyond these come from KEEL_SERVER_OPTIONS."""
    argv = [os.environ.get("KEEL", "out/rel/keel"), "run", "--machine", "q35",
            "--cpus", str(machine["cpus"]), "--memory", "1G",
            "--serial", "stdio"]
    for path, form in machine["disks"]:
        bus = ",bus=sata" if machine["bus"] == "ahci" else ""
        argv += ["--disk", f"{path},format={form}{bus}"]
    argv += ["--net",
             f"user,hostfwd=tcp:127.0.0.1:{machine['forward']}-:22"]
    if machine["cdrom"]:
        argv += ["--cdrom", machine["cdrom"]]
    if machine["firmware"] == "uefi":
        argv += ["--firmware", "uefi", "--uefi-vars",
                 os.path.join(machine["directory"], "variables")]
    return argv + os.environ.get("KEEL_SERVER_OPTIONS", "").split()


def qemu(machine):
    argv = ["qemu-system-x86_64", "-machine", "q35,accel=tcg", "-m", "1G",
            "-smp", str(machine["cpus"]), "-nodefaults", "-display", "none",
            "-serial", "stdio"]
    if machine["firmware"] == "uefi":
        variables = os.path.join(machine["directory"], "variables.fd")
        if not os.path.exists(variables):
            shutil.copyfile(f"{OVMF}/OVMF_VARS_4M.fd", variables)
        for path, only in ((f"{OVMF}/OVMF_CODE_4M.fd", "on"),
                           (variables, "off")):
            argv += ["-drive",
                     f"if=pflash,format=raw,readonly={only},file={path}"]
    for n, (path, form) in enumerate(machine["disks"]):
        argv += ["-drive", f"if=none,id=disk{n},format={form},file={path}",
                 "-device", f"virtio-blk-pci,drive=disk{n}"
                 if machine["bus"] == "virtio" else
                 f"ide-hd,drive=disk{n},bus=ide.{n}"]
    if machine["cdrom"]:
        argv += ["-drive", "if=none,id=cdrom,format=raw,readonly=on,"
                 f"media=cdrom,file={machine['cdrom']}",
                 "-device", "ide-cd,drive=cdrom,bus=ide.5"]
    forward = f"tcp:127.0.0.1:{machine['forward']}-:22"
    return argv + ["-netdev", f"user,id=net,hostfwd={forward}",
                   "-device", "virtio-net-pci,netdev=net",
                   "-device", "virtio-rng-pci"]


# name: (command line, what it has not got: a firmware, a bus, net)
VMMS = {
    "keel": (keel, ()),
    "qemu": (qemu, ()),
}
