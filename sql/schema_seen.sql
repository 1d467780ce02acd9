SELECT (SELECT schema FROM _lf_present) IS (SELECT value FROM _lf_state WHERE key='schema') AS seen
