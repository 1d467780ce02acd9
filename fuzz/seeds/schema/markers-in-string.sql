trigger
a
t
CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT '/*lf<*/'; SELECT '/*>lf*/; END; ATTACH ''x'' AS y; --'; END