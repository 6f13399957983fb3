"""make bench: a pair of gateways beside haproxy, ssh and plain loopback, on this machine.

Every round measures each forwarder in turn; a ratio is taken within its round, and the table shows
medians over the rounds. H is one haproxy hop (TCP mode). All figures go to build/bench/*.json.

usage: bench.py [--rounds 5] [--seconds 3] [--only throughput,http,...] [--skip ssh,...]
                [--plug NAME=COMMAND]
A plugged COMMAND is started with a target port; it prints the local port that leads there on its
first line, then the ids of its processes on the second, and forwards until it is killed.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/release"
PROGRAM = BUILD / "overlay"
CLIENT = BUILD / "tests/bench/client"
SERVER = BUILD / "tests/bench/server"
CROWD = BUILD / "tests/bench/crowd"
TURN = BUILD / "tests/bench/turn"
TICK = os.sysconf("SC_CLK_TCK")
SERVICES = ("iperf", "echo", "http")
IDLE_COUNT = 1000
MANY_COUNT = 9500
CROWD_COUNT = 1000
RELAYED_SIZE = 1200


# ---- processes and ports ----

def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def spawn(*args, **options):
    options.setdefault("stdout", subprocess.DEVNULL)
    options.setdefault("stderr", subprocess.DEVNULL)
    return subprocess.Popen([str(a) for a in args], stdin=options.pop("stdin", subprocess.DEVNULL),
                            **options)


def end(process, how=signal.SIGTERM):
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run(*args, timeout=120, **options):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=timeout,
                          **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, args))}: {done.stderr or done.stdout}")
    return done.stdout


def until(condition, seconds=10, pause=0.02):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come up")
        time.sleep(pause)


def answers(port):
    """A byte comes back from the echo service through this port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as s:
            s.sendall(b"z")
            return s.recv(1) == b"z"
    except OSError:
        return False


def children(pid):
    out = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            out += children(int(child))
    return out


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def rss_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1])


def wakeups(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", text)[1])


# ---- forwarders: start() leaves .ports {service: local port} and .pids {side: [pid]} ----

class Direct:
    name = "direct"

    def __init__(self, work, targets):
        self.work, self.targets = work, targets
        self.ports, self.pids = dict(targets), {}

    def start(self):
        pass

    def stop(self):
        pass

    def all_pids(self):
        return [pid for side in self.pids.values() for pid in side]


class Haproxy(Direct):
    name = "haproxy"

    def start(self):
        self.ports = dict(zip(SERVICES, free_ports(len(SERVICES))))
        text = ("global\n maxconn 9700\n nbthread 1\ndefaults\n mode tcp\n timeout connect 5s\n"
                " timeout client 1h\n timeout server 1h\n")
        for service in SERVICES:
            text += (f"listen {service}\n bind 127.0.0.1:{self.ports[service]}\n"
                     f" server s 127.0.0.1:{self.targets[service]}\n")
        config = self.work / "haproxy.cfg"
        config.write_text(text)
        self.process = spawn("haproxy", "-q", "-db", "-f", config)
        until(lambda: answers(self.ports["echo"]))
        self.pids = {"one": children(self.process.pid)}

    def stop(self):
        end(self.process)


class Ssh(Direct):
    name = "ssh"

    def start(self):
        key, host_key = self.work / "key", self.work / "host_key"
        for path in (key, host_key):
            if not path.exists():
                run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path)
        port, *local = free_ports(1 + len(SERVICES))
        self.ports = dict(zip(SERVICES, local))
        pathlib.Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.server = spawn(shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-h",
                            host_key, "-p", port, "-o", "ListenAddress=127.0.0.1", "-o", "StrictModes=no",
                            "-o", f"AuthorizedKeysFile={key}.pub", "-o", f"PidFile={self.work}/sshd.pid",
                            "-o", "Ciphers=aes128-gcm@openssh.com", "-o", "UsePAM=no",
                            "-o", "PermitRootLogin=yes", "-o", "MaxSessions=1000")
        until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        forwards = [f"-L127.0.0.1:{self.ports[s]}:127.0.0.1:{self.targets[s]}" for s in SERVICES]
        self.client = spawn("ssh", "-N", "-F", "none", "-i", key, "-p", port, "-o", "BatchMode=yes",
                            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                            "-c", "aes128-gcm@openssh.com", *forwards, "127.0.0.1")
        until(lambda: answers(self.ports["echo"]))
        self.pids = {"client": [self.client.pid], "server": children(self.server.pid)}

    def stop(self):
        end(self.client)
        end(self.server)


