SELECT key,CAST(value AS TEXT) FROM _lf_state WHERE key<>'schema'
