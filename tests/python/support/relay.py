"""A relay on loopback between a client and a cloud: it counts what passes, and can be what a cloud or a network must not be.

In: the base URL of a cloud, D1's or R2's. Out: a base URL to use instead. Requests go on as they came, since S3's signatures cover the
host; each answer comes back as it is, `delay` seconds later. Orders change that for the next requests that they select, at one of three
moments: `REQUEST`, it has left the client and the cloud knows nothing of it; the `MIDDLE` of its body; `ANSWER`, the cloud has done it
and the client knows nothing of that.
"""

import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

REQUEST, MIDDLE, ANSWER = "request", "middle", "answer"
# Faults. `RESET`, `CLOSE`, `STALL`: the cloud never hears of the request, and the client's connection is reset, or closed, or silent
# until the client gives up. `LOST`: it is done, and the answer gets lost. `HALF`: the cloud gets half of the request.
RESET, CLOSE, STALL, LOST, HALF = "reset", "close", "stall", "lost", "half"
ALWAYS = 1_000_000  # requests
LIMIT = 60  # seconds after which what a test waits for does not come any more
HOP_BY_HOP = {"connection", "content-length", "expect", "keep-alive", "transfer-encoding"}


@dataclass
class Request:
    method: str
    path: str
    headers: list[tuple[str, str]]
    size: int  # of the body, in bytes

    @property
    def operation(self) -> str:
        """What R2 charges for it, as `src/r2/operation.rs` has it."""
        query = {pair.split("=")[0] for pair in urlsplit(self.path).query.split("&")}
        if self.method == "PUT" and any(name.lower() == "x-amz-copy-source" for name, _ in self.headers):
            return "copy"
        if self.method == "DELETE" or (self.method == "POST" and "delete" in query):
            return "delete"
        if self.method == "GET" and {"list-type", "prefix", "uploads"} & query:
            return "list"
        return {"HEAD": "head", "GET": "get"}.get(self.method, "put")


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Cut:
    """What comes of an answer: so many bytes, after which it breaks off; or, not `openly`, looks as if they were all."""

    after: int
    openly: bool


@dataclass
class Order:
    """For `left` requests, after `skip` others. What `work` returns is a status or a fault for the client, or `None`: all goes on."""

    moment: str
    work: Callable
    asks: str = ""  # a regular expression, for `METHOD /path`
    operation: str | None = None
    body: str = ""  # must be in the body
    skip: int = 0
    left: int = 1

    def takes(self, request: Request, body: bytes) -> bool:
        """Whether the request is one of its; each that is counts."""
        if self.left == 0 or self.operation not in (None, request.operation) or self.body.encode() not in body:
            return False
        if not re.match(self.asks, f"{request.method} {request.path}"):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.left -= 1
        return True


@dataclass
class Hold:
    """Holds a request until `release` or `drop`."""

    what: str
    reached: threading.Event = field(default_factory=threading.Event)
    decided: threading.Event = field(default_factory=threading.Event)
    goes_on: bool = False

    def wait(self):
        assert self.reached.wait(LIMIT), f"{self.what} did not come"

    def release(self):
        self.goes_on = True
        self.decided.set()

    def drop(self):
        """Lets what is held get lost."""
        self.decided.set()

    def work(self):
        self.reached.set()
        self.decided.wait(LIMIT)
        return None if self.goes_on else CLOSE


