#!/usr/bin/env python3
"""A peer's web site that puts a browser to the test.

    browser_site.py PORT NAME [WITNESS]   serves on 127.0.0.1; WITNESS: a file for a line per request

    /            does what pages do, and writes what came of it into itself; "done" is the last line
    /hostile?a=URL&b=URL..   tries to read each and to send something to each, and writes what came of it
    /open        anybody's to read (Access-Control-Allow-Origin: *), as a careless local service is
"""
import base64
import hashlib
import http.server
import os
import struct
import sys
import threading

PORT, NAME = int(sys.argv[1]), sys.argv[2]
WITNESS = sys.argv[3] if len(sys.argv) > 3 else None
BIG = 64 << 20
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

PAGE = """<!doctype html><meta charset=utf-8><title>NAME</title><h1>NAME</h1><pre id=out></pre>
<script>
const out = document.getElementById("out");
function note(what, came) { out.append(`${what}: ${came}\\n`); }
function socket() {
  return new Promise(resolve => {
    const ws = new WebSocket(location.origin.replace(/^http/, "ws") + "/ws");
    ws.onmessage = e => { resolve(e.data); ws.close(); };
    ws.onerror = () => resolve("refused");
    ws.onopen = () => ws.send("hello");
  });
}
// Every word follows from the one before: one lost or changed byte is seen.
async function download() {
  const bytes = new Uint32Array(await (await fetch("/big")).arrayBuffer());
  let word = 1;
  for (let i = 0; i < bytes.length; i++) {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
    if (bytes[i] !== word) return `wrong at ${i * 4}`;
  }
  return `${bytes.length * 4} bytes right`;
}
async function worker() {
  if (!navigator.serviceWorker) return "none here";
  await navigator.serviceWorker.register("/worker.js");
  const frame = document.createElement("iframe");
  await navigator.serviceWorker.ready;
  frame.src = "/by-worker";
  await new Promise(resolve => { frame.onload = resolve; document.body.append(frame); });
  return frame.contentDocument.body.textContent;
}
(async () => {
  note("secure", isSecureContext);
  note("socket", await socket());
  note("download", await download());
  note("worker", await worker().catch(e => e.name));
  note("done", "all");
})();
</script>""".replace("NAME", NAME)

HOSTILE = """<!doctype html><meta charset=utf-8><title>hostile</title><pre id=out></pre>
<script>
const out = document.getElementById("out");
async function attempt(url, options) {
  const stop = new AbortController(), timer = setTimeout(() => stop.abort(), 4000);
  try {
    const answer = await fetch(url, {...options, signal: stop.signal, cache: "no-store"});
    if (answer.type === "opaque") return "sent";
    return answer.ok ? "read" : `status ${answer.status}`;
  } catch (e) { return e.name === "AbortError" ? "held" : "refused"; } finally { clearTimeout(timer); }
}
(async () => {
  for (const [name, url] of new URLSearchParams(location.search)) {
    out.append(`${name} get: ${await attempt(url, {})}\\n`);
    out.append(`${name} post: ${await attempt(url, {method: "POST", mode: "no-cors", body: "x"})}\\n`);
  }
  out.append("done: all\\n");
})();
</script>"""

WORKER = b"""addEventListener("install", () => skipWaiting());
addEventListener("activate", e => e.waitUntil(clients.claim()));
addEventListener("fetch", e => {
  if (new URL(e.request.url).pathname === "/by-worker")
    e.respondWith(new Response("answers", {headers: {"Content-Type": "text/plain"}}));
});"""


def big():
    word = 1
    for _ in range(BIG // 4 // 65536):
        words = []
        for _ in range(65536):
            word = (word * 1664525 + 1013904223) & 0xffffffff
            words.append(word)
        yield struct.pack("<65536I", *words)


LOCK = threading.Lock()
CACHE = []


class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, kind, body, headers=()):
        self.send_response(200)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def echo(self):
        """One message of a WebSocket, which browsers send masked (RFC 6455 section 5.2)."""
        accept = base64.b64encode(hashlib.sha1((self.headers["Sec-WebSocket-Key"] + GUID).encode()).digest())
        self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        head = self.rfile.read(2)
        mask, data = self.rfile.read(4), self.rfile.read(head[1] & 0x7f)
        text = b"echo of " + bytes(c ^ mask[i % 4] for i, c in enumerate(data))
        self.wfile.write(bytes([0x81, len(text)]) + text)
        self.rfile.read(1)
        self.close_connection = True

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if WITNESS:
            with LOCK, open(WITNESS, "a", encoding="utf-8") as out:
                out.write(f"{self.command} {self.path} host={self.headers.get('Host')} "
                          f"origin={self.headers.get('Origin')}\n")
        path = self.path.split("?")[0]
        if path == "/ws":
            self.echo()
        elif path == "/big":
            with LOCK:
                if not CACHE:
                    CACHE.append(b"".join(big()))
            self.answer("application/octet-stream", CACHE[0])
        elif path == "/worker.js":
            self.answer("text/javascript", WORKER)
        elif path == "/hostile":
            self.answer("text/html", HOSTILE.encode())
        elif path == "/open":
            self.answer("text/plain", b"open to all", [("Access-Control-Allow-Origin", "*")])
        elif path == "/":
            self.answer("text/html", PAGE.encode())
        else:
            self.answer("text/plain", b"something")

    do_POST = do_GET

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


if WITNESS:
    with open(WITNESS, "a", encoding="utf-8"):
        os.chmod(WITNESS, 0o666)
Server(("127.0.0.1", PORT), Site).serve_forever()
