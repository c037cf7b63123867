#!/usr/bin/python3
"""Builds every variant of Lanes and runs every test; tools/test calls it.

Parts, in this order (all of them unless some are named with --part):
  release   g++ -O3, -Werror: every header compiled alone, include rules, unit tests
  e2e       scenarios in network namespaces, with the release build (root)
  debug     g++ with ASan and UBSan, as a debug build has them: the unit tests of engine/
  tsan      g++ with ThreadSanitizer: tests/stress
  clang     clang++ -Werror with ASan and UBSan: all unit tests and, beside them, each fuzz target for
            20 s, two at a time, and the canary, which must fail
  valgrind  memcheck over unit programs of the release build and over nodes with ports in memory
  tidy      clang-tidy: the sources that take apart what comes from outside

Named with --part, `valgrind` runs more programs (about 5 minutes), and `tidy` looks at every source
(about 20 minutes). Only when it is named:
  soak      30 minutes of a node's life in a hurry, and by how much it grew

With names only tests whose name contains one of them run: a unit test's name is
`part/program/sentence`, others are `part/name`. Every Catch2 test case, script, build and fuzz
target counts as one test. The last line is `N passed, N failed, N skipped`; the exit status is 1
when a test failed or none ran.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

import tidy as clang_tidy

ROOT = pathlib.Path(__file__).resolve().parents[1]
CORES = os.cpu_count() or 1
FUZZ_SECONDS = 20
SOAK_MINUTES = 30
CANARY = "canary"
WHOLE_CORES = ("bench_", "compare_", "faults_", "idle", "time_", "two_workers")  # scenarios
SKIPPED = 77
VARIANTS = {  # part -> folder, compiler, meson options
    "release": ("build", "g++", ["-Dbuildtype=release"]),
    "debug": ("build-debug", "g++", ["-Dbuildtype=debug"]),
    "tsan": ("build-tsan", "g++", ["-Dbuildtype=debugoptimized", "-Db_sanitize=thread"]),
    "clang": ("build-clang", "clang++", ["-Dbuildtype=debug", "-Doptimization=1", "-Dfuzz=true",
                                         "-Dcpp_args=-fsanitize=fuzzer-no-link"]),
}
PARTS = ("release", "e2e", "debug", "tsan", "clang", "valgrind", "tidy")
# Leaks of whatever kind but what is still reachable at the end are errors. One thread runs at a time:
# without turns a worker that polls keeps the others waiting for ever.
VALGRIND = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full", "--num-callers=30",
            "--fair-sched=yes", f"--suppressions={ROOT / 'tests/valgrind.supp'}"]
# Not under valgrind: `drivers`, `dpdk` and `pairs` (DPDK's EAL, AF_XDP's rings and packet rings are
# memory that the kernel or a card writes), `memory`, `shared-nothing` and `bench` (they measure),
# `stress` and `sim` (too long; ThreadSanitizer and clang's sanitizers have them), `sandbox` (its
# children put filters of system calls in force, which valgrind's own calls do not pass).
VALGRIND_BRIEF = ("crypto", "engine", "manage", "tools", "vectors")
VALGRIND_MORE = ("config", "lanes", "sealed")
VALGRIND_CANNOT = (
    # Starts itself again: valgrind's own program then.
    "a process that may lock nothing hears so at its start and still gets memory",
    # It reads what was freed.
    "a password that was said is nowhere in memory any more",
    # valgrind keeps descriptors of its own, and a limit of its own for the program's.
    "without a descriptor for another client the server does not spin, and tries again",
    # They stop a child at its system calls, and count valgrind's among them.
    "a process killed between any two steps of a save leaves each entry old or new",
    "nothing takes its name before it is synced, and the names are synced at the end",
)
SANITIZERS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": f"halt_on_error=1:suppressions={ROOT / 'tests/stress/tsan.supp'}"
    if (ROOT / "tests/stress/tsan.supp").exists() else "halt_on_error=1",
}


class Tally:
    """What came of every test, said as soon as it is known."""

    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []

    def add(self, name, outcome, detail=""):
        if outcome == "passed":
            self.passed += 1
        elif outcome == "skipped":
            self.skipped.append(name)
            print(f"SKIPPED {name}: {detail}", flush=True)
        else:
            self.failed.append(name)
            print(f"FAILED  {name}\n{detail}", flush=True)

    def close(self):
        if self.failed:
            print("\nfailed:\n  " + "\n  ".join(self.failed))
        print(f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped")
        return 1 if self.failed or self.passed == 0 else 0


class Run:
    def __init__(self, names, parts):
        self.names = names
        self.parts = parts
        self.tally = Tally()

    def wanted(self, name):
        return not self.names or any(each in name for each in self.names)


def run(command, timeout, **options):
    """Runs a command; returns (status, what it printed). Too long is a failure, too."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace",
                               start_new_session=True, **options)
    try:
        out = process.communicate(timeout=timeout)[0]
        return process.returncode, out
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out = process.communicate()[0]
        return -signal.SIGKILL, f"{out}\nnot done within {timeout} s"


