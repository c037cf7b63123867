#!/usr/bin/python3
"""A node tells a real journald, which has a /run of its own: what fields an entry has, what the
journal is told when it was away, and that a service prints nothing beside it. And no key is there.

    texas
    lan --[ lanes: sealed lane, new keys every second ]-- wan          journald, killed and started
"""

import contextlib
import json
import os
import signal
import subprocess

import lab
import sealed_lab

JOURNALD = "/lib/systemd/systemd-journald"

NODE = """
node: {name}
state: {name}.state
keys: {{private: texas.key}}
manage: {{socket: none}}
ports:
  lan: {{driver: memory, device: a}}
  wan: {{driver: udp, address: 127.0.0.1}}
lanes:
  - {{name: out, id: 101, send: lan, over: {{port: wan, to: "127.0.0.1:4790"}}, receiver: "{oslo}",
     secret: pair.psk, rekey: 1}}
"""
JOURNAL = """[Journal]
Storage=volatile
RuntimeMaxUse=16M
ReadKMsg=no
Audit=
ForwardToWall=no
"""


class Journald:
    """A journald with a /run of its own; nodes that are started by `LANES` share it."""

    def __init__(self, world):
        self.run = world.dir / "run"
        (self.run / "systemd/journald.conf.d").mkdir(parents=True)
        (self.run / "log/journal").mkdir(parents=True)
        (self.run / "systemd/journald.conf.d/lab.conf").write_text(JOURNAL)
        self.socket = self.run / "systemd/journal/socket"
        self.world = world
        self.start()

    def start(self):
        self.socket.unlink(missing_ok=True)
        inside = f"mount --bind {self.run} /run && exec {JOURNALD}"
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", inside],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.world.processes.append(self.process)
        lab.eventually(lambda: self.socket.exists() or self.process.poll() is not None,
                       "journald has a socket", 15)
        if self.process.poll() is not None:
            raise lab.Skip("journald does not run here")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def entries(self, *match):
        text = lab.command("journalctl", "-D", str(self.run / "log/journal"), "-o", "json", "-q",
                           "--no-pager", "SYSLOG_IDENTIFIER=lanes", *match, fails=True)
        return [json.loads(line) for line in text.splitlines()]

    def told(self, test, what, *match):
        return lab.eventually(lambda: next((one for one in self.entries(*match) if test(one)), None),
                              f"the journal has {what}", 10)

    @contextlib.contextmanager
    def nodes(self, under_systemd):
        """Nodes of this block have this journal, and are its service if `under_systemd`."""
        wrapper, real = self.world.dir / "in-journal", lab.LANES
        stream = 'export JOURNAL_STREAM=$(stat -L -c %d:%i /dev/stderr)' if under_systemd else ""
        wrapper.write_text(f"""#!/bin/sh
{stream}
exec unshare --mount --propagation private sh -c 'mount --bind {self.run} /run && exec {real} "$1"' - "$1"
""")
        wrapper.chmod(0o755)
        lab.LANES = str(wrapper)
        try:
            yield
        finally:
            lab.LANES = real


def scenario(world):
    if not os.access(JOURNALD, os.X_OK):
        raise lab.Skip("systemd-journald is not installed")
    host = world.host("texas")
    sealed_lab.new_key(world, "texas")
    sealed_lab.new_secret(world, "pair")
    text = NODE.format(name="told", oslo=sealed_lab.new_key(world, "oslo"))
    journald = Journald(world)
    with journald.nodes(under_systemd=False):
        node = host.node(text, "told")
    begun = journald.told(lambda one: "is running" in one["MESSAGE"], "the start", "LANES_EVENT=node")
    lab.equal((begun["PRIORITY"], begun["LANES_NODE"], begun["LANES_STATE"], begun["_PID"],
               begun["_TRANSPORT"], begun["SYSLOG_FACILITY"]),
              ("5", "told", "running", str(node.pid), "journal", "3"), "fields in the journal")
    port = journald.told(lambda one: True, "a port", "LANES_PORT=lan")
    lab.equal((port["LANES_EVENT"], port["PRIORITY"]), ("port", "6"), "what is said of port lan")
    journald.kill()
    for _ in range(3):
        node.reload(text)
    journald.start()
    lost = journald.told(lambda one: "did not take" in one["MESSAGE"], "what it missed",
                         "LANES_EVENT=log")
    lab.equal((lost["LANES_COUNT"], lost["LANES_PLACE"], lost["PRIORITY"]), ("3", "the journal", "4"),
              "what the journal missed")
    print(f"journald: {lost['MESSAGE']}")
    node.stop()
    with journald.nodes(under_systemd=True):
        quiet = host.node(text.replace("told", "quiet"), "quiet", wait=False)
    journald.told(lambda one: "is running" in one["MESSAGE"], "a service", "LANES_NODE=quiet")
    lab.equal(quiet.log(), "", "what a service prints beside the journal")
    quiet.kill(signal.SIGTERM)
    lab.equal(quiet.wait(), 0, "exit status of the service")
    secrets = {name: (world.dir / name).read_text().strip() for name in ("texas.key", "pair.psk")}
    for file in (node.log_file, *(journald.run / "log/journal").rglob("*.journal")):
        sealed_lab.no_secret_in(file.read_bytes(), secrets, str(file))


lab.run(scenario)
