"""make bench-page: a web page of 100 small files, and how soon a name has become a first byte, through
a pair of gateways and without them, all on this machine.

nginx serves a page with stylesheets, scripts and pictures of 1 to 4 KiB. Chromium loads it from nginx
and at http://web.alice.overlay.localhost:7777/ in turns, each time by a name it has not met
(web, web1, ...): its cache and its connections are cold, the session between the gateways is not. Then
a bare client gets the same files on six connections: that is the time which the browser's own hides.
Last, a name is asked of our DNS server, its service is dialled in each of the ways there are and a byte
awaited, beside the same with unbound and nginx. The peer's own address takes root. Medians; all figures
go to build/bench/page-*.json.

usage: page_bench.py [--rounds 15] [--loads 100] [--first-bytes 200] [--only page,files,first-byte]
"""
import argparse
import json
import os
import pathlib
import platform
import random
import shutil
import socket
import statistics
import struct
import tempfile
import time

from bench import CLIENT, ROOT, Overlay, Unbound, end, enter_own_network, free_ports, run, spawn, until

FILES, CONNECTIONS = 100, 6
PAGE_TARGET, FIRST_BYTE_TARGET_MS = 1.3, 5
POOL, FAR_POOL = "198.19.0.0/16", "198.18.0.0/16"
FIRST_PORT = 8000  # of `web` at its peer's address
PEER, SERVICE = "alice.overlay", "web.alice.overlay"
DEBIAN_PYTHON = "/usr/bin/python3"
CHROMIUM = ROOT / "tests/interop/chromium.py"


# ---- the page and who serves it ----

def make_file(number, chance):
    """Its name and text: 1 to 4 KiB of what is really read and drawn."""
    kind = ("css", "js", "svg")[number % 3]
    line = {"css": lambda i: f".c{number}-{i} {{ color: #{chance.randrange(1 << 24):06x}; }}\n",
            "js": lambda i: f"window.sum = (window.sum || 0) + {chance.randrange(1 << 24)};\n",
            "svg": lambda i: f'<circle cx="{i % 16}" cy="{i // 16}" r="{chance.random():.6f}"/>\n'}[kind]
    text, size, i = "", chance.randrange(1024, 4000), 0
    while len(text) < size:
        text, i = text + line(i), i + 1
    if kind == "svg":
        text = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">\n{text}</svg>\n'
    return f"f{number}.{kind}", text


def make_page(folder):
    """Returns the paths of its files."""
    tags = {"css": '<link rel="stylesheet" href="{}">', "js": '<script src="{}"></script>',
            "svg": '<img src="{}" width="16" height="16" alt="">'}
    folder.mkdir()
    files = dict(make_file(n, random.Random(n)) for n in range(FILES))
    for name, text in files.items():
        (folder / name).write_text(text)
    body = "\n".join(tags[name.rsplit(".", 1)[1]].format(name) for name in files)
    (folder / "index.html").write_text('<!DOCTYPE html><meta charset="utf-8"><title>page</title>'
                                       f'<link rel="icon" href="data:,">\n{body}\n')
    return [f"/{name}" for name in files]


