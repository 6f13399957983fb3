"""Small servers and clients with exact habits, for the stories in tests/netns and tests/interop.

usage: net.py KIND HOST PORT [ARGS]

Each function below is one KIND; its first line says what it does. Servers run until killed and print
a line for each thing seen; clients print what they saw and exit 1 when it is not what they expect.
"""
import base64
import hashlib
import os
import select
import socket
import ssl
import struct
import sys
import threading
import time

CHUNK = 1 << 16


# ---- servers: one thread a connection ----

def serve(host, port, handle, backlog=512):
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(backlog)
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=guarded, args=(handle, conn), daemon=True).start()


def guarded(handle, conn):
    try:
        handle(conn)
    except ConnectionResetError:
        say("RESET")
    except OSError as error:
        say(f"ERROR {error}")
    finally:
        conn.close()


def say(text):
    print(text, flush=True)


def reset(conn):
    """Closes with RST."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()


def read_all(conn):
    parts = []
    while data := conn.recv(CHUNK):
        parts.append(data)
    return b"".join(parts)


def echo(host, port):
    """Sends back what comes, half-close kept."""
    def handle(conn):
        while data := conn.recv(CHUNK):
            conn.sendall(data)
        conn.shutdown(socket.SHUT_WR)
    serve(host, port, handle)


def count_then_answer(host, port):
    """Reads to the end, then answers with the length and SHA-256 of what came."""
    def handle(conn):
        data = read_all(conn)
        conn.sendall(f"{len(data)} {hashlib.sha256(data).hexdigest()}\n".encode())
    serve(host, port, handle)


def say_and_reset(host, port):
    """Reads a little, sends "bye", waits until the caller has it, and resets."""
    def handle(conn):
        conn.recv(CHUNK)
        conn.sendall(b"bye")
        conn.recv(CHUNK)
        reset(conn)
    serve(host, port, handle)


def tell_the_end(host, port):
    """Greets, then reads on and prints how the connection ended: EOF or RESET."""
    def handle(conn):
        conn.sendall(b"hello\n")
        while conn.recv(CHUNK):
            pass
        say("EOF")
    serve(host, port, handle)


def close_first(host, port):
    """Sends "early" and half-closes at once; then prints what the caller said to its end."""
    def handle(conn):
        conn.sendall(b"early")
        conn.shutdown(socket.SHUT_WR)
        say(f"GOT {len(read_all(conn))}")
    serve(host, port, handle)


def source(host, port, size):
    """Sends SIZE pseudo-random bytes and closes; prints how many were taken before an error."""
    def handle(conn):
        sent = 0
        try:
            for block in blocks(int(size)):
                conn.sendall(block)
                sent += len(block)
        finally:
            say(f"SENT {sent}")
    serve(host, port, handle)


def pour(host, port):
    """Sends without end; prints the total whenever a second passes without any progress."""
    def handle(conn):
        sent = 0
        block = bytes(CHUNK)
        conn.settimeout(1)
        while True:
            try:
                sent += conn.send(block)
            except TimeoutError:
                say(f"STUCK {sent}")
    serve(host, port, handle)


def deaf(host, port):
    """Reads nothing and says nothing; prints how the connection broke."""
    def handle(conn):
        while not (error := conn.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
            time.sleep(0.1)
        say(f"BROKEN {os.strerror(error)}")
    serve(host, port, handle)


def peer_address(host, port):
    """Prints the first bytes of each connection as hex (a PROXY header shows here), says "ok"."""
    def handle(conn):
        say("FIRST " + conn.recv(CHUNK).hex())
        conn.sendall(b"ok\n")
        read_all(conn)  # what stays unread at the end makes a reset
    serve(host, port, handle)


def websocket(host, port):
    """A WebSocket server that sends every message back, and a page for everything else. The page
    counts as loaded when its WebSocket has had an answer (/wait.png answers only then)."""
    echoed = threading.Event()

    def handle(conn):
        stream = conn.makefile("rb")
        request, headers = read_head(stream)
        if "sec-websocket-key" not in headers:
            body = PAGE.encode()
            if "/wait.png" in request:
                echoed.wait(10)
                time.sleep(0.3)
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
                         b"Content-Length: %d\r\n\r\n" % len(body) + body)
            return
        accept = base64.b64encode(hashlib.sha1(
            (headers["sec-websocket-key"] + WEBSOCKET_GUID).encode()).digest())
        conn.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                     b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        while True:
            opcode, data = read_frame(stream)
            conn.sendall(frame(opcode, data, masked=False))
            echoed.set()
            if opcode == 8:
                return
    serve(host, port, handle)


def udp_echo(host, port):
    """Sends every datagram back and prints its size."""
    sock = udp_socket(host)
    sock.bind((host, port))
    while True:
        data, sender = sock.recvfrom(65536)
        say(f"GOT {len(data)} from {sender[1]}")
        sock.sendto(data, sender)


# ---- clients ----

def connect(host, port):
    return socket.create_connection((host, port), timeout=20)


def ask(host, port, text):
    """Sends TEXT, half-closes and prints the answer."""
    conn = connect(host, port)
    conn.sendall(text.encode())
    conn.shutdown(socket.SHUT_WR)
    print(read_all(conn).decode().strip())


def listen_to(host, port):
    """Says nothing; prints the first line that the server says."""
    print(connect(host, port).makefile().readline().strip())


def expect_reset(host, port):
    """Sends "x", reads "bye", answers, and expects a reset: not an end of file."""
    conn = connect(host, port)
    conn.sendall(b"x")
    got = b""
    while len(got) < 3:
        got += conn.recv(3) or fail(f"EOF after {got!r}")
    conn.sendall(b"y")
    expect_no_end(conn)


def expect_refusal(host, port):
    """Connects and expects a reset before any byte."""
    try:
        conn = connect(host, port)
        conn.sendall(b"x")
    except ConnectionRefusedError:
        fail("connection refused: nothing listens")
    except ConnectionResetError:
        return say("RESET")
    expect_no_end(conn)


def expect_no_end(conn):
    try:
        data = conn.recv(CHUNK)
    except ConnectionResetError:
        return say("RESET")
    fail(f"got {data!r} instead of a reset" if data else "EOF instead of a reset")


def greet_and_reset(host, port):
    """Reads the greeting and resets."""
    conn = connect(host, port)
    conn.recv(CHUNK)
    reset(conn)


def read_then_answer(host, port):
    """Reads to the server's end of file, then still sends 100,000 bytes and closes."""
    conn = connect(host, port)
    print(read_all(conn).decode())
    conn.sendall(bytes(100000))
    conn.shutdown(socket.SHUT_WR)
    time.sleep(0.2)


