#!/usr/bin/python3
"""tools/time-scrape, briefly: a node of a few hundred lanes is scraped while its worker is busy, and
what is measured is told."""

import json
import os
import subprocess

import lab

LANES = 300


def scenario(_):
    if (os.cpu_count() or 1) < 2:
        raise lab.Skip("needs two cores")
    done = subprocess.run(["/usr/bin/python3", "-B", str(lab.ROOT / "tools" / "time-scrape"), "--json",
                           "--lanes", str(LANES), "--seconds", "0.5", "--turns", "1"],
                          capture_output=True, text=True, timeout=100, check=False)
    lab.equal(done.returncode, 0, f"exit status; it said {done.stderr}")
    told = json.loads(done.stdout)
    lab.check(told["bytes"] > 300 * LANES, f"bytes of a scrape: {told['bytes']}")
    for name in ("mpps_without", "mpps_with", "control_ms_per_scrape", "longest_piece_ms", "scrape_ms"):
        lab.check(told[name] > 0, f"{name} is {told[name]}")


if __name__ == "__main__":
    lab.run(scenario)
