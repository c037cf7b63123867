"""clang-tidy over the project's own sources, each by itself with the options that its target is
built with; meson's list of targets says which. Sources that are built as one object (unity) are
looked at one by one, too: the analyzer looks at the functions of the file it was given only.

What is checked, and why the rest is not, is in .clang-tidy. run.py calls check(); there is nothing
to run here.
"""

import json
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]
# Where what comes from outside is taken apart: these in every run of tools/test, all others by
# `tools/test --part tidy`.
PARSERS = (
    "config/cells.cc", "config/text.cc", "config/tree.cc", "crypto/aead_ipsec_mb.cc",
    "crypto/announce.cc", "crypto/keys.cc", "crypto/noise.cc", "crypto/secret_file.cc",
    "drivers/af_packet/segment.cc", "drivers/netlink/netlink.cc", "drivers/pcap/replay.cc",
    "drivers/station/", "lanes/acceptor.cc", "lanes/announcement.cc", "lanes/carrier.cc",
    "lanes/deliver.cc", "lanes/flow_key.cc", "lanes/reassembly.cc", "lanes/receive.cc",
    "lanes/records.cc", "manage/grammar.cc", "manage/line_talk.cc", "manage/telnet_talk.cc",
)
LEFT_OUT = ("tests/fuzz/canary.cc",)  # its bug is planted
NOT_TESTS = (
    # Catch2's macros have their argument in a loop, which is not run a second time; and what was
    # moved from may be looked at to see that it is empty.
    "-bugprone-use-after-move", "-clang-analyzer-cplusplus.Move",
    "-bugprone-integer-division",  # the fraction is what a test has no use for
    "-bugprone-signed-char-misuse",  # a byte of a fuzzer's that is to be a step back or forth
    "-cert-env33-c",  # system(): links and addresses are made by ip
    "-performance-unnecessary-value-param",  # nothing here is hot
)
# Those of g++ that clang does not know, or that are not about the source.
NOT_CLANGS = ("-Wno-restrict", "-fsanitize", "-fno-sanitize", "-Winvalid-pch", "-fdiagnostics")


def sources(build):
    """{path of a .cc from the root: options of the compiler}, for every source of the project."""
    out = subprocess.run(["meson", "introspect", "--targets", str(build)], capture_output=True,
                         text=True, check=True).stdout
    found = {}
    for target in json.loads(out):
        for part in target["target_sources"]:
            if part.get("language") != "cpp":
                continue
            files = list(part["sources"])
            for made in part["generated_sources"]:
                if "-unity" in made:
                    text = pathlib.Path(made).read_text(encoding="utf-8")
                    files += [os.path.join(os.path.dirname(made), name)
                              for name in re.findall(r'^#include\s*[<"]([^">]+)', text, re.M)]
            options = [each for each in part["parameters"] if not each.startswith(NOT_CLANGS)]
            for file in files:
                path = pathlib.Path(os.path.normpath(file))
                if path.suffix == ".cc" and path.is_relative_to(ROOT):
                    found.setdefault(str(path.relative_to(ROOT)), options)
    # Fuzz targets belong to another build; any test's options do for them.
    options = found["tests/lanes/carrier_test.cc"]
    for path in (ROOT / "tests" / "fuzz").glob("*.cc"):
        found.setdefault(str(path.relative_to(ROOT)), options)
    return {path: options for path, options in sorted(found.items())
            if path not in LEFT_OUT and not path.startswith("build")}


def check(build, source, options):
    """What clang-tidy has to say of one source; empty: nothing."""
    more = [f"--checks={','.join(NOT_TESTS)}"] if str(source).startswith("tests/") else []
    command = ["clang-tidy-14", "--quiet", f"--config-file={ROOT / '.clang-tidy'}", *more,
               "--warnings-as-errors=*", str(ROOT / source), "--",
               *options, "-Wno-unknown-warning-option"]
    done = subprocess.run(command, cwd=build, capture_output=True, text=True, timeout=600,
                          check=False)
    if done.returncode == 0:
        return ""
    return done.stdout.strip() or done.stderr.strip() or f"ended with {done.returncode}"
