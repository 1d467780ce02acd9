trigger
a
t
CREATE TRIGGER a AFTER INSERT ON t /*lf<*/WHEN (SELECT value FROM _lf_state WHERE key='replaying')=0 /*>lf*/BEGIN SELECT 1; END