DELETE FROM _lf_lease WHERE process=?1
