"""python -m lab.engines.board.server PORT"""

from __future__ import annotations

import socketserver
import sys

notes: list[bytes] = []


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            verb, _, note = line.strip().partition(b" ")
            if verb == b"PIN":
                notes.append(note)
            elif verb == b"CLEAR":
                notes.clear()
            self.wfile.write(b"%d\n" % len(notes))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
