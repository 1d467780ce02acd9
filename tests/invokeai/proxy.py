"""A reverse proxy on loopback that counts what passes through it.

In: the base URL of a cloud. Out: a base URL to use instead, and in order the bodies of all requests and what each
asked for (`PUT /path`). Answers go back as they came. The host stays the proxy's, since S3's signatures cover it.
`fail` lets a fault answer in the cloud's place, before a request's body is read: with a status, or `RESET`.
"""

import re
import socket
import struct
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

RESET = -1


class CountingProxy:
    def __init__(self, base: str):
        upstream = urlsplit(base)
        self.requests: list[bytes] = []
        self.asked: list[str] = []
        self.mend()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(upstream.netloc))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}{upstream.path}"

    def _handler(proxy, netloc: str):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            upstream = None

            def answer(self):
                asked = f"{self.command} {self.path}"
                status = proxy.fault(asked)
                if status is None:
                    self.forward(asked)
                else:
                    self.fail(status)

            def fail(self, status: int):
                self.close_connection = True
                if status == RESET:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def forward(self, asked: str):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                proxy.requests.append(body)
                proxy.asked.append(asked)
                if self.upstream is None:
                    self.upstream = HTTPConnection(netloc, timeout=60)
                self.upstream.request(self.command, self.path, body, dict(self.headers.items()))
                answer = self.upstream.getresponse()
                payload = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                        self.send_header(name, value)
                length = answer.headers.get("content-length") if self.command == "HEAD" else len(payload)
                self.send_header("content-length", str(length or 0))
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        return Handler

    def fail(self, fault, what: str = "", times: int = 1_000_000):
        """Lets `fault()` answer the next requests that ask for `what`, a regular expression; `None` lets one pass."""
        turns = iter(range(times))
        self.fault = lambda asked: fault() if re.match(what, asked) and next(turns, None) is not None else None

    def mend(self):
        self.fault = lambda asked: None

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
