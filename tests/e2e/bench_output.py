#!/usr/bin/python3
"""What lanes-bench prints, read by parsers that are not ours: JSON, CSV, HTML and its SVG; its exit
statuses; the progress line on a real terminal; and `compare`, from files and against a program.

    no network: lanes-bench pipeline on memory ports, a few packets each

$LANES_BENCH_BIN, or build/bench/lanes-bench, is what is run.
"""

import csv
import html.parser
import io
import json
import os
import pty
import re
import select
import subprocess
import time
import xml.etree.ElementTree

import lab

BENCH = os.environ.get("LANES_BENCH_BIN", str(lab.ROOT / "build" / "bench" / "lanes-bench"))
QUICK = ["--trials", "3", "--bursts", "20"]
FIELDS = ("path size suite backend workers lanes ns_per_packet clocks_per_packet "
          "packets_per_second bits_per_second bare_cipher_clocks ratio_to_bare_cipher "
          "mad_percent stages").split()
ENVIRONMENT = ("cpu kernel memory_kib compiler compiler_options sanitizer commit version date "
               "options steal_seconds").split()
CPU = "model flags cores numa_nodes clock_hz governor hypervisor".split()


def bench(*arguments, status=0):
    done = subprocess.run([BENCH, *arguments], capture_output=True, timeout=60, check=False)
    # Not text=True, which would turn the CRLF of CSV into LF.
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    lab.check(done.returncode == status,
              f"{arguments}: status {done.returncode}, expected {status}\n{done.stderr}")
    return done


def check_json(report):
    lab.check(isinstance(report["environment"], dict), "environment is an object")
    lab.check(isinstance(report["results"], list), "results is a list")
    for name in ENVIRONMENT:
        lab.check(name in report["environment"], f"no {name} in environment")
    for name in CPU:
        lab.check(name in report["environment"]["cpu"], f"no {name} in environment.cpu")
    names = [row["case"] for row in report["results"]]
    lab.equal(len(names), len(set(names)), "cases that differ")
    for row in report["results"]:
        for name in FIELDS:
            lab.check(name in row, f"no {name} in {row['case']}")
        for name in FIELDS[6:10] + ["mad_percent"]:
            lab.check(isinstance(row[name], (int, float)), f"{name} is a number")
            lab.check(name in row["units"], f"{name} has a unit")
        sealed = row["suite"] != "none"
        for name in ("bare_cipher_clocks", "ratio_to_bare_cipher"):
            lab.check(isinstance(row[name], (int, float) if sealed else type(None)),
                      f"{name} of {row['case']} is {row[name]}")
        lab.check(row["better"] in ("lower", "higher"), "better")
        lab.check(row["metric"] in row and row["samples"], "metric and samples")
        lab.check(len(row["stages"]) >= 4, f"stages: {row['stages']}")


class Page(html.parser.HTMLParser):
    """Finds whatever could load something, and the rows of tables."""

    LOADING = {"src", "href", "srcset", "data", "action", "poster", "background", "xlink:href"}
    CLOSED = {"meta", "br"}

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.rows, self.cell = [], [], None

    def handle_starttag(self, tag, attrs):
        lab.check(tag not in ("script", "link", "img", "iframe", "object", "embed", "base"),
                  f"<{tag}> in the page")
        for name, _ in attrs:
            lab.check(name not in self.LOADING and not name.startswith("on"),
                      f"{name} of <{tag}> in the page")
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in self.CLOSED:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        lab.check(self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}")
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th", "small"):
            self.rows[-1][-1] += data


def check_page(text, report):
    page = Page()
    page.feed(text)
    page.close()
    lab.equal(page.open, [], "elements left open")
    lab.check("url(" not in text and "@import" not in text, "the style sheet loads something")
    lab.check(not re.search(r"https?:", text), "an address in the page")
    cells = [row[0] for row in page.rows if row]
    for row in report["results"]:
        lab.check(row["case"] in cells, f"{row['case']} is not in the page's table")
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    for drawing in drawings:
        root = xml.etree.ElementTree.fromstring(drawing)
        lab.check(root.find("title").text, "a drawing without a title")
        _, _, width, height = map(float, root.get("viewBox").split())
        for circle in root.iter("circle"):
            lab.check(0 <= float(circle.get("cx")) <= width, "a dot beyond the side")
            lab.check(0 <= float(circle.get("cy")) <= height, "a dot above or below")
        for bar in root.iter("rect"):
            lab.check(float(bar.get("x")) + float(bar.get("width")) <= width, "a bar too long")
    return drawings


