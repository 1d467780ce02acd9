INSERT OR REPLACE INTO _lf_process(id, source, place, seen, wrote, alone) VALUES (?1, ?2, ?3, unixepoch('subsec'), CASE ?4 WHEN 'reads' THEN 0 ELSE unixepoch('subsec') END, ?4<>'polite')
