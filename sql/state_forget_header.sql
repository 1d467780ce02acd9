DELETE FROM _lf_state WHERE key IN ('user_version','application_id','encoding')
