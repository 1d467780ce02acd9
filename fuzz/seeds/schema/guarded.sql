trigger
a
t
CREATE TRIGGER a AFTER INSERT ON t /*lf<*/WHEN coalesce((SELECT substr(source,1,1) FROM _lf_commit ORDER BY seq DESC LIMIT 1),'')<>'#' /*>lf*/BEGIN SELECT 1; END