def check_outputs(folder):
    page = folder / "page.html"
    done = bench("pipeline", "--path", "clear,seal", "--size", "64,1420,imix", *QUICK, "--json",
                 "--html", str(page))
    lab.equal(done.stderr, "", "nothing on standard error without a terminal")
    report = json.loads(done.stdout)
    check_json(report)
    lab.equal(len(report["results"]), 6, "rows")
    lab.check("--bursts" in report["environment"]["options"], "options")
    titles = "".join(check_page(page.read_text(), report))
    for title in ("Packet rate by frame size", "Throughput by frame size", "by stage"):
        lab.check(title in titles, f"no plot `{title}`")

    stored = folder / "stored.json"
    stored.write_text(done.stdout)
    lab.equal(json.loads(bench("show", str(stored), "--json").stdout), report, "show --json")
    rows = list(csv.DictReader(io.StringIO(bench("show", str(stored), "--csv").stdout, newline="")))
    lab.equal([row["case"] for row in rows], [row["case"] for row in report["results"]], "CSV")
    for row, wanted in zip(rows, report["results"]):
        lab.check(None not in row and None not in row.values(), "lines of equal length")
        lab.equal(float(row["clocks_per_packet"]), wanted["clocks_per_packet"], "clocks in CSV")
        lab.equal(float(row["stages.receive"]), wanted["stages"]["receive"], "stages in CSV")
        lab.equal(row["environment.kernel"], report["environment"]["kernel"], "kernel in CSV")
    table = bench("show", str(stored)).stdout
    for row in report["results"]:
        lab.check(re.search(f"^{re.escape(row['case'])}  ", table, re.MULTILINE),
                  f"{row['case']} is not in the table:\n{table}")
    lab.check(report["environment"]["kernel"] in table, "the table names the kernel")
    return report


def check_hostile_names(folder, report):
    """Text of a report must not become anything else, whatever it holds."""
    report = json.loads(json.dumps(report))
    evil = ['</title><script src="//x">', '"><img src=x onerror=y>', "a,b\r\n\"c\"", "\x1b[2J\x00",
            "]]>&amp;", "ünïcödé '"]
    for row, name in zip(report["results"], evil):
        row["case"] = name
    report["command"], report["remarks"] = evil[0], evil
    stored, page = folder / "evil.json", folder / "evil.html"
    stored.write_text(json.dumps(report))
    done = bench("show", str(stored), "--csv", "--html", str(page))
    rows = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    lab.equal([row["case"] for row in rows[:6]], evil, "hostile names in CSV")
    for row in report["results"]:
        row["case"] = re.sub(r"[\x00-\x1f]", "?", row["case"])
    check_page(page.read_text(), report)
    lab.check(not re.search("[\x00-\x09\x0b-\x1f]", bench("show", str(stored)).stdout),
              "control characters in the table")


def check_statuses(folder):
    lab.check("lanes-bench" in bench("--version").stdout, "--version")
    for arguments, said in ((["pipeline", "--size", "3"], "size"),
                            (["pipeline", "--no-such-option"], "no-such-option"),
                            (["no-such-command"], "no-such-command"),
                            ([], "subcommand is required"),
                            (["pipeline", "--json", "--csv"], "--csv"),
                            (["show", str(folder / "absent.json")], "absent.json: No such file"),
                            (["compare", "one.json"], "two files"),
                            (["pipeline", *QUICK, "--html", "/nonexistent/x.html"],
                             "/nonexistent/x.html: No such file")):
        done = bench(*arguments, status=2)
        lab.check(said in done.stderr, f"{arguments}: `{said}` is not in {done.stderr}")
        lab.equal(done.stdout, "", f"{arguments}: what is on standard output")


