#!/usr/bin/python3
"""The include rules of the house, as a test.

    engine  -> nothing of ours        crypto -> nothing of ours
    drivers -> engine                 lanes  -> engine, crypto
    config  -> engine, lanes, crypto  sandbox -> engine
    manage  -> engine, lanes, crypto, sandbox
    tools, tests -> anything          bench -> anything but manage
    nobody  -> tools, bench, tests

And: only config includes yaml-cpp, libcsv only there too; only the dpdk driver includes rte_*, only
af_xdp's xdp/ and bpf/; includes of ours are paths from the root, and the file is there; a header says #pragma once.
With a folder as argument it looks there instead. First it proves on planted breaches that it finds
what it must.
"""

import pathlib
import re
import sys
import tempfile

FOLDERS = ("engine", "drivers", "lanes", "crypto", "config", "sandbox", "manage", "tools", "bench",
           "tests")
MAY = {
    "engine": {"engine"},
    "crypto": {"crypto"},
    "drivers": {"drivers", "engine"},
    "lanes": {"lanes", "engine", "crypto"},
    "config": {"config", "engine", "lanes", "crypto"},
    "sandbox": {"sandbox", "engine"},
    "manage": {"manage", "engine", "lanes", "crypto", "sandbox"},
    "tools": set(FOLDERS) - {"tests"},
    "bench": set(FOLDERS) - {"tests", "manage"},
    "tests": set(FOLDERS),
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
# Name of the library's headers -> (what they may be included by, how many files at most)
LIBRARIES = {
    r"yaml-cpp/": (r"config/|tests/", None),
    r"csv\.h": (r"config/|tests/", None),
    r"rte_": (r"drivers/dpdk/", None),
    r"(xdp|bpf)/": (r"drivers/af_xdp/", None),
    r"libmnl/": (r"drivers/|tests/", None),
    r"pcap": (r"drivers/|bench/|tests/", None),
    r"catch2/": (r"tests/", None),
    r"CLI/": (r"tools/|bench/", None),
    r"(seccomp\.h|cap-ng\.h|linux/landlock\.h)": (r"sandbox/|tests/", None),
}


def faults_of(root):
    """Every breach, as `file:line: what`."""
    faults = []
    users = {name: [] for name in LIBRARIES}
    files = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*.[ch][ch]"))]
    for path in files:
        name = str(path.relative_to(root))
        folder = name.split("/", 1)[0]
        text = path.read_text()
        if name.endswith(".hh") and "#pragma once" not in text:
            faults.append(f"{name}:1: no #pragma once")
        for found in INCLUDE.finditer(text):
            place = f"{name}:{text.count(chr(10), 0, found.start()) + 1}"
            quote, target = found.groups()
            if quote == '"':
                whose = target.split("/", 1)[0]
                if not (root / target).is_file():
                    faults.append(f"{place}: no file {target} (paths start at the root)")
                elif whose not in MAY[folder]:
                    faults.append(f"{place}: {folder} must not include {whose} ({target})")
                continue
            for library, (allowed, _) in LIBRARIES.items():
                if re.match(library, target):
                    users[library].append(name)
                    if not re.match(allowed, name):
                        faults.append(f"{place}: {target} is not for {folder}")
    for library, (_, most) in LIBRARIES.items():
        who = sorted(set(users[library]))
        if most is not None and len(who) > most:
            faults.append(f"{who[-1]}:1: {library} is included by {len(who)} files: {who}")
    return files, faults


def self_test():
    """Each of these must be found."""
    breaches = {
        "engine/a.cc": '#include "lanes/b.hh"\n',
        "lanes/b.hh": '#pragma once\n#include "drivers/c.hh"\n',
        "drivers/c.hh": '#include "engine/d.hh"\n',  # no #pragma once
        "engine/d.hh": "#pragma once\n#include <yaml-cpp/yaml.h>\n",
        "drivers/dpdk/e.cc": "#include <rte_mbuf.h>\n",
        "drivers/f.cc": "#include <rte_eal.h>\n",
        "config/g.cc": '#include "tools/h.hh"\n',
        "tools/h.hh": '#pragma once\n#include "engine/absent.hh"\n',
        "bench/i.cc": '#include "tests/j.hh"\n',
        "tests/j.hh": "#pragma once\n",
        "manage/k.hh": '#pragma once\n#include "config/g.cc"\n',
        "config/l.cc": '#include "manage/k.hh"\n',
        "sandbox/m.cc": '#include "lanes/b.hh"\n',
        "bench/n.cc": '#include "manage/k.hh"\n',
        "tools/o.cc": '#include "manage/k.hh"\n',
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, text in breaches.items():
            path = pathlib.Path(folder) / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        _, faults = faults_of(pathlib.Path(folder))
    wanted = ("engine/a.cc:1:", "lanes/b.hh:2:", "drivers/c.hh:1:", "engine/d.hh:2:",
              "drivers/f.cc:1:", "config/g.cc:1:", "tools/h.hh:2:", "bench/i.cc:1:", "manage/k.hh:2:", "config/l.cc:1:",
              "sandbox/m.cc:1:", "bench/n.cc:1:")
    missed = [w for w in wanted if not any(f.startswith(w) for f in faults)]
    if missed or len(faults) != len(wanted):
        sys.exit(f"self-test: missed {missed}; found {faults}")


def main():
    self_test()
    here = pathlib.Path(__file__).resolve().parents[1]
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here
    files, faults = faults_of(root)
    if len(files) < 10:
        sys.exit(f"only {len(files)} files in {root}: wrong folder?")
    print("\n".join(faults) or f"{len(files)} files keep the include rules")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
