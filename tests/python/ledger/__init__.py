"""A ledger run: random transactions of several processes on one database, while everything goes wrong that can.

Each transaction writes its name into the table `ledger`, so D1 itself says which ones it has, and in which order. At the end of each
round the writers stand still, and must agree: every transaction that was acknowledged is there once, none that was reported as failed
is, and all replicas and D1 hold exactly what SQLite has when it runs these transactions one after the other.

- `transactions`: what a transaction does, the same wherever it is run.
- `writer`: a process that runs them.
- `faults`: a relay that does to requests what a network and a cloud can do.
- `run`: starts, kills, edits, restores, and checks. `python -m ledger` is the command (`scripts/ledger`).
"""