class Overlay(Direct):
    """Two gateways: `far` shares the services, `near` opens them."""
    name = "overlay"

    def gateway(self, home, more=""):
        home.mkdir(mode=0o700, exist_ok=True)
        (home / "overlay.conf").write_text(
            f"[gateway]\nlisten = 127.0.0.1:0\n[lan]\nmode = off\n{more}")
        with open(f"{home}.log", "a") as log:
            process = spawn(PROGRAM, "--home", home, "daemon", stderr=log)
        until(lambda: subprocess.run([PROGRAM, "--home", home, "status"],
                                     capture_output=True).returncode == 0)
        return process

    def ask(self, home, *args):
        return run(PROGRAM, "--home", home, *args)

    def status(self, home):
        return json.loads(self.ask(home, "--json", "status"))

    def start(self):
        self.near, self.far = self.work / "near", self.work / "far"
        self.server = self.gateway(self.far)
        self.client = self.gateway(self.near)
        for service in SERVICES:
            self.ask(self.far, "share", self.targets[service], "--as", service, "--public")
        self.introduce(self.near)
        self.ports = {s: self.open(s) for s in SERVICES}
        until(lambda: answers(self.ports["echo"]))
        self.pids = {"near": [self.client.pid], "far": [self.server.pid]}

    def restart_far(self):
        """A far gateway that has carried nothing yet, at the same home and port."""
        end(self.server)
        self.server = self.gateway(self.far)
        self.pids["far"] = [self.server.pid]
        until(lambda: answers(self.ports["echo"]))

    def introduce(self, home):
        address = self.status(self.far)["udp"][0]
        self.ask(home, "peer", "add", self.ask(self.far, "id").strip(), "--alias", "far",
                 "--address", address)

    def open(self, service):
        return int(self.ask(self.near, "open", f"{service}.far").split("\t")[1].rsplit(":", 1)[1])

    def stop(self):
        end(self.client)
        end(self.server)


class Plugged(Direct):
    def __init__(self, work, targets, name, command):
        super().__init__(work, targets)
        self.name, self.command = name, command

    def start(self):
        self.processes, self.ports, pids = [], {}, []
        for service in SERVICES:
            process = spawn(*shlex.split(self.command), self.targets[service],
                            stdout=subprocess.PIPE, text=True, start_new_session=True)
            self.processes.append(process)
            self.ports[service] = int(process.stdout.readline())
            pids += map(int, process.stdout.readline().split())
        until(lambda: answers(self.ports["echo"]))
        self.pids = {"all": pids}

    def stop(self):
        for process in self.processes:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


# ---- what is measured: each returns {metric: value} ----

def iperf(port, seconds, streams, *flags):
    """iperf3's server serves one test at a time and is a while in ending one."""
    for _ in range(20):
        done = subprocess.run(["iperf3", "-c", "127.0.0.1", "-p", str(port), "-t", str(seconds),
                               "-P", str(streams), "-J", *flags], capture_output=True, text=True,
                              timeout=120)
        report = json.loads(done.stdout)
        if "error" not in report:
            return report
        time.sleep(0.3)
    raise RuntimeError(report["error"])


def throughput(f, seconds):
    out = {}
    for streams in (1, 8):
        for direction, flag in (("up", ()), ("down", ("-R",))):
            cpu = cpu_seconds(f.all_pids())
            report = iperf(f.ports["iperf"], seconds, streams, *flag)
            cpu = cpu_seconds(f.all_pids()) - cpu
            total = report["end"]["sum_received"]
            out[f"{streams} stream{'s' * (streams > 1)} {direction}, Gbit/s"] = \
                total["bits_per_second"] / 1e9
            if f.pids:
                out[f"CPU s/GB, {streams} {direction}"] = cpu / (total["bytes"] / 1e9)
    return out


def latency(f, seconds):
    p50, p99 = map(float, run(CLIENT, "ping", f.ports["echo"], int(4000 * seconds)).split())
    return {"ping-pong p50, us": p50, "ping-pong p99, us": p99}


def http(f, seconds):
    report = run("wrk", "-t1", "-c100", f"-d{seconds}", f"http://127.0.0.1:{f.ports['http']}/")
    return {"1 KiB requests/s": float(re.search(r"Requests/sec:\s+([\d.]+)", report)[1])}


