"""Clouds that are not as Cloudflare's is: relays that change what is asked, or answered."""

import json
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from support.relay import Answer, Relay


class OneByOne(Relay):
    """Runs a batch's statements one after the other, each for itself: what a naive endpoint does."""

    def exchange(self, request, body):
        batch = json.loads(body).get("batch") if request.method == "POST" and request.path.endswith("/raw") else None
        if not batch:
            return self.ask(request, body)
        results = []
        for statement in batch:
            answer = self.ask(request, json.dumps(statement).encode())
            said = json.loads(answer.body)
            if not said["success"]:
                break
            results += said["result"]
            said["result"] = results
        return replace(answer, body=json.dumps(said).encode())


class AccountsToken(Relay):
    """Knows the token as an account's own, as Cloudflare does with those: at the account's place only."""

    def exchange(self, request, body):
        path = request.path
        if path.endswith("/user/tokens/verify"):
            errors = [{"code": 1000, "message": "Invalid API Token"}]
            refusal = {"success": False, "errors": errors, "messages": [], "result": None}
            return Answer(401, [("content-type", "application/json")], json.dumps(refusal).encode())
        if "/accounts/" in path and path.endswith("/tokens/verify"):
            request = replace(request, path=path.split("/accounts/")[0] + "/user/tokens/verify")
        return self.ask(request, body)


class WithoutPragmas(Relay):
    """Takes a batch's pragmas for nothing."""

    def exchange(self, request, body):
        if request.method == "POST":
            body = body.replace(b"PRAGMA defer_foreign_keys=", b"SELECT 1 AS n --")
        return self.ask(request, body)


class ExpiredToken(Relay):
    """Says of the token what Cloudflare says after its end."""

    def exchange(self, request, body):
        answer = self.ask(request, body)
        if "verify" in request.path:
            answer.body = answer.body.replace(b'"active"', b'"expired"')
        return answer


class WrongClock(Relay):
    """Says that it is `date`."""

    date = ""

    def exchange(self, request, body):
        answer = self.ask(request, body)
        answer.headers = [header for header in answer.headers if header[0].lower() != "date"] + [("date", self.date)]
        return answer


class MoreKeys(Relay):
    """Lists objects that no client of S3 has made: `keys`, as XML has them."""

    keys = ()

    def exchange(self, request, body):
        answer = self.ask(request, body)
        asked = parse_qs(urlsplit(request.path).query)
        if "list-type" in asked:
            wanted = [key for key in self.keys if key.startswith(asked.get("prefix", [""])[0])]
            entry = "<Contents><Key>{}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;0&quot;</ETag><Size>3</Size></Contents>"
            answer.body = answer.body.replace(b"</ListBucketResult>", "".join(map(entry.format, wanted)).encode() + b"</ListBucketResult>")
        return answer


class Refuses(Relay):
    """Says no to every query, in these words."""

    words = ""

    def exchange(self, request, body):
        refusal = {"success": False, "errors": [{"code": 7500, "message": self.words}], "messages": [], "result": None}
        return Answer(400, [("content-type", "application/json")], json.dumps(refusal).encode())