def fetch(host, port, size):
    """Reads to the end and checks the SIZE pseudo-random bytes of `source`."""
    conn = connect(host, port)
    got, want = hashlib.sha256(), hashlib.sha256()
    total = 0
    while data := conn.recv(CHUNK):
        got.update(data)
        total += len(data)
    for block in blocks(int(size)):
        want.update(block)
    print(total, got.hexdigest())
    if got.digest() != want.digest():
        fail(f"wrong bytes: {total} of {size}")


def put(host, port, size):
    """Sends SIZE bytes to `count_then_answer` and checks what it counted."""
    conn = connect(host, port)
    digest = hashlib.sha256()
    for block in blocks(int(size)):
        digest.update(block)
        conn.sendall(block)
    conn.shutdown(socket.SHUT_WR)
    answer = read_all(conn).decode().strip()
    print(answer)
    if answer != f"{size} {digest.hexdigest()}":
        fail("the far side counted something else")


def never_read(host, port, seconds):
    """Connects, asks for the data and reads nothing for SECONDS."""
    conn = connect(host, port)
    conn.sendall(b"go")
    time.sleep(float(seconds))


def fill_and_reset(host, port):
    """Sends until nothing more is taken for a second, then aborts, with all of it still on its way."""
    conn = connect(host, port)
    conn.settimeout(1)
    total = 0
    try:
        while True:
            total += conn.send(bytes(CHUNK))
    except TimeoutError:
        print(total)
    reset(conn)


