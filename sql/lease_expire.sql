DELETE FROM _lf_lease WHERE until<unixepoch()-60
