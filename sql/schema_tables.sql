SELECT name FROM sqlite_schema WHERE type='table' AND substr(name,1,4) NOT IN ('_cf_','_lf_') AND substr(name,1,7)<>'sqlite_' ORDER BY name
