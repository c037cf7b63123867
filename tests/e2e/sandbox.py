#!/usr/bin/python3
"""Nodes in their sandbox, on every driver: each thread is confined, as /proc tells; and all that a
node does goes on: traffic, next hops, new keys and their records, reloads, SIGUSR1, the log while
syslog is away, the end. What needs privileges that were given up is refused before anything changes.

    texas lan0 --[ lanes ]-- eth1 ===== eth1 --[ lanes ]-- lan0 oslo
"""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import struct
import tempfile

import lab
import sealed_lab

NODE = """
node: {name}
workers: 2
state: {name}.state
manage: {{socket: {name}.sock}}
{head}
ports:
{more}
  lan: {{driver: {lan}, device: lan0, address: 10.8.0.{own}/24, mtu: 1300}}
  wan: {{driver: {wan}}}
lanes:
  - {{name: out, id: 10{own}, send: lan, over: {{port: wan, to: "192.0.2.{far}:4790"}}, secret: pair.psk, rekey: 1}}
  - {{name: in, id: 10{far}, receive: lan, over: {{port: wan}}, secret: pair.psk}}
{lanes}
"""
NET_ADMIN, NET_RAW = 1 << 12, 1 << 13
# lan and wan, and what Control keeps.
DRIVERS = [
    ("tap", "af_packet, device: eth1, address: 192.0.2.{own}/24", NET_ADMIN),
    ("tun", "udp, address: 192.0.2.{own}", 0),
    ("tap", "af_xdp, device: eth1, address: 192.0.2.{own}/24", NET_ADMIN),
    ("tap", 'dpdk, device: "net_af_packet0,iface=eth1", address: 192.0.2.{own}/24', NET_ADMIN),
]
MORE = "  more: {driver: af_packet, device: eth1, address: 192.0.2.77/24}"
MEMORY = "  more: {driver: memory, device: wire}"


def text(own, lan, wan, head="", more="", lanes="", name=None):
    return NODE.format(name=name or f"node{own}", own=own, far=3 - own, lan=lan, head=head, more=more,
                       lanes=lanes, wan=wan.format(own=own))


