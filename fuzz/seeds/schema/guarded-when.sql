trigger
a
t
CREATE TRIGGER a AFTER INSERT ON t WHEN/*lf<*/ coalesce((SELECT substr(source,1,1) FROM _lf_commit ORDER BY seq DESC LIMIT 1),'')<>'#' AND (/*>lf*/ NEW.x>1 /*lf<*/)/*>lf*/BEGIN SELECT 1; END