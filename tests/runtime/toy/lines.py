"""A small service with two endpoints: what comes in is sent back, in capitals at the second one."""

from __future__ import annotations

import os
import selectors
import socket


def listen(port: str) -> socket.socket:
    return socket.create_server((os.environ["HOST"], int(port)))


def main() -> None:
    usual, loud = listen(os.environ["PORT"]), listen(os.environ["LOUD_PORT"])
    selector = selectors.DefaultSelector()
    selector.register(usual, selectors.EVENT_READ, bytes)
    selector.register(loud, selectors.EVENT_READ, bytes.upper)
    while True:
        for key, _ in selector.select():
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            if sock in (usual, loud):
                selector.register(sock.accept()[0], selectors.EVENT_READ, key.data)
            elif data := sock.recv(4096):
                sock.sendall(key.data(data))
            else:
                selector.unregister(sock)
                sock.close()


if __name__ == "__main__":
    main()
