DELETE FROM _lf_stage WHERE txn=?1
