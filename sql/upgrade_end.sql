INSERT INTO _lf_commit(seq, txn, at, source, changes) SELECT seq, txn, at, source, changes FROM _lf_log;
DROP TABLE _lf_log;
INSERT INTO _lf_state(key, value) VALUES ('format', 2);
