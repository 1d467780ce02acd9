SELECT CAST(seq AS TEXT),changes FROM _lf_commit WHERE seq>CAST(?1 AS INTEGER) ORDER BY seq
