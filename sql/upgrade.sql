-- A database of format 1 (0.1.0) becomes one of format 2, unless somebody has done that meanwhile (NOT NULL). The log loses an index, and its
-- sources a letter by which those of 0.1.0 are known from then on.
INSERT INTO _lf_state(key, value) SELECT NULL, 0 FROM _lf_state WHERE key='format';
CREATE TABLE _lf_log AS SELECT seq, txn, at, replace(source, '/', ':') AS source, changes FROM _lf_commit WHERE seq>(SELECT max(seq) FROM _lf_commit)-1000;
DROP TABLE _lf_commit;
