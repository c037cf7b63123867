#!/usr/bin/python3
"""`lanes doctor`: what it says of this machine, and of a node whose interfaces it finds in turn
absent, down, too small and good.

    texas
    wan ----- far        (a veth pair in a namespace)
"""

import json
import subprocess

import lab

NODE = """
node: texas
ports:
  lan: {driver: tap, device: lane0, mtu: 1500}
  wan: {driver: DRIVER, device: wan, address: 192.0.2.1/24MORE}
lanes:
  - {name: out, id: 101, send: lan, over: {port: wan, to: "192.0.2.2:4790"}, cipher: none}
"""
STATES = ("ok", "could be better", "broken")


def doctor(host, *arguments):
    """(status, what it printed)"""
    done = subprocess.run(["nsenter", f"--net={host.path}", lab.LANES, "doctor", *arguments],
                          capture_output=True, text=True, timeout=20, check=False)
    return done.returncode, done.stdout, done.stderr


def examine(host, file):
    """Its findings as {(check, about): finding}, checked for their form."""
    status, out, err = doctor(host, "--json", str(file))
    lab.equal(err, "", "messages of a good file")
    said = json.loads(out)
    lab.equal(said["file"], str(file), "file")
    for finding in said["findings"]:
        lab.equal(sorted(finding), ["about", "check", "command", "state", "why"], "keys")
        lab.check(finding["state"] in STATES and finding["why"], f"{finding}")
        lab.check(finding["state"] != "broken" or finding["command"], f"no command: {finding}")
    broken = sum(each["state"] == "broken" for each in said["findings"])
    lab.equal((said["broken"], status), (broken, 1 if broken else 0), "broken, status")
    return {(each["check"], each["about"]): each for each in said["findings"]}


def scenario(world):
    texas = world.host("texas")
    status, out, err = doctor(texas)
    lab.equal((status, err), (0, ""), "a machine without a node is not broken")
    lab.check(" broken, " in out.splitlines()[-1], out)
    for name in ("hugepages", "IOMMU", "capabilities", "locked memory", "governor", "kernel"):
        lab.check(name in out, f"nothing on {name}:\n{out}")

    file = world.dir / "node.yaml"
    plain = NODE.replace("DRIVER", "af_packet")
    file.write_text(plain.replace("MORE", ""))
    found = examine(texas, file)[("interface", "port wan")]
    lab.equal((found["state"], found["why"]), ("broken", "there is no interface wan"), "absent")

    world.cable(texas, "far", texas, "wan")
    texas.run("ip", "link", "set", "wan", "down")
    found = examine(texas, file)[("interface", "port wan")]
    lab.equal((found["state"], found["command"]), ("broken", "ip link set dev wan up"), "down")
    texas.run(*found["command"].split())
    found = examine(texas, file)
    lab.equal(found[("interface", "port wan")]["state"], "ok", "up")

    # The lane's packets are longer than its frames; the command makes room for them.
    short = found[("mtu", "lane out")]
    lab.equal(short["state"], "could be better", "mtu")
    texas.run(*short["command"].split("   ")[0].split())
    lab.equal(examine(texas, file)[("mtu", "")]["state"], "ok", "mtu after the command")

    file.write_text(plain.replace("MORE", ", mtu: 9000"))
    found = examine(texas, file)[("interface", "port wan")]
    lab.equal(found["state"], "broken", "mtu of the port")
    texas.run(*found["command"].split())
    lab.equal(examine(texas, file)[("interface", "port wan")]["state"], "ok", "after the command")

    # A veth's other end leaves checksums undone; GRO is turned off by what it says.
    file.write_text(NODE.replace("DRIVER", "af_xdp").replace("MORE", ""))
    texas.run("ethtool", "-K", "wan", "gro", "on")
    status, out, _ = doctor(texas, str(file))
    lab.check("ethtool -K PEER tx off" in out and "ethtool -K wan gro off" in out, out)

    file.write_text("node: texas\n")
    status, out, err = doctor(texas, str(file))
    lab.check(status == 1 and "has no `ports`" in err, f"{status} {err}")
    lab.equal(doctor(texas, str(world.dir / "absent.yaml"))[0], 2, "status of an absent file")


lab.run(scenario)
