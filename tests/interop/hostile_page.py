#!/usr/bin/env python3
"""The web site of a peer whose pages are after the gateway's own page.

    hostile_page.py PORT OWN     serves on 127.0.0.1; OWN is the origin of the status page

Its page tries what a page can try, and writes into itself what came of it.
"""
import http.server
import sys

PORT, OWN = int(sys.argv[1]), sys.argv[2]

PAGE = f"""<!doctype html><title>hostile</title><pre id=out></pre>
<script>
const own = "{OWN}";
function note(what, came) {{ document.getElementById("out").append(`${{what}}: ${{came}}\\n`); }}
async function attempt(what, url, options) {{
  try {{
    const answer = await fetch(own + url, options);
    note(what, answer.type === "opaque" ? "unseen" : "seen");
  }} catch {{ note(what, "refused"); }}
}}
</script>
<img src="{OWN}/icon.svg" onload="note('image', 'seen')" onerror="note('image', 'refused')" alt="">
<script src="{OWN}/status.js" onload="note('script', 'seen')" onerror="note('script', 'refused')"></script>
<iframe src="{OWN}/"></iframe>
<script>
const wish = JSON.stringify({{cmd: "invite"}});
addEventListener("load", async () => {{
  await attempt("events", "/events");
  await attempt("page", "/");
  await attempt("blind act", "/act", {{method: "POST", mode: "no-cors", credentials: "include", body: wish}});
  await attempt("act", "/act", {{method: "POST", body: wish, headers: {{"Content-Type": "application/json", "X-Overlay-Key": "x"}}}});
  await attempt("enter", "/enter", {{method: "POST", headers: {{"X-Overlay-Key": "x"}}}});
  try {{ note("frame", frames[0].document.body.innerText ? "seen" : "empty"); }} catch {{ note("frame", "refused"); }}
  note("all", "tried");
}});
</script>"""


class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = PAGE.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Site).serve_forever()
