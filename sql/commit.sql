-- The fence. ?1 and ?2: seq and txn of the commit this one builds on. When the newest one is another, the row collides with it (UNIQUE),
-- or with the CHECK when the log was emptied, and the whole batch is refused.
INSERT INTO _lf_commit(seq, txn, at, source, changes)
SELECT CASE WHEN newest=CAST(?1 AS INTEGER) AND id=?2 THEN newest + 1 ELSE newest END, ?3, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), ?4, ?5
FROM (SELECT coalesce(max(seq), 0) AS newest, coalesce(txn, '') AS id FROM _lf_commit)