def conns(f, seconds):
    per_s, failed, p99 = run(CLIENT, "conns", f.ports["echo"], seconds, 16).split()
    if int(failed):
        print(f"  {f.name}: {failed} new connections failed", file=sys.stderr)
    return {"new connections/s": float(per_s), "new connection p99, ms": float(p99)}


METRICS = {"throughput": throughput, "latency": latency, "http": http, "conns": conns}


# ---- what is measured once ----

def idle_memory(f, count):
    """KiB resident for each idle connection, by side; all must still echo."""
    run(CLIENT, "conns", f.ports["echo"], 0.2, 16)
    before = {side: sum(map(rss_kib, pids)) for side, pids in f.pids.items()}
    holder = spawn(CLIENT, "idle", f.ports["echo"], count, stdin=subprocess.PIPE,
                   stdout=subprocess.PIPE, text=True)
    opened = int(holder.stdout.readline().split()[1])
    per = {side: (sum(map(rss_kib, pids)) - before[side]) / max(opened, 1)
           for side, pids in f.pids.items()}
    holder.stdin.write("\n")
    holder.stdin.flush()
    alive = int(holder.stdout.readline().split()[1])
    holder.communicate("\n")
    return {"opened": opened, "alive": alive, "kib": per}


def cold_start(f):
    """Milliseconds from starting the near side to the first byte back, the far side being up."""
    times = []
    for _ in range(9):
        end(f.client)
        begin = time.monotonic()
        with open(f"{f.near}.log", "a") as log:
            f.client = spawn(PROGRAM, "--home", f.near, "daemon", stderr=log)
        until(lambda: answers(f.ports["echo"]), pause=0.0005)
        times.append((time.monotonic() - begin) * 1000)
    f.pids["near"] = [f.client.pid]
    return statistics.median(times)


def idle_gateway(f, seconds=10):
    home = f.work / "alone"
    process = f.gateway(home)
    time.sleep(1)
    before = wakeups(process.pid)
    time.sleep(seconds)
    out = {"rss_mib": rss_kib(process.pid) / 1024,
           "wakeups_per_s": (wakeups(process.pid) - before) / seconds}
    end(process)
    return out


def session_memory(f, count=24):
    """KiB at the far gateway for each peer that is connected and silent."""
    f.restart_far()
    near = []
    f.gateway_count = count
    homes = [f.work / f"peer{i}" for i in range(count + 1)]
    near.append(f.gateway(homes[0]))  # the first pays for what is made once
    f.introduce(homes[0])
    f.ask(homes[0], "ping", "far", "-c", 1)
    before = rss_kib(f.server.pid)
    for home in homes[1:]:
        near.append(f.gateway(home))
        f.introduce(home)
        f.ask(home, "ping", "far", "-c", 1)
    per = (rss_kib(f.server.pid) - before) / count
    for process in near:
        end(process)
    return per


def dns_rate(f, seconds):
    port = f.status(f.near)["dns"]["listen"][0].rsplit(":", 1)[1]
    ours, wrong = map(float, run(CLIENT, "dns", port, "echo.far.overlay", seconds).split())
    return ours


class Unbound:
    def __init__(self, work, name="echo.far.overlay"):
        self.name, (self.port,) = name, free_ports(1)
        config = work / "unbound.conf"
        config.write_text(f"""server:
  interface: 127.0.0.1
  port: {self.port}
  num-threads: 1
  use-syslog: no
  username: ""
  chroot: ""
  directory: "{work}"
  pidfile: "{work}/unbound.pid"
  do-daemonize: no
  local-zone: "overlay." static
  local-data: "{name}. 30 IN A 127.0.0.1"
remote-control:
  control-enable: no
""")
        self.process = spawn(shutil.which("unbound") or "/usr/sbin/unbound", "-d", "-c", config)
        until(self.answers)

    def answers(self):
        try:
            return self.rate(0.1) > 0
        except RuntimeError:  # refused: it does not listen yet
            return False

    def rate(self, seconds):
        return float(run(CLIENT, "dns", self.port, self.name, seconds).split()[0])


# ---- relays ----

