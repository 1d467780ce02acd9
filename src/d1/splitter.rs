//! How D1's REST API takes a text apart before SQLite sees it (a Worker's binding does not): comments go, then the text is cut at each `;`
//! outside of quotes and of the bodies it recognises. What it cuts by mistake comes back as `incomplete input`. The rules are those that
//! `docs/D1.md` lists; they are narrower than SQL, so whoever writes a text asks [`is_kept_whole`] before sending it.

use std::borrow::Cow;

/// The statements that the API makes of a text.
pub(crate) fn pieces(sql: &str) -> Vec<Cow<'_, str>> {
    if !has_inner_semicolon(sql) {
        return vec![Cow::Borrowed(sql)];
    }
    let text = without_comments(sql);
    let found: Vec<_> = Scan::of(&text).map(str::to_owned).map(Cow::Owned).collect();
    if found.is_empty() { vec![Cow::Borrowed(sql)] } else { found }
}

/// Whether a statement gets to SQLite as it is written. With a comment it may not: a `;` or a quote in one has confused the API.
pub(crate) fn is_kept_whole(sql: &str) -> bool {
    let rest = || {
        let text = without_comments(sql);
        text == sql && Scan::of(&text).eq([sql.trim().trim_end_matches(';').trim_end()])
    };
    !has_inner_semicolon(sql) || rest()
}

/// Without one before its end, a text is not looked at more closely.
fn has_inner_semicolon(sql: &str) -> bool {
    let text = sql.trim_end();
    text.find(';').is_some_and(|at| at + 1 < text.len())
}

/// The text without its comments. No blank takes their place; brackets are not known as quotes.
fn without_comments(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut at = 0;
    while let Some(first) = sql[at..].chars().next() {
        let rest = &sql[at..];
        let end = at
            + if is_quote(first) {
                quoted_len(rest, first)
            } else if rest.starts_with("--") {
                at += rest.find('\n').unwrap_or(rest.len());
                continue;
            } else if let Some(inside) = rest.strip_prefix("/*") {
                at += inside.find("*/").map_or(rest.len(), |close| close + 4);
                continue;
            } else {
                first.len_utf8()
            };
        text.push_str(&sql[at..end]);
        at = end;
    }
    text
}

fn is_quote(first: char) -> bool {
    matches!(first, '\'' | '"' | '`')
}

/// The bytes up to the closing quote. A doubled quote ends one text and begins the next, with the same result.
fn quoted_len(rest: &str, quote: char) -> usize {
    rest[1..].find(quote).map_or(rest.len(), |close| close + 2)
}

/// The bytes of what looks like a dollar-quoted text of another SQL: `$`, letters, and one character more; up to the same mark again
/// when that is a `$`.
fn dollar_len(rest: &str) -> usize {
    let letters = rest[1..].find(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
    let Some(letters) = letters else { return rest.len() };
    let mark = 1 + letters + rest[1 + letters..].chars().next().map_or(0, char::len_utf8);
    match rest[mark..].find(&rest[..mark]) {
        _ if !rest[..mark].ends_with('$') => mark,
        Some(again) => mark + again + mark,
        None => rest.len(),
    }
}

/// Goes through a text without comments, statement by statement.
struct Scan<'s> {
    text: &'s str,
    /// Where the statement under way begins.
    start: usize,
    at: usize,
    /// Bodies that have begun and not ended.
    open: usize,
    /// With a CR in a text, no body is recognised.
    knows_bodies: bool,
}

impl<'s> Scan<'s> {
    fn of(text: &'s str) -> Scan<'s> {
        Scan { text, start: 0, at: 0, open: 0, knows_bodies: !text.contains('\r') }
    }

    /// The next statement; it may be empty.
    fn cut(&mut self) -> Option<&'s str> {
        while let Some(first) = self.text[self.at..].chars().next() {
            let rest = &self.text[self.at..];
            // After END there is a `;` or a blank, which is not part of the body any more.
            if self.open > 0 && self.ends_with("END") && (first == ';' || is_blank(first)) {
                self.open -= 1;
            }
            if first == ';' && self.open == 0 {
                let done = &self.text[self.start..self.at];
                self.at += 1;
                self.start = self.at;
                return Some(done);
            }
            if self.knows_bodies && is_blank(first) && self.ends_with("BEGIN") {
                self.open += 1;
            }
            self.at += match first {
                quote if is_quote(quote) => quoted_len(rest, quote),
                '$' => dollar_len(rest),
                other => other.len_utf8(),
            };
        }
        let last = &self.text[self.start..];
        self.start = self.text.len();
        (!last.is_empty()).then_some(last)
    }

