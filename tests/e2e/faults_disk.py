#!/usr/bin/python3
"""The disk of the state directory fills up, or becomes read-only, under a running node. Sealed lanes
begin no session that is not written down, and say so; what runs goes on; the clear lane beside them
loses nothing; and when the disk takes writes again all goes on by itself.

    texas hurt0 --[ wan,  eth1 ===== eth1, wan  ]-- hurt0 oslo
          calm0 --[ road, eth2 ===== eth2, road ]-- calm0
"""

import contextlib
import json
import time

import faults
import lab
import sealed_lab


def epoch(pair):
    time.sleep(0.1)  # it is asked again and again
    lane = json.loads(faults.ask(pair.far, "show", "lane", "hurt", "--json"))["lane"]
    return lane["state"], lane.get("epoch", 0)


def renewed(pair, why):
    """Two new sessions: the second was proposed after the call."""
    for _ in range(2):
        before = epoch(pair)[1]
        lab.eventually(lambda: epoch(pair)[0] == "up" and epoch(pair)[1] != before, why, 20)


def read_only(pair, disk):
    """Whichever end has it, the cause is named, once, and so is its end."""
    for name, node in (("texas", pair.near), ("oslo", pair.far)):
        lab.command("mount", "-o", "remount,ro", str(disk[name]))
        pair.said(node, "lane hurt: no new session, since its state cannot be written: ")
        lab.check("Read-only file system" in node.log(), "the kernel's own words")
        pair.hurt.goes_on("the session that runs")
        lab.command("mount", "-o", "remount,rw", str(disk[name]))
        pair.said(node, "lane hurt: its state can be written again")
        renewed(pair, f"new sessions when the disk of {name} is writable again")
        pair.hurt.goes_on("the lane afterwards")


def full(pair, disk):
    """Both disks full: what has been written twice needs no more room."""
    renewed(pair, "new sessions before")
    fillers = [sealed_lab.fill(path) for path in disk.values()]
    before = len(pair.hurt.numbers)
    renewed(pair, "new sessions on full disks")
    numbers = pair.hurt.numbers[before:]
    lab.equal(numbers, list(range(numbers[0], numbers[-1] + 1)), "numbers while the disks were full")
    for node in pair.nodes:
        lab.check("No space left" not in node.log(), f"{node.name} needed room")
    for filler in fillers:
        filler.unlink()


def scenario(world):
    texas, oslo = faults.hosts(world)
    disk = {name: world.dir / f"{name}.state" for name in ("texas", "oslo")}
    with contextlib.ExitStack() as disks:
        for path in disk.values():
            disks.enter_context(sealed_lab.small_disk(path))
        with faults.Pair(texas, oslo, seal=faults.sealing(world), rekey=2,
                         head="state: {name}.state") as pair:
            full(pair, disk)
            read_only(pair, disk)
        pair.stop()


lab.run(scenario)
