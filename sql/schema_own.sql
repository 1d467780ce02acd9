SELECT name, sql FROM sqlite_schema WHERE type='table' AND substr(name,1,4)='_lf_' AND substr(name,1,11)<>'_lf_doctor_' ORDER BY name
