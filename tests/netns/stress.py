"""Everything at once, for stress_test.sh: programs that come and go, and what may happen to gateways.

usage: stress.py serve                                servers on the loopback of this host
       stress.py call SEED SECONDS WORKERS PEER WEB ECHO SOURCE UDP [strict]
                                                      programs that use the services of PEER
       stress.py trouble SEED SECONDS STAGE.json      what happens to the gateways meanwhile

`call` prints what its programs did and exits 1 if one was stuck or heard something wrong; errors are
what they expect, unless it is strict.
"""
import asyncio
import hashlib
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time

ECHO, SOURCE, WEB, UDP = 7001, 7002, 3000, 7003
PROXY = 7777
STUCK = 25  # seconds: a session that was lost is found out within 15, and a new attempt takes up to 10


# ---- servers ----

async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def source(reader, writer):
    """Sends as many bytes as the client asks for in its first 4 bytes."""
    left = int.from_bytes(await reader.readexactly(4), "big")
    while left > 0:
        n = min(left, 65536)
        writer.write(b"s" * n)
        await writer.drain()
        left -= n


async def web(reader, writer):
    while head := await reader.readuntil(b"\r\n\r\n"):
        body = b"page " + head.split(b" ", 2)[1]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()


def quietly(handle):
    async def run(reader, writer):
        try:
            await handle(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        writer.close()
    return run


class UdpEcho(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)


async def serve():
    for handle, port in ((echo, ECHO), (source, SOURCE), (web, WEB)):
        await asyncio.start_server(quietly(handle), "127.0.0.1", port, backlog=1024)
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(UdpEcho, local_addr=("127.0.0.1", UDP))
    await asyncio.Event().wait()


# ---- programs ----

class Wrong(Exception):
    """Something that no outage explains: bytes that were not sent, an end of data before all were."""


class Failed(Exception):
    """An error that the gateways reported, as they should."""


async def connect(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    return reader, writer


async def page(reader, writer, host, target):
    writer.write(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = [int(line.split(":")[1]) for line in head.split("\r\n")
              if line.lower().startswith("content-length")]
    body = await reader.readexactly(length[0])
    if head.split()[1] != "200":
        raise Failed(head.split("\r\n")[0])
    if body.decode() != f"page {target}":
        raise Wrong(f"another page: {body[:60]}")


async def pages(c, port, host):
    reader, writer = await connect(port)
    try:
        for n in range(c.chance.randint(1, 5)):
            await page(reader, writer, host, f"/{c.chance.getrandbits(32)}-{n}")
    finally:
        writer.close()


async def by_port(c):
    await pages(c, c.web, f"127.0.0.1:{c.web}")


async def by_name(c):
    await pages(c, PROXY, f"web.{c.peer}.overlay.localhost:{PROXY}")


async def by_connect(c):
    reader, writer = await connect(PROXY)
    try:
        name = f"web.{c.peer}.overlay"
        writer.write(f"CONNECT {name}:80 HTTP/1.1\r\nHost: {name}:80\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head:
            raise Failed(head.split(b"\r\n")[0])
        await page(reader, writer, name, "/tunnel")
    finally:
        writer.close()


async def talk(c, reader, writer):
    data = c.chance.randbytes(c.chance.choice((1, 1000, 100000, 1000000)))
    heard = hashlib.sha256()

    async def listen():
        total = 0
        while part := await reader.read(65536):
            heard.update(part)
            total += len(part)
        return total

    task = asyncio.create_task(listen())
    try:
        writer.write(data)
        await writer.drain()
        writer.write_eof()
        total = await task
    finally:
        task.cancel()
    if heard.digest() != hashlib.sha256(data[:total]).digest():
        raise Wrong("other bytes came back")
    if total < len(data):
        raise Wrong(f"an end of data after {total} of {len(data)} bytes")


async def by_echo(c):
    reader, writer = await connect(c.echo)
    try:
        await talk(c, reader, writer)
    finally:
        writer.close()


async def by_socks(c):
    reader, writer = await connect(PROXY)
    try:
        name = f"echo.{c.peer}.overlay".encode()
        writer.write(b"\5\1\0")
        await reader.readexactly(2)
        writer.write(b"\5\1\0\3" + bytes([len(name)]) + name + struct.pack(">H", 7001))
        reply = await reader.readexactly(10)
        if reply[1] != 0:
            raise Failed(f"SOCKS {reply[1]}")
        await talk(c, reader, writer)
    finally:
        writer.close()


async def breaks_off(c):
    reader, writer = await connect(c.chance.choice((c.echo, c.source, c.web, PROXY)))
    writer.write(c.chance.randbytes(c.chance.randint(1, 5000)))
    await asyncio.sleep(c.chance.random() / 10)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def reads_slowly(c):
    reader, writer = await connect(c.source)
    try:
        want = c.chance.randint(1, 3000000)
        writer.write(want.to_bytes(4, "big"))
        got, patience = 0, c.chance.randint(5, 40)
        while got < want and patience > 0:
            part = await reader.read(20000)
            if not part:
                raise Wrong(f"an end of data after {got} of {want} bytes")
            got += len(part)
            patience -= 1
            await asyncio.sleep(0.01)
    finally:
        writer.close()


async def says_nothing(c):
    reader, writer = await connect(c.chance.choice((c.echo, c.web, PROXY)))
    await asyncio.sleep(c.chance.random())
    writer.close()


async def by_udp(c):
    loop = asyncio.get_running_loop()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.connect(("127.0.0.1", c.udp))
    try:
        for _ in range(5):
            data = c.chance.randbytes(c.chance.choice((0, 1, 1200, 5000, 9000)))
            await loop.sock_sendall(sock, data)
            try:
                back = await asyncio.wait_for(loop.sock_recv(sock, 65536), 0.5)
            except (asyncio.TimeoutError, ConnectionRefusedError):
                continue  # datagrams may be lost
            c.answered += 1
            if len(back) not in (0, 1, 1200, 5000, 9000):
                raise Wrong(f"a datagram of {len(back)} bytes")
    finally:
        sock.close()


PROGRAMS = (by_port, by_name, by_connect, by_echo, by_socks, breaks_off, reads_slowly, says_nothing,
            by_udp)
# What ends a program when a gateway, a session or a service goes: never a plain end of data.
EXPECTED = (OSError, Failed, asyncio.IncompleteReadError)


class Caller:
    def __init__(self, seed, peer, ports, strict):
        self.chance = random.Random(seed)
        self.peer, self.strict = peer, strict
        self.web, self.echo, self.source, self.udp = ports
        self.done, self.failed, self.wrong, self.answered, self.longest = {}, {}, [], 0, (0, "")

    def count(self, where, program):
        where[program.__name__] = where.get(program.__name__, 0) + 1

    async def once(self):
        program, begin = self.chance.choice(PROGRAMS), time.monotonic()
        try:
            await asyncio.wait_for(program(self), STUCK)
            self.count(self.done, program)
        except asyncio.TimeoutError:
            self.wrong.append(f"{program.__name__}: stuck")
        except Wrong as error:
            self.wrong.append(f"{program.__name__}: {error}")
        except EXPECTED as error:
            self.count(self.failed, program)
            if self.strict:
                self.wrong.append(f"{program.__name__}: {error!r}")
            await asyncio.sleep(0.05)
        self.longest = max(self.longest, (round(time.monotonic() - begin, 1), program.__name__))

    async def work(self, end):
        while time.monotonic() < end:
            await self.once()


async def call(seed, seconds, workers, peer, ports, strict):
    c = Caller(seed, peer, ports, strict)
    end = time.monotonic() + seconds
    await asyncio.gather(*(c.work(end) for _ in range(workers)))
    print(json.dumps({"done": c.done, "failed": c.failed, "answered": c.answered, "longest": c.longest,
                      "wrong": c.wrong[:20]}))
    return 1 if c.wrong else 0


# ---- trouble ----

class Stage:
    """Hosts a and b, as stress_test.sh has built them."""

    def __init__(self, seed, path):
        with open(path) as file:
            self.__dict__.update(json.load(file))
        self.chance = random.Random(seed)
        self.process, self.begun, self.address = {}, {}, {"a": 1, "b": 2}

    def on(self, host):
        return ["ip", "netns", "exec", f"{self.prefix}-{host}"]

    def start(self, host):
        log = open(f"{self.folder}/{host}.log", "ab")
        self.begun[host] = time.monotonic()
        self.process[host] = subprocess.Popen(
            self.on(host) + [self.overlay, "--home", f"{self.folder}/{host}", "daemon"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def command(self, host, *words, patience=30):
        """One command line, or a caller that is killed in the middle of it."""
        p = subprocess.Popen(
            self.on(host) + [self.overlay, "--home", f"{self.folder}/{host}", *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            error = p.communicate(timeout=patience)[1]
        except subprocess.TimeoutExpired:
            p.kill()
            p.communicate()
            if patience >= 30:
                raise SystemExit(f"stuck: overlay {' '.join(words)} on {host}")
            return
        if p.returncode != 0:
            print(f"    {p.returncode}: overlay {' '.join(words)}: {error.decode().strip()}", flush=True)
        if p.returncode not in (0, 1, 3, 4, 5):
            raise SystemExit(f"exit code {p.returncode}: overlay {' '.join(words)}: {error.decode()}")

    def end(self, host, number):
        p = self.process[host]
        # One that has hardly begun does not listen to signals yet, and simply goes.
        fresh = time.monotonic() < self.begun[host] + 2
        p.send_signal(number)
        try:
            code = p.wait(10)
        except subprocess.TimeoutExpired:
            p.kill()
            raise SystemExit(f"the gateway of {host} does not end")
        if number == signal.SIGTERM and code != 0 and not (fresh and code == -number):
            raise SystemExit(f"the gateway of {host} ended with {code}")

    def alive(self):
        for host, p in self.process.items():
            if p.poll() is not None:
                raise SystemExit(f"the gateway of {host} ended by itself with {p.returncode}")

    def other(self, host):
        return "b" if host == "a" else "a"

    # What happens; each is told the host that it happens to.

    def killed(self, host):
        self.end(host, signal.SIGKILL)
        self.start(host)

    def restarted(self, host):
        self.end(host, signal.SIGTERM)
        time.sleep(self.chance.random())
        self.start(host)

    def stopped_by_command(self, host):
        self.command(host, "stop")
        code = self.process[host].wait(10)
        if code != 0:
            raise SystemExit(f"the gateway of {host} ended with {code}")
        self.start(host)

    def asleep(self, host):
        self.process[host].send_signal(signal.SIGSTOP)
        time.sleep(self.chance.random() * 3)
        self.process[host].send_signal(signal.SIGCONT)

    def moved(self, host):
        device, old = "eth0", self.address[host]
        new = old + 10 if old < 10 else old - 10
        self.address[host] = new
        name = f"{self.prefix}-{host}"
        # Not the other way round: with a network's first address Linux drops its others.
        subprocess.run(["ip", "-n", name, "address", "del", f"192.0.2.{old}/24", "dev", device])
        subprocess.run(["ip", "-n", name, "address", "add", f"192.0.2.{new}/24", "dev", device])

    def unplugged(self, host):
        name = f"{self.prefix}-{host}"
        subprocess.run(["ip", "-n", name, "link", "set", "eth0", "down"])
        time.sleep(self.chance.random() * 2)
        subprocess.run(["ip", "-n", name, "link", "set", "eth0", "up"])

    def blocked(self, host):
        self.command(host, "block", self.other(host))
        time.sleep(self.chance.random())
        self.command(host, "unblock", self.other(host))

    def denied(self, host):
        service = self.chance.choice(("web", "echo", "source", "udp"))
        self.command(host, "deny", self.other(host), service)
        self.command(host, "allow", self.other(host), service)

    def unshared(self, host):
        self.command(host, "close", "echo")
        self.command(host, "share", str(ECHO), "--as", "echo", "--public")

    def closed(self, host):
        service = self.chance.choice(("web", "echo", "source"))
        self.command(host, "close", f"{service}.{self.other(host)}")
        self.command(host, "open", f"{service}.{self.other(host)}")

    def reloaded(self, host):
        with open(f"{self.folder}/{host}/overlay.conf", "w") as file:
            file.write(self.configuration)
            if self.chance.random() < 0.5:
                file.write(f"[service extra]\ntarget = 127.0.0.1:{ECHO}\nport = 7009\nallow = *\n")
        if self.chance.random() < 0.5:
            self.command(host, "config", "reload")
        else:
            self.process[host].send_signal(signal.SIGHUP)

    def renamed(self, host):
        other = self.other(host)
        self.command(host, "unname", other)
        self.command(host, "name", other, self.ids[other])

    def asked(self, host):
        for words in (["status"], ["--json", "status"], ["ls"], ["resolve", f"web.{self.other(host)}"]):
            self.command(host, *words)

    def asked_and_left(self, host):
        other = self.other(host)
        words = self.chance.choice((["ping", other], ["bench", other], ["open", other],
                                    ["pipe", f"echo.{other}"], ["status", "--watch"],
                                    ["share", "7009", "--as", "passing", "-f"]))
        self.command(host, *words, patience=self.chance.random())

    def many_at_once(self, host):
        callers = [subprocess.Popen(self.on(host) + [self.overlay, "--home",
                                                     f"{self.folder}/{host}", *words],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)
                   for words in (["status"], ["ls"], ["open", self.other(host)],
                                 ["deny", self.other(host), "udp"],
                                 ["allow", self.other(host), "udp"], ["status"])]
        for p in callers:
            p.wait(30)
        self.command(host, "allow", self.other(host), "udp")

    EVENTS = (killed, restarted, stopped_by_command, asleep, moved, unplugged, blocked, denied,
              unshared, closed, reloaded, renamed, asked, asked_and_left, asked_and_left,
              many_at_once)

    def run(self, seconds):
        end = time.monotonic() + seconds
        counts = {}
        for host in ("a", "b"):
            self.start(host)
        while time.monotonic() < end:
            time.sleep(self.chance.random() / 2)
            self.alive()
            event, host = self.chance.choice(self.EVENTS), self.chance.choice("ab")
            print(f"{time.monotonic() - end + seconds:.1f} {host}: {event.__name__}", flush=True)
            event(self, host)
            counts[event.__name__] = counts.get(event.__name__, 0) + 1
        self.alive()
        print(json.dumps(counts), flush=True)


def main():
    what, rest = sys.argv[1], sys.argv[2:]
    if what == "serve":
        asyncio.run(serve())
    elif what == "call":
        seed, seconds, workers, peer = int(rest[0]), float(rest[1]), int(rest[2]), rest[3]
        ports, strict = map(int, rest[4:8]), len(rest) > 8
        sys.exit(asyncio.run(call(seed, seconds, workers, peer, ports, strict)))
    else:
        stage = Stage(int(rest[0]), rest[2])
        stage.run(float(rest[1]))
        for host, p in stage.process.items():
            with open(f"{stage.folder}/{host}.pid", "w") as file:
                file.write(f"{p.pid}\n")
        os._exit(0)  # the gateways go on


if __name__ == "__main__":
    main()
