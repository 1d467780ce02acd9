DELETE FROM _lf_stage WHERE txn IN (SELECT txn FROM _lf_stage WHERE part=-1 AND CAST(payload AS INTEGER)<unixepoch()-86400)
