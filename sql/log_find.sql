SELECT seq FROM _lf_commit WHERE txn=?1
