-- A change that did not come from a replica: it takes the next seq, whatever that is, and names no rows.
INSERT INTO _lf_commit(seq, txn, at, source, changes)
SELECT coalesce(max(seq), 0) + 1, ?1, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), ?2, '{"all":true}' FROM _lf_commit
