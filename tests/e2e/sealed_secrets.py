#!/usr/bin/python3
"""Secrets stay in the process: no key is in anything that a node says, in any spelling; nobody else
may read its memory; it leaves no core dump and its keys are not swapped out. Key files that others
can read are refused.

    texas lane0 --[ lanes ]-- eth1 ===== eth1 --[ lanes ]-- lane0 oslo
"""

import os
import pathlib
import re
import resource
import subprocess

import lab
import sealed_lab

NODE = """
node: {name}
state: {name}.state
keys: {{private: {name}.key}}
ports:
  lan: {{driver: tap, device: lane0, address: 10.8.0.{own}/24, mtu: 1400}}
  wan: {{driver: udp, address: 192.0.2.{own}}}
lanes:
  - {{name: out, id: 10{own}, send: lan, over: {{port: wan, to: "192.0.2.{far}:4790"}},
     receiver: "{peer}", secret: pair.psk, rekey: 1}}
  - {{name: in, id: 10{far}, receive: lan, over: {{port: wan}}, sender: "{peer}", secret: pair.psk}}
"""


def private_process(node):
    proc = pathlib.Path(f"/proc/{node.pid}")
    lab.equal(re.search(r"Max core file size\s+(\S+)\s+(\S+)", (proc / "limits").read_text())
              .groups(), ("0", "0"), "core file limits")
    status = (proc / "status").read_text()
    locked = int(re.search(r"VmLck:\s+(\d+)", status)[1])
    lab.check(locked > 0, "no memory is locked")
    # The pages that are locked are kept out of core dumps, too.
    flags = re.findall(r"^VmFlags: (.*)", (proc / "smaps").read_text(), re.M)
    locked_maps = [line for line in flags if " lo " in line]
    lab.check(locked_maps and all(" dd " in line for line in locked_maps), f"mappings: {flags}")
    print(f"{node.name}: core limit 0, {locked} KiB locked")


def not_dumpable(world):
    """As another user than root: the files of its own process belong to root then."""
    nobody = 65534
    folder = world.dir / "unprivileged"
    folder.mkdir()
    key = folder / "node.key"
    key.write_text((world.dir / "texas.key").read_text())
    text = NODE.format(name="texas", own=1, far=2, peer=sealed_lab.new_key(world, "other"))
    text = text.replace("texas.key", "node.key").replace(", secret: pair.psk", "")
    text = text.replace("{driver: tap, device: lane0, address: 10.8.0.1/24, mtu: 1400}",
                        "{driver: memory, device: lane0}").replace("192.0.2.1", "127.0.0.1")
    (folder / "node.yaml").write_text(text)
    world.dir.chmod(0o711)
    key.chmod(0o600)
    for path in (folder, *folder.iterdir()):
        os.chown(path, nobody, nobody)
    with open(folder / "log", "wb") as log:
        process = world.host("lonely").start(
            "setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups", lab.LANES,
            str(folder / "node.yaml"), stderr=log)
    said = folder / "log"
    lab.eventually(lambda: "is running" in said.read_text() or process.poll() is not None,
                   "a node without privileges runs")
    lab.equal(process.poll(), None, said.read_text())
    proc = pathlib.Path(f"/proc/{process.pid}")
    lab.check(f"Uid:\t{nobody}" in (proc / "status").read_text(), "the node runs as nobody")
    lab.equal((proc / "mem").stat().st_uid, 0, "owner of /proc/PID/mem of a node of nobody's")
    read = subprocess.run(["setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups",
                           "cat", str(proc / "environ")], capture_output=True, check=False)
    lab.check(read.returncode != 0 and b"ermission denied" in read.stderr,
              f"its own user reads /proc/PID/environ: {read.stderr}")
    process.terminate()
    lab.equal(process.wait(5), 0, "exit status of the node without privileges")


def files_of_others(world, texas, text):
    """A key file, and a secret, that others may read."""
    for name in ("texas.key", "pair.psk"):
        file = world.dir / name
        file.chmod(0o644)
        node = texas.node(text, "refused", wait=False)
        lab.equal(node.wait(), 1, f"exit status with a {name} of mode 0644")
        lab.check(re.search(rf"refused\.yaml:\d+:\d+: error: .*{name}", node.log()),
                  f"the file that others may read is not named: {node.log()}")
        file.chmod(0o600)


def scenario(world):
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
    texas, oslo = lab.two_hosts(world)
    keys = {name: sealed_lab.new_key(world, name) for name in ("texas", "oslo")}
    sealed_lab.new_secret(world, "pair")
    secrets = {name: (world.dir / name).read_text().strip()
               for name in ("texas.key", "oslo.key", "pair.psk")}
    texts = {"texas": NODE.format(name="texas", own=1, far=2, peer=keys["oslo"]),
             "oslo": NODE.format(name="oslo", own=2, far=1, peer=keys["texas"])}
    for name, secret in secrets.items():  # where they are, they are found
        lab.check(sealed_lab.spellings(secret)[0] in (world.dir / name).read_bytes(), f"no secret in {name}")
    files_of_others(world, texas, texts["texas"])
    nodes = [texas.node(texts["texas"]), oslo.node(texts["oslo"])]
    texas.reaches("10.8.0.2")
    for node in nodes:
        private_process(node)
        sealed_lab.states(node, "out", "in")
        node.reload(node.file.read_text().replace("pair.psk, rekey: 1", "nowhere.psk"),
                    "nothing was changed")
        node.reload(texts[node.name].replace("rekey: 1", "rekey: 2"))
    not_dumpable(world)
    for node in nodes:
        node.stop()
        sealed_lab.no_secret_in(node.log_file.read_bytes(), secrets, f"what {node.name} said")
        lab.check(keys[node.name] in node.log(), "a node tells its public key")
        for file in (world.dir / f"{node.name}.state").iterdir():
            lab.equal(file.stat().st_mode & 0o077, 0, f"what others may do with {file.name}")
            sealed_lab.no_secret_in(file.read_bytes(), secrets, f"state file {file.name}")


lab.run(scenario)