class Relay:
    """Two gateways that know one another by a relay alone; only the relay's time is of interest."""
    CONF = "[gateway]\nlisten = 127.0.0.1:{port}\n[lan]\nmode = off\n[dns]\nlisten =\n" \
           "[proxy]\nlisten =\n[punch]\nmode = off\n[relay]\n{relay}\n"

    def __init__(self, work):
        self.work, self.processes = work / "relay", []
        self.work.mkdir()
        self.port, = free_ports(1)
        self.server = self.gateway("middle", "serve = open", self.port)
        self.place = f"{self.ask('middle', 'id').strip()}@127.0.0.1:{self.port}"

    def gateway(self, name, relay, port=0):
        home = self.work / name
        home.mkdir(mode=0o700)
        (home / "overlay.conf").write_text(self.CONF.format(port=port, relay=relay))
        with open(f"{home}.log", "a") as log:
            process = spawn(PROGRAM, "--home", home, "daemon", stderr=log)
        self.processes.append(process)
        until(lambda: subprocess.run([PROGRAM, "--home", home, "status"],
                                     capture_output=True).returncode == 0)
        return process

    def ask(self, name, *args):
        return run(PROGRAM, "--home", self.work / name, *args)

    def status(self, name):
        return json.loads(self.ask(name, "--json", "status"))

    def bytes_per_cpu_s(self, target, seconds):
        """Bytes of sealed datagrams passed on for each CPU second of the relay."""
        self.gateway("far", f"use = {self.place}")
        self.gateway("near", "")
        until(lambda: self.status("far")["relay"]["home"])
        self.ask("far", "share", target, "--as", "iperf", "--public")
        self.ask("near", "peer", "add", self.ask("far", "id").strip(), "--alias", "far",
                 "--relay", self.place)
        port = int(self.ask("near", "open", "iperf.far").split("\t")[1].rsplit(":", 1)[1])
        cpu, before = cpu_seconds([self.server.pid]), self.status("middle")["relay"]["bytes"]
        for flag in ((), ("-R",)):
            iperf(port, seconds, 1, *flag)
        peer = self.status("near")["peers"][0]
        if peer["state"] != "relayed":
            raise RuntimeError(f"the session is {peer['state']}, not relayed")
        cpu = cpu_seconds([self.server.pid]) - cpu
        return (self.status("middle")["relay"]["bytes"] - before) / cpu, cpu

    def crowd(self, count):
        """MiB resident with so many gateways registered, and how many are."""
        holder = spawn(CROWD, self.work / "crowd", self.place, count, stdin=subprocess.PIPE,
                       stdout=subprocess.PIPE, text=True)
        self.processes.append(holder)
        registered = int(holder.stdout.readline().split()[1])
        mib = rss_kib(self.server.pid) / 1024
        holder.communicate("\n")
        return mib, registered

    def stop(self):
        for process in self.processes:
            end(process)


def coturn_bytes_per_cpu_s(work, seconds):
    """The same for coturn: ChannelData one way, plain datagrams the other, one allocation."""
    port, = free_ports(1)
    folder = work / "coturn"
    folder.mkdir()
    path = shutil.which("turnserver", path=os.environ["PATH"] + ":/usr/sbin")
    process = spawn(path, "-n", "-z", "-L", "127.0.0.1", "-E", "127.0.0.1", "-p", port, "-m", 1,
                    "--no-tls", "--no-dtls", "--no-cli", "--allow-loopback-peers",
                    "--log-file", folder / "log", "--simple-log", "--pidfile", folder / "pid",
                    "--userdb", folder / "db", cwd=folder)
    try:
        time.sleep(0.5)
        run(TURN, port, 0.2, RELAYED_SIZE)
        cpu = cpu_seconds([process.pid])
        moved = float(run(TURN, port, 2 * seconds, RELAYED_SIZE))
        cpu = cpu_seconds([process.pid]) - cpu
        return moved / cpu, cpu
    finally:
        end(process)


def measure_relay(options, show, work, targets):
    crowded = Relay(work)
    try:
        mib, registered = crowded.crowd(CROWD_COUNT)
        show("relay, peers registered", "overlay", registered)
        show(f"relay of {CROWD_COUNT} peers, MiB", "overlay", mib)
    finally:
        crowded.stop()
        shutil.rmtree(crowded.work)
    ours, theirs = [], []
    for _ in range(options.rounds):
        relay = Relay(work)
        try:
            ours.append(relay.bytes_per_cpu_s(targets["iperf"], options.seconds)[0])
        finally:
            relay.stop()
            shutil.rmtree(relay.work)
        theirs.append(coturn_bytes_per_cpu_s(work, options.seconds)[0])
        shutil.rmtree(work / "coturn")
    show("relayed GB per CPU second", "coturn", statistics.median(theirs) / 1e9)
    show("relayed GB per CPU second", "overlay", statistics.median(ours) / 1e9)
    show("relayed, times coturn's", "overlay",
         statistics.median(a / b for a, b in zip(ours, theirs)))