    /// Whether the statement so far ends with this word, after a blank.
    fn ends_with(&self, word: &str) -> bool {
        let before = self.text[self.start..self.at].strip_suffix(word);
        before.and_then(|before| before.chars().next_back()).is_some_and(is_blank)
    }
}

impl<'s> Iterator for Scan<'s> {
    type Item = &'s str;

    fn next(&mut self) -> Option<&'s str> {
        loop {
            let statement = self.cut()?.trim();
            if !statement.is_empty() {
                return Some(statement);
            }
        }
    }
}

fn is_blank(letter: char) -> bool {
    letter.is_whitespace() && letter != '\r'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts whose one statement is kept, and texts that are cut: the facts' rules, one by one.
    #[test]
    fn a_body_is_kept_only_where_it_is_recognised() {
        let trigger = |end_of_head: &str, body: &str| format!("CREATE TRIGGER a AFTER INSERT ON t{end_of_head}{body}");
        let kept = [
            trigger(" ", "BEGIN SELECT 1; SELECT 2; END"),
            trigger("\n", "BEGIN\n\tSELECT ';'; SELECT 2;\nEND;"),
            trigger(" WHEN (1) ", "BEGIN SELECT case when 1 then 2 end; SELECT 2; END"),
            trigger(" ", "BEGIN SELECT 'it''s; END ', \"a;b\", `c;`; SELECT 2; END"),
            "CREATE TABLE t(a DEFAULT ';')".to_owned(),
            "CREATE TABLE [it's](a); ".to_owned(),
            "SELECT 1 -- it's a comment".to_owned(),
        ];
        for sql in kept {
            assert!(is_kept_whole(&sql), "{sql}");
            assert_eq!(pieces(&sql).len(), 1, "{sql}");
        }
        let cut = [
            trigger(" WHEN (1)", "BEGIN SELECT 1; SELECT 2; END"),
            trigger(" ", "begin SELECT 1; SELECT 2; END"),
            trigger(" ", "BEGIN SELECT CASE WHEN 1 THEN 2 END ; SELECT 2; END"),
            trigger("\r\n", "BEGIN\r\nSELECT 1; SELECT 2; END"),
            trigger(" WHEN (1)/*c*/", "BEGIN SELECT 1; SELECT 2; END"),
            trigger(" ", "BEGIN/*c*/SELECT 1; SELECT 2; END"),
            trigger(" ", "BEGIN SELECT [an END ]; SELECT 2; END"),
            "CREATE TABLE [a;b](c)".to_owned(),
        ];
        for sql in cut {
            assert!(!is_kept_whole(&sql), "{sql}");
            assert!(pieces(&sql).len() > 1 || pieces(&sql)[0] != sql, "{sql}");
        }
    }

    #[test]
    fn what_is_cut_comes_without_its_comments() {
        let texts = pieces("SELECT 1 /* ; */; -- it's; \n SELECT '--', \"/*\";; \n");
        assert_eq!(texts, ["SELECT 1", "SELECT '--', \"/*\""]);
        assert_eq!(pieces("SELECT 1 -- a;b"), ["SELECT 1"]);
        assert_eq!(pieces(" ; "), [" ; "]);
        assert_eq!(pieces("; ;"), ["; ;"]);
        assert_eq!(pieces("SELECT $a$;$a$; SELECT $b;; SELECT $"), ["SELECT $a$;$a$", "SELECT $b;", "SELECT $"]);
        // With a comment, a text with a semicolon is never as it was.
        assert!(!is_kept_whole("CREATE TABLE t(a DEFAULT ';' /* c */)"));
    }

    /// Any text is cut into parts of itself, and the parts say the same.
    #[test]
    fn nothing_is_lost_but_comments_and_semicolons() {
        use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
        const WORDS: [&str; 20] = [
            " BEGIN ", " END", "; ", ";", "'", "\"", "`", "--", "\n", "/*", "*/", "$", "a", "é", "\r", "BEGIN\n",
            " END;", " CASE ", "[", "]",
        ];
        let mut rng = StdRng::seed_from_u64(11);
        for _ in 0..20_000 {
            let sql: String = (0..rng.random_range(0..12)).filter_map(|_| WORDS.choose(&mut rng)).copied().collect();
            let parts = pieces(&sql);
            let letters = |text: &str| text.replace(|letter: char| letter.is_whitespace() || letter == ';', "");
            let all: String = parts.iter().map(|part| letters(part)).collect();
            let expected = if has_inner_semicolon(&sql) && parts != [sql.as_str()] {
                letters(&without_comments(&sql))
            } else {
                letters(&sql)
            };
            assert_eq!(all, expected, "{sql:?}");
            if is_kept_whole(&sql) {
                assert!(parts.len() == 1 && sql.contains(&*parts[0]), "{sql:?}");
            }
        }
    }
}
