#!/usr/bin/python3
"""`lanes ports`: as a table and as JSON, with and without privileges.

    texas
    up0 ----- down0      (a veth pair in a namespace; one end is down)
"""

import json
import subprocess

import lab

DRIVERS = ["af_packet", "af_xdp", "dpdk", "tap", "tun", "udp", "pcap", "memory"]


def ports(host, *arguments, nobody=False):
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all",
            "--inh-caps=-all"] if nobody else []
    done = subprocess.run(["nsenter", f"--net={host.path}", *drop, lab.LANES, "ports", *arguments],
                          capture_output=True, text=True, timeout=20, check=False)
    lab.equal((done.returncode, done.stderr), (0, ""), "status and messages")
    return done.stdout


def devices(said, driver):
    entry = next(each for each in said["drivers"] if each["driver"] == driver)
    return {each["device"]: each for each in entry["devices"]}


def scenario(world):
    texas = world.host("texas")
    texas.run("ip", "link", "add", "up0", "mtu", "1400", "type", "veth", "peer", "name", "down0")
    texas.run("ip", "link", "set", "up0", "up")
    texas.run("ip", "addr", "add", "10.77.0.1/24", "dev", "up0")

    said = json.loads(ports(texas, "--json"))
    lab.equal([each["driver"] for each in said["drivers"]], DRIVERS, "drivers")
    for driver in ("af_packet", "af_xdp"):
        found = devices(said, driver)
        lab.equal(sorted(found), ["down0", "lo", "up0"], f"interfaces of {driver}")
        built = next(each["built"] for each in said["drivers"] if each["driver"] == driver)
        lab.equal(found["up0"]["usable"], built, "up0")
        lab.equal((found["up0"]["mtu"], found["up0"]["driver"]), ("1400", "veth"), "of up0")
        lab.equal((found["down0"]["usable"], found["down0"]["why"]),
                  (False, "down: ip link set dev down0 up"), "down0")
    lab.check(devices(said, "udp")["10.77.0.1"]["interface"] == "up0", "udp's addresses")
    lab.check("net_null0" in devices(said, "dpdk"), "virtual devices")

    # Listing needs no privilege, and says what opening does.
    text = ports(texas, nobody=True)
    lab.check("needs CAP_NET_RAW" in text and "(this process has not" in text, text)
    lab.check("up0" in text and "10.77.0.1" in text, text)
    for driver in DRIVERS:
        lab.check(f"{driver}:" in text or f"{driver} (" in text, f"no {driver} in:\n{text}")


lab.run(scenario)