# ---- the table ----

TARGETS = [  # metric, beside, bound: "at least" or "at most"
    (r"streams? (up|down)", "H", ">=", 0.80), (r"CPU s/GB", None, "<=", 1.25),
    (r"1 KiB requests", "H", ">=", 0.70), (r"new connections/s", "H", ">=", 0.70),
    (r"ping-pong p50", "H", "<=", 1.25), (r"KiB per idle connection", None, "<=", 16),
    (r"concurrent connections", None, ">=", MANY_COUNT), (r"KiB per idle session", None, "<=", 64),
    (r"cold start", None, "<=", 30), (r"DNS answers", "unbound", ">=", 0.50),
    (r"idle gateway, MiB", None, "<=", 12), (r"peers registered", None, ">=", CROWD_COUNT),
    (r"relay of \d+ peers, MiB", None, "<=", 96), (r"times coturn's", None, ">=", 1)]


def judge(metric, value, ratio_h, ratio_unbound=None):
    for pattern, beside, sign, bound in TARGETS:
        if not re.search(pattern, metric):
            continue
        figure = {"H": ratio_h, "unbound": ratio_unbound, None: value}[beside]
        if figure is None:
            return ""
        good = figure >= bound if sign == ">=" else figure <= bound
        unit = {"H": " H", "unbound": " unbound", None: ""}[beside]
        return f"{sign} {bound:g}{unit}: {'yes' if good else 'NO'}"
    return ""


def median_ratio(rounds, metric, name, beside):
    ratios = [r[name][metric] / r[beside][metric] for r in rounds
              if r.get(name, {}).get(metric) and r.get(beside, {}).get(metric)]
    return statistics.median(ratios) if ratios else None


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def print_table(rounds, names):
    metrics = []
    for r in rounds:
        for values in r.values():
            metrics += [m for m in values if m not in metrics]
    head = f"{'':28} {'':10} {'median':>10} {'/direct':>8} {'/H':>8}   target"
    print("\n" + head + "\n" + "-" * len(head))
    for metric in metrics:
        for name in names:
            values = [r[name][metric] for r in rounds if metric in r.get(name, {})]
            if not values:
                continue
            value = statistics.median(values)
            direct, h = (median_ratio(rounds, metric, name, b) for b in ("direct", "haproxy"))
            target = judge(metric, value, h) if name == "overlay" else ""
            print(f"{metric if name == names[0] or name == 'haproxy' and metric.startswith('CPU') else '':28} "
                  f"{name:10} {number(value):>10} {number(direct):>8} {number(h):>8}   {target}")


def print_single(metric, name, value, target=""):
    print(f"{metric:39} {name:10} {number(value):>10}   {target}")


# ---- the run ----

def start_services(work):
    iperf, echo, http_port = free_ports(3)
    processes = [spawn("iperf3", "-s", "-B", "127.0.0.1", "-p", iperf), spawn(SERVER, echo, http_port)]
    until(lambda: answers(echo))
    return processes, {"iperf": iperf, "echo": echo, "http": http_port}


def chosen(options, work, targets):
    kinds = [Direct, Haproxy, Ssh, Overlay]
    out = []
    for kind in kinds:
        if kind.name in options.skip.split(","):
            continue
        if kind is Overlay and not PROGRAM.exists():
            continue
        folder = work / kind.name
        folder.mkdir()
        out.append(kind(folder, targets))
    for plug in options.plug:
        name, _, command = plug.partition("=")
        out.append(Plugged(work, targets, name, command))
    return out


def measure_rounds(options, forwarders):
    wanted = [m for m in METRICS if not options.only or m in options.only.split(",")]
    rounds = []
    for n in range(options.rounds):
        rounds.append({f.name: {} for f in forwarders})
        for metric in wanted:
            for f in forwarders:
                progress(f"{n + 1}/{options.rounds} {metric} {f.name}")
                try:
                    rounds[-1][f.name].update(METRICS[metric](f, options.seconds))
                except (RuntimeError, subprocess.TimeoutExpired, ValueError) as error:
                    print(f"\n{f.name}: {metric}: {str(error)[:300]}", file=sys.stderr)
                    rounds[-1][f.name][f"{metric} failed"] = 1
    progress("")
    return rounds


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


