INSERT INTO _lf_state(key, value) SELECT NULL, 0 FROM _lf_present WHERE hex(schema)<>?1
