SELECT CAST(seq AS TEXT),CAST((SELECT max(seq) FROM _lf_commit) AS TEXT) AS newest FROM _lf_commit WHERE txn=?1 AND seq=CAST(?2 AS INTEGER)
