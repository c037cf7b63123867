#!/usr/bin/python3
"""The manual against the programs: whatever a program takes stands in its page, and a page has nothing
that no program takes.

  lanes.8           commands and options of `lanes --help` and of its completion; exit statuses
  lanes.yaml.5      keys, as `lanes check` names them when it is given one that it does not know;
                    which driver takes which; and its examples are good
  lanes-bench.1     sub-commands, options, keys of a scenario
  lanes-protocol.7  what PROTOCOL.md counts by name

And mandoc and groff find nothing to complain of. First it proves on pages with something left out, or
something invented, that it finds what it must. LANES_BIN and LANES_BENCH_BIN are the programs.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
LANES = os.environ.get("LANES_BIN", str(ROOT / "build" / "tools" / "lanes"))
BENCH = os.environ.get("LANES_BENCH_BIN", str(ROOT / "build" / "bench" / "lanes-bench"))
PAGES = ("lanes.8", "lanes.yaml.5", "lanes-protocol.7", "lanes-bench.1")
UNKNOWN = "zzz_unknown"


class Page:
    """A page as its lines; mdoc's macros say what is what."""

    def __init__(self, text):
        self.lines = text.splitlines()

    def section(self, name, level="Sh"):
        """Lines of a section, without its head."""
        ends = ("Sh",) if level == "Sh" else ("Sh", "Ss")
        found = None
        for line in self.lines:
            words = line.split(None, 1)
            if words and words[0][1:] in ends and line.startswith("."):
                if found is not None:
                    return Page("\n".join(found))
                if words[0] == f".{level}" and words[1].strip() == name:
                    found = []
            elif found is not None:
                found.append(line)
        return Page("\n".join(found or []))

    def items(self, macro):
        """(what is marked by `macro` behind .It, the rest of that line, lines up to the next such)."""
        found = []
        for line in self.lines:
            if line.startswith(f".It {macro} "):
                found.append((line[len(f".It {macro} "):], []))
            elif found:
                found[-1][1].append(line)
        return found

    def flags(self):
        """Options: what is marked as `.Fl -name` or `.Fl n` anywhere in here, without one `-`."""
        return {flag for line in self.lines if line.startswith(".")
                for flag in re.findall(r"(?:\bFl|,) (-[a-z][a-z-]+|[a-z]\b)", line)}


def said(*command, status=None):
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    if status is not None and done.returncode != status:
        raise SystemExit(f"man_test: {' '.join(command)} exited with {done.returncode}: {done.stderr}")
    return done.stdout + done.stderr


def difference(page, what, wanted, found):
    missing = [f"{page}: {what} `{each}` is missing" for each in sorted(set(wanted) - set(found))]
    return missing + [f"{page}: {what} `{each}` is in no program" for each in
                      sorted(set(found) - set(wanted))]


# --- lanes(8)

def help_options(text):
    """Options of a --help, as CLI11 prints it, but -h: an option begins its line."""
    found = set()
    for line in text.splitlines():
        if re.match(r"  -", line):
            names = re.split(r"\s{2,}| [A-Z<]", line.strip())[0]
            found |= set(re.findall(r"-(-[a-z][a-z-]*)", names))
            found |= set(re.findall(r"^-([a-gi-z])\b", names))
    return found


def subcommands(text):
    """Names that stand in the lists below `Subcommands:` and below the commands to a node."""
    found, within = [], False
    for line in text.splitlines():
        if not line.startswith(" "):
            within = line.startswith(("Subcommands:", "Commands "))
        elif within and re.match(r"  [a-z]", line):
            found.append(line.split()[0])
    return found


def offered(*words):
    """What completion offers behind these words; no node is asked for the names of its lanes."""
    return said(LANES, "complete-words", "--socket", "/nonexistent", *words, status=0).split()


def commands_of_lanes():
    """{words: options that are its own, and of all}"""
    told = {}
    for name in subcommands(said(LANES, "--help", status=0)):
        more = offered(name, "")
        for words in [[name, word] for word in more] or [[name]]:
            text = said(LANES, name, "--help", status=0)
            if words[1:] and words[1] in subcommands(text):
                text = said(LANES, *words, "--help", status=0)
            told[" ".join(words)] = help_options(text) | {
                word[1:] for word in offered(*words, "--") if word.startswith("--")}
    return told


def lanes_8(text, told):
    page = Page(text)
    commands = page.section("COMMANDS")
    items = {re.match(r"[a-z]+(?: [a-z]+)*", head).group(): (head, body)
             for head, body in commands.items("Ic")}
    errors = difference("lanes.8", "command", told, items)
    common = page.section("OPTIONS").flags()
    errors += difference("lanes.8", "option", {"-json", "-node", "-socket", "-help", "-version"}, common)
    for words, (head, body) in items.items():
        own = Page("\n".join([f".It {head}", *body])).flags()
        wanted = told.get(words, own) - common
        errors += difference(f"lanes.8, {words}", "option", wanted, own - common)
    codes = {code for file in (ROOT / "tools").glob("*.hh")
             for code in re.findall(r"\bint exit_\w+ = (\d+);", file.read_text())}
    listed = {head.strip() for head in re.findall(r"^\.It (\d+)$", "\n".join(
        page.section("EXIT STATUS").lines), re.M)}
    return errors + difference("lanes.8", "exit status", codes, listed)


