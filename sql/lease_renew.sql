UPDATE _lf_lease SET until=unixepoch('subsec')+3 WHERE process=?1
