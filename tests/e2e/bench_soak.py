#!/usr/bin/python3
"""lanes-bench soak. The default scenario, killed in the middle and resumed: one soak, whose file
tells of every interval. A process that truly grows, watched with a budget of nothing: exit 1. A
running `lanes`, soaked through real ports, which ends: exit 1 too.

    texas: nothing but lanes-bench;  then  gen ===== lan0 --[ lanes ]-- lan1 ===== sink
"""

import json
import os
import signal
import subprocess
import sys
import time

import lab

BENCH = os.environ.get("LANES_BENCH_BIN", str(lab.ROOT / "build" / "bench" / "lanes-bench"))
# Seconds of a test machine say nothing of 72 hours: only what is asked about is judged.
BUDGETS = ("memory", "loss", "latency", "descriptors", "threads")
SECONDS, KILL_AFTER = 12, 9
GROWS = "import time\nkept = []\nwhile True: kept.append(bytearray(1 << 20)); time.sleep(0.05)\n"
NODE = """
node: texas
ports:
  left: {driver: af_packet, device: lan0, promiscuous: true}
  right: {driver: af_packet, device: lan1, promiscuous: true}
lanes:
  - {name: through, patch: {from: left, to: right}}
"""
SCENARIO = """
ports:
  out: {driver: af_packet, device: gen}
  in: {driver: af_packet, device: sink, promiscuous: true}
traffic: {from: out, to: in, rate: 2 kpps, seconds: 1, size: imix, flows: 10}
"""


def easy(**budgets):
    """Options for budgets that nothing is over, but these."""
    return [text for name in BUDGETS for text in (f"--budget-{name}", str(budgets.get(name, 1e9)))]


class Soak:
    """A soak that runs; its report when it has ended."""

    def __init__(self, host, *options):
        # A soak that is killed cannot remove its folder: it is in the lab's, which will be.
        self.process = host.start(BENCH, "soak", "--json", "--no-progress", *options, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env=dict(os.environ, TMPDIR=str(host.lab.dir)))

    def end(self, status, timeout=90):
        out, errors = self.process.communicate(timeout=timeout)
        lab.equal(self.process.returncode, status, f"exit status of a soak ({errors} {out[-3000:]})")
        self.report = json.loads(out) if out else None
        self.errors = errors
        return self

    def rows(self):
        return {row["case"]: row for row in self.report["results"]}

    def remarks(self):
        return " ".join(self.report["remarks"])


