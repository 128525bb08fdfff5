# SPDX-License-Identifier: MIT
"""A virtual machine whose serial port is our pipe: waits for text, logs in,
runs commands in the guest's shell and tells their status and output.

Every wait has an end. All that came is in a log, whose tail tells a failure.
"""
import os
import re
import select
import subprocess
import time

PASSWORD = "keel"
# What terminals are told between the letters, and letters no terminal shows.
CONTROL = re.compile(rb"\x1b\[[0-9;?=]*[A-Za-z]|\x1b.|[^\n\x20-\x7e]")


class Failure(Exception):
    """The guest or its machine did not do what the test asked for."""


class Console:
    def __init__(self, argv, log):
        self.log = open(log, "wb")
        self.log.write((" ".join(argv) + "\n").encode())
        self.output = b""
        self.mark = 0       # what is before it has been looked at
        self.commands = 0
        self.cpu_s = 0.0
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)

    def read(self, seconds):
        """Takes what comes; False at the end of all output."""
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            return True
        data = os.read(self.process.stdout.fileno(), 65536)
        self.log.write(data)
        self.log.flush()
        self.output += data
        return bool(data)

    def wait_for(self, pattern, seconds, what=None):
        """The match of a regular expression in what follows the last one."""
        what = what or pattern.decode()
        end = time.monotonic() + seconds
        open_ = True
        while True:
            match = re.compile(pattern).search(self.output, self.mark)
            if match:
                self.mark = match.end()
                return match
            if not open_:
                raise Failure(f"the machine ended before '{what}'")
            if time.monotonic() > end:
                raise Failure(f"no '{what}' within {seconds:.0f} s")
            open_ = self.read(0.2)
            self.measure()

    def type(self, text):
        try:
            os.write(self.process.stdin.fileno(), text.encode())
        except BrokenPipeError:
            raise Failure("the machine has ended") from None

    def log_in(self, seconds):
        """From the login prompt to a shell that echoes nothing."""
        self.wait_for(rb"keel-server login: ", seconds)
        self.type("root\n")
        self.wait_for(rb"Password: ", seconds)
        self.type(PASSWORD + "\n")
        self.wait_for(rb"\w+@[\w-]+:~# ", seconds, "the shell's prompt")
        # The simplest shell there is: no editing, no prompt, no echo. Kernel
        # and systemd messages would stand in the middle of an answer.
        self.type("exec env PS1= PS2= sh\n")
        self.type("stty -echo; dmesg -n 1; kill -s RTMIN+21 1; "
                  "echo KEEL-'READY'\n")
        self.wait_for(rb"KEEL-READY", seconds, "an answer of the shell")

    def run(self, command, seconds=120):
        """(status, output) of a command line; the shell stays as it is."""
        self.commands += 1
        n = self.commands
        self.type(f"echo KEEL-'BEGIN' {n}; ({command}) </dev/null 2>&1; "
                  f"echo KEEL-'END' {n} $?\n")
        self.wait_for(b"KEEL-BEGIN %d\r*\n" % n, seconds, command)
        start = self.mark
        match = self.wait_for(rb"KEEL-END %d (\d+)" % n, seconds,
                              f"end of: {command}")
        text = self.output[start:match.start()].replace(b"\r", b"")
        return int(match.group(1)), text.decode(errors="replace").strip()

    def get(self, command, seconds=120):
        """The output of a command that must succeed."""
        status, text = self.run(command, seconds)
        if status:
            raise Failure(f"status {status} of '{command}': {text[-800:]}")
        return text

    def measure(self):
        """Processor time of the machine's process up to now."""
        try:
            with open(f"/proc/{self.process.pid}/stat") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            ticks = int(fields[11]) + int(fields[12])
        except (FileNotFoundError, ProcessLookupError):
            return
        # The fields of a process that has ended and waits for us are 0.
        self.cpu_s = max(self.cpu_s, ticks / os.sysconf("SC_CLK_TCK"))

    def wait_end(self, seconds):
        """The exit status, once the machine has ended by itself."""
        end = time.monotonic() + seconds
        while self.read(0.2):
            self.measure()
            if time.monotonic() > end:
                raise Failure(f"the machine still runs after {seconds:.0f} s")
        return self.process.wait(timeout=10)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()

    def tail(self, lines=30):
        text = CONTROL.sub(b"", self.output[-20000:]).decode()
        text = re.sub(" {9,}", "        ", text)    # GRUB clears a screen
        return "\n".join(text.splitlines()[-lines:])
