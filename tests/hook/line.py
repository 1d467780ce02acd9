"""The line between a program and its bucket: it counts what passes, by what R2 charges for it, and fails on command.

In: the base URL of an S3 endpoint. Out: one to use instead. Requests go on as they came, since S3's signatures cover the host.
"""

import socket
import struct
import threading
import time
from collections import Counter
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PATIENCE = 60  # seconds for which a stalled request waits for the client to give up


def operation(method, path, headers):
    """As `src/r2/operation.rs` has it."""
    query = [pair.split("=")[0] for pair in urlsplit(path).query.split("&")]
    if method == "PUT" and "x-amz-copy-source" in headers:
        return "copy"
    if method == "DELETE" or (method == "POST" and "delete" in query):
        return "delete"
    if method == "GET" and {"list-type", "prefix", "uploads"} & set(query):
        return "list"
    return {"HEAD": "head", "GET": "get"}.get(method, "put")


class Line:
    def __init__(self, base):
        upstream = urlsplit(base)
        self.asked = Counter()
        self.most_at_once = 0
        self._orders, self._now, self._lock = [], 0, threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(upstream.netloc))
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # a client was killed between two requests
        self._stopped = threading.Event()
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}{upstream.path}"

    def stop(self):
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def fail(self, fault, operation=None, path="", count=1000):
        """The next `count` requests of this kind, with this in their path, meet a fault: a status; `reset` and `stall`: R2 never hears of
        it; `lost`: it is done and the answer gets lost; `half`: R2 gets half of it."""
        self._orders.append([fault, operation, path, count])

    def call(self, moment, work, skip=0):
        """Calls `work` when one more request, after `skip` others, is at its moment: `before` R2 gets it, `after` R2 has answered, or in
        the `middle` of its body."""
        self._orders.append([(moment, work), None, "", -skip])

    def heal(self):
        self._orders.clear()

    def wait_until_idle(self):
        """What a killed program had sent is done, or lost."""
        deadline = time.monotonic() + PATIENCE
        while self._now:
            assert time.monotonic() < deadline, "a request is still on its way"
            time.sleep(0.01)

    def _fault(self, kind, path):
        with self._lock:
            for order in self._orders:
                fault, wanted, needle, left = order
                if isinstance(fault, tuple):
                    order[3] += 1
                    if left == 0:
                        return fault
                elif left > 0 and wanted in (None, kind) and needle in path:
                    order[3] -= 1
                    return fault
        return None

    def _handler(line, netloc):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            upstream = None

            def forward(self):
                kind = operation(self.command, self.path, self.headers)
                with line._lock:
                    line.asked[kind] += 1
                    line._now += 1
                    line.most_at_once = max(line.most_at_once, line._now)
                try:
                    self.exchange(line._fault(kind, self.path))
                except OSError:
                    self.close_connection = True  # the client was killed, or gave up
                finally:
                    with line._lock:
                        line._now -= 1

            def exchange(self, fault):
                length = int(self.headers.get("content-length", 0))
                moment, work = fault if isinstance(fault, tuple) else (fault, lambda: None)
                if moment in ("half", "middle"):
                    self.send_half(self.rfile.read(length // 2), work)
                    return self.reset()
                body = self.rfile.read(length)
                if len(body) < length or moment == "reset":
                    return self.reset()
                if moment == "before":
                    work()
                if moment == "stall":
                    line._stopped.wait(PATIENCE)
                    return self.reset()
                if isinstance(moment, int):
                    return self.answer(moment, [("content-type", "application/xml")], b"<Error><Code>Told</Code><Message>to fail</Message></Error>")
                status, headers, payload = self.ask(body)
                if moment == "after":
                    work()
                if moment == "lost":
                    return self.reset()
                self.answer(status, headers, payload)

            def ask(self, body):
                if self.upstream is None:
                    self.upstream = HTTPConnection(netloc, timeout=60)
                self.upstream.request(self.command, self.path, body, dict(self.headers.items()))
                answer = self.upstream.getresponse()
                return answer.status, answer.getheaders(), answer.read()

            def answer(self, status, headers, payload):
                self.send_response(status)
                length = str(len(payload))
                for name, value in headers:
                    if name.lower() == "content-length" and self.command == "HEAD":
                        length = value
                    elif name.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                        self.send_header(name, value)
                self.send_header("content-length", length)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(payload)

            def send_half(self, body, work):
                """R2 gets the head of the request and half of its body, and then the connection ends."""
                head = f"{self.command} {self.path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
                host, port = netloc.split(":")
                with socket.create_connection((host, int(port)), timeout=10) as upstream:
                    upstream.sendall(head.encode() + b"\r\n" + body)
                    work()

            def reset(self):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = forward

            def log_message(self, *_):
                pass

        return Handler
