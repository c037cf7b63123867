"""talking: how scenarios talk to a running node, over its unix socket and over telnet, without the
`lanes` command: the protocol is spoken here by hand."""

import json
import socket


class Conversation:
    """A connection to a node's unix socket."""

    def __init__(self, path, timeout=10.0):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self.stream = self.socket.makefile("rb")

    def ask(self, line):
        """Says a line; returns (status, text)."""
        self.socket.sendall(line.encode() + b"\n")
        return self.hear()

    def hear(self):
        status, length = self.stream.readline().split()
        return int(status), self.stream.read(int(length)).decode()

    def close(self):
        self.stream.close()
        self.socket.close()


def ask(path, line):
    """One line over a connection of its own; returns (status, text)."""
    conversation = Conversation(path)
    try:
        return conversation.ask(line)
    finally:
        conversation.close()


def ask_json(path, line):
    """The same with --json; returns (status, object)."""
    status, text = ask(path, line + " --json")
    return status, json.loads(text)
