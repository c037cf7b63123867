#!/usr/bin/python3
"""Whole nodes under valgrind, with ports in memory and nothing of DPDK or AF_XDP.

    lanes-bench (one process):  generator -- lan-a [send] wire [receive] lan-b -- sink
    lanes (another):            a [clear lanes, nobody sends] b, asked, told and reloaded

The first moves frames of all sizes through lanes that are sealed by keys and by a shared secret,
with either backend, bundled and cut, and a clear one; the second lives through a reload, a lane
that goes and comes, and SIGTERM. memcheck must have nothing to say, and no frame may be lost.

    tests/memory_nodes.py BUILD VALGRIND...     run.py calls it with the release build
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

PATIENCE_S = 120
TOOL_FOUND = 99  # --error-exitcode
# name, what its sender says of the lane, what its receiver does, the backend of both
LANES = (
    ("keys", "receiver: {b}", "sender: {a}", "auto"),
    ("secret", "cipher: chacha20-poly1305, bundle: true, secret: shared.secret",
     "cipher: chacha20-poly1305, secret: shared.secret", "libsodium"),
    ("cut", "receiver: {b}, mtu: 300", "sender: {a}", "libsodium"),
    ("clear", "cipher: none, bundle: true", "cipher: none", "auto"),
)


def fail(text):
    sys.exit(f"memory_nodes: {text}")


def end(name, text, backend, folder):
    """A node of one lane: sends from lan-a, or receives to lan-b."""
    private, address = ("a", "192.0.2.1") if name == "send" else ("b", "192.0.2.2")
    (folder / f"{name}.yaml").write_text(f"""node: {name}
keys: {{private: {private}.key}}
state: state-{name}
crypto: {{backend: {backend}}}
manage: {{socket: none}}
ports:
  lan: {{driver: memory, device: lan-{private}}}
  wan: {{driver: memory, device: wire, address: {address}/24}}
lanes:
  - {{name: lane, id: 7, {text}}}
""", encoding="utf-8")


def make_keys(lanes, folder):
    public = {}
    for name in ("a", "b"):
        with open(folder / f"{name}.key", "wb") as file:
            subprocess.run([lanes, "key", "new"], stdout=file, check=True)
        with open(folder / f"{name}.key", "rb") as file:
            public[name] = '"' + subprocess.run([lanes, "key", "public"], stdin=file, text=True,
                                                capture_output=True, check=True).stdout.strip() + '"'
    with open(folder / "shared.secret", "wb") as file:
        subprocess.run([lanes, "key", "secret"], stdout=file, check=True)
    return public


def traffic(lane, public, bench, valgrind, folder):
    name, sender, receiver, backend = lane
    end("send", f'send: lan, {sender.format(**public)}, '
        'over: {port: wan, to: "192.0.2.2:4790", next_hop: "ff:ff:ff:ff:ff:ff"}', backend, folder)
    end("receive", f"receive: lan, {receiver.format(**public)}, over: {{port: wan}}", backend, folder)
    (folder / "scenario.yaml").write_text("""nodes: [send.yaml, receive.yaml]
ports:
  out: {driver: memory, device: lan-a}
  in: {driver: memory, device: lan-b}
traffic: {from: out, to: in, rate: 1 kpps, seconds: 1, size: imix, burst: 8, flows: 4}
""", encoding="utf-8")
    done = subprocess.run([*valgrind, bench, "run", "scenario.yaml", "--json"], cwd=folder, text=True,
                          capture_output=True, timeout=PATIENCE_S, check=False)
    if done.returncode != 0:
        fail(f"lane {name}: lanes-bench ended with {done.returncode}\n{done.stderr}{done.stdout}")
    row = json.loads(done.stdout)["results"][0]
    if row["corrupt"] or row["duplicates"] or row["received"] < 500:
        fail(f"lane {name}: {row}")
    print(f"{name}: {row['received']} frames, all good")


class Node:
    """`lanes run` under valgrind, and what it says."""

    def __init__(self, lanes, valgrind, folder):
        self.lanes, self.folder = lanes, folder
        self.log = folder / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*valgrind, lanes, "run", "node.yaml"], cwd=folder,
                                            stderr=log, start_new_session=True)

    def wait_for(self, text):
        until = time.monotonic() + PATIENCE_S
        while text not in self.log.read_text(encoding="utf-8", errors="replace"):
            if self.process.poll() is not None or time.monotonic() > until:
                fail(f"no `{text}` from the node:\n{self.log.read_text(errors='replace')}")
            time.sleep(0.05)

    def ask(self, *words):
        done = subprocess.run([self.lanes, "--socket", str(self.folder / "sock"), *words], text=True,
                              capture_output=True, timeout=PATIENCE_S, check=False)
        if done.returncode != 0:
            fail(f"{' '.join(words)}: {done.stdout}{done.stderr}")


def life(lanes, valgrind, folder):
    (folder / "node.yaml").write_text("""node: here
state: state-here
manage: {socket: sock}
ports:
  a: {driver: memory, device: wire-a}
  b: {driver: memory, device: wire-b, address: 192.0.2.1/24}
lanes:
  - {name: out, id: 1, cipher: none, send: a, over: {port: b, to: "192.0.2.2:4790"}}
  - {name: in, id: 2, receive: a, secret: shared.secret, over: {port: b}}
""", encoding="utf-8")
    node = Node(lanes, valgrind, folder)
    try:
        node.wait_for("is running")
        for command in ("show lanes", "show workers --json", "show security", "show drops",
                        "why in", "lane down out", "lane up out", "reload --dry-run", "reload"):
            node.ask(*command.split())
        os.kill(node.process.pid, signal.SIGHUP)
        os.kill(node.process.pid, signal.SIGUSR1)
        node.ask("stop")
        status = node.process.wait(PATIENCE_S)
    finally:
        if node.process.poll() is None:
            os.killpg(node.process.pid, signal.SIGKILL)
            node.process.wait()
    if status != 0:
        fail(f"the node ended with {status}:\n{node.log.read_text(errors='replace')}")
    print("a node's life: good")


def main():
    build, valgrind = pathlib.Path(sys.argv[1]), sys.argv[2:]
    lanes, bench = str(build / "tools" / "lanes"), str(build / "bench" / "lanes-bench")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        public = make_keys(lanes, folder)
        for lane in LANES:
            traffic(lane, public, bench, valgrind, folder)
        life(lanes, valgrind, folder)


if __name__ == "__main__":
    main()
