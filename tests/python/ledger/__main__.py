"""`scripts/ledger`: a long ledger run on `liteflare dev`, and its figures."""

import argparse
import json
import tempfile
import time
from pathlib import Path

from ledger.run import Plan, Run
from support import clouds


def main():
    parser = argparse.ArgumentParser(prog="scripts/ledger", description=__doc__)
    parser.add_argument("--transactions", type=int, default=100_000)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--rounds", type=int, help="how often everything is compared (default: every 2,000 transactions)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    parser.add_argument("--faults", type=float, default=0.05, help="share of requests (default: 0.05)")
    parser.add_argument("--kills", type=int, default=3, help="a round (default: 3)")
    parser.add_argument("--edits", type=int, default=5, help="changes by hand, a round (default: 5)")
    parser.add_argument("--no-restores", action="store_true", help="D1 is never set back (default: every second round)")
    parser.add_argument("--cloud", choices=["embedded", "workerd"], default="embedded")
    options = parser.parse_args()
    rounds = options.rounds or max(options.transactions // 2000, 1)
    plan = Plan(options.seed, options.transactions, options.writers, rounds, options.faults, options.kills, options.edits)
    plan.restores = not options.no_restores
    print(f"seed {plan.seed}: {plan.transactions} transactions, {plan.writers} writers, {rounds} rounds", flush=True)
    with tempfile.TemporaryDirectory(prefix="liteflare-ledger-") as name:
        folder = Path(name)
        cloud = clouds.start(options.cloud, folder)
        try:
            settings = cloud.database()
            started = time.monotonic()
            report = Run(plan, settings, folder, cloud.file_of(settings)).go()
            print(json.dumps({**report, "seconds": round(time.monotonic() - started)}, indent=2))
        finally:
            cloud.stop()


if __name__ == "__main__":
    main()
