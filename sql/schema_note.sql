INSERT OR REPLACE INTO _lf_state(key, value) SELECT 'schema', schema FROM _lf_present
