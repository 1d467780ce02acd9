trigger
a
t
CREATE TRIGGER a AFTER INSERT ON t WHEN/*lf<*/ (SELECT value FROM _lf_state WHERE key='replaying')=0 AND (/*>lf*/ NEW.x>1 /*lf<*/)/*>lf*/BEGIN SELECT 1; END