# --- lanes.yaml(5)

def expected_keys(text, folder, program=(LANES, "check")):
    """What is expected in place of the unknown key in this file; None: that place is no map."""
    file = folder / "probe.yaml"
    file.write_text(text)
    found = re.search(rf"unknown key `{UNKNOWN}` in .*?; expected one of ([a-z_0-9, ]+)",
                      said(*program, str(file)))
    return found and [key.strip() for key in found.group(1).split(",")]


def nested(path, value):
    """{a: {b: value}} for the path a.b"""
    for key in reversed(path):
        value = f"{{{key}: {value}}}"
    return value


def dotted_keys(around, folder, path=(), known=frozenset(), **options):
    """Keys below `path`, with dots, as the program names them; those of `known` are not opened."""
    found = set()
    for key in expected_keys(around(nested(path, f"{{{UNKNOWN}: 1}}")), folder, **options) or []:
        below = [*path, key]
        deeper = set() if ".".join(below) in known else dotted_keys(around, folder, below, known,
                                                                  **options)
        found |= deeper or {".".join(below)}
    return found


def keys_of_node_files(folder):
    """(dotted keys of a node, {key of a port: drivers}, dotted keys of a lane)"""
    ports = "ports: {a: {driver: memory, device: a}}\n"
    node = dotted_keys(lambda text: ports + text[1:-1], folder, known={"ports", "lanes"})
    lane = dotted_keys(lambda text: f"lanes: [{text}]", folder)
    (folder / "probe.yaml").write_text(f"ports: {{a: {{driver: {UNKNOWN}}}}}")
    drivers = re.search(r"expected one of ([a-z_0-9, ]+) for `driver`",
                        said(LANES, "check", str(folder / "probe.yaml"))).group(1).split(", ")
    ports = {}
    for driver in drivers:
        text = f"ports: {{a: {{driver: {driver}, {UNKNOWN}: 1}}}}"
        for key in expected_keys(text, folder):
            ports.setdefault(key, set()).add(driver)
    return node, ports, lane


def values(found):
    """Keys of items, `.It Cm key : Ar TYPE`."""
    return {head.split()[0] for head, _ in found if " :" in head}


def lanes_yaml_5(text, told):
    page = Page(text)
    node, ports, lane = told
    errors = difference("lanes.yaml.5", "key", node, values(page.section("THE NODE").items("Cm")))
    errors += difference("lanes.yaml.5", "key of a lane", lane,
                         values(page.section("THE LANES").items("Cm")))
    found = {}
    for head, _ in page.section("THE PORTS").items("Cm"):
        key = head.split()[0]
        if " :" in head:
            given = head.partition(" Pq ")[2]
            found[key] = set(given.split(" , ")) if given else set(ports["driver"])
    errors += difference("lanes.yaml.5", "key of a port", ports, found)
    for key, drivers in found.items():
        errors += difference(f"lanes.yaml.5, {key}", "driver", ports.get(key, drivers), drivers)
    listed = {head.strip() for head, _ in page.section("THE PORTS").items("Cm") if " " not in head}
    return errors + difference("lanes.yaml.5", "driver", ports["driver"], listed)


def blocks(page):
    """Literal blocks of a page."""
    found, within = [], None
    for line in page.lines:
        if line.startswith(".Bd -literal"):
            within = []
        elif line.startswith(".Ed"):
            found.append("\n".join(within) + "\n")
            within = None
        elif within is not None:
            within.append(line)
    return found


def examples(page, folder):
    """Each block that is a node file is good, with the keys and the table that it names."""
    found = blocks(page.section("EXAMPLES"))
    tables = [block for block in found if block.startswith("name,")]
    nodes = [block for block in found if block.startswith("node:")]
    errors = [] if len(nodes) >= 2 else [f"lanes.yaml.5: {len(nodes)} whole examples"]
    for table in tables:
        (folder / "customers.csv").write_text(table)
    old = os.umask(0o077)
    for block in nodes:
        for kind, key in (("new", "private"), ("secret", "secret")):
            for name in re.findall(rf"\b{key}: ([a-z.]+)", block):
                (folder / name).write_text(said(LANES, "key", kind, status=0).splitlines()[0])
        for name in re.findall(r"password_file: ([a-z.]+)", block):
            (folder / name).write_text("correct horse\n")
        file = folder / "example.yaml"
        file.write_text(block)
        told = said(LANES, "check", str(file))
        if not re.fullmatch(rf"{file}: ok: \d+ ports, \d+ lanes\n", told):
            errors.append(f"lanes.yaml.5: an example is not good: {told}")
    os.umask(old)
    return errors


