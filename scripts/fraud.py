"""Makes up every trace of docs/replay.md, replays it through the guard, and prints one table. Called by scripts/fraud.sh.

All figures are of the time from the attack's first minute to four hours after its last one. The seven days before it
only teach the guard; to count them too would make every figure look better than it is.
"""

import argparse
import concurrent.futures
import json
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

CONFIG = pathlib.Path("config/fraud.yaml")
GUIDE = pathlib.Path("docs/replay.md")
TENANT = "acme"
PREFIXES = {"GB": "+44"}
BEGINS_MS = (7 * 24 + 9) * 3600 * 1000
RESTART = ["--restart-at", "7days 11h 7s"]
# The worst moment for twenty blocks: most of them are about to be closed, and none of it is written down.
EARLY_RESTART = ["--restart-at", "7days 9h 5s"]
# A share of fewer says nothing.
LEAST = 100
# Seconds for a row: half a minute for a million.
SLOWEST = 30 / 1_000_000


class Case:
    """One trace, how it is replayed, and what must come of it (in percent)."""

    def __init__(self, name, trace, replay=(), leak=None, refused=None, unverified=None, cap=None, blind=False):
        self.name, self.trace, self.replay = name, trace.split(), list(replay)
        self.leak, self.refused, self.unverified, self.cap = leak, refused, unverified, cap
        self.blind = blind


def cases():
    yield Case("normal", "normal", refused=0.5, unverified=1)
    for shape, words in [("one-block", "one block"), ("twenty-blocks", "twenty blocks")]:
        for country, where in [("GB", "own traffic"), ("ID", "no own traffic")]:
            for restart, when in [([], ""), (RESTART, ", restart")]:
                yield Case(f"{words}, {where}{when}", f"{shape} --country {country}", restart, 0.12, 0.5, 1)
    yield Case("twenty blocks, restart in the first seconds", "twenty-blocks --country GB", EARLY_RESTART, 0.12, 0.5, 1)
    for country, where in [("GB", "own traffic"), ("ID", "no own traffic")]:
        yield Case(f"whole country, {where}, 0 % reachable", f"whole-country --country {country}")
        yield Case(f"whole country, {where}, 40 % reachable", f"whole-country --country {country} --reachable 40")
        for restart, when in [([], ""), (RESTART, ", restart")]:
            name = f"whole country, {where}, 80 % reachable{when}"
            yield Case(name, f"whole-country --country {country} --reachable 80", restart, 1.5, 3)
    yield Case("low and slow, own traffic", "low-and-slow --country GB", leak=10, refused=1)
    yield Case("low and slow, no own traffic", "low-and-slow --country ID", leak=10, refused=1)
    for through in ["carriers", "offices"]:
        who = f"through {through}"
        ways = f"--through {through}"
        yield Case(f"twenty blocks, {who}", f"twenty-blocks {ways}", (), 0.12, 0.5, 1)
        for reachable in [0, 40]:
            yield Case(f"whole country, {reachable} % reachable, {who}", f"whole-country --reachable {reachable} {ways}")
        yield Case(f"whole country, 80 % reachable, {who}", f"whole-country --reachable 80 {ways}", (), 1.5, 3)
        yield Case(f"low and slow, {who}", f"low-and-slow {ways}", leak=10, refused=1)
    yield Case("attacker verifies 10 %, whole country", "verifies-tenth", leak=3, refused=1)
    yield Case("attacker verifies 10 %, twenty blocks", "twenty-blocks --verifies 10", leak=3, refused=1)
    yield Case("attacker verifies 100 %", "verifies-all", refused=1, cap="GB")
    yield Case("launch day", "launch-day", refused=0.5)
    yield Case("shared office IP", "shared-office", refused=0.5)
    yield Case("resend storm", "resend-storm", refused=0.5)
    yield Case("country never served", "never-served", leak=0)
    for shape in ["normal", "one-block", "twenty-blocks", "whole-country", "launch-day", "shared-office"]:
        yield Case(f"no outcomes at all: {shape.replace('-', ' ')}", shape, blind=True)