def slow_read(host, port, size):
    """As fetch, with a pause before reading, so that everything in between is full."""
    conn = connect(host, port)
    time.sleep(1)
    total = 0
    while data := conn.recv(CHUNK):
        total += len(data)
    print(total)
    if total != int(size):
        fail(f"{total} of {size} bytes")


def expect_break(host, port):
    """Reads without end, slowly; expects a reset to end it, not an end of file."""
    conn = connect(host, port)
    conn.settimeout(60)
    total = 0
    try:
        while data := conn.recv(CHUNK):
            total += len(data)
            say(f"READ {total}")
            time.sleep(0.05)
    except ConnectionResetError:
        return say("RESET")
    fail(f"EOF after {total} bytes instead of a reset")


def many(host, port, count):
    """Opens COUNT connections to `echo` at once, and uses each of them."""
    conns = [connect(host, port) for _ in range(int(count))]
    for i, conn in enumerate(conns):
        conn.sendall(b"%08d" % i)
    for i, conn in enumerate(conns):
        got = b""
        while len(got) < 8:
            got += conn.recv(8 - len(got)) or fail(f"connection {i} ended early")
        if got != b"%08d" % i:
            fail(f"connection {i} got {got!r}")
    print(len(conns), "echoed")


def hold(host, port, count):
    """Opens COUNT connections to `echo`, prints how many echo, and holds those until killed."""
    conns = []
    for _ in range(int(count)):
        try:
            conn = connect(host, port)
            conn.settimeout(5)
            conn.sendall(b"z")
            if conn.recv(1) == b"z":
                conns.append(conn)
        except OSError:
            pass
    say(f"HELD {len(conns)}")
    while True:
        for conn in conns:
            conn.sendall(b"z")
            if conn.recv(1) != b"z":
                fail("a held connection died")
        say("ALIVE")
        time.sleep(0.2)


def keep_asking(host, port):
    """One connection to `echo` that is used every 50 ms until killed; prints the longest pause."""
    conn = connect(host, port)
    conn.settimeout(30)
    longest = 0.0
    while True:
        begin = time.monotonic()
        conn.sendall(b"z")
        if conn.recv(1) != b"z":
            fail("EOF")
        longest = max(longest, time.monotonic() - begin)
        say(f"LONGEST {longest:.3f}")
        time.sleep(0.05)


def udp_ask(host, port, *sizes):
    """Sends a datagram of each size to `udp_echo`; prints which came back, whole."""
    sock = udp_socket(host)
    sock.settimeout(2)
    sock.connect((host, port))
    for size in map(int, sizes):
        data = os.urandom(size)
        sock.send(data)
        try:
            print(size, "same" if sock.recv(65536) == data else "different")
        except TimeoutError:
            print(size, "lost")


def udp_two(host, port):
    """Two clients at once: each gets its own answers."""
    socks = [udp_socket(host) for _ in range(2)]
    for i, sock in enumerate(socks):
        sock.settimeout(2)
        sock.connect((host, port))
        sock.send(b"client %d" % i)
    for i, sock in enumerate(socks):
        if (got := sock.recv(100)) != b"client %d" % i:
            fail(f"client {i} got {got!r}")
    print("each its own")


def websocket_ask(host, port, name, *texts):
    """Opens a WebSocket to NAME through HOST:PORT, sends each text and a big message, checks all."""
    websocket_talk(connect(host, port), name, texts)


def websocket_ask_tls(host, port, name, authority, *texts):
    """The same through TLS, with a server that the AUTHORITY's file vouches for."""
    context = ssl.create_default_context(cafile=authority)
    websocket_talk(context.wrap_socket(connect(host, port), server_hostname=name.split(":")[0]),
                   name, texts)


