# SPDX-License-Identifier: MIT
"""What gdb does to the guest, run inside gdb: gdb -x session.py

KEEL_GDB_TARGET is where keel listens, KEEL_GDB_PART one of the functions part_*
below. Prints "ok WHAT" for each thing that held; the first that does not ends
gdb with status 1.
"""

import os
import signal
import threading
import traceback

import gdb

KERNEL = 0x1000000  # where a kernel with nokaslr enters itself, physical


def run(command):
    return gdb.execute(command, to_string=True)


def value(expression):
    return int(gdb.parse_and_eval(expression)) & (2**64 - 1)


def check(what, holds, text=""):
    if not holds:
        raise AssertionError(f"{what} {text}")
    print(f"ok {what}")


def length_of(address):
    frame = gdb.selected_frame()
    return frame.architecture().disassemble(address)[0]


def step_straight(count):
    """Steps; where the instruction is no branch, to the next one."""
    straight = 0
    for _ in range(count):
        before = value("$rip")
        insn = length_of(before)
        word = insn["asm"].split()[0]
        run("stepi")
        if word[0] == "j" or word.startswith(("call", "ret", "loop", "sys", "int",
                                               "rep", "iret", "leave")):
            continue
        if value("$rip") != before + insn["length"]:
            raise AssertionError(f"from {before:#x} ({insn['asm']}, "
                                 f"{insn['length']}) to {value('$rip'):#x}")
        straight += 1
    return straight


def interrupt_soon(seconds):
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    return timer


def user_thread():
    """Makes a vCPU that is in user code the current one."""
    for _ in range(50):
        for thread in gdb.selected_inferior().threads():
            thread.switch()
            if value("$cs") & 3 == 3:
                return
        timer = interrupt_soon(0.05)
        try:
            run("continue")
        except KeyboardInterrupt:
            pass
        timer.join()
    raise AssertionError("no vCPU comes to user code")


# ---- before the kernel ----

def part_start():
    check("the kernel's entry is the first instruction",
          value("$rip") == KERNEL + 0x200)
    check("it is 64-bit code", value("$efer") & 0x400)
    run(f"hbreak *{KERNEL:#x}")
    run("continue")
    check("a hardware breakpoint before the decompressed kernel",
          value("$rip") == KERNEL and value("$cs") & 3 == 0)
    run("delete")
    check("10 steps in the kernel", step_straight(10) > 3)
    run("set var *(unsigned long *)0x8000 = 0x1122334455667788")
    check("memory is written and read",
          value("*(unsigned int *)0x8004") == 0x11223344)
    rbx = value("$rbx")
    run("set var $rbx = 0x123456789abcdef0")
    run("maint flush register-cache")
    check("a register is written and read",
          value("$rbx") == 0x123456789abcdef0)
    run(f"set var $rbx = {rbx}")
    check("an unmapped address is refused", "Cannot access" in
          refused("x/1xb 0xffff123456789000"))
    check("the monitor answers", "vCPU 0 running" in run("monitor info"))


def refused(command):
    try:
        return run(command)
    except gdb.error as error:
        return str(error)


# ---- a bare-metal guest, for any KVM: no INT3 ----

def part_bare():
    check("32-bit code without paging",
          value("$cr0") & 0x80000001 == 1 and value("$efer") == 0)
    start = value("$rip")
    run("stepi")
    check("a step is one instruction", value("$rip") == start + 5)
    here = value("$rip") + 2
    run(f"hbreak *{here:#x}")
    run("continue")
    check("a hardware breakpoint", value("$rip") == here)
    run("stepi")
    check("a step off it", value("$rip") == here + 5)
    run("set var *(unsigned int *)0x300000 = 0x55")
    check("memory is written and read", value("*(char *)0x300000") == 0x55)
    run("delete")


# ---- in user code, and in the kernel under it ----

def part_user():
    user_thread()
    check("attached to a hot loop",
          gdb.selected_frame().name() is not None)
    breakpoints_in_hot()
    traps_of_its_own()
    check("30 steps in user code, with timers waiting",
          step_straight(30) > 10)
    registers()
    watchpoint()
    system_call()
    run("delete")
    timer = interrupt_soon(0.3)
    run("continue")
    timer.join()
    check("Ctrl-C stops it", True)
    let_both_go()


def breakpoints_in_hot():
    seen = {}
    run("break *hot")
    for _ in range(40):
        run("continue")
        check_at("hot")
        key = value("is_child")
        calls = value("calls")
        if key in seen and calls != seen[key] + 1:
            raise AssertionError(f"process {key}: call {calls} after "
                                 f"{seen[key]}")
        seen[key] = calls
    check("40 stops at a breakpoint in a hot loop, none left out", True)


def check_at(symbol):
    if value("$rip") != value(f"(long)&{symbol}"):
        raise AssertionError(f"at {value('$rip'):#x}, not at {symbol}")


def traps_of_its_own():
    """INT3s of the guest go to its handler while gdb has breakpoints."""
    before, which = value("traps"), value("is_child")
    run("delete")
    run("break on_trap")
    for _ in range(20):
        run("continue")
        if value("is_child") == which and value("traps") > before + 1:
            break
    check("the guest's own int3 reaches its handler",
          value("traps") > before and "on_trap" in
          gdb.selected_frame().name())
    run("delete")
    user_thread()


def registers():
    user_thread()
    run("set var knob = 0x2222")
    check("a variable is written", value("knob") == 0x2222)
    xmm = "$xmm5.v2_int64[1]"
    old = value(xmm)
    run(f"set var {xmm} = 0x77")
    run("maint flush register-cache")
    check("a vector register is written", value(xmm) == 0x77)
    run(f"set var {xmm} = {old}")
    check("the kernel's gs_base waits in k_gs_base",
          value("$k_gs_base") >> 63 and value("$gs_base") == 0,
          run("info registers"))


def watchpoint():
    run("watch watched")
    before = value("watched")
    run("continue")
    check("a watchpoint tells of a change", value("watched") % 64 == 0 and
          value("watched") != before and
          gdb.selected_frame().name() == "wait_for_debugger")
    run("delete")


def system_call():
    run("break *the_syscall")
    run("continue")
    check_at("the_syscall")
    run("delete")
    run("stepi")
    entry = value("$rip")
    check("a step over syscall is at the kernel's entry",
          entry >> 63 and value("$cs") & 3 == 0)
    run(f"break *{entry:#x}")
    for _ in range(5):
        run("continue")
        if value("$rip") != entry:
            raise AssertionError(f"at {value('$rip'):#x}, not {entry:#x}")
    check("5 stops at a breakpoint in the kernel", True)
    run("delete")


def let_both_go():
    run("break hot")
    done = set()
    for _ in range(100):
        run("continue")
        run("set var go = 1")
        done.add(value("is_child"))
        if len(done) == 2:
            break
    check("both processes are let go", len(done) == 2)
    run("delete")


def main():
    for command in ("pagination off", "confirm off", "width 0",
                    "architecture i386:x86-64"):
        run(f"set {command}")
    run(f"target remote {os.environ['KEEL_GDB_TARGET']}")
    {"start": part_start, "user": part_user, "bare": part_bare}[os.environ["KEEL_GDB_PART"]]()
    run("detach")
    print("ok detached")


try:
    main()
except BaseException:  # gdb would go on after it
    traceback.print_exc()
    os._exit(1)
os._exit(0)
