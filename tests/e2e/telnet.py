#!/usr/bin/python3
"""A node over telnet, by a real telnet client on a terminal and by raw bytes: looking is free,
changing takes the password, which is not seen on the terminal; bad passwords, bad bytes, too many
sessions and half-open ones; and no listening anywhere but on loopback.

    texas
    telnet --[ lo ]-- 127.0.0.1:2601 [ lanes ]
"""

import os
import pty
import shutil
import socket
import subprocess
import time

import lab

YAML = """
node: texas
ports: {{a: {{driver: memory, device: a}}, b: {{driver: memory, device: b}}}}
lanes: [{{name: p, patch: {{from: a, to: b}}}}]
manage: {{socket: none, telnet: "{at}"{more}}}
"""
PASSWORD = "open sesame 1"


class Terminal:
    """The telnet client, on a terminal of its own."""

    def __init__(self, world, host, port):
        ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            ["nsenter", f"--net={host.path}", "telnet", "127.0.0.1", str(port)], stdin=theirs,
            stdout=theirs, stderr=theirs, start_new_session=True,
            env={**os.environ, "TERM": "dumb", "HOME": str(world.dir)})
        world.processes.append(self.process)
        os.close(theirs)
        os.set_blocking(ours, False)
        self.fd = ours
        self.seen = ""

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self):
        try:
            self.seen += os.read(self.fd, 65536).decode(errors="replace")
        except (BlockingIOError, OSError):
            pass
        return self.seen

    def wait_for(self, text):
        """What is on the terminal up to `text`, since the last time."""
        lab.eventually(lambda: text in self.read(), f"`{text}` on the terminal, after "
                       f"{self.seen[-300:]!r}")
        before, self.seen = self.seen.split(text, 1)
        return before

    def ended(self):
        self.read()
        return self.process.poll() is not None


def by_client(world, texas, node):
    terminal = Terminal(world, texas, 2601)
    terminal.wait_for("texas> ")
    terminal.type("sh v\n")
    lab.check("node texas" in terminal.wait_for("texas> "), "no answer to `show version`")
    terminal.type("shoq\x7fw lanes\n")
    lab.check("patch" in terminal.wait_for("texas> "), "no answer to an edited line")
    terminal.type("stop\n")
    lab.check("`stop` changes the node" in terminal.wait_for("texas> "), "stop is not refused")
    terminal.type("enable\n")
    terminal.wait_for("password: ")
    terminal.type("open simsim\n")
    lab.check("simsim" not in terminal.wait_for("texas> "), "the password is on the terminal")
    time.sleep(1.1)  # nobody may try again before
    terminal.type("enable\n")
    terminal.wait_for("password: ")
    terminal.type(PASSWORD + "\n")
    lab.check("sesame" not in terminal.wait_for("texas# "), "the password is on the terminal")
    terminal.type("lane down p\n")
    text = terminal.wait_for("texas# ")
    lab.check("out of service" in text and "lane down p" in text,
              f"a command is not done, or not seen on the terminal: {text!r}")
    terminal.type("lane up p\n")
    lab.check("is in service" in terminal.wait_for("texas# "), "a lane does not come up")
    terminal.type("exit\n")
    lab.eventually(terminal.ended, "the client ends after `exit`")
    lab.check("simsim" not in node.log() and "sesame" not in node.log(),
              "a password is in the log")
    lab.check("gave a wrong password (1 of 3)" in node.log(), "a wrong password is not logged")
    lab.check("may change the node now" in node.log(), "a right password is not logged")


def connect(texas):
    client = texas.socket(socket.AF_INET, socket.SOCK_STREAM)
    client.connect(("127.0.0.1", 2601))
    return client


def until(client, text):
    data = b""
    while text not in data:
        more = client.recv(65536)
        lab.check(more, f"the session ended before {text!r}, after {data[-200:]!r}")
        data += more
    return data


def ends(client):
    try:
        while client.recv(65536):
            pass
    except ConnectionResetError:
        pass
    client.close()


def by_bytes(texas):
    client = connect(texas)
    until(client, b"texas> ")
    # Options of a client that offers and wants all there are; then a subnegotiation and an interrupt.
    client.sendall(b"".join(bytes((255, verb, option)) for verb in (251, 253)
                            for option in range(40)))
    client.sendall(b"sto\xff\xfa\x18\x00xterm\xff\xf0\xff\xf4\xff\xf2help\r\n")
    data = until(client, b"show version")
    for option in range(40):
        lab.check(bytes((255, 254, option)) in data, f"WILL {option} is not refused")
        lab.check(bytes((255, 252, option)) in data, f"DO {option} is not refused")
    client.sendall(b"y" * 100_000 + b"\r\n")
    until(client, b"at most 4096 bytes")
    client.sendall(b"\r\nquit\r\n")
    ends(client)
    # Three wrong passwords end a session.
    client = connect(texas)
    until(client, b"texas> ")
    for n in range(3):
        client.sendall(b"enable\r\n")
        until(client, b"password: ")
        client.sendall(b"wrong %d\r\n" % n)
        until(client, b"wrong")
        time.sleep(1.1)
    ends(client)


def too_many(texas):
    clients = [connect(texas) for _ in range(8)]
    for client in clients:
        until(client, b"texas> ")
    ninth = connect(texas)
    until(ninth, b"all sessions are taken")
    ends(ninth)
    # One floods, one is half open, one does not read: the others are answered.
    clients[0].setblocking(False)
    flood = b"help\r\n" * 2000
    for _ in range(200):
        try:
            clients[0].send(flood)
        except BlockingIOError:
            break
    clients[1].sendall(b"\xff\xfa")
    clients[2].shutdown(socket.SHUT_WR)
    ends(clients[2])
    clients[3].sendall(b"show version\r\n")
    until(clients[3], b"node texas")
    for client in clients[:2] + clients[3:]:
        client.close()

    def room():
        client = connect(texas)
        try:
            return b"texas> " in client.recv(65536)
        finally:
            client.close()
    lab.eventually(room, "there is room again when sessions have gone")


def refusals(world, texas):
    for at in ("192.0.2.1:2601", "0.0.0.0:2601", "[::]:2601"):
        node = texas.node(YAML.format(at=at, more=""), "refused", wait=False)
        lab.equal(node.wait(), 1, f"exit status with telnet at {at}")
        lab.check("expected a loopback address" in node.log(), f"{at} is not refused by its reason")
        world.nodes.remove(node)
    world_readable = world.dir / "readable"
    world_readable.write_text(PASSWORD + "\n")
    world_readable.chmod(0o644)
    node = texas.node(YAML.format(at="127.0.0.1:2601", more=", password_file: readable"),
                      "readable", wait=False)
    lab.equal(node.wait(), 1, "exit status with a password file that all can read")
    lab.check("chmod 600" in node.log(), "the password file is not refused by its reason")
    world.nodes.remove(node)


def scenario(world):
    if shutil.which("telnet") is None:
        raise lab.Skip("no telnet client is installed")
    texas, _ = lab.two_hosts(world)
    refusals(world, texas)
    password = world.dir / "password"
    password.write_text(PASSWORD + "\n")
    password.chmod(0o600)
    node = texas.node(YAML.format(at="127.0.0.1:2601", more=", password_file: password"))
    listening = texas.run("ss", "-Hltn")
    lab.check("127.0.0.1:2601" in listening and listening.count("LISTEN") == 1,
              f"it listens elsewhere: {listening}")
    by_client(world, texas, node)
    by_bytes(texas)
    too_many(texas)
    node.stop()


lab.run(scenario)