def check_terminal():
    """The progress line appears on a terminal, and is wiped before the results."""
    pid, master = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm"
        os.execv(BENCH, [BENCH, "pipeline", "--path", "clear", *QUICK[:2], "--bursts", "40000"])
    seen, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if select.select([master], [], [], 1)[0]:
                part = os.read(master, 65536)
                seen += part
                if not part:
                    break
        except OSError:  # the other side has gone
            break
    os.close(master)
    lab.equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, "status on a terminal")
    text = seen.decode()
    lab.check("\r\x1b[K" in text, f"no progress line: {text!r}")
    last = text.rindex("\r\x1b[K")
    lab.check(text[last + 4:].startswith("case "), f"the line is not wiped: {text[last:]!r}")
    lab.check("trial" in text[:last], "the progress line says nothing")


def variant(report, factor):
    """The same report with every value of the metric times `factor`."""
    report = json.loads(json.dumps(report))
    for row in report["results"]:
        row["samples"] = [factor * (100 + 0.01 * n) for n in range(15)]
        row[row["metric"]] = factor * 100.07
    return report


def check_compare(folder, report):
    paths = {}
    for name, factor in (("a", 1), ("same", 1.01), ("slow", 1.1), ("fast", 0.9)):
        paths[name] = folder / f"{name}.json"
        paths[name].write_text(json.dumps(variant(report, factor)))
    for name, verdict, status in (("same", "same", 0), ("slow", "worse", 1), ("fast", "better", 0)):
        done = bench("compare", str(paths["a"]), str(paths[name]), "--json", status=status)
        rows = json.loads(done.stdout)["results"]
        lab.equal({row["verdict"] for row in rows}, {verdict}, f"verdicts on {name}")
    bench("compare", str(paths["a"]), str(paths["slow"]), "--budget", "20", status=0)
    bench("compare", str(paths["a"]), str(paths["same"]), "--budget", "0.5", status=1)
    other = variant(report, 1)
    other["environment"]["cpu"]["model"] = "An abacus"
    paths["same"].write_text(json.dumps(other))
    lab.check("An abacus" in bench("compare", str(paths["a"]), str(paths["same"])).stdout,
              "environments that differ are not told")


def check_against(folder):
    """Against itself nothing is worse; against one that says it is slower, all is."""
    arguments = ["--", "pipeline", "--path", "clear", *QUICK]
    # B prints this program's own report with every number of the metric ten times as large.
    slower = folder / "slower"
    slower.write_text("#!/usr/bin/python3\nimport json, subprocess, sys\n"
                      f"text = subprocess.check_output([{BENCH!r}] + sys.argv[1:])\n"
                      "report = json.loads(text)\n"
                      "for row in report['results']:\n"
                      "    row[row['metric']] *= 10\n"
                      "print(json.dumps(report))\n")
    slower.chmod(0o755)
    done = bench("compare", "--against", str(slower), "--json", *arguments, status=1)
    rows = json.loads(done.stdout)["results"]
    lab.equal([row["verdict"] for row in rows], ["worse"], "verdict on one that is slower")
    lab.equal(rows[0]["a_samples"], 10, "rounds")
    lab.check(rows[0]["p"] < 0.01, f"p = {rows[0]['p']}")
    done = bench("compare", "--against", BENCH, "--rounds", "3", "--json", *arguments)
    lab.equal(json.loads(done.stdout)["results"][0]["b_samples"], 3, "rounds that were asked for")
    for command, said in (("echo broken >&2; false", "broken"), ("echo no report", "no report")):
        done = bench("compare", "--against", command, *arguments, status=2)
        lab.check(said in done.stderr, f"`{said}` is not in {done.stderr}")


def scenario(world):
    report = check_outputs(world.dir)
    check_hostile_names(world.dir, report)
    check_statuses(world.dir)
    check_terminal()
    check_compare(world.dir, report)
    check_against(world.dir)


lab.run(scenario)
