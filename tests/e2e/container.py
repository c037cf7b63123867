#!/usr/bin/python3
"""af_xdp inside a container that runc makes: namespaces of its own, a root file system that cannot be
written, and no more capabilities than the README lists.

    far: gen ======== in [ container: lanes, patch ] out ======== sink

Skips by name where runc is not installed or makes no container here.
"""

import json
import shutil
import signal
import subprocess

import lab

CAPABILITIES = ["CAP_NET_RAW", "CAP_NET_ADMIN", "CAP_BPF", "CAP_IPC_LOCK"]
NODE = """
node: box
workers: 1
ports:
  in: {driver: af_xdp, device: in, take: all, promiscuous: true}
  out: {driver: af_xdp, device: out, take: all, promiscuous: true}
lanes:
  - {name: through, patch: {from: in, to: out}}
"""


class Container:
    """A bundle (OCI runtime specification) whose root is this machine's, read-only, in the network
    namespace of `host`. That root is mounted in runc's own mount namespace and goes with it: nobody
    who clears up the bundle's folder can come upon it."""

    def __init__(self, world, host):
        self.name, self.bundle = f"lanes-{host.space}", world.dir / "bundle"
        self.root = self.bundle / "root"
        self.root.mkdir(parents=True)
        lab.command("runc", "spec", "--bundle", str(self.bundle))
        self.config = json.loads((self.bundle / "config.json").read_text())
        self.config["root"] = {"path": str(self.root), "readonly": True}
        process, linux = self.config["process"], self.config["linux"]
        process["capabilities"] = {kind: CAPABILITIES
                                   for kind in ("bounding", "effective", "permitted")}
        process.update(terminal=False, rlimits=[])
        linux["namespaces"] = [space for space in linux["namespaces"]
                               if space["type"] not in ("network", "cgroup")]
        linux["namespaces"].append({"type": "network", "path": str(host.path)})
        linux.pop("resources", None)

    def start(self, *arguments):
        self.config["process"]["args"] = list(arguments)
        (self.bundle / "config.json").write_text(json.dumps(self.config))
        run = f"mount --bind / {self.root} && exec runc run --bundle {self.bundle} {self.name}"
        return subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", run],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def kill(self, number):
        lab.command("runc", "kill", self.name, str(int(number)))

    def close(self):
        subprocess.run(["runc", "delete", "--force", self.name], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def scenario(world):
    if shutil.which("runc") is None:
        raise lab.Skip("runc is not installed")
    host, far = world.host("box"), world.host("far")
    world.cable(far, "gen", host, "in")
    world.cable(host, "out", far, "sink")
    container = Container(world, host)
    try:
        probe = container.start("/bin/true")
        said = probe.communicate(timeout=20)[0]
        if probe.returncode != 0:
            raise lab.Skip(f"runc makes no container here: {said.strip()[-200:]}")
        carry(world, far, container)
    finally:
        container.close()


def carry(world, far, container):
    """A node in the container carries frames, as they are, and ends when it is told to."""
    node_file = world.dir / "box.yaml"
    node_file.write_text(NODE)
    node = container.start(lab.LANES, str(node_file))
    sender, receiver = far.packet("gen"), far.packet("sink")
    receiver.settimeout(0.2)
    frame = bytes.fromhex("020000000002020000000001") + b"\x88\xb5" + bytes(range(50))

    def carried():
        lab.check(node.poll() is None, f"the node ended: {node.stdout.read() if node.poll() else ''}")
        sender.send(frame)
        try:
            return receiver.recv(2048) == frame
        except TimeoutError:
            return False
    lab.eventually(carried, "a frame crosses the container", timeout=20)
    container.kill(signal.SIGTERM)
    said = node.communicate(timeout=20)[0]
    lab.equal(node.returncode, 0, f"exit status; it said {said}")
    lab.check("port in: af_xdp, AF_XDP, copy mode" in said, f"no copy mode: {said}")
    lab.check("lane through: patched" in said, f"nothing was patched: {said}")


if __name__ == "__main__":
    lab.run(scenario)