# --- lanes-bench(1) and lanes-protocol(7)

def bench_options(folder):
    """{sub-command: its options}, and keys of `traffic`."""
    told = {name: help_options(said(BENCH, name, "--help", status=0))
            for name in subcommands(said(BENCH, "--help", status=0))}
    text = "ports: {a: {driver: memory, device: a}}\ntraffic: {" + UNKNOWN + ": 1}\n"
    keys = expected_keys(text, folder, program=(BENCH, "run"))
    return told, {f"traffic.{key}" for key in keys}


def lanes_bench_1(text, told):
    page = Page(text)
    options, keys = told
    common = page.section("OPTIONS").flags()
    shared = set.intersection(*options.values())
    errors = difference("lanes-bench.1", "option", shared | {"-version"}, common)
    heads = {line[4:].strip() for line in page.section("COMMANDS").lines if line.startswith(".Ss ")}
    errors += difference("lanes-bench.1", "sub-command", options, heads)
    for name in heads:
        errors += difference(f"lanes-bench.1, {name}", "option", options.get(name, shared) - shared,
                             page.section(name, "Ss").flags() - common)
    found = {key for key in values(page.section("FILES").items("Cm"))}
    return errors + difference("lanes-bench.1", "key of a scenario", keys, found)


def counted_names():
    """Names that PROTOCOL.md gives to what a receiver or a sender drops: all in `code` and with a
    `_`, or in the table of verdicts; fields and formulas aside."""
    text = (ROOT / "lanes" / "PROTOCOL.md").read_text()
    reasons = set(re.findall(r"\bX\((\w+), ", (ROOT / "engine" / "drop.hh").read_text()))
    names = set(re.findall(r"`([a-z_0-9]+)`", text)) & reasons
    verdicts = set(re.findall(r"^\| `([a-z_]+)` \|", text, re.M))
    return names | verdicts


def lanes_protocol_7(text, told):
    page = Page(text)
    found = {name for head, _ in page.section("DIAGNOSTICS").items("Cm") for name in head.split(" , ")}
    errors = difference("lanes-protocol.7", "name", told, found)
    for number in ("0x11", "0x12", "0x13", "0xFFFF", "0x88B5", "4790", "61440", "144"):
        if not any(number in line for line in page.lines):
            errors.append(f"lanes-protocol.7: {number} is missing")
    return errors


# --- All pages

def complaints(name):
    """What the two programs that show pages have against one."""
    path = str(ROOT / "man" / name)
    errors = []
    if shutil.which("mandoc"):
        told = said("mandoc", "-T", "lint", "-W", "style", path)
        # Whether pages that it names are installed here is not the page's business.
        errors += [line for line in told.splitlines()
                   if "referenced manual not found" not in line and "outdated mandoc.db" not in line]
    else:
        print("man_test: mandoc is not installed: pages were not criticised")
    if shutil.which("groff"):
        told = said("groff", "-mandoc", "-ww", "-Tutf8", "-z", path)
        errors += [f"{name}: {line}" for line in told.splitlines()]
    return errors


def proves(check, text, told, cuts):
    """The check finds each of these changes."""
    for old, new in cuts:
        changed = text.replace(old, new, 1)
        if changed == text:
            return [f"the proof does not find {old!r} in the page"]
        if len(check(changed, told)) <= len(check(text, told)):
            return [f"the test does not see it when {old!r} becomes {new!r}"]
    return []


PROOFS = {
    "lanes.8": [(".It Ic show drops", ".It Ic show drips"), ("Fl -dry-run", "Fl -dry"),
                (".It 3\n", ".It 4\n")],
    "lanes.yaml.5": [(".It Cm poll :", ".It Cm pole :"), ("af_xdp , dpdk , memory , tap , tun\n", "af_xdp\n"),
                     (".It Cm over.to :", ".It Cm over.too :"), (".It Cm manage.telnet", ".It Cm telnet")],
    "lanes-bench.1": [("Fl -churn", "Fl -turn"), (".Ss lookup", ".Ss look"), ("traffic.seed", "traffic.need")],
    "lanes-protocol.7": [(".It Cm bad_tag", ".It Cm bad_tug"), ("0x13", "0x14")],
}


def main():
    errors = []
    with tempfile.TemporaryDirectory(prefix="lanes-man-") as name:
        folder = pathlib.Path(name)
        checks = {
            "lanes.8": (lanes_8, commands_of_lanes()),
            "lanes.yaml.5": (lanes_yaml_5, keys_of_node_files(folder)),
            "lanes-bench.1": (lanes_bench_1, bench_options(folder)),
            "lanes-protocol.7": (lanes_protocol_7, counted_names()),
        }
        for page, (check, told) in checks.items():
            text = (ROOT / "man" / page).read_text()
            errors += check(text, told) + proves(check, text, told, PROOFS[page])
        errors += examples(Page((ROOT / "man" / "lanes.yaml.5").read_text()), folder)
    for page in PAGES:
        errors += complaints(page)
    for error in errors:
        print(error)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
