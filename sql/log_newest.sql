SELECT CAST(coalesce(max(seq),0) AS TEXT) FROM _lf_commit