class Measured:
    """What came of a case; of one with a cap, `strangers` and the real people of the report are those outside that country."""

    def __init__(self, case, report, strangers, cap=None):
        legit, attack = (report["labels"][label] for label in ("legit", "attack"))
        self.case, self.report, self.cap = case, report, cap
        self.people = legit["requests"]
        self.leaked, self.attacked = attack["sent"], attack["requests"]
        self.leak = share(self.leaked, self.attacked)
        requests = share(legit["refused"], legit["requests"])
        users = share(legit["users_refused"], legit["users"])
        self.refused, self.users = requests, users
        self.unverified = share(legit["refused_unverified"], strangers)
        self.strangers = strangers

    def failures(self):
        case = self.case
        # A share of nothing is not small: there was nothing to measure.
        if self.attacked < LEAST and (case.leak is not None or case.cap):
            yield f"only {self.attacked} attack messages"
        if self.people < LEAST:
            yield f"only {self.people} requests of real people"
        if case.unverified is not None and self.strangers < LEAST:
            yield f"only {self.strangers} requests of real people who are not verified"
        if case.leak is not None and self.leak > case.leak:
            yield f"leak {self.leak:.3f} % > {case.leak} %"
        if case.refused is not None and max(self.refused, self.users) >= case.refused:
            yield f"real users refused {max(self.refused, self.users):.3f} % >= {case.refused} %"
        if case.unverified is not None and self.unverified >= case.unverified:
            yield f"unverified real users refused {self.unverified:.3f} % >= {case.unverified} %"
        if case.cap is not None:
            spent = float(self.report["spend"].get(case.cap, 0))
            if not 0 < spent <= self.cap:
                yield f"{spent} spent on {case.cap}, the cap is {self.cap}"

    def row(self, known):
        case = self.case
        failures = list(self.failures())
        verdict = "met" if not failures else ("known" if case.name in known else "NOT MET")
        if case.leak is case.refused is case.unverified is case.cap is None:
            verdict = "-"
        cells = [
            case.name,
            f"{self.leaked} of {self.attacked}" if self.attacked else "-",
            limit(self.leak if self.attacked else None, case.leak, "≤"),
            limit(self.refused, case.refused, "<"),
            limit(self.users, case.refused, "<"),
            limit(self.unverified, case.unverified, "<"),
            verdict,
        ]
        return "| " + " | ".join(cells) + " |"


def share(part, whole):
    return 100 * part / whole if whole else 0.0


def limit(value, bound, sign):
    if value is None:
        return "-"
    text = f"{value:.3f}"
    return text if bound is None else f"{text} ({sign} {bound})"


def money_cap(config):
    """What the configuration that is replayed lets a country cost in a day."""
    found = re.findall(r"^[^#\n]*\bper_country_day: *([0-9.]+)", config.read_text(), re.MULTILINE)
    if len(found) != 1:
        sys.exit(f"error: {config}: there is not one guard.money.per_country_day")
    return float(found[0])


def strangers(trace):
    """Requests of real people whose number was not verified before, had every message arrived."""
    verified, count = {}, 0
    with trace.open() as rows:
        next(rows)
        for row in rows:
            at, phone, _, _, _, label, after, _ = row.rstrip("\n").split(",")
            at = int(at)
            if label == "legit" and at >= BEGINS_MS and verified.get(phone, at + 1) > at:
                count += 1
            if after:
                verified[phone] = min(verified.get(phone, at + int(after)), at + int(after))
    return count


def relabelled(trace, prefix):
    """The trace with its real people of one country under the other label, so that they are not counted as such. The
    guard never sees a label."""
    other = trace.with_suffix(".outside.csv")
    with trace.open() as rows, other.open("w") as out:
        for row in rows:
            cells = row.split(",")
            if len(cells) > 5 and cells[1].startswith(prefix):
                cells[5] = "attack"
            out.write(",".join(cells))
    return other


