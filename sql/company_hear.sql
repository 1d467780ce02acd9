UPDATE _lf_process SET alone=0 WHERE id=?1 AND EXISTS (SELECT 1 FROM _lf_lease WHERE process<>?1 AND until>unixepoch('subsec')) RETURNING 1
