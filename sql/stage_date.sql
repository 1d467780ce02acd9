INSERT OR REPLACE INTO _lf_stage(txn, part, payload) VALUES (?1, -1, unixepoch())
