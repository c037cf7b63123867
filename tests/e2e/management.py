#!/usr/bin/python3
"""A node that is asked and changed while packets flow: every command over its unix socket, what
`reload --dry-run` says against what `reload` does, without a packet lost on lanes that stay; a
thousand connects and clients that hang while packets flow; rights of the socket, and who may have
it.

    texas                                              oslo
    lan0 ===[ keep    101 ]--+                  +--[ keep    101 ]=== lan0
    lan1 ===[ change  102 ]--+- eth1 === eth1 --+--[ change  102 ]=== lan1
    lan2 ===[ remove  103 ]--+                  +--[ remove  103 ]=== lan2
      ^       (add    104 )
      +-- texas.sock: asked, changed, flooded
"""

import os
import socket
import stat
import time

import lab
import talking

NODE = """
node: {name}
sandbox: {{reopen_ports: true}}
{more}
ports:
  lan0: {{driver: tun, device: lan0, address: 10.8.0.{own}/24, mtu: 1400}}
  lan1: {{driver: tun, device: lan1, address: 10.8.1.{own}/24, mtu: {mtu}}}
  lan2: {{driver: tun, device: lan2, address: 10.8.2.{own}/24, mtu: 1400}}
  wan: {{driver: af_packet, device: eth1, address: 192.0.2.{own}/24}}
lanes:
{lanes}
"""
TO = 'over: {port: wan, to: "192.0.2.2:4790"}, cipher: none'
FROM = "over: {port: wan}, cipher: none"
KEEP = f"  - {{name: keep, id: 101, send: lan0, {TO}}}"
FIRST = [KEEP,
         f"  - {{name: change, id: 102, send: lan1, {TO}}}",
         f"  - {{name: remove, id: 103, send: lan2, {TO}}}"]
SECOND = [KEEP,
          f"  - {{name: change, id: 102, send: lan1, {TO}, bundle: true, mtu: 1000}}",
          f"  - {{name: add, id: 104, send: lan2, {TO}}}"]
OSLO = [f"  - {{name: l10{n}, id: 10{n}, receive: lan{min(n - 1, 2)}, {FROM}}}"
        for n in (1, 2, 3, 4)]
PATCH = """
node: {name}
ports: {{a: {{driver: memory, device: a}}, b: {{driver: memory, device: b}}}}
lanes: [{{name: p, patch: {{from: a, to: b}}}}]
"""
CONNECTS = 1000


def yaml(world, name, own, lanes, mtu=1400, more=""):
    return NODE.format(name=name, own=own, lanes="\n".join(lanes), mtu=mtu,
                       more=f"manage: {{socket: {world.dir}/{name}.sock}}\n{more}")


class Texas:
    """The node and its file, asked over its socket."""

    def __init__(self, world, host):
        self.world = world
        self.path = world.dir / "texas.sock"
        self.node = host.node(yaml(world, "texas", 1, FIRST))

    def write(self, lanes, **options):
        self.node.file.write_text(yaml(self.world, "texas", 1, lanes, **options))

    def good(self, line):
        status, text = talking.ask(self.path, line)
        lab.equal(status, 0, f"status of `{line}` ({text.strip()})")
        return text

    def bad(self, line, status, why):
        found, text = talking.ask(self.path, line)
        lab.equal(found, status, f"status of `{line}` ({text.strip()})")
        lab.check(why in text, f"`{line}` says `{text.strip()}`, expected `{why}`")

    def plan(self, line):
        status, found = talking.ask_json(self.path, line)
        lab.equal(found.pop("schema"), "lanes/1", "the schema")
        return status, found


def every_command(texas):
    for line in ("help", "show lanes", "show lanes keep change", "show lane keep", "show ports",
                 "show workers", "show drops", "show tables", "show security", "show version",
                 "why keep", "set phases on", "show workers", "set phases off", "set log warning",
                 "set log debug", "sh v"):
        lab.check(texas.good(line).endswith("\n"), f"the answer to `{line}` is not in lines")
    for line in ("show lanes", "show lane keep", "show ports", "show workers", "show drops",
                 "show tables", "show security", "show version", "why keep", "set phases off"):
        status, found = talking.ask_json(texas.path, line)
        lab.equal((status, found["schema"]), (0, "lanes/1"), f"`{line} --json`")
    texas.bad("show lane nobody", 1, "nobody")
    texas.bad("frobnicate", 2, "expected one of")
    texas.bad("st", 2, "write `stop` in full")
    texas.bad("x" * 5000, 2, "at most 4096 bytes")
    texas.bad("show\x1blanes", 2, "control character")


