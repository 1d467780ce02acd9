INSERT INTO _lf_stage(txn, part, payload) SELECT ?1, NULL, '' WHERE ?2<>(SELECT count(*)||' '||coalesce(sum(octet_length(payload)),0) FROM _lf_stage WHERE txn=?1 AND part>=0)
