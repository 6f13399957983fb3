"""An HTTP/1.1 service, and clients that say what browsers and curl never would.

    http_probe.py serve PORT            answers with what it was asked
    http_probe.py proxy PORT            cases against the proxy of a gateway
    http_probe.py port PORT             cases against a local port of one
"""
import hashlib
import json
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            data = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            return data
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_POST(self):
        print("ASKED", self.command, self.path, self.headers.get("Host"), flush=True)
        if self.path == "/switch" and self.headers.get("Upgrade") == "echo":
            self.send_response(101)
            self.send_header("Connection", "upgrade")
            self.send_header("Upgrade", "echo")
            self.end_headers()
            self.close_connection = True
            while data := self.connection.recv(65536):
                self.connection.sendall(data)
            return
        data = self.body()
        said = json.dumps({"method": self.command, "path": self.path, "length": len(data),
                           "sha256": hashlib.sha256(data).hexdigest(),
                           "headers": [[k, v] for k, v in self.headers.items()]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("Trailer", "X-Sum")
            self.end_headers()
            for at in range(0, len(said), 7):
                part = said[at:at + 7]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\nX-Sum: 1\r\n\r\n")
        elif self.path == "/until-the-end":
            self.close_connection = True
            self.end_headers()
            self.wfile.write(said)
        else:
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said)

    do_GET = do_PUT = do_HEAD = do_OPTIONS = do_BREW = do_POST

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def say(port, *parts, wait=0.3):
    """Sends the parts one after the other, returns all that came back until the end."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            s.sendall(part.encode())
            if part is not parts[-1]:
                s.settimeout(wait)
                try:
                    got += s.recv(65536)
                except TimeoutError:
                    pass
        s.settimeout(2)
        try:
            while data := s.recv(65536):
                got += data
        except TimeoutError:
            got += b"<still open>"
        except ConnectionResetError:
            got += b"<reset>"
    return got.decode(errors="replace")


def get(path="/", host="web.a.overlay", more=""):
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n"


def count(text, status):
    return text.count(f"HTTP/1.1 {status} ")


FAILED = []


def case(sentence, good, text=""):
    print(("ok " if good else "not ok ") + sentence, flush=True)
    if not good:
        FAILED.append(sentence)
        for line in text[:1500].splitlines():
            print("#   " + line)


def guard_cases(port, host):
    """Both a local port and the proxy hold these."""
    evil = "Origin: http://evil.example\r\n"
    two = say(port, get("/first", host), get("/evil-second", host, evil))
    case("a second request on a connection is checked", count(two, 200) == 1 and count(two, 421) == 1,
         two)
    piped = say(port, get("/first", host) + get("/evil-piped", host, evil))
    case("a pipelined one too", count(piped, 200) == 1 and count(piped, 421) == 1, piped)
    dripped = say(port, *get("/evil-drip", host, evil), wait=0.001)
    case("one that comes byte by byte too", count(dripped, 421) == 1, dripped)
    ignored = say(port, get("/not-switching", host, "Connection: Upgrade\r\nUpgrade: echo\r\n"),
                  get("/evil-upgraded", host, evil))
    case("one behind an Upgrade that the service ignored too",
         count(ignored, 200) == 1 and count(ignored, 421) == 1, ignored)
    post = f"POST /body HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\n\r\nabc"
    behind = say(port, post + get("/evil-behind", host, evil))
    case("one behind a body too", count(behind, 200) == 1 and count(behind, 421) == 1, behind)
    brew = say(port, f"BREW /evil-brew HTTP/1.1\r\nHost: {host}\r\n{evil}\r\n")
    case("and one with a method of its own", count(brew, 421) == 1, brew)
    switched = say(port, get("/switch", host, "Connection: Upgrade\r\nUpgrade: echo\r\n"),
                   get("/in-the-tunnel", "anything", evil))
    case("after an agreed Upgrade bytes are just bytes",
         count(switched, 101) == 1 and "/in-the-tunnel" in switched, switched)
    for name, text in {
        "two lengths": f"POST /evil HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "a length beside chunks": f"POST /evil HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "chunks that are not just chunks": f"POST /evil HTTP/1.1\r\nHost: {host}\r\n"
                                           "Transfer-Encoding: x, chunked\r\n\r\n0\r\n\r\n",
        "a bare LF": f"GET /evil HTTP/1.1\nHost: {host}\n\n",
        "a bare CR": f"GET /evil HTTP/1.1\r\nHost: {host}\rX: y\r\n\r\n",
        "a folded line": f"GET /evil HTTP/1.1\r\nHost: {host}\r\n folded\r\n\r\n",
        "a space before a colon": f"GET /evil HTTP/1.1\r\nHost : {host}\r\n\r\n",
        "two hosts": f"GET /evil HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n",
        "no host": "GET /evil HTTP/1.1\r\n\r\n",
        "another host in the target": f"GET http://evil.example/evil HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "17 KiB of head": get("/evil" + "x" * 17000, host),
    }.items():
        got = say(port, text)
        case(f"refused: {name}", got.startswith(("HTTP/1.1 4", "HTTP/1.1 501")) and count(got, 200) == 0, got)


def proxy_cases(port):
    guard_cases(port, "web.a.overlay.localhost:7777")
    both = say(port, get("/one", "web.a.overlay"), get("/two", "other.a.overlay"),
               get("/three", "web.a.overlay", "Connection: close\r\n"))
    case("requests of one connection go to the services they name",
         count(both, 200) == 3 and "/one" in both and "/two" in both and "/three" in both, both)
    end = say(port, get("/until-the-end"))
    case("an answer that ends with its connection ends it here too",
         "Connection: close" in end and end.rstrip().endswith("}"), end)
    chunked = say(port, get("/chunked", more="Connection: close\r\n"))
    case("chunks and trailers arrive as they were sent", "0\r\nX-Sum: 1\r\n\r\n" in chunked, chunked)
    old = say(port, "GET /old HTTP/1.0\r\nHost: web.a.overlay\r\n\r\n")
    case("HTTP/1.0 is spoken", count(old, 200) == 1 and "Connection: close" in old, old)
    loop = say(port, get(more="Via: 1.1 " + ", 1.1 ".join(f"overlay-{n}" for n in range(8)) + "\r\n"))
    case("requests that go in circles get 508", count(loop, 508) == 1, loop)
    junk = say(port, "\x00\x01\x02\x03\r\n\r\n")
    case("junk gets 400", count(junk, 400) == 1, junk)
    bob = say(port, "OPTIONS * HTTP/1.1\r\nHost: web.a.overlay\r\nConnection: close\r\n\r\n")
    case("OPTIONS * arrives as such", '"path": "*"' in bob, bob)


def port_cases(port):
    guard_cases(port, f"127.0.0.1:{port}")
    for host in ("evil.example", "127.0.0.1.evil.example", "a.overlay.evil.example", "b.overlay",
                 "user@127.0.0.1", "192.0.2.1", ""):
        got = say(port, get("/evil-host", host))
        case(f"refused: the Host '{host}'", count(got, 421) == 1, got)
    for host in ("a.overlay", "WEB.a.Overlay.localhost:7777", "localhost:1", "[::1]", "127.0.0.1",
                 "a.overlay."):
        got = say(port, get("/good-host", host, "Connection: close\r\n"))
        case(f"passed: the Host '{host}'", count(got, 200) == 1, got)
    for origin in ("null", "http://localhost:3000", f"http://127.0.0.1:{port + 1}", "http://b.overlay",
                   "https://evil.example", f"http://127.0.0.1:{port}.evil.example"):
        got = say(port, get("/evil-origin", "127.0.0.1", f"Origin: {origin}\r\n"))
        case(f"refused: the Origin {origin}", count(got, 421) == 1, got)
    for origin in (f"http://127.0.0.1:{port}", f"http://localhost:{port}",
                   "http://web.a.overlay.localhost:7777"):
        got = say(port, get("/good-origin", "127.0.0.1", f"Origin: {origin}\r\nConnection: close\r\n"))
        case(f"passed: the Origin {origin}", count(got, 200) == 1, got)


if __name__ == "__main__":
    number = int(sys.argv[2])
    if sys.argv[1] == "serve":
        Server(("127.0.0.1", number), Service).serve_forever()
    elif sys.argv[1] == "proxy":
        proxy_cases(number)
    else:
        port_cases(number)
    sys.exit(1 if FAILED else 0)
