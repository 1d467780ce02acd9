SELECT name FROM sqlite_schema WHERE name IN ('_lf_commit','_lf_state')
