SELECT hex(schema) FROM _lf_present WHERE schema IS NOT (SELECT value FROM _lf_state WHERE key='schema')