def samples_of(file):
    """Whole lines behind the first."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text().splitlines(keepends=True)[1:]
            if line.endswith("\n")]


def check_rows(rows, points):
    for case in ("loss", "latency p50", "latency p99", "memory", "descriptors", "threads"):
        row = rows[case]
        lab.check(row["low"] <= row["slope_per_hour"] <= row["high"], f"bounds of {case}: {row}")
        lab.equal(round(row["at_72_hours"] - 72 * row["slope_per_hour"], 3), 0.0,
                  f"{case} carried on to 72 hours")
        lab.equal(len(row["series"]["y"]), points, f"points of {case}")
        lab.check(row["verdict"] == "within", f"verdict of {case}: {row['verdict']}")
    lab.check(rows["memory"]["median"] > 1, "memory is that of a program")


def killed_and_resumed(world, texas):
    file = world.dir / "soak.jsonl"
    options = ("--seconds", str(SECONDS), "--interval", "0.5", "--warm-up", "1.5", "--reload-every",
               "2", "--checkpoint", str(file), *easy())
    first = Soak(texas, *options)
    lab.eventually(lambda: len(samples_of(file)) >= KILL_AFTER, "samples are written", 60)
    lab.check("in use by another soak" in Soak(texas, *options, "--resume").end(2).errors,
              "two soaks share one checkpoint")
    first.process.kill()
    first.process.wait()
    before = samples_of(file)
    lab.check(before[-1]["x_seconds"] < SECONDS - 3, "killed too late")
    with open(file, "a", encoding="ascii") as torn:
        torn.write('{"piece":0,"x_sec')
    lab.check("--resume" in Soak(texas, *options).end(2).errors, "a checkpoint is overwritten")
    lab.check("--churn 100, and this soak has 7" in
              Soak(texas, *options, "--resume", "--churn", "7").end(2).errors, "other options")
    soak = Soak(texas, *options, "--resume").end(0)
    after = samples_of(file)
    lab.equal(after[:len(before)], before, "samples of before the kill")
    lab.equal({sample["piece"] for sample in after[len(before):]}, {1}, "piece after the kill")
    lab.check(abs(after[-1]["x_seconds"] - SECONDS) < 2, f"ended at {after[-1]['x_seconds']} s")
    times = [sample["x_seconds"] for sample in after]
    lab.equal(times, sorted(times), "times of samples")
    rows = soak.rows()
    judged = sum(sample["piece_seconds"] > 1.5 for sample in after)
    check_rows(rows, judged)
    traffic = rows["traffic"]
    lab.equal(traffic["sent"], sum(sample["sent"] for sample in after), "frames of all samples")
    lab.check(traffic["sent"] > 1000, "traffic flowed")
    lab.equal(traffic["sent"], sum(traffic[end] for end in ("received", "lost", "sink_lost",
                                                            "corrupt")), "frames by their end")
    lab.equal((traffic["corrupt"], traffic["duplicates"]), (0, 0), "corrupt and twice")
    for words in ("was torn", "Resumed after", "reloads", "lanes came or went"):
        lab.check(words in soak.remarks(), f"no `{words}` in: {soak.remarks()}")
    lab.equal(soak.report["command"], "soak", "command of the report")
    again = Soak(texas, *options, "--resume").end(0)
    lab.equal(again.rows()["memory"]["series"], rows["memory"]["series"], "judged once more")
    print(f"{len(before)} samples, killed, {len(after) - len(before)} more; lost "
          f"{traffic['loss_percent']:.4f} % of {traffic['sent']}; memory "
          f"{rows['memory']['median']:.1f} MiB; drops {traffic['drops']}")


def growing_process(texas):
    process = texas.start(sys.executable, "-c", GROWS)
    pid = str(process.pid)
    lab.eventually(lambda: "python" in open(f"/proc/{pid}/comm", encoding="ascii").read(),
                   "the growing process runs")
    time.sleep(0.5)
    name = open(f"/proc/{pid}/comm", encoding="ascii").read().strip()
    soak = Soak(texas, "--seconds", "7", "--interval", "0.5", "--warm-up", "1",
                "--watch", pid, *easy(memory=0)).end(1)
    process.kill()
    row = soak.rows()[f"memory of {name}"]
    lab.equal(row["verdict"], "over", "verdict of the process that grows")
    truth = 20 * 3600  # MiB an hour, less what sleeping takes longer than asked for
    lab.check(0.5 * truth < row["slope_per_hour"] < 1.1 * truth, f"slope {row['slope_per_hour']}")
    lab.check(f"memory of {name} is over budget" in soak.remarks(), soak.remarks())
    lab.equal(soak.rows()[f"threads of {name}"]["verdict"], "within", "its threads")
    print(f"a process that grows by at most {truth} MiB/h: found {row['slope_per_hour']:.0f}, "
          f"between {row['low']:.0f} and {row['high']:.0f}")


def real_node(world, texas):
    world.cable(texas, "gen", texas, "lan0")
    world.cable(texas, "lan1", texas, "sink")
    node = texas.node(NODE)
    scenario = world.dir / "ports.yaml"
    scenario.write_text(SCENARIO)
    options = (str(scenario), "--interval", "0.5", "--warm-up", "1", "--watch", str(node.pid),
               *easy())
    soak = Soak(texas, *options, "--seconds", "6").end(0)
    rows = soak.rows()
    for what in ("memory", "descriptors", "threads"):
        lab.equal(rows[f"{what} of lanes"]["verdict"], "within", f"{what} of lanes")
    lab.check(rows["traffic"]["received"] > 0.9 * rows["traffic"]["sent"] > 1000, "traffic flows")
    lab.check("names no nodes" in soak.remarks(), "a soak without nodes of its own says so")

    ended = Soak(texas, *options, "--seconds", "60")
    time.sleep(3)
    node.stop()
    lab.check(f"Process {node.pid} (lanes) has ended" in ended.end(1).remarks(), ended.remarks())

    stopped = Soak(texas, *options[:5], *easy(), "--seconds", "60")
    time.sleep(3)
    lab.check(stopped.process.poll() is None, "the soak runs")
    stopped.process.send_signal(signal.SIGINT)
    lab.check("Ended by a signal" in stopped.end(0).remarks(), stopped.remarks())
    print("a running lanes: memory, descriptors and threads within; its end ends the soak")


def scenario(world):
    if not os.access(BENCH, os.X_OK):
        raise lab.Failed(f"no program {BENCH}; build it, or set LANES_BENCH_BIN")
    texas = world.host("texas")
    killed_and_resumed(world, texas)
    growing_process(texas)
    real_node(world, texas)


lab.run(scenario)
