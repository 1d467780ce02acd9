-- The fence. ?1 and ?2: seq and txn of the commit this one builds on. When the newest one is another, or somebody has changed the schema
-- since liteflare last looked after it, the row collides with the newest (UNIQUE), or with the CHECK when the log was emptied, and the
-- whole batch is refused. Until the batch's end the row says how many changes this connection had made before it.
INSERT INTO _lf_commit(seq, txn, at, source, changes)
SELECT CASE WHEN newest=CAST(?1 AS INTEGER) AND id=?2 AND (SELECT schema FROM _lf_present) IS (SELECT value FROM _lf_state WHERE key='schema') THEN newest + 1 ELSE newest END, ?3, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), '#'||total_changes(), ?4
FROM (SELECT coalesce(max(seq), 0) AS newest, coalesce(txn, '') AS id FROM _lf_commit)
