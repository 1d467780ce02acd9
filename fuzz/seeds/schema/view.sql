view
v2
v2
CREATE VIEW v2(a,b) AS WITH x AS (SELECT 1) SELECT a, count(*) FROM t JOIN x GROUP BY 1 -- end