#!/usr/bin/python3
"""tools/time-drivers, briefly: a row for each driver, with what each phase took."""

import os
import subprocess

import lab

DRIVERS = ["memory", "af_packet", "af_xdp", "dpdk, net_af_packet", "tap", "udp, sending",
           "udp, receiving"]


def scenario(_):
    if (os.cpu_count() or 1) < 2:
        raise lab.Skip("needs two cores")
    done = subprocess.run(["/usr/bin/python3", "-B", str(lab.ROOT / "tools" / "time-drivers"),
                           "--seconds", "0.1", "--trials", "1", "--rate", "20 kpps"],
                          capture_output=True, text=True, timeout=100, check=False)
    lab.equal(done.returncode, 0, f"exit status; it said {done.stderr}")
    rows = [[cell.strip() for cell in line.strip("|").split("|")]
            for line in done.stdout.splitlines() if line.startswith("|")]
    lab.equal(rows[0], ["driver", "receive", "classify", "transform", "transmit", "sum", "lost, %"],
              "columns")
    lab.equal([row[0] for row in rows[2:]], DRIVERS, "rows")
    for row in rows[2:]:
        lab.check(all(int(ticks) > 0 for ticks in row[1:6]), f"a phase without time: {row}")
        lab.check(float(row[6]) < 50, f"most was lost: {row}")


if __name__ == "__main__":
    lab.run(scenario)
