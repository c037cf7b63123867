#!/usr/bin/python3
"""The command line: --version, --help, and the exit statuses of `lanes check` and `lanes run`.

    no network: files in, exit status and messages out
"""

import subprocess

import lab

GOOD = """
node: texas
ports:
  lan: {driver: tap, device: lane0, address: 10.8.0.1/24}
  wan: {driver: udp, address: 127.0.0.1}
lanes:
  - {name: out, id: 101, send: lan, over: {port: wan, to: "127.0.0.2:4790"}, cipher: none}
tables: [more.csv]
"""
TABLE = "name,id,receive,over.port,cipher\nin,102,lan,wan,none\n"


def lanes(*arguments):
    done = subprocess.run([lab.LANES, *arguments], capture_output=True, text=True, timeout=20,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def scenario(world):
    status, out, _ = lanes("--version")
    lab.equal((status, out.split()[0]), (0, "lanes"), "--version")
    status, out, _ = lanes("--help")
    lab.check(status == 0 and "check" in out and "run" in out, f"--help: {status} {out}")
    lab.equal(lanes()[0], 1, "status without arguments")
    lab.check(lanes("--no-such-option")[0] != 0, "an unknown option is refused")

    file = world.dir / "node.yaml"
    (world.dir / "more.csv").write_text(TABLE)
    file.write_text(GOOD)
    status, out, err = lanes("check", str(file))
    lab.equal((status, err), (0, ""), "check of a good file")
    lab.equal(out, f"{file}: ok: 2 ports, 2 lanes\n", "what check says")

    # Two errors in the file and one in the table: all in one run, with file, line and column.
    file.write_text(GOOD.replace("address: 10.8.0.1/24", "adress: 10.8.0.1/24")
                    .replace("id: 101", "id: 0101"))
    (world.dir / "more.csv").write_text(TABLE.replace("102", "banana"))
    status, out, err = lanes("check", str(file))
    lab.equal(status, 1, "status of a file with errors")
    for place in (f"{file}:4:37: error: ", f"{file}:7:21: error: ", "more.csv:2:4: error: "):
        lab.check(place in err, f"`{place}` is not in:\n{err}")
    lab.check("did you mean `address`" in err, f"no nearest key in:\n{err}")
    for command in (["run", str(file)], [str(file)]):
        lab.equal(lanes(*command)[0], 1, "status of running a file with errors")

    lab.equal(lanes("check", str(world.dir / "absent.yaml"))[0], 2, "status of an absent file")
    lab.equal(lanes("run", str(world.dir / "absent.yaml"))[0], 2, "status of running it")
    lab.equal(lanes("check", str(world.dir))[0], 2, "status of a folder")

    # The file is good, the machine is not as it says.
    texas = world.host("texas")
    text = GOOD.replace("tables: [more.csv]", "").replace("driver: udp, address: 127.0.0.1",
                                                          "driver: af_packet, device: eth9")
    node = texas.node(text, wait=False)
    lab.equal(node.wait(), 1, "status when an interface is missing")
    lab.check("eth9" in node.log(), "the message names the interface")


lab.run(scenario)
