#!/usr/bin/python3
"""lanes-bench run: generator and sink on real ports, and through a running node.

    host:  bench0 ===== bench1                       nothing between: what the harness itself costs
    host:  bench0 ===== left [ lanes: patch ] right ===== bench1       a node as system under test

Nothing may be lost at rates that any machine keeps; each loss, copy and delay is counted by the
harness, whose report is read here as JSON.
"""

import contextlib
import json
import os
import pathlib
import signal
import struct
import subprocess
import time

import lab

BENCH = os.environ.get("LANES_BENCH_BIN", str(lab.ROOT / "build" / "bench" / "lanes-bench"))

# Generator and sink keep their cores. veth queues a frame on the core that sends it, and a kernel
# that leaves that queue for later (before 6.5, when busy) lets the frames of a thread that has moved
# to another core overtake those before them.
ALLOWED = sorted(os.sched_getaffinity(0))
CORES = f"cores: [{ALLOWED[0]}, {ALLOWED[-1]}]"
BED = """
ports:
  out: {driver: af_packet, device: bench0}
  in: {driver: af_packet, device: bench1}
traffic: {from: out, to: in, rate: 2 kpps, seconds: 1%s, """ + CORES + """}
"""
SWITCH = """
node: switch
ports:
  left: {driver: af_packet, device: left, promiscuous: true}
  right: {driver: af_packet, device: right, promiscuous: true}
lanes:
  - {name: rightward, patch: {from: left, to: right}}
"""


def bench(host, *arguments, status=0):
    """Runs lanes-bench in the host's namespace; returns its report, or what it said on stderr."""
    done = subprocess.run(["nsenter", f"--net={host.path}", BENCH, "run", *arguments],
                          capture_output=True, text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL)
    lab.equal(done.returncode, status, f"exit status; it said {done.stderr}")
    if status != 0:
        lab.equal(done.stdout, "", "standard output of a run that failed")
        return done.stderr
    return json.loads(done.stdout)


def ahead_of_others():
    """This process and all that it starts come before what else the machine does. An ordinary process
    may wait for a core for more than 100 ms on a busy one. When a node does, the sink gives up what
    still lies in the node's ring (`lost`); when the generator does, it ends before it has sent all."""
    with contextlib.suppress(PermissionError):  # a container may forbid it
        os.setpriority(os.PRIO_PROCESS, 0, -15)


def scenario_file(world, name, text):
    path = world.dir / name
    path.write_text(text)
    return str(path)


def check_whole(row, frames):
    """All frames came, once, in order, as they were; latency and lateness were measured."""
    lab.equal(row["sent"], frames, "frames sent")
    faults = ("lost", "corrupt", "duplicates", "reordered", "sink_lost", "refused")
    lab.equal({field: row[field] for field in faults if row[field] != 0}, {},
              f"faults in {row['case']}")
    lab.equal(row["received"], frames, "frames received")
    lab.equal(row["loss_percent"], 0, "loss")
    latency = row["latency_us"]
    order = ("min", "p50", "p90", "p99", "p99_9", "p99_99", "p99_999", "max")
    values = [latency[key] for key in order]
    lab.check(values[0] > 0, f"latency: {latency}")
    lab.equal(values, sorted(values), "percentiles in their order")
    lab.check(row["lateness_us"]["max"] >= row["lateness_us"]["p50"], "lateness")
    for field in ("rate_pps", "packets_per_second", "latency_us", "loss_percent"):
        lab.check(field in row["units"], f"unit of {field}")


def plain(world, host):
    bed = scenario_file(world, "bed.yaml", BED % ", flows: 8")
    report = bench(host, bed, "--json")
    lab.equal(report["command"], "run", "command")
    lab.check(report["environment"], "no environment")
    lab.equal(len(report["results"]), 1, "rows")
    row = report["results"][0]
    check_whole(row, 2000)
    lab.equal(row["size"], "64", "size")
    lab.equal(row["flows"], 8, "flows")
    lab.equal(row["metric"], "packets_per_second", "metric")

    # The command line overrides the file: a row for each size, samples for each trial.
    report = bench(host, bed, "--json", "--size", "64,1518,imix", "--rate", "1 kpps", "--seconds",
                   "0.3", "--trials", "2", "--metric", "latency")
    lab.equal([row["size"] for row in report["results"]], ["64", "1518", "imix"], "sizes")
    for row in report["results"]:
        check_whole(row, 600)
        lab.equal(len(row["samples"]), 2, "samples")
        lab.equal(row["metric"], "latency_us.p50", "metric")
        lab.equal(row["better"], "lower", "better")

    report = bench(host, bed, "--json", "--rate", "10 Mbit/s", "--size", "1518")
    lab.check(abs(report["results"][0]["rate_pps"] - 10e6 / 1518 / 8) < 1, "rate in bits")
    table = subprocess.run(["nsenter", f"--net={host.path}", BENCH, "run", bed, "--seconds", "0.2"],
                           capture_output=True, text=True, timeout=60, check=True)
    lab.check("latency" in table.stdout and table.stderr == "", f"table: {table}")


