-- The fence. ?1: the seq this commit builds on. When D1 is elsewhere, the row collides with the newest one (UNIQUE), or with the
-- CHECK when the log was emptied, and the whole batch is refused.
INSERT INTO _lf_commit(seq, txn, at, source, changes)
SELECT CASE newest WHEN CAST(?1 AS INTEGER) THEN newest + 1 ELSE newest END, ?2, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), ?3, ?4
FROM (SELECT coalesce(max(seq), 0) AS newest FROM _lf_commit)
