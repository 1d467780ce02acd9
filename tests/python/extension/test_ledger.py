"""Short ledger runs; `scripts/ledger` makes long ones."""

import json

import pytest

from ledger import run
from ledger.faults import Faults
from ledger.run import Plan, Run


def test_no_transaction_is_lost_doubled_or_half_done(cloud, tmp_path):
    plan = Plan(seed=11, transactions=400, writers=3, rounds=2, faults=0.1, kills=2, edits=6)
    report = Run(plan, settings := cloud.database(), tmp_path, cloud.file_of(settings)).go()
    assert report["kills"] == 4 and report["edits"] == 12 and report["restores"] == (1 if cloud.data else 0)
    assert report["done"] > 300 and min(report["faults"].values()) > 0 and len(report["faults"]) == 7, report


class Liar(Faults):
    """Says of a commit that it was done, and does not do it."""

    def __init__(self, *args):
        super().__init__(*args)
        self.answers, self.commits, self.has_lied = {}, 0, False

    def exchange(self, request, body):
        if b"INSERT INTO _lf_commit" not in body:
            return self.ask(request, body)
        self.commits += 1
        like = len(json.loads(body)["batch"])
        if self.commits > 20 and like in self.answers and not self.has_lied:
            self.has_lied = True
        else:
            self.answers[like] = self.ask(request, body)
        return self.answers[like]


@pytest.mark.any_cloud
def test_a_run_notices_an_acknowledgement_that_is_not_true(cloud, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "Faults", Liar)
    plan = Plan(seed=1, transactions=60, writers=1, rounds=1, kills=0, edits=0)
    with pytest.raises(AssertionError, match=r"acknowledged and not on D1: \('w0', \d+\)"):
        Run(plan, cloud.database(), tmp_path).go()