def websocket_talk(conn, name, texts):
    stream = conn.makefile("rb")
    key = base64.b64encode(os.urandom(16)).decode()
    conn.sendall((f"GET /chat HTTP/1.1\r\nHost: {name}\r\nUpgrade: websocket\r\n"
                  f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                  "Sec-WebSocket-Version: 13\r\n\r\n").encode())
    status, headers = read_head(stream)
    accept = base64.b64encode(hashlib.sha1((key + WEBSOCKET_GUID).encode()).digest()).decode()
    if " 101 " not in status or headers.get("sec-websocket-accept") != accept:
        fail(f"no upgrade: {status} {headers}")
    for data in [text.encode() for text in texts] + [os.urandom(300000)]:
        conn.sendall(frame(2, data, masked=True))
        opcode, got = read_frame(stream)
        if (opcode, got) != (2, data):
            fail(f"got {len(got)} other bytes")
        print(len(data), "same")
    conn.sendall(frame(8, b"", masked=True))
    print("closed" if read_frame(stream)[0] == 8 else fail("no closing frame"))


def raw_http(host, port, *lines):
    """Sends the lines (\\n becomes CRLF) as they are and prints the first line of the answer."""
    conn = connect(host, port)
    conn.sendall("\n".join(lines).replace("\\n", "\n").replace("\n", "\r\n").encode() + b"\r\n\r\n")
    print(conn.makefile("r", errors="replace").readline().strip())


def take_port(host, port, *kinds):
    """Occupies the port (tcp, udp) until killed."""
    held = []
    for kind in kinds or ("tcp",):
        sock = udp_socket(host) if kind == "udp" else socket.socket()
        sock.bind((host, port))
        if kind == "tcp":
            sock.listen()
        held.append(sock)
    say("TAKEN")
    select.select([], [], [])


# ---- what they share ----

WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PAGE = """<!doctype html><title>waiting</title><h1 id=out>no answer yet</h1><img src=/wait.png alt="">
<script>
const socket = new WebSocket(location.origin.replace("http", "ws") + "/chat");
socket.onopen = () => socket.send("over the overlay");
socket.onmessage = (m) => { out.textContent = "echo: " + m.data; document.title = "done"; };
</script>"""


def fail(why):
    print("FAILED:", why, flush=True)
    sys.exit(1)


def udp_socket(host):
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)


def blocks(size):
    """The same pseudo-random bytes each time, in pieces."""
    seed = 0
    while size > 0:
        block = hashlib.shake_128(seed.to_bytes(8, "big")).digest(min(size, 1 << 20))
        yield block
        size -= len(block)
        seed += 1


def read_head(stream):
    first = stream.readline().decode().strip()
    headers = {}
    while line := stream.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return first, headers


def frame(opcode, data, masked):
    head = bytes([0x80 | opcode])
    bit = 0x80 if masked else 0
    if len(data) < 126:
        head += bytes([bit | len(data)])
    elif len(data) < 65536:
        head += struct.pack("!BH", bit | 126, len(data))
    else:
        head += struct.pack("!BQ", bit | 127, len(data))
    if not masked:
        return head + data
    mask = os.urandom(4)
    return head + mask + unmask(data, mask)


def unmask(data, mask):
    pad = (mask * (len(data) // 4 + 1))[:len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")).to_bytes(len(data), "big")


def read_frame(stream):
    first, second = stream.read(2)
    size = second & 0x7F
    if size == 126:
        size, = struct.unpack("!H", stream.read(2))
    elif size == 127:
        size, = struct.unpack("!Q", stream.read(8))
    mask = stream.read(4) if second & 0x80 else None
    data = stream.read(size)
    return first & 0x0F, unmask(data, mask) if mask else data


def main():
    kind = sys.argv[1].replace("-", "_") if len(sys.argv) > 3 else ""
    action = globals().get(kind)
    if kind not in KINDS or not callable(action):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        action(sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
    except (OSError, TimeoutError) as error:
        fail(f"{kind}: {error!r}")


KINDS = """echo count_then_answer say_and_reset tell_the_end close_first source pour peer_address
websocket udp_echo ask listen_to expect_reset expect_refusal greet_and_reset read_then_answer fetch
put never_read slow_read deaf fill_and_reset many hold keep_asking udp_ask udp_two websocket_ask raw_http
websocket_ask_tls expect_break take_port""".split()

if __name__ == "__main__":
    main()
