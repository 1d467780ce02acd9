INSERT INTO _lf_state(key, value) SELECT NULL, 0 FROM _lf_state WHERE key='format';
CREATE TABLE _lf_log AS SELECT seq, txn, at, replace(source, '/', ':') AS source, changes FROM _lf_commit WHERE seq>(SELECT max(seq) FROM _lf_commit)-1000;
DROP TABLE _lf_commit;
