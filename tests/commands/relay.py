"""A relay between a command and a cloud: it counts, and can be what a cloud or a network must not be.

In: a base URL. Out: a base URL to use instead. Bodies, and the headers that are signed, pass as they are.
"""

import json
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


class Relay:
    def __init__(self, base: str):
        upstream = urlsplit(base)
        self.netloc = upstream.netloc
        self.requests: list[tuple[str, str]] = []
        self.is_down = False
        self.date = None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}{upstream.path}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def ask(self, method, path, headers, body):
        """What the cloud says: status, headers and body."""
        connection = HTTPConnection(self.netloc, timeout=60)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            if name.lower() not in HOP:
                # The host is signed where there is a signature; a Worker is found by its own.
                connection.putheader(name, value)
        if body or method in ("POST", "PUT"):
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        found = answer.status, answer.getheaders(), answer.read()
        connection.close()
        return found

    def exchange(self, method, path, headers, body):
        return self.ask(method, path, headers, body)

    def _handler(relay):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def forward(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                relay.requests.append((self.command, self.path))
                if relay.is_down:
                    self.close_connection = True
                    return
                status, headers, payload = relay.exchange(self.command, self.path, self.headers.items(), body)
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in HOP | {"date"}:
                        self.send_header(name, value)
                date = relay.date or dict((name.lower(), value) for name, value in headers).get("date")
                if date:
                    self.send_header("date", date)
                if self.command != "HEAD":
                    self.send_header("content-length", str(len(payload)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(payload)

            do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = forward

            def log_message(self, *_):
                pass

        return Handler


class OneByOne(Relay):
    """Runs a batch's statements one after the other, each for itself: what a naive endpoint does."""

    def exchange(self, method, path, headers, body):
        batch = json.loads(body).get("batch") if method == "POST" and path.endswith("/raw") else None
        if not batch:
            return self.ask(method, path, headers, body)
        results = []
        for statement in batch:
            status, answer_headers, answer = self.ask(method, path, headers, json.dumps(statement).encode())
            answer = json.loads(answer)
            if not answer["success"]:
                break
            results += answer["result"]
            answer["result"] = results
        return status, answer_headers, json.dumps(answer).encode()


class AccountsToken(Relay):
    """Knows the token as an account's own, as Cloudflare does with those: at the account's place only."""

    def exchange(self, method, path, headers, body):
        if path.endswith("/user/tokens/verify"):
            refusal = {"success": False, "errors": [{"code": 1000, "message": "Invalid API Token"}], "messages": [], "result": None}
            return 401, [("content-type", "application/json")], json.dumps(refusal).encode()
        if "/accounts/" in path and path.endswith("/tokens/verify"):
            path = path.split("/accounts/")[0] + "/user/tokens/verify"
        return self.ask(method, path, headers, body)


class WithoutPragmas(Relay):
    """Takes a batch's pragmas for nothing."""

    def exchange(self, method, path, headers, body):
        if method == "POST":
            body = body.replace(b"PRAGMA defer_foreign_keys=", b"SELECT 1 AS n --")
        return self.ask(method, path, headers, body)


class ExpiredToken(Relay):
    """Says of the token what Cloudflare says after its end."""

    def exchange(self, method, path, headers, body):
        status, headers, answer = self.ask(method, path, headers, body)
        return status, headers, answer.replace(b'"active"', b'"expired"') if "verify" in path else answer
