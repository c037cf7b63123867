#!/usr/bin/python3
"""tools/compare-peers measures what it says it does, names the peers that are not installed, and
leaves nothing behind when it is interrupted. Runs it with few peers, shortly; the topologies are in
tools/peers.d/bed.py.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import lab

TOOL = lab.ROOT / "tools" / "compare-peers"
PEERS = ["veth", "vxlan", "lanes-clear", "lanes-sealed"]
SHORT = ["--quick", "--rounds", "1", "--seconds", "0.5", "--pings", "100"]
# All it needs to measure plain veth, and no peer's program.
PROGRAMS = ["ip", "ss", "nsenter", "taskset", "fping", "ping", "ethtool", "iperf3", "sysctl", "sh"]


def compare(*arguments, **options):
    done = subprocess.run([TOOL, *SHORT, *arguments], capture_output=True, text=True, timeout=60,
                          check=False, **options)
    text = done.stdout + done.stderr
    if done.returncode == lab.SKIPPED:
        raise lab.Skip(text.strip().splitlines()[-1])
    lab.equal(done.returncode, 0, f"exit status of compare-peers, which says:\n{text}\n")
    return text


def measures(world):
    file = world.dir / "peers.json"
    text = compare("--only", ",".join(PEERS), "--json", str(file))
    found = json.loads(file.read_text())
    lab.equal(sorted({row["peer"] for row in found["results"]}), sorted(PEERS), "measured peers")
    lab.equal(len({row["case"] for row in found["results"]}), 4 * len(PEERS), "different cases")
    for row in found["results"]:
        value = row[row["metric"]]
        lab.check(value > 0 and row["samples"] == [value], f"a row that is not positive: {row}")
        lab.check(row["ratio_to_veth"] > 0 and row["metric"] in row["units"], f"row: {row}")
        if row["peer"] == "veth":
            lab.equal(row["ratio_to_veth"], 1.0, "veth to itself")
    pairs = [(ratio["lanes"], ratio["peer"]) for ratio in found["ratios"]]
    lab.equal(pairs, [("lanes-clear", "vxlan")], "pairs that are compared: clear with clear")
    rows = {row["case"]: row for row in found["results"]}
    lanes, vxlan = (next(row["bits_per_second"] for case, row in rows.items()
                         if case.startswith(f"{name}: TCP")) for name in ("lanes-clear", "vxlan"))
    lab.check(abs(found["ratios"][0]["tcp_times_better"] / (lanes / vxlan) - 1) < 1e-9,
              "the ratio is not the quotient")
    kernel = os.uname().release
    lab.check(kernel in found["environment"]["kernel"] and found["environment"]["cpu"],
              f"environment: {found['environment']}")
    for name in PEERS:
        lab.check(name in found["environment"]["versions"], f"no version of {name}")
        lab.check(text.count(name) >= 3, f"{name} is not in the table:\n{text}")


def names_the_missing(world):
    programs = world.dir / "bin"
    programs.mkdir()
    for program in PROGRAMS:
        (programs / program).symlink_to(shutil.which(program))
    file = world.dir / "missing.json"
    text = compare("--only", "veth", "wireguard-go", "openvpn", "--json", str(file),
                   env={**os.environ, "PATH": str(programs)})
    skipped = json.loads(file.read_text())["skipped"]
    lab.equal(sorted(skipped), ["openvpn", "wireguard-go"], "peers that are skipped")
    for name, reason in skipped.items():
        lab.check("not installed" in reason and "--install" in reason, f"{name}: {reason}")
        lab.check(f"{name}: skipped: {reason}" in text, f"{name} is not named:\n{text}")
    refused = subprocess.run([TOOL, "--only", "wireguard"], capture_output=True, text=True,
                             timeout=20, check=False)
    lab.check(refused.returncode == 2 and "no peer `wireguard`" in refused.stderr,
              f"an unknown name: {refused}")


def leaves_nothing():
    """Interrupted in the middle of a sealed lane's turn."""
    process = subprocess.Popen([TOOL, "--seconds", "20", "--only", "lanes-sealed"],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               env={**os.environ, "PYTHONFAULTHANDLER": "1"},
                               # A shell's background jobs, and what they start, ignore SIGINT.
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    ours = f"lanes-{process.pid}-"

    def spaces():
        return [name for name in os.listdir("/run/netns") if name.startswith(ours)]

    def children():
        return pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()

    def programs():
        names = []
        for pid in children():
            with contextlib.suppress(FileNotFoundError):  # it has ended meanwhile
                names.append(pathlib.Path(f"/proc/{pid}/comm").read_text().strip())
        return names
    try:
        lab.eventually(lambda: len(spaces()) == 2 and programs().count("lanes") == 2,
                       "two nodes run", timeout=15)
        running = children()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        try:
            out, _ = process.communicate(timeout=40)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # it then says where it is
            raise lab.Failed(f"goes on when interrupted: {process.communicate()[0]}") from None
    finally:
        process.kill()
        process.wait()
    lab.equal(process.returncode, 130, f"exit status when interrupted; it says:\n{out}\n")
    lab.equal(spaces(), [], "namespaces left behind")
    lab.equal([pid for pid in running if os.path.exists(f"/proc/{pid}")], [], "processes left")


def scenario(world):
    measures(world)
    names_the_missing(world)
    leaves_nothing()


lab.run(scenario)