class Relay:
    def __init__(self, base: str, delay: float = 0):
        upstream = urlsplit(base)
        self.netloc, self.delay = upstream.netloc, delay
        self.requests: list[Request] = []
        self.answers: list[int] = []  # bytes of each answer that went to the client
        self.is_down = False
        self.most_at_once = 0
        self._orders: list[Order] = []
        self._holds: list[Hold] = []
        self._at_once = 0
        self._idle = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # a client was killed between two requests
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}{upstream.path}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        for hold in self._holds:
            hold.drop()
        self._server.shutdown()
        self._server.server_close()

    @property
    def operations(self) -> Counter:
        return Counter(request.operation for request in self.requests)

    def fail(self, fault, asks: str = "", **which) -> Order:
        """The next requests meet a fault: a status, one of the names above, or whatever a function returns then."""
        moment, outcome = {LOST: (ANSWER, RESET), HALF: (MIDDLE, RESET)}.get(fault, (REQUEST, fault))
        work = outcome if callable(outcome) else lambda: outcome
        return self._order(moment, work, **{"asks": asks, "left": ALWAYS, **which})

    def call(self, moment: str, work: Callable, **which) -> Order:
        """Calls `work` when the next request is at its moment; in the `MIDDLE` of its body the request ends there."""
        return self._order(moment, work, **which)

    def hold(self, moment: str, body: str = "") -> Hold:
        hold = Hold(f"the {moment} of {body!r}")
        self._holds.append(hold)
        self._order(moment, hold.work, body=body)
        return hold

    def cut(self, body: str, after: int, openly: bool = True) -> Order:
        return self._order(ANSWER, lambda: Cut(after, openly), body=body)

    def mend(self):
        self._orders.clear()

    def wait_until_idle(self):
        """No request is under way any more: what a killed client had sent is done, or lost."""
        with self._idle:
            assert self._idle.wait_for(lambda: self._at_once == 0, LIMIT), "a request is still on its way"

    def exchange(self, request: Request, body: bytes) -> Answer:
        """For relays that change what is asked, or answered."""
        return self.ask(request, body)

    def ask(self, request: Request, body: bytes) -> Answer:
        """What the cloud says. On a connection of its own: a cloud that closed an idle one must not look like a fault."""
        connection = HTTPConnection(self.netloc, timeout=LIMIT)
        connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers:
            if name.lower() not in HOP_BY_HOP:
                connection.putheader(name, value)
        if body or request.method in ("POST", "PUT"):
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        found = Answer(answer.status, answer.getheaders(), answer.read())
        connection.close()
        return found

    def ask_half(self, request: Request, body: bytes, work: Callable):
        """The cloud gets the head of the request and what there is of its body, and then the connection ends."""
        head = [f"{request.method} {request.path} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers)]
        host, port = self.netloc.split(":")
        with socket.create_connection((host, int(port)), timeout=LIMIT) as upstream:
            upstream.sendall("\r\n".join([*head, "", ""]).encode() + body)
            work()

    def _order(self, moment: str, work: Callable, **which) -> Order:
        order = Order(moment, work, **which)
        with self._idle:
            self._orders.append(order)
        return order

    def _work(self, moment: str, request: Request, body: bytes = b"") -> Callable | None:
        with self._idle:
            works = (order.work for order in self._orders if order.moment == moment and order.takes(request, body))
            return next(works, None)

    def _count(self, difference: int):
        with self._idle:
            self._at_once += difference
            self.most_at_once = max(self.most_at_once, self._at_once)
            self._idle.notify_all()


def handler(relay: Relay) -> type:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_expect_100(self):
            time.sleep(relay.delay)
            return super().handle_expect_100()

        def forward(self):
            relay._count(1)
            try:
                self.exchange()
            except (OSError, HTTPException):  # the client was killed, or gave up
                self.close_connection = True
            finally:
                relay._count(-1)

        def exchange(self):
            length = int(self.headers.get("content-length", 0))
            request = Request(self.command, self.path, self.headers.items(), length)
            relay.requests.append(request)
            if work := relay._work(MIDDLE, request):
                relay.ask_half(request, self.rfile.read(length // 2), work)
                return self.refuse(RESET)
            body = self.rfile.read(length)
            if relay.is_down or len(body) < length:
                return self.refuse(CLOSE)
            # Chosen now: an order for what has been answered counts requests as they came.
            before, after = (relay._work(moment, request, body) for moment in (REQUEST, ANSWER))
            outcome = before() if before else None
            if outcome is not None:
                return self.refuse(outcome)
            answer = relay.exchange(request, body)
            outcome = after() if after else None
            if outcome is not None and not isinstance(outcome, Cut):
                return self.refuse(outcome)
            time.sleep(relay.delay)
            return self.answer(answer, outcome)

        def refuse(self, outcome):
            """In place of the cloud's answer."""
            if isinstance(outcome, int):
                body = b"<Error><Code>Told</Code><Message>to fail</Message></Error>"
                return self.answer(Answer(outcome, [("content-type", "application/xml")], body))
            if outcome == STALL:
                self.connection.settimeout(LIMIT)
                self.connection.recv(1)  # nothing comes: the client's end of the connection
            if outcome == RESET:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True

        def answer(self, answer: Answer, cut: Cut | None = None):
            body = answer.body[: cut.after] if cut else answer.body
            announced = len(answer.body) if cut and cut.openly else len(body)
            self.send_response_only(answer.status)
            for name, value in answer.headers:
                if name.lower() not in HOP_BY_HOP or (self.command == "HEAD" and name.lower() == "content-length"):
                    self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("content-length", str(announced))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
            relay.answers.append(len(body))
            self.close_connection |= len(body) < announced

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = forward

        def log_message(self, *_):
            pass

    return Handler