def tail(text, lines=40):
    """The end of what was printed; and, from before it, what a scenario says has failed."""
    all_lines = text.splitlines()
    said = [line for line in all_lines[:-lines] if ": FAILED: " in line]
    return "\n".join(said + all_lines[-lines:])


def configure(part):
    """Configures a variant; returns (status, what meson printed)."""
    folder, compiler, options = VARIANTS[part]
    path = ROOT / folder
    configured = (path / "build.ninja").exists()
    if path.exists() and not configured:
        shutil.rmtree(path)
    setup = ["meson", "setup", *(["--reconfigure"] if configured else []), str(path), str(ROOT)]
    return run([*setup, *options, "-Dwerror=true"], 120, env={**os.environ, "CXX": compiler})


class BuildingAhead:
    """Meanwhile a later variant is built, with what is left of the cores: scenarios mostly wait.
    Says nothing of it; build() goes on where this stopped, and tells. It holds its breath while
    something runs that has use for whole cores."""

    def __init__(self, part):
        self.ninja = None
        if part and configure(part)[0] == 0:
            path = ROOT / VARIANTS[part][0]
            self.ninja = subprocess.Popen(
                ["chrt", "--idle", "0", "ninja", "-C", str(path), f"-j{CORES}"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.ninja and self.ninja.poll() is None:
            os.killpg(self.ninja.pid, signal.SIGINT)
            self.ninja.wait()
            while self.tell(signal.SIGKILL):
                time.sleep(0.1)

    def tell(self, number):
        """A signal to ninja and its compilers, which have process groups of their own; returns how
        many there are."""
        told = 0
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.getsid(int(folder.name)) == self.ninja.pid:
                    os.kill(int(folder.name), number)
                    told += 1
        return told

    @contextlib.contextmanager
    def paused(self, wanted):
        wanted = wanted and self.ninja and self.ninja.poll() is None
        if wanted:
            self.tell(signal.SIGSTOP)
        try:
            yield
        finally:
            if wanted:
                self.tell(signal.SIGCONT)


def build(state, part, only=None):
    """Configures and builds a variant, or what the unit test `only` needs of it; returns its
    folder, or None. Counts as one test."""
    folder = VARIANTS[part][0]
    path = ROOT / folder
    began = time.monotonic()
    print(f"== {part}: building in {folder}/", flush=True)
    status, out = configure(part)
    if status == 0:
        targets = [os.path.relpath(test["cmd"][0], path) for test in introspect(path)
                   if test["name"] == only]
        status, out = run(["ninja", "-C", str(path), f"-j{CORES}", *targets], 900)
    if status != 0:
        state.tally.add(f"{part}/build", "failed", tail(out, 60))
        return None
    state.tally.add(f"{part}/build", "passed")
    print(f"   built in {time.monotonic() - began:.0f} s", flush=True)
    return path


def introspect(path):
    out = subprocess.run(["meson", "introspect", "--tests", str(path)], capture_output=True,
                         text=True, check=True).stdout
    return json.loads(out)


def suites_of(test):
    return {suite.rsplit(":", 1)[-1] for suite in test["suite"]}


def case_names(program):
    """Names of all test cases of a Catch2 program (its exit status is their number)."""
    out = subprocess.run([program, "--list-test-names-only"], capture_output=True, text=True,
                         check=False, timeout=60).stdout
    return [line.strip() for line in out.splitlines() if line.strip()]


def unit_program(state, prefix, program, timeout, environment, under=(), cannot=()):
    """Runs one Catch2 program, or those of its cases that are wanted, `under` another program."""
    names = case_names(program)
    chosen = [name for name in names
              if name not in cannot and state.wanted(f"{prefix}/{name}")]
    if not chosen:
        if not names:
            state.tally.add(prefix, "failed", "has no test cases, or cannot list them")
        return
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.xml"
        command = [*under, program, "-r", "xml", "-o", str(report)]
        if len(chosen) < len(names):
            listed = pathlib.Path(folder) / "names"
            # Catch2 v2 takes a comma for the end of a name, even between quotes.
            escaped = (re.sub(r"([\\,])", r"\\\1", name) for name in chosen)
            listed.write_text("".join(f'"{name}"\n' for name in escaped))
            command += ["-f", str(listed)]
        status, out = run(command, timeout, env={**os.environ, **SANITIZERS, **environment})
        text = report.read_text(errors="replace") if report.exists() else ""
    seen = read_report(state, prefix, text)
    if status != 0 and not seen["failed"]:
        state.tally.add(f"{prefix}/(the program)", "failed",
                        f"ended with status {status} in or after `{seen['last']}`\n{tail(out)}")
    elif seen["count"] < len(chosen):
        state.tally.add(f"{prefix}/(the program)", "failed",
                        f"ran {seen['count']} of {len(chosen)} test cases\n{tail(out)}")


def read_report(state, prefix, text):
    """Counts the cases of a Catch2 XML report, which is cut short if the program was."""
    seen = {"count": 0, "failed": False, "last": "(none)"}
    for block in re.findall(r"<TestCase .*?</TestCase>", text, re.DOTALL):
        case = ElementTree.fromstring(block)
        name = f"{prefix}/{case.get('name')}"
        seen["count"] += 1
        skips = [w.text.strip() for w in case.iter("Warning") if "skipped" in (w.text or "")]
        if case.find("OverallResult").get("success") != "true":
            seen["failed"] = True
            state.tally.add(name, "failed", explain(case))
        elif skips:
            state.tally.add(name, "skipped", skips[0])
        else:
            state.tally.add(name, "passed")
    begun = re.findall(r'<TestCase name="([^"]*)"', text)
    if begun:
        seen["last"] = begun[-1]
    return seen


def explain(case):
    lines = []
    for found in case.iter():
        if found.tag == "Expression" and found.get("success") == "false":
            texts = [(found.findtext(tag) or "").strip() for tag in ("Original", "Expanded")]
            lines.append(f"  {found.get('filename')}:{found.get('line')}: {' --> '.join(texts)}")
        elif found.tag in ("Failure", "FatalErrorCondition", "Exception", "Info"):
            lines.append(f"  {found.tag}: {(found.text or '').strip()}")
    return "\n".join(lines[:20])


def script(state, name, test):
    if not state.wanted(name):
        return
    began = time.monotonic()
    status, out = run(test["cmd"], test["timeout"], env={**os.environ, **test["env"]})
    if status == SKIPPED:
        state.tally.add(name, "skipped", out.strip())
    else:
        state.tally.add(name, "passed" if status == 0 else "failed", tail(out))
    print(f"   {name}: {time.monotonic() - began:.1f} s", flush=True)


def unit_tests(state, part, path, only=None):
    for test in introspect(path):
        suites = suites_of(test)
        if "e2e" in suites or (only is not None and only != test["name"]):
            continue
        name = f"{part}/{test['name']}"
        if "rules" in suites:
            if part == "release":
                script(state, name, test)
            continue
        if only is None and test["name"] == "stress":
            continue  # under ThreadSanitizer it says more
        unit_program(state, name, test["cmd"][0], test["timeout"], test["env"])


def release(state):
    path = build(state, "release")
    if path is None:
        return
    if state.wanted("release/headers"):
        status, out = run(["ninja", "-C", str(path), f"-j{CORES}", "headers"], 600)
        state.tally.add("release/headers compile alone", "passed" if status == 0 else "failed",
                        tail(out))
    unit_tests(state, "release", path)


def e2e(state):
    path = ROOT / VARIANTS["release"][0]
    if not (path / "tools" / "lanes").exists() and build(state, "release") is None:
        return
    with BuildingAhead("clang" if "clang" in state.parts and not state.names else None) as ahead:
        for test in introspect(path):
            if "e2e" in suites_of(test):
                with ahead.paused(test["name"].startswith(WHOLE_CORES)):
                    script(state, f"e2e/{test['name']}", test)


def soak(state):
    path = ROOT / VARIANTS["release"][0]
    if not (path / "tools" / "lanes").exists() and build(state, "release") is None:
        return
    for test in introspect(path):
        if test["name"] == "long_life":
            status, out = run([*test["cmd"], "--minutes", str(SOAK_MINUTES)],
                              60 * SOAK_MINUTES + 120, env={**os.environ, **test["env"]})
            print(out, end="", flush=True)
            state.tally.add("soak/long_life", "passed" if status == 0 else "failed", tail(out))


def debug(state):
    # One program shows that the build type works; the clang build runs all of them so.
    path = build(state, "debug", "engine")
    if path is not None:
        unit_tests(state, "debug", path, "engine")


def tsan(state):
    path = build(state, "tsan", "stress")
    if path is not None:
        unit_tests(state, "tsan", path, "stress")


def fuzz_one(path, target):
    """Returns (status, output) of one fuzz target. Starts from its corpus, keeps nothing."""
    name = target.removeprefix("fuzz_")
    with tempfile.TemporaryDirectory() as scratch:
        command = [str(path / "tests" / "fuzz" / target), f"-max_total_time={FUZZ_SECONDS}",
                   "-timeout=10", "-rss_limit_mb=4096", "-print_final_stats=1",
                   f"-artifact_prefix={scratch}/"]
        words = ROOT / "tests" / "fuzz" / f"{name}.dict"
        if words.exists():
            command.append(f"-dict={words}")
        command.append(scratch)
        corpus = ROOT / "tests" / "fuzz" / "corpus" / name
        if corpus.is_dir():
            command.append(str(corpus))
        status, out = run(command, FUZZ_SECONDS + 90, env={**os.environ, **SANITIZERS})
        # What it found is the last thing to be pushed out of sight by how it got there.
        out = re.sub(r"^(#\d+|\s*NEW_FUNC).*\n", "", out, flags=re.MULTILINE)
        for found in pathlib.Path(scratch).glob("*-*"):
            if found.name.startswith(("crash-", "leak-", "timeout-", "oom-")):
                out += f"\ninput {found.name} in hex: {found.read_bytes()[:2000].hex()}"
        return status, out


def clang(state):
    path = build(state, "clang")
    if path is None:
        return
    targets = sorted(each.stem for each in (ROOT / "tests" / "fuzz").glob("fuzz_*.cc"))
    targets = [each for each in [CANARY, *targets] if state.wanted(f"clang/{each}")]
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        fuzzed = pool.map(lambda target: fuzz_one(path, target), targets)
        unit_tests(state, "clang", path)
        for target, (status, out) in zip(targets, fuzzed):
            if target == CANARY:
                found = status != 0 and "ERROR: AddressSanitizer" in out
                state.tally.add("clang/canary is caught", "passed" if found else "failed",
                                "the planted bug was not found: the rig is blind\n" + tail(out))
                continue
            runs = re.search(r"number_of_executed_units:\s*(\d+)", out)
            print(f"   {target}: {runs.group(1) if runs else 'no'} inputs", flush=True)
            good = status == 0 and runs is not None and int(runs.group(1)) > 1000
            state.tally.add(f"clang/{target}", "passed" if good else "failed", tail(out, 60))


def planted(state, part, text, found):
    """Counts whether `found(path of a source with this text, folder)` sees what is wrong in it."""
    if not state.wanted(f"{part}/canary"):
        return
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "canary.cc"
        source.write_text(text, encoding="utf-8")
        state.tally.add(f"{part}/canary is caught", "passed" if found(source, folder) else "failed",
                        "the planted bug was not found: the rig is blind")


def memcheck_sees(source, folder):
    program = f"{folder}/canary"
    subprocess.run(["g++", "-g", str(source), "-o", program], check=True, timeout=60)
    return run([*VALGRIND, program], 60)[0] == 99


def valgrind(state, all_of_it):
    path = ROOT / VARIANTS["release"][0]
    stale = all_of_it or not (path / "tools" / "lanes").exists()
    if stale and build(state, "release") is None:
        return
    planted(state, "valgrind", "int main() { return *new int[2] == 7 ? 1 : 0; }\n", memcheck_sees)
    programs = VALGRIND_BRIEF + (VALGRIND_MORE if all_of_it else ())
    tests = {test["name"]: test for test in introspect(path)}

    def one(name):
        began = time.monotonic()
        test = tests[name]
        unit_program(state, f"valgrind/{name}", test["cmd"][0], 900, test["env"], VALGRIND,
                     VALGRIND_CANNOT)
        print(f"   valgrind/{name}: {time.monotonic() - began:.1f} s", flush=True)

    with concurrent.futures.ThreadPoolExecutor(max_workers=CORES) as pool:
        nodes = pool.submit(script, state, "valgrind/nodes with ports in memory", {
            "cmd": [sys.executable, "-B", str(ROOT / "tests" / "memory_nodes.py"), str(path),
                    *VALGRIND],
            "timeout": 600, "env": {}})
        for done in [nodes, *[pool.submit(one, name) for name in programs]]:
            done.result()


def tidy(state, all_of_it):
    path = ROOT / VARIANTS["release"][0]
    if not (path / "build.ninja").exists() and build(state, "release") is None:
        return
    planted(state, "tidy", "int half(bool odd) { int a; if (odd) a = 1; return a / 2; }\n",
            lambda source, _: "clang-analyzer" in clang_tidy.check(path, source, ["-std=c++20"]))
    sources = clang_tidy.sources(path)
    if not all_of_it:
        sources = {source: options for source, options in sources.items()
                   if source.startswith(clang_tidy.PARSERS)}
    sources = {source: options for source, options in sources.items()
               if state.wanted(f"tidy/{source}")}
    with concurrent.futures.ThreadPoolExecutor(max_workers=CORES) as pool:
        found = pool.map(lambda item: clang_tidy.check(path, *item), sources.items())
        for source, text in zip(sources, found):
            state.tally.add(f"tidy/{source}", "failed" if text else "passed", tail(text, 60))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="run only tests with this in it")
    parser.add_argument("--part", action="append", choices=(*PARTS, "soak"), help="run only this part")
    options = parser.parse_args()
    state = Run(options.names, options.part or PARTS)
    began = time.monotonic()
    for part in state.parts:
        if part in ("valgrind", "tidy"):
            {"valgrind": valgrind, "tidy": tidy}[part](state, bool(options.part))
        else:
            {"release": release, "e2e": e2e, "debug": debug, "tsan": tsan, "clang": clang,
             "soak": soak}[part](state)
        print(f"== {part}: done at {time.monotonic() - began:.0f} s", flush=True)
    sys.exit(state.tally.close())


if __name__ == "__main__":
    main()
