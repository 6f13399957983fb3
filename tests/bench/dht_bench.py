"""make bench-dht: one DHT node, asked by 25,000 addresses of this machine, beside libtorrent's and
bittorrent-dht's, and beside a bare UDP echo: what this machine's loopback lets through at all.

Every round starts each of them anew: 300 nodes come for its table, 1,000 items of 500 bytes are put,
its memory is read, then it is asked for items and nodes and whether it is there. With two cores or
more it has one for itself, who asks another. How many it answers in a second is also told by the time
that its core spent: other programs of the machine do not change that. No limit is turned off on our side: no address asks
more than five times a second. Medians over the rounds; all figures go to build/bench/dht-*.json.

usage: dht_bench.py [--rounds 3] [--seconds 3] [--skip libtorrent,bittorrent-dht]
"""
import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from bench import BUILD, PROGRAM, ROOT, cpu_seconds, end, enter_own_network, number, run, spawn, until

LOAD = BUILD / "tests/bench/dht_load"
INTEROP = ROOT / "build/interop"
DEBIAN_PYTHON = "/usr/bin/python3"  # python3-libtorrent is Debian's
PORT, ITEMS, NODES = 6881, 1000, 300
RATE_TARGET, MEMORY_TARGET = 50000, 6
CORES = sorted(os.sched_getaffinity(0))


def on_core(which, *args, **options):
    core = {CORES[which % len(CORES)]}
    return spawn(*args, preexec_fn=lambda: os.sched_setaffinity(0, core), **options)


def load(*args):
    core = {CORES[-1]}
    done = subprocess.run([str(a) for a in (LOAD, *args)], capture_output=True, text=True,
                          timeout=300, preexec_fn=lambda: os.sched_setaffinity(0, core))
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def memory_mib(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {what: int(re.search(rf"{field}:\s+(\d+)", text)[1]) / 1024
            for what, field in (("resident", "VmRSS"), ("private", "RssAnon"))}


# ---- who is asked ----

class Echo:
    name, fills = "UDP echo (floor)", False

    def start(self, work):
        return on_core(0, LOAD, "echo", PORT)


class Overlay:
    name, fills, mode = "overlay", True, "server"

    def start(self, work):
        home = work / self.mode
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(mode=0o700)
        lines = ["[lan]", "mode = off", "[portmap]", "mode = off", "[dht]", f"mode = {self.mode}",
                 f"listen = 127.0.0.1:{PORT}", "bootstrap ="]
        (home / "overlay.conf").write_text("\n".join(lines) + "\n")
        process = on_core(0, PROGRAM, "--home", home, "daemon")
        until(lambda: subprocess.run([str(PROGRAM), "--home", str(home), "status"],
                                     capture_output=True).returncode == 0)
        return process


class WithoutDht(Overlay):
    name, fills, mode = "overlay, dht off", False, "off"


class Libtorrent:
    name, fills = "libtorrent", True

    def start(self, work):
        return ready(DEBIAN_PYTHON, ROOT / "tests/interop/libtorrent_dht.py", "alone", "127.0.0.1")


class BittorrentDht:
    name, fills = "bittorrent-dht", True

    def start(self, work):
        if not (INTEROP / "node_modules/bittorrent-dht").exists():
            INTEROP.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / "tests/interop/package.json", INTEROP)
            run("npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock",
                "--prefix", INTEROP, timeout=300)
        shutil.copy(ROOT / "tests/interop/dht.mjs", INTEROP)
        return ready("node", INTEROP / "dht.mjs", "serve", "127.0.0.1")


def ready(*command):
    process = on_core(0, *command, stdout=subprocess.PIPE)
    if b"READY" not in process.stdout.readline():
        raise RuntimeError(f"{command[0]} did not come up")
    return process


# ---- one measurement ----