def capture(lens, gap_us):
    """A classic pcap file with IPv4 frames of these lengths; shorter ones are whatever fits."""
    out = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    for number, size in enumerate(lens):
        frame = (bytes.fromhex("02000000000202000000000108004500") + bytes(size))[:size]
        when = number * gap_us
        out += struct.pack("<IIII", when // 1000000, when % 1000000, size, size) + frame
    return out


def replay(world, host):
    (world.dir / "bed.pcap").write_bytes(capture([60, 1514, 20, 590], 1000))
    bed = BED.replace("rate: 2 kpps", "rate: %s") % ("2 kpps", ", replay: bed.pcap")
    report = bench(host, scenario_file(world, "replay.yaml", bed), "--json")
    check_whole(report["results"][0], 2000)
    lab.check(any("too short for a stamp" in text for text in report["remarks"]),
              f"remarks: {report['remarks']}")
    bed = BED.replace("rate: 2 kpps", "rate: %s") % ("recorded", ", replay: bed.pcap")
    row = bench(host, scenario_file(world, "recorded.yaml", bed), "--json")["results"][0]
    # Three frames in 3 ms, and the mean gap of 1.5 ms before the file begins anew.
    lab.check(abs(row["rate_pps"] - 3 / 4.5e-3) < 1, f"recorded rate {row['rate_pps']}")
    check_whole(row, row["sent"])
    lab.check(650 <= row["sent"] <= 680, f"frames in a second: {row['sent']}")


def mistakes(world, host):
    bed = scenario_file(world, "wrong.yaml", BED.replace("bench1", "no-such") % "")
    said = bench(host, bed, status=2)
    lab.check("no-such" in said, f"a missing device: {said}")
    bed = scenario_file(world, "wrong.yaml", BED % ", sizes: 64, flows: 0")
    said = bench(host, bed, status=2)
    lab.check("wrong.yaml:5:56: error: unknown key `sizes`" in said and "did you mean `size`" in said
              and "wrong.yaml:5:74: error: " in said, f"two mistakes: {said}")
    bed = scenario_file(world, "wrong.yaml", BED % ", size: 9018")
    said = bench(host, bed, status=2)
    lab.check("wrong.yaml:5:62: error: size 9018 does not fit port `out`" in said, f"size: {said}")
    good = scenario_file(world, "bed.yaml", BED % "")
    said = bench(host, good, "--rate", "5 kpp", status=2)
    lab.check("--rate" in said and "did you mean `kpps`" in said, f"option: {said}")
    said = bench(host, good, "--stages", status=2)
    lab.check("--stages: the scenario has no `nodes`" in said, f"stages without a node: {said}")


def stages(host):
    """Where the workers of the nodes spend their time, one name for each node and stage."""
    bed = str(lab.ROOT / "bench" / "scenarios" / "clear.yaml")
    row = bench(host, bed, "--json", "--stages", "--size", "64", "--seconds", "0.3")["results"][0]
    names = {f"{node} {stage}" for node in ("sender", "receiver")
             for stage in ("receive", "classify", "transform", "transmit")}
    lab.equal(set(row["stages"]), names, "stages")
    lab.check(all(ticks > 0 for ticks in row["stages"].values()), f"stages: {row['stages']}")
    lab.equal(row["units"]["stages"], "ticks per packet", "unit")


def interrupted(world, host):
    """SIGINT: the rows so far, and soon."""
    bed = scenario_file(world, "bed.yaml", BED % "")
    begun = time.monotonic()
    process = subprocess.Popen(["nsenter", f"--net={host.path}", BENCH, "run", bed, "--json",
                                "--seconds", "0.5", "--trials", "100"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(2.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    lab.equal(process.returncode, 0, f"exit status after SIGINT; it said {err}")
    report = json.loads(out)
    lab.check(1 <= len(report["results"][0]["samples"]) < 100, "samples")
    lab.check(any("interrupted" in text for text in report["remarks"]), "remark")
    lab.check(time.monotonic() - begun < 20, "it took its time")


def through_a_node(world):
    host, switch = world.host("far"), world.host("switch")
    world.cable(host, "bench0", switch, "left")
    world.cable(switch, "right", host, "bench1")
    node = switch.node(SWITCH)
    bed = scenario_file(world, "bed.yaml", BED % ", size: imix, flows: 4")
    check_whole(bench(host, bed, "--json")["results"][0], 2000)
    closing = node.stop()
    lab.equal(closing.packets["rightward"], 2000, "frames that the node passed on")
    # And without it nothing comes: that must be said, not hidden.
    row = bench(host, bed, "--json", "--seconds", "0.2")["results"][0]
    lab.equal((row["sent"], row["received"], row["lost"]), (400, 0, 400), "with the node gone")
    lab.equal(row["loss_percent"], 100, "loss")


def scenario(world):
    if not pathlib.Path(BENCH).exists():
        raise lab.Skip(f"no program {BENCH}")
    ahead_of_others()
    host = world.host("host")
    world.cable(host, "bench0", host, "bench1")
    plain(world, host)
    replay(world, host)
    mistakes(world, host)
    stages(host)
    interrupted(world, host)
    through_a_node(world)


lab.run(scenario)
