#!/usr/bin/python3
"""The demo behind tools/demo. Shows and measures, in this order:

  a sealed pair      texas lane0 --[ eth1 ===== eth1 ]-- lane0 oslo      ping, idle CPU, iperf3
  sealed, one way    sender lane0 --[ eth1 ==> left | diode | right ==> eth1 ]-- lane0 receiver
                     UDP by iperf 2; nothing leaves the receiver
                     (keys of both are made here, as an operator makes them)
  the engine alone   clocks per packet on memory ports (lanes-bench), clear and sealed, and what
                     the cipher alone takes of them
  a million lanes    from a CSV table: time to load, memory, look-up
  dpdk-testpmd       forwarding on veth beside it (tools/compare-testpmd)

Ends with one table; exits non-zero, naming the cause, when a step fails.
"""

import importlib.machinery
import importlib.util
import json
import os
import pathlib
import re
import signal
import statistics
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
os.environ.setdefault("LANES_BIN", str(ROOT / "build" / "tools" / "lanes"))
os.environ.setdefault("BLAST_BIN", str(ROOT / "build" / "bench" / "blast"))
BENCH = os.environ.get("BENCH_BIN", str(ROOT / "build" / "bench" / "lanes-bench"))
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import lab  # noqa: E402
import sealed_lab  # noqa: E402

LANE_COUNT = 1_000_000
IPERF_SECONDS = 5
TABLE_NODE = """
node: fleet
ports:
  lan: {driver: memory, device: lan}
  wan: {driver: memory, device: wan}
tables: [fleet.csv]
"""


class Results:
    """The rows of the closing table: what, value, and what it should be."""

    def __init__(self):
        self.rows = []

    def add(self, what, value, goal=""):
        self.rows.append((what, value, goal))
        print(f"   {what}: {value}", flush=True)

    def show(self):
        rows = [("what", "measured", "goal"), *self.rows]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        rule = "  ".join("-" * width for width in widths)
        print()
        for index, row in enumerate(rows):
            print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
            if index == 0:
                print(rule)


def sample(name, keys):
    """A node file of this folder; what stands for a public key becomes that key."""
    text = (HERE / f"{name}.yaml").read_text()
    for owner, key in keys.items():
        text = text.replace(f"{owner.upper()}-PUBLIC-KEY", f'"{key}"')
    return text


def make_keys(world, *names):
    """As an operator does: a private key for each node, in a file of its own, and what it tells the
    other."""
    return {name: sealed_lab.new_key(world, name) for name in names}


def step(title):
    print(f"-- {title}", flush=True)


def sealed_by(node):
    """What a node says of its sealed lanes, all of which are up."""
    count, backend = re.search(r"(\d+) lanes? sealed, by (\S+)", node.log()).groups()
    return f"{count} up, by {backend}"


def idle_percent(nodes, seconds=10.0):
    before = [node.cpu_seconds() for node in nodes]
    time.sleep(seconds)
    return max(100 * (node.cpu_seconds() - used) / seconds for node, used in zip(nodes, before))


def pair(world, results):
    step("two hosts, a pair of sealed lanes: texas.yaml and oslo.yaml")
    texas, oslo = lab.two_hosts(world, ipv6=True)
    keys = make_keys(world, "texas", "oslo")
    nodes = [texas.node(sample("texas", keys)), oslo.node(sample("oslo", keys))]
    for node in nodes:
        node.wait_for("-in is up")
        results.add(f"sealed lanes of {node.name}", sealed_by(node), "2, up")
    texas.reaches("10.8.0.2")
    for host, address in ((texas, "10.8.0.2"), (oslo, "10.8.0.1"), (texas, "fd08::2"),
                          (oslo, "fd08::1")):
        answers = host.ping(address, count=50)
        results.add(f"ping, {host.name} to {address}", f"{answers} of 50 answered", "50")
        lab.equal(answers, 50, f"answers to {host.name}")
    time.sleep(0.5)
    idle = idle_percent(nodes)
    results.add("idle CPU of a node, adaptive", f"{idle:.2f} %", "< 1 %")
    lab.check(idle < 1, "an idle node uses CPU")
    oslo.serve_iperf3()
    texas.serve_iperf3()
    for host, address in ((texas, "10.8.0.2"), (oslo, "10.8.0.1")):
        end = host.iperf3(address, IPERF_SECONDS)["end"]
        rate = end["sum_received"]["bits_per_second"] / 1e9
        results.add(f"iperf3 TCP from {host.name}", f"{rate:.2f} Gbit/s",
                    "no disconnect")
    for node in nodes:
        node.stop()


def one_way(world, results):
    step("one sealed lane, one way: sender.yaml, diode.yaml, receiver.yaml")
    sender, diode, receiver = (world.host(name) for name in ("sender", "diode", "receiver"))
    world.cable(sender, "eth1", diode, "left", [["192.0.2.1/24"], []])
    world.cable(diode, "right", receiver, "eth1", [[], ["192.0.2.2/24"]])
    receiver.run("ip", "link", "set", "eth1", "address", "02:00:00:00:00:02")
    keys = make_keys(world, "sender", "receiver")
    nodes = [diode.node(sample("diode", keys)), receiver.node(sample("receiver", keys)),
             sender.node(sample("sender", keys))]
    nodes[1].wait_for("lane one-way is up")
    sealed_lab.wait_until_sending(nodes[2], "one-way")
    # Nobody answers ARP inside the lane either.
    sender.run("ip", "neigh", "replace", "10.9.0.2", "lladdr", receiver.mac("lane0"), "dev",
               "lane0")
    log = world.dir / "iperf.log"
    with open(log, "wb") as out:
        server = receiver.start("stdbuf", "-oL", "iperf", "-s", "-u", "-B", "10.9.0.2", stdout=out,
                                stderr=out)
    lab.eventually(lambda: "UDP port" in log.read_text(), "iperf listens")
    sender.run("iperf", "-u", "-c", "10.9.0.2", "-b", "100M", "-l", "1200", "-t",
               str(IPERF_SECONDS))
    def delivered():
        return re.search(r"(\d+)/\s*(\d+) \([\d.e+-]+%\)", log.read_text())
    lost, total = map(int, lab.eventually(delivered, "iperf reports").groups())
    server.send_signal(signal.SIGKILL)
    back = receiver.link("eth1")["tx"]["packets"] + diode.link("right")["rx"]["packets"] + \
        sender.link("eth1")["rx"]["packets"]
    results.add("one way: UDP datagrams delivered", f"{total - lost} of {total}", "all")
    results.add("one way: frames that came back", str(back), "0")
    lab.check(total - lost > 0, "nothing was delivered")
    lab.equal(back, 0, "frames on the return path")
    for node in nodes:
        node.stop()


