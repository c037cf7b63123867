#!/usr/bin/python3
"""What a service manager hears from a node (sd_notify(3)): ready, reloads, stops, and life signs for
its watchdog; and what systemd itself says of the unit file.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time

import lab

UNIT = lab.ROOT / "tools" / "systemd" / "lanes@.service.in"
EXPOSURE_MAX = 2.5
WATCHDOG_S = 1.5
NODE = """
node: served
ports:
  lan: {driver: tap, device: lane0, address: 10.8.0.1/24}
  wan: {driver: udp, address: 127.0.0.1}
lanes:
  - {name: out, id: 1, send: lan, over: {port: wan, to: "127.0.0.2:4790"}, cipher: none}
"""


class Manager:
    """The manager's end of NOTIFY_SOCKET."""

    def __init__(self, world):
        self.end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = str(world.dir / "notify")
        self.end.bind(path)
        os.environ.update(NOTIFY_SOCKET=path, WATCHDOG_USEC=str(round(WATCHDOG_S * 1e6)))

    def close(self):
        for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC"):
            os.environ.pop(name, None)
        self.end.close()

    def hear(self, wanted, timeout=10.0):
        """Waits for a message that begins so; returns it, and when each life sign came before it."""
        signs = []
        deadline = time.monotonic() + timeout
        while True:
            self.end.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                message = self.end.recv(4096).decode()
            except TimeoutError:
                raise lab.Failed(f"nothing heard that begins with {wanted}") from None
            if message.startswith(wanted):
                return message, signs
            lab.equal(message, "WATCHDOG=1", f"a message before {wanted}")
            signs.append(time.monotonic())


def talks(world, manager):
    node = world.host("served").node(NODE)
    ready, _ = manager.hear("READY=1")
    lab.check(re.search(r"STATUS=1 lane, \d+ worker", ready), f"status: {ready}")
    began = time.monotonic()
    for _ in range(6):  # the node is idle: its workers sleep, and that is life
        manager.hear("WATCHDOG=1")
    spent = time.monotonic() - began
    lab.check(spent > WATCHDOG_S, f"6 life signs within {spent} s")
    node.reload(NODE.replace("id: 1", "id: 2"))
    stamp, _ = manager.hear("RELOADING=1")
    usec = int(re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", stamp).group(1))
    lab.check(0 <= time.clock_gettime(time.CLOCK_MONOTONIC) - usec / 1e6 < 60, f"stamp {usec}")
    manager.hear("READY=1")
    # A reload that is refused ends, too.
    node.reload("node: [", answer="nothing was changed")
    manager.hear("RELOADING=1")
    manager.hear("READY=1")
    node.kill(signal.SIGTERM)
    manager.hear("STOPPING=1")
    lab.equal(node.wait(), 0, "exit status")


def unit_holds(world):
    if shutil.which("systemd-analyze") is None:
        return print("systemd-analyze is not installed: the unit file was not examined")
    unit = world.dir / "lanes@texas.service"
    unit.write_text(UNIT.read_text().replace("@bindir@/lanes", lab.LANES)
                    .replace("@sysconfdir@", "/etc").replace("@docdir@", "/usr/share/doc/lanes"))
    environment = {**os.environ, "SYSTEMD_PAGER": ""}
    # Its manual is installed with the package only: package.py looks at that.
    said = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True,
                          check=False, env=environment)
    lab.equal((said.returncode, said.stderr), (0, ""), "systemd-analyze verify")
    said = subprocess.run(["systemd-analyze", "security", "--offline=true", unit], text=True,
                          capture_output=True, check=False, env=environment)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said.stdout)
    lab.check(found, f"no score: {said.stdout[-300:]} {said.stderr}")
    lab.check(float(found.group(1)) <= EXPOSURE_MAX, f"exposure {found.group(1)}")


def scenario(world):
    manager = Manager(world)
    try:
        talks(world, manager)
    finally:
        manager.close()
    unit_holds(world)


if __name__ == "__main__":
    lab.run(scenario)