def threads(node):
    """{tid: {key: value}} of each thread, from proc(5)."""
    found = {}
    for task in pathlib.Path(f"/proc/{node.pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        found[int(task.name)] = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    return found


def confined(node, keeps, user=0):
    all_threads = threads(node)
    lab.check(len(all_threads) >= 3, f"threads of {node.name}: {list(all_threads)}")
    for tid, status in all_threads.items():
        who = f"{node.name}, thread {status['Name']}"
        lab.equal(status["NoNewPrivs"], "1", f"{who}: no_new_privs")
        lab.equal(status["Seccomp"], "2", f"{who}: seccomp mode")
        lab.equal(status["Groups"].split(), [], f"{who}: groups")
        lab.equal(status["Uid"].split(), [str(user)] * 4, f"{who}: user")
        control = keeps if tid == node.pid else 0
        for key, wanted in (("CapEff", control), ("CapPrm", control), ("CapInh", 0), ("CapAmb", 0),
                            ("CapBnd", keeps)):
            lab.equal(int(status[key], 16), wanted, f"{who}: {key}")


def ask(node, *words):
    """What a node answers to management."""
    path = node.file.with_suffix(".sock")
    return lab.command(lab.LANES, *words, "--socket", str(path), fails=True)


def shown(node):
    """What `show security` says of a node, which must be what /proc says."""
    security = json.loads(ask(node, "show", "security", "--json"))
    lab.equal((security["schema"], security["enforced"], security["dumpable"],
               security["core_bytes_max"], security["refused_calls"]),
              ("lanes/1", True, False, 0, []), f"{node.name}: show security")
    lab.check(security["locked_bytes"] > 0, "no memory is locked")
    status = threads(node)
    lab.equal(sorted(thread["thread"] for thread in security["threads"]), sorted(status), "threads")
    for thread in security["threads"]:
        proc = status[thread["thread"]]
        lab.equal((thread["name"], thread["seccomp_filters"]),
                  (proc["Name"], int(proc["Seccomp_filters"])), "a thread")
        lab.equal(bool(thread["capabilities_effective"]), int(proc["CapEff"], 16) != 0, "capabilities")
        lab.check(thread["no_new_privileges"] and thread["seccomp"], f"thread: {thread}")
        missing = any(part.startswith("landlock: this kernel") for part in security["missing"])
        lab.equal(thread["landlock"], not missing, f"landlock in {thread['name']}")
    said = ask(node, "show", "security")
    lab.check("sandbox in force" in said and "worker-0" in said, said)


def records(world, node):
    folder = world.dir / f"{node.name}.state"
    return sorted((file.name, file.stat().st_mtime_ns) for file in folder.iterdir())


def refused(node, changed, why):
    node.reload(changed, "nothing was changed")
    lab.check(why in node.log(), f"{node.name} does not say `{why}`")


def goes_on(world, texas, nodes, texts):
    """Everything that a confined node must still be able to do."""
    lab.equal(texas.ping("10.8.0.2", count=20), 20, "answers")
    for node, yaml in zip(nodes, texts):
        before = records(world, node)
        lab.eventually(lambda: records(world, node) != before, "keys are renewed and recorded", 10)
        node.kill(signal.SIGUSR1)
        node.wait_for("lane out")
        more = yaml.replace("rekey: 1", "rekey: 2")
        node.reload(more, "lanes kept 1, changed 1, added 0, removed 0")
        refused(node, more.replace("ports:\n", f"ports:\n{MORE}\n"), "port more: needs restart: ")
        plan = json.loads(ask(node, "reload", "--dry-run", "--json"))
        lab.check(plan["restart"] and plan["restart"][0].startswith("port more: needs restart: "),
                  f"the plan for a port that needs privileges: {plan}")
        refused(node, more + "tables: [/etc/passwd]\n", "a file elsewhere needs restart")
        refused(node, more.replace("state:", "sandbox: {enforce: false}\nstate:"),
                "`sandbox` cannot change")
        node.reload(more.replace("ports:\n", f"ports:\n{MEMORY}\n"), "lanes kept 2")
    texas.reaches("10.8.0.2")  # a lane that was changed announces itself anew
    lab.equal(texas.ping("10.8.0.2", count=20), 20, "answers after the reloads")


def every_driver(world, texas, oslo):
    for lan, wan, keeps in DRIVERS:
        texts = [text(own, lan, wan) for own in (1, 2)]
        nodes = [host.node(yaml, f"node{own}", wait=False)
                 for host, yaml, own in ((texas, texts[0], 1), (oslo, texts[1], 2))]
        for node in nodes:
            lab.eventually(lambda: "is running" in node.log() or node.process.poll() is not None,
                           "the node starts", 20)
        driver = wan.split(",")[0]
        if f"built without {driver}" in nodes[0].log():
            print(f"not tested: {nodes[0].log().strip()}")
            continue
        texas.reaches("10.8.0.2", timeout=15)
        for node in nodes:
            confined(node, keeps)
            shown(node)
        goes_on(world, texas, nodes, texts)
        for node in nodes:
            shown(node)
            node.stop()
        print(f"{lan} and {driver}: confined and well")


def memory_and_pcap(world, texas):
    """Replays a capture through a wire of memory into another capture."""
    frame = bytes.fromhex("ffffffffffff02000000000108004500") + bytes(48)
    header = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    record = struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame
    (world.dir / "in.pcap").write_bytes(header + 100 * record)
    yaml = f"""
node: tape
workers: 2
ports:
  tape: {{driver: pcap, read: {world.dir}/in.pcap, write: {world.dir}/out.pcap, pace: fast}}
  a: {{driver: memory, device: wire}}
  b: {{driver: memory, device: wire}}
lanes:
  - {{name: play, patch: {{from: tape, to: a}}}}
  - {{name: record, patch: {{from: b, to: tape}}}}
"""
    node = texas.node(yaml)
    confined(node, 0)
    out = world.dir / "out.pcap"
    whole = len(header) + 100 * len(record)
    lab.eventually(lambda: out.stat().st_size == whole, "all frames are recorded")
    node.reload(yaml.replace("pace: fast", "pace: fast, repeat: 2"), "lanes kept 0, changed 2")
    lab.eventually(lambda: out.stat().st_size == len(header) + 200 * len(record), "and again, twice")
    with tempfile.NamedTemporaryFile(suffix=".pcap") as other:  # not beside the node file
        for name in ("in.pcap", "out.pcap"):
            refused(node, yaml.replace(f"{world.dir}/{name}", other.name),
                    "port tape: needs restart: ")
    node.stop()


def another_user(world, texas, oslo):
    """The node becomes nobody; what root made for its state goes to nobody."""
    nobody = 65534
    world.dir.chmod(0o711)
    (world.dir / "pair.psk").chmod(0o600)
    wan = DRIVERS[0][1]
    texts = [text(own, "tap", wan, head="sandbox: {user: nobody}", name=f"own{own}")
             for own in (1, 2)]
    nodes = [texas.node(texts[0], "own1"), oslo.node(texts[1], "own2")]
    texas.reaches("10.8.0.2")
    for node in nodes:
        confined(node, NET_ADMIN, nobody)
        before = records(world, node)
        lab.eventually(lambda: records(world, node) != before, "its records are written", 10)
        lab.equal((world.dir / f"{node.name}.state").stat().st_uid, nobody, "owner of its state")
        node.stop()
    absent = texas.node(texts[0].replace("user: nobody", "user: no-such-user"), wait=False)
    lab.equal(absent.wait(), 1, "exit status with a user that does not exist")
    lab.check("no user `no-such-user`" in absent.log(), absent.log())


def reopening(world, texas, oslo):
    """A node that keeps the rights opens and changes ports at a reload."""
    head = "sandbox: {reopen_ports: true}"
    yaml = text(1, "tap", DRIVERS[0][1], head, name="open1")
    nodes = [texas.node(yaml, "open1"), oslo.node(text(2, "tap", DRIVERS[0][1], name="open2"))]
    confined(nodes[0], NET_ADMIN | NET_RAW)
    texas.reaches("10.8.0.2")
    more = "  more: {driver: tun, device: lan7, mtu: 1280}\n  raw: {driver: af_packet, device: lo}"
    nodes[0].reload(yaml.replace("ports:\n", f"ports:\n{more}\n").replace("mtu: 1300", "mtu: 1290"),
                    "lanes kept 0, changed 2")
    texas.reaches("10.8.0.2")
    lab.check("mtu 1290" in texas.run("ip", "link", "show", "lan0"), "lan0 has its new mtu")
    lab.check("mtu 1280" in texas.run("ip", "link", "show", "lan7"), "lan7 is there")
    for node in nodes:
        node.stop()


def not_enforced(texas):
    yaml = text(1, "tap", DRIVERS[0][1], "sandbox: {enforce: false}", name="loose")
    node = texas.node(yaml)
    lab.check("warning: no sandbox" in node.log(), "a node without a sandbox says so")
    for status in threads(node).values():
        lab.equal(status["Seccomp"], "0", "seccomp mode without a sandbox")
    node.reload(yaml.replace("ports:\n", f"ports:\n{MORE}\n"), "lanes kept 2")
    node.stop()


@contextlib.contextmanager
def own_devices(world):
    """Nodes of this block find in /dev only what they need, and a `log` that is ours."""
    dev, wrapper, real = world.dir / "dev", world.dir / "wrapper", lab.LANES
    (dev / "net").mkdir(parents=True)
    for name in ("null", "net/tun"):
        (dev / name).touch()
    wrapper.write_text(f"""#!/bin/sh
exec unshare --mount --propagation private sh -c '
for name in null net/tun; do mount --bind /dev/$name {dev}/$name; done
mount --rbind {dev} /dev
exec {real} "$1"' - "$1"
""")
    wrapper.chmod(0o755)
    lab.LANES = str(wrapper)
    try:
        yield dev / "log"
    finally:
        lab.LANES = real


def syslog_at(path):
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.bind(str(path))
    os.chmod(path, 0o666)
    server.settimeout(5)
    return server


def heard(server, words):
    """Waits until syslog has been told `words`."""
    while words not in (said := server.recv(65536).decode(errors="replace")):
        pass
    lab.check(re.match(r"<\d+>1 \S+ \S+ lanes \d+ \w+ \[lanes@32473 node=", said), f"as syslog has it: {said}")


def syslog_away(world, texas):
    with own_devices(world) as path:
        server = syslog_at(path)
        yaml = text(1, "tun", DRIVERS[1][1], name="told")
        node = texas.node(yaml)
    heard(server, "is running")
    server.close()
    path.unlink()
    node.reload(yaml)
    server = syslog_at(path)
    node.reload(yaml)
    heard(server, "reloaded")
    confined(node, 0)
    node.stop()
    server.close()


def scenario(world):
    texas, oslo = lab.two_hosts(world)
    sealed_lab.new_secret(world, "pair")
    every_driver(world, texas, oslo)
    memory_and_pcap(world, texas)
    another_user(world, texas, oslo)
    reopening(world, texas, oslo)
    not_enforced(texas)
    syslog_away(world, texas)


lab.run(scenario)
