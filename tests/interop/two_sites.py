#!/usr/bin/env python3
"""The web site of a peer, for a browser that visits two of them.

    two_sites.py PORT OTHER      serves on 127.0.0.1; OTHER is the other site's origin

The visit goes from /login of the one to /attack of the other and back to /show. Prints a line for
every request: its path, what the browser says of who asks, and the names of the cookies.
"""
import http.server
import sys
import time

PORT, OTHER = int(sys.argv[1]), sys.argv[2]

PAGES = {
    "/login": f"""<!doctype html><img src=/slow.png alt=""><script>location = "{OTHER}/attack"</script>""",
    "/attack": f"""<!doctype html><img src=/slow.png alt="">
<img src="{OTHER}/blind-image" alt="">
<img src="{OTHER}/blind-nameless" referrerpolicy=no-referrer alt="">
<iframe src="{OTHER}/blind-frame"></iframe>
<script src="{OTHER}/blind-script"></script>
<script>
const blind = {{mode: "no-cors", credentials: "include"}};
Promise.allSettled([
  fetch("{OTHER}/blind-fetch", blind),
  fetch("{OTHER}/blind-post", {{...blind, method: "POST", body: "x"}}),
  fetch("/own-fetch"),
]).then(() => location = "{OTHER}/show");
</script>""",
}
COOKIES = {
    "/login": ["strict=secret; SameSite=Strict; HttpOnly"],
    "/attack": ["own=1", "spread=1; Domain=overlay.localhost"],
}


class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        cookies = [c.split("=")[0].strip() for c in self.headers.get("Cookie", "").split(";")]
        line = (f"ASKED {self.path} by {self.headers.get('Sec-Fetch-Site', 'nobody says')}"
                f" cookies={','.join(sorted(cookies))}.")
        print(line, flush=True)
        if self.path == "/slow.png":  # the page counts as loaded only then
            time.sleep(3)
        body = PAGES.get(self.path, f"<!doctype html><p>{line}").encode()
        self.send_response(200)
        for cookie in COOKIES.get(self.path, []):
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Site).serve_forever()
