SELECT CAST(coalesce(max(seq),0) AS TEXT),coalesce(txn,'') FROM _lf_commit
