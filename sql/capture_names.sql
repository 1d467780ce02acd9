SELECT name FROM sqlite_schema WHERE type='trigger' AND substr(name,1,8)='_lf_cdc_'
