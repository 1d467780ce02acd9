SELECT type,name,tbl_name,sql FROM sqlite_schema WHERE sql IS NOT NULL AND substr(name,1,4) NOT IN ('_cf_','_lf_') AND substr(name,1,7)<>'sqlite_' ORDER BY rowid