def bench(*options):
    """Runs lanes-bench; returns the rows of its report."""
    rows = json.loads(lab.command(BENCH, *options, "--json", timeout=300))["results"]
    for row in rows:
        lab.equal(row.get("lost", 0), 0, f"packets lost in the bench: {row['case']}")
    return rows


def engine(results):
    step("the engine alone: one worker, memory ports")
    goals = {"clear": "<= 60 clocks"}
    for row in bench("pipeline", "--path", "patch,clear,receive,relay"):
        results.add(f"{row['case']}", f"{row['clocks_per_packet']:.1f} clocks, "
                    f"{row['packets_per_second'] / 1e6:.2f} Mpps (MAD {row['mad_percent']:.1f} %)",
                    goals.get(row["path"], ""))
    for row in bench("pipeline", "--path", "seal,open", "--size", "64,1420", "--suite",
                     "aes-256-gcm,chacha20-poly1305"):
        goal = 1.3 if row["suite"].startswith("chacha") else 1.6 if row["size"] == 64 else 1.2
        results.add(f"{row['path']}, {row['suite']}, {row['size']} B",
                    f"{row['clocks_per_packet']:.1f} clocks, {row['backend']} alone "
                    f"{row['bare_cipher_clocks']:.1f}: {row['ratio_to_bare_cipher']:.2f} times",
                    f"<= {goal} times")
    for row in bench("pipeline", "--path", "open-replayed,open-forged"):
        results.add(f"{row['path']}, 64 B", f"{row['clocks_per_packet']:.1f} clocks")


def million(world, results):
    step(f"{LANE_COUNT} lanes from a CSV table")
    with open(world.dir / "fleet.csv", "w", encoding="ascii") as table:
        table.write("name,id,send,over.port,over.to,cipher,match.destination\n")
        for n in range(LANE_COUNT):
            table.write(f"customer-{n},{n + 1},lan,wan,02:00:00:00:00:02,none,"
                        f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n")
    host = world.host("fleet")
    began = time.monotonic()
    node = host.node(TABLE_NODE)
    seconds, each = time.monotonic() - began, 1024 * node.rss_kib() / LANE_COUNT
    node.stop()
    results.add("a million lanes: start-up", f"{seconds:.2f} s", "<= 5 s")
    results.add("a million lanes: memory of each", f"{each:.0f} bytes", "<= 1024")
    rows = bench("lookup", "--lanes", str(LANE_COUNT))
    for by, goal, only, random in (("id", "<= 2 times", rows[0], rows[1]),
                                   ("match", "<= 60 more", rows[2], rows[3])):
        results.add(f"look-up by {by}, a random one / the only one",
                    f"{random['clocks_per_lookup']:.1f} / {only['clocks_per_lookup']:.1f} clocks, "
                    f"{random['more_than_only']:.1f} more = {random['ratio_to_only']:.2f} times",
                    goal)


def testpmd(world, results):
    step("forwarding on veth beside dpdk-testpmd, 64-byte frames")
    if (os.cpu_count() or 1) < 2:
        results.add("dpdk-testpmd", "not compared: needs two cores")
        return
    loader = importlib.machinery.SourceFileLoader("compare", str(ROOT / "tools/compare-testpmd"))
    compare = importlib.util.module_from_spec(importlib.util.spec_from_loader("compare", loader))
    loader.exec_module(compare)
    for setup, what, goal in (("steer", "af_packet on veth, forwarder's core the limit", 1.2),
                              ("split", "af_packet on veth, ring filled elsewhere", 1.2),
                              ("xdp", "af_xdp on veth", 1), ("sealed", "af_xdp on veth, sealed", 1),
                              ("null", "net_null to net_null", 0.5)):
        if why := compare.missing(setup):
            results.add(what, f"skipped: {why}")
            continue
        rates, losses = compare.compare(compare.Bed(world, setup), rounds=5, seconds=1.0)
        world.close_hosts()
        medians, ratio = compare.report(setup, rates, losses)
        # Where nothing is lost the forwarder could do more: its rate is the generator's.
        limited = statistics.median(losses["lanes"]) < 0.01
        results.add(what,
                    f"{medians['lanes'] / 1e6:.3f} Mpps, testpmd {medians['testpmd'] / 1e6:.3f}: "
                    f"{ratio:.2f} times", "(generator's limit)" if limited else f">= {goal} times")


def main():
    results = Results()

    def scenario(world):
        pair(world, results)
        world.close_hosts()
        one_way(world, results)
        world.close_hosts()
        engine(results)
        million(world, results)
        testpmd(world, results)
        results.show()
    lab.run(scenario)


if __name__ == "__main__":
    main()