def lanes_by_hand(texas, travel):
    """Lanes come and go by text; the one that stays never notices."""
    lane = f"{{name: hand, id: 105, send: lan0, match: {{destination: 10.8.0.77}}, {TO}}}"
    texas.good(f"lane add {lane}")
    texas.good(f"lane add '{lane}'")  # the same: nothing changes
    texas.bad(f"lane add {lane.replace('hand', 'twin').replace('105', '106')}", 1,
              "equals that of lane hand")
    texas.bad("lane add {name: x, id: 1, snd: lan0}", 1, "did you mean `send`?")
    texas.bad("lane add {name: x, id: 101, receive: lan0, over: {port: wan}, cipher: none}", 1,
              "already lane keep's")
    travel()
    lab.equal(texas.plan("reload --dry-run")[1]["remove"], ["hand"], "what a reload would remove")
    for _ in range(3):
        texas.good("lane down hand")
        texas.bad("lane down hand", 1, "down already")
        lab.check("down" in texas.good("show lanes"), "no lane is shown as down")
        texas.good("lane up hand")
        texas.bad("lane up hand", 1, "in service already")
    texas.good("lane remove hand")
    texas.bad("lane remove hand", 1, "no lane hand")
    travel()


def reloads(texas, travel):
    """What is foreseen is what is done, and the plans name the lanes."""
    empty = {"add": [], "change": [], "remove": [], "ports": [], "restart": []}
    cases = [
        (FIRST, {}, {"keep": 3}),
        (SECOND, {}, {"keep": 1, "add": ["add"], "change": ["change"], "remove": ["remove"]}),
        (FIRST, {}, {"keep": 1, "add": ["remove"], "change": ["change"], "remove": ["add"]}),
        (FIRST, {"mtu": 1300}, {"keep": 2, "change": ["change"],
                                "ports": ["lan1 is closed and opened again"]}),
        (FIRST, {}, {"keep": 2, "change": ["change"], "ports": ["lan1 is closed and opened again"]}),
    ]
    for lanes, options, wanted in cases:
        texas.write(lanes, **options)
        status, foreseen = texas.plan("reload --dry-run")
        lab.equal((status, foreseen), (0, {**empty, **wanted, "done": False}), "the plan")
        lab.equal(texas.plan("reload --dry-run")[1], foreseen, "the plan, asked again")
        travel()
        lab.equal(texas.plan("reload"), (0, {**foreseen, "done": True}), "what was done")
        travel()
    # Errors of the file, of the machine, and what is fixed for the life of a node.
    texas.write(FIRST + ["  - {nam: x}"])
    texas.bad("reload --dry-run", 1, "unknown key `nam`")
    texas.bad("reload", 1, "nothing was changed")
    texas.write(FIRST, more="workers: 2")
    status, plan = texas.plan("reload --dry-run")
    lab.check(status == 1 and plan["restart"][0].startswith("`workers` cannot change"),
              f"a restart is not foreseen: {plan}")
    texas.bad("reload --dry-run", 1, "restart it")
    texas.bad("reload", 1, "`workers` cannot change")
    texas.write(FIRST)
    lab.equal(texas.plan("reload")[1]["keep"], 3, "lanes that are as they were")
    travel()