def blinded(trace):
    """The trace as if nobody ever told the guard that a code was used."""
    other = trace.with_suffix(".blind.csv")
    with trace.open() as rows, other.open("w") as out:
        out.write(next(rows))
        for row in rows:
            cells = row.split(",")
            cells[6] = ""
            out.write(",".join(cells))
    return other


class Bench:
    """The program, and where its traces are."""

    def __init__(self, told, folder):
        self.program, self.config, self.seed = told.program, told.config, told.seed
        self.folder = folder

    def measure(self, case):
        trace = self.folder / ("_".join(case.trace) + f"_{self.seed}.csv")
        if not trace.exists():
            draft = trace.with_suffix(f".{id(case)}")
            run([self.program, "trace", *case.trace, "--seed", str(self.seed), "--out", str(draft)])
            draft.rename(trace)
        if case.cap:
            return self.measure_cap(case, trace)
        new = strangers(trace)
        if case.blind:
            trace = blinded(trace)
        return Measured(case, self.replay(trace, case, "7days 9h"), new)

    def measure_cap(self, case, trace):
        """Money is counted from midnight, as the cap is; people are those outside the capped country."""
        report = self.replay(trace, case, "7days")
        others = relabelled(trace, PREFIXES[case.cap])
        report["labels"]["legit"] = self.replay(others, case, "7days 9h")["labels"]["legit"]
        return Measured(case, report, strangers(others), money_cap(self.config))

    def replay(self, trace, case, count_from):
        return json.loads(run([*self.command(trace), "--count-from", count_from, *case.replay]))

    def command(self, trace):
        return [self.program, "replay", str(trace), "--config", str(self.config), "--tenant", TENANT]

    def speed(self):
        """Rows of a trace of a million and more, and the seconds of one core that its replay takes."""
        trace = self.folder / "million.csv"
        run([self.program, "trace", "whole-country", "--size", "3200", "--out", str(trace)])
        begun = resource.getrusage(resource.RUSAGE_CHILDREN)
        report = json.loads(run(self.command(trace)))
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        took = ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime
        return sum(label["requests"] for label in report["labels"].values()), took


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    if done.returncode:
        sys.exit(f"error: {' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def known_exceptions():
    guide = GUIDE.read_text()
    _, found, section = guide.partition("## Known exceptions")
    section = section.partition("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)) if found else set()


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("program")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", default="", help="cases whose name has this in it")
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--config", type=pathlib.Path, default=CONFIG, help="try other thresholds")
    options.add_argument("--keep", type=pathlib.Path, help="keep the traces in this folder, and use those that are there")
    options.add_argument("--rules", action="store_true", help="print what each rule did")
    told = options.parse_args()
    known = known_exceptions()
    chosen = [case for case in cases() if told.only in case.name]
    if not chosen:
        sys.exit(f"error: no case has {told.only!r} in its name")
    print("| trace | got out | leak % | requests refused % | users refused % | unverified refused % | |")
    print("|---|---|---|---|---|---|---|", flush=True)
    failed = []
    with tempfile.TemporaryDirectory() as own, concurrent.futures.ThreadPoolExecutor(told.jobs) as pool:
        bench = Bench(told, told.keep or pathlib.Path(own))
        jobs = [pool.submit(bench.measure, case) for case in chosen]
        for job in jobs:
            measured = job.result()
            print(measured.row(known), flush=True)
            if told.rules:
                print(f"    {json.dumps(measured.report['rules'])} {measured.report['spend']} {measured.strangers} strangers")
            if measured.case.name not in known:
                failed += [f"{measured.case.name}: {failure}" for failure in measured.failures()]
        if not told.only:
            rows, took = bench.speed()
            print(f"{rows} rows replayed in {took:.1f} s of one core, {rows / took:.0f} rows/s")
            if rows < 1_000_000 or took / rows > SLOWEST:
                failed.append(f"{rows} rows in {took:.1f} s")
    for failure in failed:
        print(f"not met: {failure}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
