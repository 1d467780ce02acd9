DELETE FROM _lf_process WHERE seen<unixepoch()-180
