DELETE FROM _lf_process WHERE id IN (SELECT value FROM json_each(?1))
