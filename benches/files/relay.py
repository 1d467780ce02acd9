"""A relay on loopback that lets whatever the cloud answers come later: a round trip."""

import queue
import socket
import threading
import time
from urllib.parse import urlsplit


def start(url: str, seconds: float) -> str:
    """The URL to use instead."""
    if seconds == 0:
        return url
    cloud = urlsplit(url)
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    threading.Thread(target=serve, args=[listener, (cloud.hostname, cloud.port), seconds], daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}{cloud.path}"


def serve(listener: socket.socket, cloud: tuple, seconds: float):
    while True:
        client, _ = listener.accept()
        upstream = socket.create_connection(cloud)
        for end in (client, upstream):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        late: queue.Queue = queue.Queue()
        for target, arguments in ((copy, (client, upstream)), (read, (upstream, late, seconds)), (write, (late, client))):
            threading.Thread(target=target, args=arguments, daemon=True).start()


def copy(source: socket.socket, target: socket.socket):
    try:
        while data := source.recv(1 << 18):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one end has gone; the other notices


def read(source: socket.socket, late: queue.Queue, seconds: float):
    data = b"-"
    while data:
        try:
            data = source.recv(1 << 18)
        except OSError:
            data = b""
        late.put((time.monotonic() + seconds, data))


def write(late: queue.Queue, target: socket.socket):
    while True:
        due, data = late.get()
        time.sleep(max(0, due - time.monotonic()))
        try:
            if not data:
                return target.close()
            target.sendall(data)
        except OSError:
            return
