# SPDX-License-Identifier: MIT
"""What the guest talks to: servers on this host's loopback.

They are plain TCP, because bash can speak that: a connection to one is sent a
file, the other takes one until its end.
"""
import hashlib
import random
import socket
import threading


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def noise(size, seed):
    """The same bytes each time; no compression or luck hides a fault."""
    return random.Random(seed).randbytes(size)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Peer:
    """Serves one connection to each of two ports, in one thread for each."""

    def __init__(self, data, seconds):
        self.data = data
        self.seconds = seconds
        self.received = None
        self.give, self.take = socket.socket(), socket.socket()
        self.threads = []
        for listener, work in ((self.give, self.serve_give),
                               (self.take, self.serve_take)):
            listener.bind(("127.0.0.1", 0))
            listener.listen(1)
            listener.settimeout(seconds)
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            self.threads.append(thread)

    def port(self, listener):
        return listener.getsockname()[1]

    def accept(self, listener):
        connection = listener.accept()[0]
        connection.settimeout(self.seconds)
        return connection

    def serve_give(self):
        try:
            with self.accept(self.give) as connection:
                connection.sendall(self.data)
        except OSError:
            pass    # the guest's checksum tells it

    def serve_take(self):
        parts = []
        try:
            with self.accept(self.take) as connection:
                while part := connection.recv(65536):
                    parts.append(part)
            self.received = b"".join(parts)
        except OSError:
            pass    # received stays None

    def close(self):
        self.give.close()
        self.take.close()
        for thread in self.threads:
            thread.join(timeout=1)
