INSERT OR REPLACE INTO _lf_state(key, value) VALUES ('importing', 1)