def crowds(texas, travel):
    """A thousand connects, most of them rude, and some that hang with answers unread."""
    hung = [talking.Conversation(texas.path) for _ in range(20)]
    for client in hung:
        client.socket.sendall(b"show lanes\n" * 300)
    slow = talking.Conversation(texas.path)
    for n in range(CONNECTS):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(10)
        client.connect(str(texas.path))
        if n % 4 == 0:
            client.sendall(b"show lanes\n" * 20)  # and away without reading
        elif n % 4 == 1:
            client.sendall(b"\xff\x00" * 3000)
        elif n % 4 == 2:
            client.sendall(b"show version\n")
            lab.check(client.recv(2) == b"0 ", f"connect {n} is not answered")
        client.close()
    for byte in b"show version\n":
        slow.socket.sendall(bytes([byte]))
        time.sleep(0.005)
    lab.equal(slow.hear()[0], 0, "status of a command that was typed slowly")
    travel()
    began = time.monotonic()
    texas.good("show version")
    lab.check(time.monotonic() - began < 1, "an answer takes more than a second")
    for client in hung:
        client.close()
    slow.close()


def who_may_have_it(world, texas):
    status = os.stat(texas.path)
    lab.equal(stat.S_IMODE(status.st_mode), 0o660, "mode of the socket")
    # A second node of that socket is refused, and the first is not disturbed.
    second = world.hosts[0].node(PATCH.format(name="texas") + f"manage: {{socket: {texas.path}}}\n",
                                 "second", wait=False)
    lab.equal(second.wait(), 1, "exit status of a node whose socket is taken")
    lab.check("another node is running there" in second.log(), "the second node does not say why")
    world.nodes.remove(second)
    texas.good("show version")


def usual_place(world, host):
    """Without `manage` the socket has its usual place; a second node of the name goes on without."""
    name = f"lab{os.getpid()}"
    plain = PATCH.format(name=name)
    first = host.node(plain, "first")
    path = f"/run/lanes/{name}.sock"
    lab.equal(talking.ask(path, "show version")[0], 0, "status at the usual place")
    second = host.node(plain, "second")
    lab.equal(second.log().count("another node is running there"), 1, "warnings of the second node")
    second.stop()
    lab.equal(talking.ask(path, "show version")[0], 0, "status after the second node has gone")
    # A dead node's socket is replaced.
    first.kill(9)
    first.wait()
    world.nodes.remove(first)
    lab.check(os.path.exists(path), "a killed node leaves its socket")
    third = host.node(plain, "third")
    lab.equal(talking.ask(path, "stop"), (0, f"node {name} is stopping\n"), "the answer to stop")
    lab.equal(third.wait(), 0, "exit status of a node that was told to stop")
    lab.check(not os.path.exists(path), "the socket is gone with its node")
    quiet = host.node(plain + "manage: {socket: none}\n", "quiet")
    lab.check(not os.path.exists(path), "no socket where none is wanted")
    quiet.stop()


def scenario(world):
    texas_host, oslo = lab.two_hosts(world)
    texas_host.run("ping", "-c", "1", "192.0.2.2")  # the next hop is known
    far = oslo.node(yaml(world, "oslo", 2, OSLO))
    texas = Texas(world, texas_host)
    receiver = oslo.udp("10.8.0.2", 9)
    flow = lab.Flow(texas_host.udp("10.8.0.1", 0), ("10.8.0.2", 9), rate_pps=3000)

    def travel(packets=300):
        mark = flow.sent + packets
        lab.eventually(lambda: flow.sent >= mark, "the flow goes on")

    try:
        travel()
        every_command(texas)
        lanes_by_hand(texas, travel)
        reloads(texas, travel)
        crowds(texas, travel)
        who_may_have_it(world, texas)
        travel()
    finally:
        sent = flow.stop()
    numbers = lab.collect(receiver)
    lab.equal(talking.ask(texas.path, "stop"), (0, "node texas is stopping\n"), "answer to `stop`")
    lab.equal(texas.node.wait(), 0, "exit status after `stop`")
    closing = lab.Closing(texas.node.log())
    closing.check_books("texas")
    far.stop()
    lab.equal(numbers, list(range(sent)), "the lane that stayed, in order")
    lab.equal(closing.packets["keep"], sent, "the counter of the lane that stayed")
    lab.check("uid 0, gid 0" in texas.node.log(), "nobody who connected is in the log")
    usual_place(world, texas_host)
    print(f"the lane that stayed: {len(numbers)} of {sent} packets; {CONNECTS} connects")


lab.run(scenario)
