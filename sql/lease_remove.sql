DELETE FROM _lf_lease WHERE process IN (SELECT value FROM json_each(?1))
