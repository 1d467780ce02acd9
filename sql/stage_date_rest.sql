INSERT OR IGNORE INTO _lf_stage(txn, part, payload) SELECT DISTINCT txn, -1, unixepoch() FROM _lf_stage
