SELECT id, place, CAST(unixepoch('subsec')-wrote AS INTEGER) FROM _lf_process WHERE id<>?1 AND seen>unixepoch()-180