class Nginx:
    def __init__(self, work):
        self.port, = free_ports(1)
        self.paths = make_page(work / "page")
        user = "user root;" if os.geteuid() == 0 else ""
        config = work / "nginx.conf"
        places = "".join(f"{kind}_temp_path {work}/{kind};\n" for kind in
                         ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config.write_text(f"""{user}
daemon off;
worker_processes 1;
pid {work}/nginx.pid;
error_log {work}/nginx.log;
events {{ worker_connections 512; }}
http {{
  include /etc/nginx/mime.types;
  access_log off;
  sendfile on;
  tcp_nopush on;
  {places}
  server {{
    listen 127.0.0.1:{self.port};
    listen [::1]:{self.port};
    root {work}/page;
  }}
}}
""")
        path = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        self.process = spawn(path, "-c", config, "-e", work / "nginx.log")
        until(lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0)


class Gateways(Overlay):
    """alice shares the page by many names; the near gateway has the DNS server and the proxy."""

    def __init__(self, work, targets, names):
        super().__init__(work, targets)
        self.names = names
        self.near, self.far = work / "near", work / "far"
        self.client = self.server = None

    def start(self):
        # Of two gateways on a machine one alone has the range of addresses.
        self.server = self.gateway(self.far, "[proxy]\nlisten =\n[dns]\nlisten =\n"
                                             f"[setup]\npool = {FAR_POOL}\n")
        # In our own network nobody else has the ports that they have by default.
        self.proxy, self.dns = (7777, 5354) if os.environ.get("BENCH_NETWORK") else free_ports(2)
        users = "[local]\nusers = nobody\n" if os.geteuid() == 0 else ""
        self.client = self.gateway(
            self.near, f"[proxy]\nlisten = 127.0.0.1:{self.proxy}, [::1]:{self.proxy}\n"
                       f"[dns]\nlisten = 127.0.0.1:{self.dns}\n{users}")
        for number, name in enumerate(self.names, FIRST_PORT):
            self.ask(self.far, "share", self.targets["web"], "--port", number, "--as", name, "--public")
        self.ask(self.near, "peer", "add", self.ask(self.far, "id").strip(), "--alias", "alice",
                 "--address", self.status(self.far)["udp"][0])
        self.port = int(self.ask(self.near, "open", "web.alice").split("\t")[1].rsplit(":", 1)[1])
        until(lambda: first_byte(self.port))

    def stop(self):
        for process in (self.client, self.server):
            if process:
                end(process)


# ---- the page in a browser ----

def as_nobody(*command):
    """Chromium does not run as root."""
    if os.geteuid() != 0:
        return command
    return ("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", *command)


LOADED = "location.host === '{host}' && performance.getEntriesByType('navigation')[0].loadEventEnd > 0"
SEEN = """(() => { const n = performance.getEntriesByType('navigation')[0];
  const r = performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:'));
  return JSON.stringify({ms: n.loadEventEnd, head: n.responseStart, files: r.length,
    sent: r.filter(e => e.transferSize > e.encodedBodySize && e.encodedBodySize > 1000).length,
    dialled: r.concat(n).filter(e => e.connectEnd > e.connectStart).length,
    protocols: [...new Set(r.concat(n).map(e => e.nextHopProtocol))]}); })()"""


def browse(work, hosts):
    """Loads the page from each of these hosts, one after the other; what the browser saw."""
    profile = pathlib.Path(tempfile.mkdtemp(prefix="profile-", dir=work))
    profile.chmod(0o777)
    steps = []
    for host in hosts:
        loaded = LOADED.format(host=host)
        steps += [f"open=http://{host}/", f"until={loaded}", f"print={SEEN}", "open=about:blank",
                  "until=location.href === 'about:blank'"]
    # By way of standard input: nobody may not read root's folders.
    seen = run(*as_nobody("env", f"HOME={profile}", f"XDG_RUNTIME_DIR={profile}", DEBIAN_PYTHON, "-",
                          profile, *steps), input=CHROMIUM.read_text(), cwd=profile,
               timeout=60 + 10 * len(hosts))
    out = [json.loads(line) for line in seen.splitlines()]
    for host, load in zip(hosts, out):
        kept = load["protocols"] == ["http/1.1"] and load["dialled"] <= CONNECTIONS
        if load["files"] != FILES or load["sent"] != FILES or not kept:
            raise RuntimeError(f"{host}: not a cold load of the whole page on kept connections: {load}")
    return out


def measure_page(work, nginx, pair):
    """Milliseconds to the load event's end. The first two loads of the browser are for warming up."""
    pairs = [(f"{name}.page.localhost:{nginx.port}", f"{name}.{PEER}.localhost:{pair.proxy}")
             for name in pair.names]
    hosts = [host for n, both in enumerate(pairs) for host in (both if n % 2 else both[::-1])]
    loads = dict(zip(hosts, browse(work, hosts)))
    return {"direct": [loads[host]["ms"] for host, _ in pairs[1:]],
            "overlay": [loads[host]["ms"] for _, host in pairs[1:]]}


# ---- its files, with a client that does nothing else ----

def get_files(nginx, port, host):
    ms, size = run(CLIENT, "page", port, host, CONNECTIONS, *nginx.paths).split()
    if int(size) < FILES * 1024:
        raise RuntimeError(f"{host}: {size} bytes for {FILES} files")
    return float(ms)


def measure_files(nginx, pair, loads):
    out = {"direct": [], "overlay": []}
    for _ in range(loads):
        out["direct"].append(get_files(nginx, nginx.port, "localhost"))
        out["overlay"].append(get_files(nginx, pair.proxy, f"{SERVICE}.localhost"))
    return out


# ---- from a name to the first byte ----

def resolve(port):
    """The IPv4 address of the service's name, by a question over UDP."""
    labels = b"".join(bytes([len(x)]) + x.encode() for x in SERVICE.split("."))
    question = labels + b"\0" + struct.pack(">2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        s.connect(("127.0.0.1", port))
        s.send(struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + question)
        answer = s.recv(512)
    if answer[3] & 15 or answer[6:8] != b"\0\1":
        raise RuntimeError(f"no address for {SERVICE}: {answer.hex()}")
    return socket.inet_ntoa(answer[-4:])


def first_byte(port, address="127.0.0.1"):
    with socket.create_connection((address, port), timeout=5) as s:
        s.sendall(b"GET /f0.css HTTP/1.1\r\nHost: " + SERVICE.encode() + b"\r\n\r\n")
        return s.recv(1) == b"H"


def is_open(port, address):
    try:
        return first_byte(port, address)
    except OSError:
        return False


def name_to_first_byte(dns, port):
    begin = time.perf_counter()
    address = resolve(dns)
    asked = time.perf_counter()
    if not first_byte(port, address):
        raise RuntimeError("no first byte")
    return {"name": (asked - begin) * 1000, "all": (time.perf_counter() - begin) * 1000}


def first_bytes(ways, count):
    """Of each of these ways, in turns."""
    out = {way: [] for way in ways}
    for _ in range(count):
        for way, ports in ways.items():
            out[way].append(name_to_first_byte(*ports))
    return out


def give_addresses(pair):
    """As `overlay setup` does: a name then means the address of its peer, with the ports as there."""
    run("ip", "route", "add", "local", POOL, "dev", "lo")
    until(lambda: pair.status(pair.near)["setup"]["active"])


def measure_first_byte(work, nginx, pair, count):
    """By the port that `overlay open` gave, by the proxy, and by the peer's own address."""
    unbound = Unbound(work, SERVICE)
    direct = {"direct": (unbound.port, nginx.port)}
    try:
        out = [first_bytes(direct | {"local port": (pair.dns, pair.port),
                                     "proxy": (pair.dns, pair.proxy)}, count)]
        if os.environ.get("BENCH_NETWORK"):
            give_addresses(pair)
            until(lambda: is_open(FIRST_PORT, resolve(pair.dns)))
            out.append(first_bytes(direct | {"own address": (pair.dns, FIRST_PORT)}, count))
        return out
    finally:
        end(unbound.process)


# ---- the run ----

def show(what, value, unit="ms"):
    print(f"{what:52} {value:8.2f} {unit}")


def show_pair(what, times, target=None):
    """Returns the ratio of the medians' pairs."""
    direct, ours = (statistics.median(times[way]) for way in ("direct", "overlay"))
    ratio = statistics.median(b / a for a, b in zip(times["direct"], times["overlay"]))
    show(f"{what}, nginx", direct)
    show(f"{what}, through the gateways", ours)
    verdict = f"   <= {target}: {'yes' if ratio <= target else 'NO'}" if target else ""
    show(f"{what}, ratio within a round", ratio, f"times{verdict}")


def show_first_byte(times):
    """Of ways that were measured in turns."""
    medians = {way: {part: statistics.median(t[part] for t in list_of) for part in ("name", "all")}
               for way, list_of in times.items()}
    for way, parts in medians.items():
        show(f"name to first byte, {way}", parts["all"], f"ms   of which the name {parts['name']:.2f}")
    for way in list(medians)[1:]:
        more = medians[way]["all"] - medians["direct"]["all"]
        verdict = "yes" if more <= FIRST_BYTE_TARGET_MS else "NO"
        show(f"name to first byte, {way}, above direct", more, f"ms   <= {FIRST_BYTE_TARGET_MS}: {verdict}")


def save(options, figures):
    folder = ROOT / "build/bench"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"page-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps({"kernel": platform.release(), "cpus": os.cpu_count(),
                                "options": vars(options), "figures": figures}, indent=1))
    print(f"\n{path.relative_to(ROOT)}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--loads", type=int, default=100)
    parser.add_argument("--first-bytes", type=int, default=200)
    parser.add_argument("--only", default="page,files,first-byte")
    return parser.parse_args()


def main():
    options = parse()
    wanted = options.only.split(",")
    enter_own_network()
    work = pathlib.Path(tempfile.mkdtemp(prefix="overlay-bench-page-"))
    work.chmod(0o755)
    nginx, figures = Nginx(work), {}
    pair = Gateways(work, {"web": nginx.port}, ["web"] + [f"web{n + 1}" for n in range(options.rounds)])
    try:
        pair.start()
        if "page" in wanted:
            figures["page"] = measure_page(work, nginx, pair)
            show_pair(f"page of {FILES} files in Chromium", figures["page"], PAGE_TARGET)
        if "files" in wanted:
            figures["files"] = measure_files(nginx, pair, options.loads)
            show_pair(f"{FILES} files by a bare client", figures["files"])
        if "first-byte" in wanted:
            figures["first byte"] = measure_first_byte(work, nginx, pair, options.first_bytes)
            for times in figures["first byte"]:
                show_first_byte(times)
        save(options, figures)
    finally:
        pair.stop()
        end(nginx.process)
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
