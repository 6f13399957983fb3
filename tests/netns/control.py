"""The control socket of a running gateway, for the programs beside this file."""
import json
import socket
import sys


class Control:
    """A control socket, one request at a time."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.settimeout(30)
        self.lines = self.socket.makefile("rw")

    def ask(self, **request):
        self.lines.write(json.dumps(request) + "\n")
        self.lines.flush()
        while line := self.lines.readline():
            answer = json.loads(line)
            if "ok" in answer:
                return answer["result"]
            if "error" in answer:
                sys.exit(f"refused: {answer['error']}")
        sys.exit("the gateway is gone")

    def peer(self, identity):
        peers = self.ask(cmd="status")["peers"]
        return next((p for p in peers if p["id"] == identity), {})