# Memory is measured on fresh gateways: what a load had taken before would be used again unseen.
FRESH = ["idle", "memory"]
AFTER_LOAD = ["many", "dns", "cold", "relay"]


def measure_singles(options, forwarders, work, targets, stage, out):
    wanted = [m for m in stage if not options.only or m in options.only.split(",")]

    def show(metric, name, value, **more):
        out.setdefault(metric, {})[name] = value
        print_single(metric, name, value, judge(metric, value, None, **more) if name == "overlay" else "")
    for f in forwarders:
        if f.name == "overlay" and "idle" in wanted:
            got = idle_gateway(f)
            show("idle gateway, MiB", f.name, got["rss_mib"])
            show("idle gateway, wake-ups/s", f.name, got["wakeups_per_s"])
    for f in forwarders:
        if not f.pids:
            continue
        if "memory" in wanted and f.name != "ssh":
            got = idle_memory(f, IDLE_COUNT)
            for side, kib in got["kib"].items():
                show(f"KiB per idle connection, {side}", f.name, kib)
        if f.name == "overlay" and "memory" in wanted:
            show("KiB per idle session, far", f.name, session_memory(f))
        if "many" in wanted and f.name in ("overlay", "haproxy"):
            got = idle_memory(f, MANY_COUNT)
            show("concurrent connections that echo", f.name, got["alive"])
    for f in forwarders:
        if f.name != "overlay":
            continue
        if "dns" in wanted:
            measure_dns(f, show, work, options)
        if "cold" in wanted:
            show("cold start to first byte, ms", f.name, cold_start(f))
        if "relay" in wanted:
            measure_relay(options, show, work, targets)


def measure_dns(f, show, work, options):
    unbound = Unbound(work) if shutil.which("unbound", path=os.environ["PATH"] + ":/usr/sbin") else None
    ours, theirs = [], []
    for _ in range(options.rounds):
        ours.append(dns_rate(f, options.seconds / 2))
        if unbound:
            theirs.append(unbound.rate(options.seconds / 2))
    if unbound:
        end(unbound.process)
        show("DNS answers/s", "unbound", statistics.median(theirs))
    ratio = statistics.median(a / b for a, b in zip(ours, theirs)) if theirs else None
    show("DNS answers/s", f.name, statistics.median(ours), ratio_unbound=ratio)


def save(options, rounds, singles):
    folder = ROOT / "build/bench"
    folder.mkdir(parents=True, exist_ok=True)
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"],
                            capture_output=True, text=True).stdout.strip() or "unknown"
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{commit}.json"
    path.write_text(json.dumps({"commit": commit, "kernel": platform.release(),
                                "cpus": os.cpu_count(), "options": vars(options),
                                "rounds": rounds, "singles": singles}, indent=1))
    print(f"\n{path.relative_to(ROOT)}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--skip", default="")
    parser.add_argument("--plug", action="append", default=[])
    return parser.parse_args()


def enter_own_network():
    """As root: a network namespace where closed connections do not use up the local ports (28,000
    of them last two seconds at 14,000 a second, and everything faster would look alike)."""
    if os.environ.get("BENCH_NETWORK") or os.geteuid() != 0:
        return
    settings = "ip link set lo up && sysctl -q net.ipv4.tcp_max_tw_buckets=2000 " \
               "net.ipv4.ip_local_port_range='10000 65000'"
    os.environ["BENCH_NETWORK"] = "own"
    os.execvp("unshare", ["unshare", "-n", "sh", "-c", settings + ' && exec "$@"', "sh",
                          sys.executable, *sys.argv])


def main():
    options = parse()
    enter_own_network()
    work = pathlib.Path(tempfile.mkdtemp(prefix="overlay-bench-"))
    services, targets = start_services(work)
    forwarders, started = chosen(options, work, targets), []
    try:
        for f in forwarders:
            f.start()
            started.append(f)
        singles = {}
        measure_singles(options, forwarders, work, targets, FRESH, singles)
        rounds = measure_rounds(options, forwarders)
        print_table(rounds, [f.name for f in forwarders])
        measure_singles(options, forwarders, work, targets, AFTER_LOAD, singles)
        save(options, rounds, singles)
    finally:
        for f in started:
            f.stop()
        for process in services:
            end(process)
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
