UPDATE _lf_commit SET source=iif(?2='' OR CAST(substr(source,2) AS INTEGER)+CAST(?2 AS INTEGER)=total_changes(), ?1, NULL) WHERE seq=(SELECT max(seq) FROM _lf_commit)
