"""A network between an application and its cloud: it counts queries, can be down, can hold a request at a given moment, and can
break off an answer.

In: the base URL of a cloud. Out: a base URL to use instead. `REQUEST` is the moment in which a request has left the application and
the cloud knows nothing of it; `ANSWER` the one in which the cloud has done it and the application knows nothing of that.
"""

import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

REQUEST, ANSWER = "request", "answer"
PATIENCE = 30  # seconds after which a test that waits for a moment has failed


class Hold:
    """The next request that contains `needle` is held at `moment`, until `release` or `drop`."""

    def __init__(self, moment, needle):
        self.moment, self.needle = moment, needle.encode()
        self.reached, self._decided, self._goes_on = threading.Event(), threading.Event(), False

    def wait(self):
        assert self.reached.wait(PATIENCE), f"no {self.moment} with {self.needle!r} came"

    def release(self):
        self._goes_on = True
        self._decided.set()

    def drop(self):
        """Lets what is held get lost."""
        self._decided.set()

    def passes(self):
        self.reached.set()
        self._decided.wait(PATIENCE)
        return self._goes_on


class Network:
    def __init__(self, base: str):
        upstream = urlsplit(base)
        self.requests: list[bytes] = []
        self.answers: list[int] = []  # bytes of each answer that went to the application
        self._cuts: list[tuple[bytes, int]] = []
        self.is_down = False
        self._holds: list[Hold] = []
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._busy = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(upstream.netloc))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}{upstream.path}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self._lock:
            for hold in self._holds:
                hold.drop()
        self._server.shutdown()
        self._server.server_close()

    def hold(self, moment, needle="") -> Hold:
        hold = Hold(moment, needle)
        with self._lock:
            self._holds.append(hold)
        return hold

    def cut(self, needle, after, openly=True):
        """The answer to the next request that contains `needle` breaks off after so many bytes; or looks as if that were all."""
        with self._lock:
            self._cuts.append((needle.encode(), after, openly))

    def _lengths(self, body, payload):
        """Of the answer as it is announced, and as it comes."""
        with self._lock:
            cut = next((cut for cut in self._cuts if cut[0] in body), None)
            if cut:
                self._cuts.remove(cut)
        _, length, openly = cut or (None, len(payload), True)
        return len(payload) if openly else length, length

    def wait_until_idle(self):
        """No request is under way any more: what a killed application had sent is done, or lost."""
        with self._idle:
            assert self._idle.wait_for(lambda: self._busy == 0, PATIENCE)

    def _passes(self, moment, body):
        with self._lock:
            hold = next((hold for hold in self._holds if hold.moment == moment and hold.needle in body), None)
            if hold:
                self._holds.remove(hold)
        return hold is None or hold.passes()

    def _handler(network, netloc: str):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def forward(self):
                with network._lock:
                    network._busy += 1
                try:
                    self.exchange()
                except OSError:  # the application was killed
                    self.close_connection = True
                finally:
                    with network._idle:
                        network._busy -= 1
                        network._idle.notify_all()

            def exchange(self):
                length = int(self.headers.get("content-length", 0))
                body = self.rfile.read(length)
                network.requests.append(body)
                if network.is_down or len(body) < length or not network._passes(REQUEST, body):
                    self.close_connection = True
                    return
                # A connection for each request: a cloud that closed an idle one must not look like a fault.
                upstream = HTTPConnection(netloc, timeout=60)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                upstream.request(self.command, self.path, body, headers)
                answer = upstream.getresponse()
                payload = answer.read()
                upstream.close()
                if not network._passes(ANSWER, body):
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                self.send_header("content-type", "application/json")
                announced, length = network._lengths(body, payload)
                self.send_header("content-length", str(announced))
                self.end_headers()
                self.wfile.write(payload[:length])
                network.answers.append(length)
                self.close_connection |= length < announced

            do_GET = do_POST = forward

            def log_message(self, *_):
                pass

        return Handler
