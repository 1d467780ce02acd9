"""A relay that does to a share of all requests what networks and clouds can do: it loses, doubles and delays them, and answers what is
not true of them. In: a seed and a share. Out: a base URL, and how often each fault came.
"""

import json
import random
import threading
from collections import Counter

from support.relay import Answer, Relay, Request


def says(status: int, code: int, message: str) -> Answer:
    body = {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None}
    return Answer(status, [("content-type", "application/json")], json.dumps(body).encode())


# What D1 says of a request that it may have applied or not.
UNKNOWN = [
    says(429, 7429, "D1 DB storage operation exceeded timeout which caused object to be reset."),
    says(500, 7500, "Network connection lost."),
    says(500, 7500, "internal error; reference = 0123456789abcdef"),
    Answer(502, [("content-type", "text/html")], b"<html><title>502 Bad Gateway</title></html>"),
]
# What it says of one that it has not.
NOT_APPLIED = [says(429, 10429, "More than 1200 requests per 300 seconds reached"), Answer(503, [], b"")]


class Faults(Relay):
    def __init__(self, base: str, seed: int, share: float):
        super().__init__(base)
        self.share = share
        self.counts = Counter()
        self._rng = random.Random(f"faults/{seed}")
        self._turn = threading.Lock()
        self._late: list[threading.Timer] = []

    def exchange(self, request: Request, body: bytes) -> Answer:
        with self._turn:
            faults = [self.lose_request, self.lose_answer, self.double, self.come_late, self.lie_after, self.lie_before, self.refuse]
            fault = self._rng.choice(faults) if self._rng.random() < self.share else None
            kind = self._rng.randrange(10**6)
            wait = self._rng.uniform(0.005, 1.5)
        if fault is None:
            return self.ask(request, body)
        self.counts[fault.__name__] += 1
        return fault(request, body, kind, wait)

    def lose_request(self, request, body, kind, wait):
        raise ConnectionResetError

    def lose_answer(self, request, body, kind, wait):
        self.ask(request, body)
        raise ConnectionResetError

    def double(self, request, body, kind, wait):
        """It is delivered twice, and the second answer comes back."""
        self.ask(request, body)
        return self.ask(request, body)

    def come_late(self, request, body, kind, wait):
        """The connection ends, and the request arrives later."""
        late = threading.Timer(wait, self.arrive, (request, body))
        with self._turn:
            self._late = [timer for timer in self._late if timer.is_alive()] + [late]
        late.start()
        raise ConnectionResetError

    def arrive(self, request, body):
        self._count(1)
        try:
            self.ask(request, body)
        except OSError:
            self.counts["delayed and lost"] += 1
        finally:
            self._count(-1)

    def lie_after(self, request, body, kind, wait):
        """It was applied, and the answer says that something went wrong."""
        self.ask(request, body)
        return UNKNOWN[kind % len(UNKNOWN)]

    def lie_before(self, request, body, kind, wait):
        return UNKNOWN[kind % len(UNKNOWN)]

    def refuse(self, request, body, kind, wait):
        return NOT_APPLIED[kind % len(NOT_APPLIED)]

    def settle(self):
        """Waits until nothing is on its way any more."""
        with self._turn:
            late = list(self._late)
        for timer in late:
            timer.join()
        self.wait_until_idle()
