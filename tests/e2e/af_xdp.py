#!/usr/bin/python3
"""Pairs of lanes over af_xdp, in copy and in generic mode, clear and sealed, beside a kernel that goes
on using the same interface; then without a kernel behind the port, where the engine answers ARP and
ping itself; then by a user who has four capabilities and nothing else; and killed.

    texas                                                        oslo
    lane0 10.8.0.1  --+                                +--  lane0 10.8.0.2
          fd08::1     |   eth1 192.0.2.1    192.0.2.2  |          fd08::2
                      +---o------------------------o---+
    lane 101 texas -> oslo over IPv4, lane 102 oslo -> texas over IPv6
"""

import os
import signal

import lab
import sealed_lab

NODE = """
node: {name}
{head}
ports:
  lan: {{driver: tap, device: lane0, address: [10.8.0.{own}/24, "fd08::{own}/64"], mtu: 1400}}
  wan: {{driver: af_xdp, device: eth1, address: [192.0.2.{own}/24, "2001:db8::{own}/64"], {how}}}
lanes:
  - {{name: out, id: 10{own}, send: lan, over: {{port: wan, to: "{to}"}}, {cipher}}}
  - {{name: in, id: 10{far}, receive: lan, over: {{port: wan}}, {cipher}}}
"""
CLEAR, SEALED = "cipher: none", "cipher: aes-256-gcm, secret: pair.psk"
TO = {1: "192.0.2.2:4790", 2: "[2001:db8::1]:4790"}
# What a container needs; the last one, or `ulimit -l`, for the frames.
CAPABILITIES = ("net_raw", "net_admin", "bpf", "ipc_lock")
# iperf3 sends faster than this machine forwards; neighbours are not known at once; a sealed packet
# may come before its announcement.
ALLOWED = {"tx_full", "tx_refused", "no_next_hop", "no_key", "no_session", "not_for_us"}


def node(host, own, how, cipher):
    name = f"node{own}"
    return host.node(NODE.format(name=name, head=f"state: {name}" if cipher == SEALED else "",
                                 own=own, far=3 - own, how=how, to=TO[own], cipher=cipher))


def program_on(host):
    return "xdp" in host.run("ip", "-d", "link", "show", "dev", "eth1")


def pair(texas, oslo, how, cipher):
    far, near = node(oslo, 2, how, cipher), node(texas, 1, how, cipher)
    texas.reaches("10.8.0.2")
    oslo.reaches("fd08::1")
    return near, far


def carried(texas, oslo, what):
    lab.equal(texas.ping("10.8.0.2", count=25), 25, f"{what}: answers over IPv4")
    lab.equal(oslo.ping("fd08::1", count=25), 25, f"{what}: answers over IPv6")
    for size in (0, 17, 1000, 1372):
        lab.equal(texas.ping("10.8.0.2", count=3, size=size), 3, f"{what}: {size} bytes")
    report = texas.iperf3("10.8.0.2", seconds=1)
    rate = report["end"]["sum_received"]["bits_per_second"]
    lab.check(rate > 10e6, f"{what}: TCP crawls at {rate:.0f} bit/s")
    return rate


def stop(near, far, what):
    sent, got = near.stop(), far.stop()
    lab.equal(got.packets["in"] + got.dropped_by["in"] + got.lost.get("wan", 0) +
              got.drops.get("no_session", 0), sent.packets["out"], f"{what}: packets at oslo")
    for closing in (sent, got):
        lab.check(set(closing.drops) <= ALLOWED, f"{what}: drops {closing.drops}")


def beside_the_kernel(world, mode, cipher):
    what = f"{mode}, {cipher}"
    texas, oslo = lab.two_hosts(world, ipv6=True)
    oslo.serve_iperf3()
    near, far = pair(texas, oslo, f"mode: {mode}", cipher)
    near.wait_for(f"AF_XDP, {mode} mode, on eth1")
    lab.check(program_on(texas), f"{what}: no XDP program")
    rate = carried(texas, oslo, what)
    # A login over the same card: TCP and ping to the kernel's own address, both ways.
    login = texas.iperf3("192.0.2.2", seconds=1)["end"]["sum_received"]["bits_per_second"]
    lab.check(login > 10e6, f"{what}: TCP to the kernel crawls at {login:.0f} bit/s")
    login = texas.iperf3("192.0.2.2", seconds=1, options=("-R",))["end"]["sum_received"]
    lab.check(login["bits_per_second"] > 10e6, f"{what}: TCP from the kernel crawls")
    lab.equal(oslo.ping("192.0.2.1", count=5), 5, f"{what}: answers of the kernel")
    stop(near, far, what)
    lab.check(not program_on(texas) and not program_on(oslo), f"{what}: a program was left")
    print(f"{what}: TCP over lanes {rate / 1e6:.0f} Mbit/s")
    world.close_hosts()


def without_kernel(world):
    """The kernel has no address on eth1: the engine speaks for itself."""
    texas, oslo = world.host("texas", ipv6=True), world.host("oslo", ipv6=True)
    world.cable(texas, "eth1", oslo, "eth1")
    oslo.serve_iperf3()
    near, far = pair(texas, oslo, "mode: copy, take: all", CLEAR)
    carried(texas, oslo, "take: all")
    stop(near, far, "take: all")
    world.close_hosts()


def wrapper(world, capabilities):
    """Runs `lanes` as nobody, with these capabilities; returns the former command."""
    path = world.dir / "as-nobody"
    wanted = ",".join(f"+{each}" for each in capabilities)
    path.write_text(f"""#!/bin/sh
ulimit -l 1024
exec setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs \\
    --bounding-set -all,{wanted} --inh-caps -all,{wanted} --ambient-caps -all,{wanted} \\
    "{lab.LANES}" "$@"
""")
    path.chmod(0o755)
    os.chmod(world.dir, 0o755)
    former, lab.LANES = lab.LANES, str(path)
    return former


def as_nobody(world):
    texas, oslo = lab.two_hosts(world, ipv6=True)
    for left_out in CAPABILITIES:
        former = wrapper(world, [each for each in CAPABILITIES if each != left_out])
        refused = texas.node(NODE.format(name="refused", head="", own=1, far=2, how="mode: copy",
                                         to=TO[1], cipher=CLEAR), wait=False)
        lab.LANES = former
        lab.equal(refused.wait(), 1, f"exit status without {left_out}")
        wanted = "CAP_IPC_LOCK" if left_out == "ipc_lock" else "CAP_"
        lab.check(wanted in refused.log(), f"without {left_out}: {refused.log()}")
    former = wrapper(world, CAPABILITIES)
    near, far = pair(texas, oslo, "mode: copy", CLEAR)
    lab.equal(texas.ping("10.8.0.2", count=20), 20, "answers, as nobody")
    lab.LANES = former
    # Killed: nothing is left, and it can start again at once.
    near.kill(signal.SIGKILL)
    near.wait()
    lab.check(not program_on(texas), "a killed node left its program")
    again = node(texas, 1, "mode: copy", CLEAR)
    texas.reaches("10.8.0.2")
    again.stop()
    far.stop()
    world.close_hosts()


def scenario(world):
    sealed_lab.new_secret(world, "pair")
    for mode in ("copy", "generic"):
        for cipher in (CLEAR, SEALED):
            beside_the_kernel(world, mode, cipher)
    without_kernel(world)
    as_nobody(world)


lab.run(scenario)
