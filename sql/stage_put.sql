INSERT OR REPLACE INTO _lf_stage(txn, part, payload) VALUES (?1, CAST(?2 AS INTEGER), ?3)
