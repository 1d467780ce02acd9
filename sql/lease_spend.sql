UPDATE _lf_lease SET turns=max(turns-1, 1), until=unixepoch('subsec')+3 WHERE process=?1