def measure(kind, work, seconds):
    process = kind.start(work)
    time.sleep(0.5)
    try:
        out = {}
        if kind.fills:
            filled = load("fill", PORT, ITEMS, NODES)
            out["kept"] = filled["kept"]
        out.update(memory_mib(process.pid))
        if kind.name == WithoutDht.name:
            return out
        before = cpu_seconds([process.pid])
        answers = load("ask", PORT, seconds, ITEMS)
        cpu = cpu_seconds([process.pid]) - before
        # Its warm-up costs the node time too.
        part = seconds / (seconds + answers["warm"])
        out.update(rate=answers["rate"], lost=answers["lost"], loader_cpu=answers["loader_cpu"],
                   cpu=cpu * part / answers["seconds"],
                   per_core=answers["answered"] / max(cpu * part, 0.01))
        return out
    finally:
        end(process)


def print_table(rounds, kinds):
    head = f"{'':18} {'answers/s':>10} {'of floor':>9} {'core':>5} {'asker':>6} " \
           f"{'per core-s':>11} {'of floor':>9} {'resident MiB':>13} {'private MiB':>12} {'items':>6}"
    print("\n" + head + "\n" + "-" * len(head))
    medians = {}
    for kind in kinds:
        values = [r[kind.name] for r in rounds]
        m = {key: statistics.median(v[key] for v in values) for key in values[0]}
        if "rate" in m:
            for key in ("rate", "per_core"):
                m["floor_" + key] = statistics.median(
                    r[kind.name][key] / r[Echo.name][key] for r in rounds)
        medians[kind.name] = m
        cells = ["-"] * 6
        if "rate" in m:
            cells = [number(m["rate"]), f"{m['floor_rate']:.2f}", f"{m['cpu']:.0%}",
                     f"{m['loader_cpu']:.0%}", number(m["per_core"]), f"{m['floor_per_core']:.2f}"]
        print(f"{kind.name:18} {cells[0]:>10} {cells[1]:>9} {cells[2]:>5} {cells[3]:>6} "
              f"{cells[4]:>11} {cells[5]:>9} {m['resident']:>13.1f} {m['private']:>12.1f} "
              f"{number(m.get('kept')):>6}")
    return medians


def print_targets(medians):
    ours, off = medians[Overlay.name], medians[WithoutDht.name]
    added = ours["resident"] - off["resident"]
    print(f"\nanswers of one core a second: {ours['per_core']:,.0f}, >= {RATE_TARGET:,}: "
          f"{'yes' if ours['per_core'] >= RATE_TARGET else 'NO'}; seen here: {ours['rate']:,.0f} "
          f"with {ours['cpu']:.0%} of a core")
    print(f"what the node with its items adds to the gateway: {added:.1f} MiB, <= {MEMORY_TARGET}: "
          f"{'yes' if added <= MEMORY_TARGET else 'NO'}; private memory of the whole gateway: "
          f"{ours['private']:.1f} MiB, resident with its libraries: {ours['resident']:.1f} MiB")
    for name in (Libtorrent.name, BittorrentDht.name):
        if name in medians:
            theirs = medians[name]
            print(f"beside {name}: {ours['per_core'] / theirs['per_core']:.1f} times the answers "
                  f"of a core, "
                  f"{ours['resident'] / theirs['resident']:.2f} of the resident memory")


def save(options, rounds):
    folder = ROOT / "build/bench"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"dht-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps({"kernel": platform.release(), "cpus": len(CORES),
                                "options": vars(options), "rounds": rounds}, indent=1))
    print(f"\n{path.relative_to(ROOT)}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--skip", default="")
    return parser.parse_args()


def main():
    options = parse()
    enter_own_network()
    work = pathlib.Path(tempfile.mkdtemp(prefix="overlay-bench-dht-"))
    kinds = [k() for k in (Echo, Overlay, WithoutDht, Libtorrent, BittorrentDht)
             if k.name not in options.skip.split(",")]
    rounds = []
    try:
        for number_of in range(options.rounds):
            rounds.append({})
            for kind in kinds:
                print(f"round {number_of + 1}: {kind.name}", file=sys.stderr)
                rounds[-1][kind.name] = measure(kind, work, options.seconds)
        print_targets(print_table(rounds, kinds))
        save(options, rounds)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
