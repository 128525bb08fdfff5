# SPDX-License-Identifier: MIT
"""A client of QMP for tests: commands, answers, events, descriptors."""
import array
import json
import socket
import time


class QmpError(Exception):
    """The monitor does not serve, or has answered otherwise than it must."""


class Client:
    def __init__(self, path, negotiate=True, seconds=60):
        """Waits until somebody serves `path`."""
        end = time.monotonic() + seconds
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(seconds)
            try:
                self.socket.connect(path)
                break
            except OSError as error:
                self.socket.close()
                if time.monotonic() > end:
                    raise QmpError(f"nobody serves QMP: {error}") from None
                time.sleep(0.02)
        self.lines = self.socket.makefile("rb")
        self.events = []
        self.greeting = self.read()
        if negotiate:
            self.must("qmp_capabilities")

    def close(self):
        self.lines.close()
        self.socket.close()

    def read(self):
        line = self.lines.readline()
        if not line.endswith(b"\r\n"):
            raise QmpError(f"the connection ends with {line!r}")
        return json.loads(line)

    def answer(self):
        """The next message that is no event; those are kept."""
        while True:
            message = self.read()
            if "event" not in message:
                return message
            self.events.append(message)

    def raw(self, data, passed=None):
        rights = [] if passed is None else [(
            socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [passed]))]
        self.socket.sendmsg([data], rights)
        return self.answer()

    def ask(self, command, passed=None, **arguments):
        """The whole answer, an error or not. _ stands for - in names;
        `passed` is a descriptor to hand over."""
        message = {"execute": command}
        if arguments:
            message["arguments"] = {
                name.replace("_", "-"): value
                for name, value in arguments.items()}
        return self.raw(json.dumps(message).encode() + b"\n", passed)

    def must(self, command, passed=None, **arguments):
        """What it returns."""
        answer = self.ask(command, passed, **arguments)
        if "return" not in answer:
            raise QmpError(f"{command}: {answer['error']['desc']}")
        return answer["return"]

    def human(self, line, **more):
        return self.must("human-monitor-command", command_line=line, **more)

    def wait_event(self, name):
        while True:
            for i, event in enumerate(self.events):
                if event["event"] == name:
                    return self.events.pop(i)
            self.events.append(self.read())
