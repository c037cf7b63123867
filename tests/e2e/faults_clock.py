#!/usr/bin/python3
"""The clock of one end is set by a year, forward and back, and then right again. What runs goes on;
what is refused is refused by name, at the end that refuses; the end whose clock moved says that; and
when both agree again new sessions are taken again. The machine's own clock is left alone: the nodes
are started with a library that shifts the time of day (clock_shift.c).

    texas hurt0 --[ wan,  eth1 ===== eth1, wan  ]-- hurt0 oslo
          calm0 --[ road, eth2 ===== eth2, road ]-- calm0
"""

import contextlib
import json
import pathlib
import shutil
import struct
import subprocess
import time

import faults
import lab

YEAR = 365 * 86400
SOURCE = pathlib.Path(__file__).with_name("clock_shift.c")


class Clocks:
    """The clocks of texas and oslo."""

    def __init__(self, world):
        self.world, self.real = world, lab.LANES
        library = world.dir / "clock_shift.so"
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE)], check=True)
        for name in ("texas", "oslo"):
            self.set(name, 0)
        wrapper = world.dir / "lanes"
        wrapper.write_text(f"""#!/bin/sh
case $1 in
*/texas-*.yaml) name=texas ;;
*/oslo-*.yaml) name=oslo ;;
*) exec {self.real} "$@" ;;
esac
export ASAN_OPTIONS="verify_asan_link_order=0:$ASAN_OPTIONS"
CLOCK_SHIFT={world.dir}/$name.clock LD_PRELOAD={library} exec {self.real} "$@"
""")
        wrapper.chmod(0o755)
        lab.LANES = str(wrapper)

    def set(self, name, seconds):
        file = self.world.dir / f"{name}.clock"
        with contextlib.suppress(FileNotFoundError):
            with open(file, "r+b") as there:
                there.write(struct.pack("=q", seconds))
            return
        file.write_bytes(struct.pack("=q", seconds))


def state(pair):
    """What oslo says of the lane: its state, why, and the epoch of its session."""
    time.sleep(0.1)  # it is asked again and again
    lane = json.loads(faults.ask(pair.far, "show", "lane", "hurt", "--json"))["lane"]
    return lane["state"], lane["cause"], lane.get("epoch", 0)


def renewed(pair, times, why):
    """Waits for so many new sessions of a lane that is up."""
    for _ in range(times):
        _, _, epoch = state(pair)
        lab.eventually(lambda: state(pair)[0] == "up" and state(pair)[2] not in (0, epoch), why, 20)


def set_clock(pair, clocks, name, seconds):
    clocks.set(name, seconds)
    pair.said(pair.near if name == "texas" else pair.far,
              f"the clock of this host was set {'forward' if seconds > 0 else 'back'} by 36")
    pair.hurt.goes_on("what runs, although the clock was set")


def refused(pair, clocks, name, seconds):
    """Sessions that come now are refused, and both ends say why."""
    set_clock(pair, clocks, name, seconds)
    lab.eventually(lambda: state(pair)[0] == "clock", "the receiver says `clock`", 20)
    lab.check("the sender's clock is 36" in state(pair)[1], f"cause: {state(pair)[1]}")
    pair.said(pair.far, "lane hurt is clock")
    clocks.set(name, 0)
    renewed(pair, 1, "a new session when the clocks agree again")
    pair.hurt.goes_on("the lane when the clocks agree again")


def taken(pair, clocks, name, seconds):
    """Sessions that come now are taken: stamps go on from the last, and are not compared with a clock
    that is ahead of them."""
    before = len(pair.hurt.numbers)
    set_clock(pair, clocks, name, seconds)
    renewed(pair, 2, "new sessions all the while")
    clocks.set(name, 0)
    renewed(pair, 2, "new sessions afterwards")
    pair.hurt.goes_on("the lane afterwards")
    numbers = pair.hurt.numbers[before:]
    lab.equal(numbers, list(range(numbers[0], numbers[-1] + 1)), "numbers while the clock was wrong")


CASES = [
    ("sender back", lambda pair, clocks: taken(pair, clocks, "texas", -YEAR)),
    ("receiver forward", lambda pair, clocks: taken(pair, clocks, "oslo", YEAR)),
    ("sender forward", lambda pair, clocks: refused(pair, clocks, "texas", YEAR)),
    ("receiver back", lambda pair, clocks: refused(pair, clocks, "oslo", -YEAR)),
]


def scenario(world):
    if shutil.which("cc") is None:
        raise lab.Skip("needs a C compiler for the library that shifts a clock")
    texas, oslo = faults.hosts(world)
    clocks = Clocks(world)
    for name, case in CASES:
        with faults.Pair(texas, oslo, seal=faults.sealing(world), rekey=2) as pair:
            case(pair, clocks)
        pair.stop()
        print(f"{name}: well")


lab.run(scenario)
