//! The removable guard that keeps the application's triggers silent on D1 while liteflare replays rows (R13).
//! Their work is already part of the transaction; firing them again would do it twice.
//!
//! The guard must leave a text that D1's REST API keeps whole (`d1::splitter`), so it has no comments of its own. A trigger that would be
//! cut all the same is spelled anew, and its guard then carries the application's text.
//!
//! Whoever may write to D1 may write a trigger that looks guarded. So a guard is what stands, to the letter, in one of the places where
//! [`guard`] puts it, found by tokens; taking it out leaves every other token as it was.

use std::ops::Range;

use sqlite3_parser::dialect::TokenType;

use super::SchemaError;
use super::checked::spelled;
use super::lexer::{Token, tokens};
use super::respell::{cut, respelled};
use crate::d1::splitter::is_kept_whole;

/// The table of liteflare's own that guards read. It is named here because the triggers on D1 name it; the ledger makes it.
pub(crate) const TABLE: &str = "_lf_commit";

/// What 0.1.0 wrote instead of [`silent`], between markers that set it apart. It is read, and no longer written.
const SILENT_OF_FORMAT_1: &str = "(SELECT value FROM _lf_state WHERE key='replaying')=0";
const OPEN: &str = "/*lf<*/";
const CLOSE: &str = "/*>lf*/";

/// What every trigger's text begins with in `sqlite_schema`.
const START: &str = "CREATE TRIGGER ";

/// True while nobody replays: the newest row of the log is not that of a batch which is being applied.
pub(crate) fn silent() -> String {
    format!("coalesce((SELECT substr(source,1,1) FROM {TABLE} ORDER BY seq DESC LIMIT 1),'')<>'#'")
}

/// The text of the trigger `name` with the guard; [`strip`] gives the text back to the byte.
pub(crate) fn guard(name: &str, sql: &str) -> Result<String, SchemaError> {
    let object = format!("trigger {name}");
    let unreadable = |problem: &str| SchemaError::Unreadable {
        object: object.clone(),
        problem: problem.to_owned(),
        advice: "drop it and create it anew",
    };
    let all = tokens(sql, &object)?;
    let place = Place::of(&all).ok_or_else(|| unreadable("its ON and BEGIN cannot be found"))?;
    let plain = guarded(sql, place, "");
    let guarded = if is_kept_whole(&plain) {
        plain
    } else {
        carrying(sql, &all, place).filter(|text| is_kept_whole(text)).ok_or_else(|| cut(object.clone()))?
    };
    // A text that looks guarded already, or in which the guard cannot be told from what is around it.
    if strip(sql) != sql || strip(&guarded) != sql {
        return Err(unreadable("its text contains liteflare's guard where this has a meaning"));
    }
    Ok(guarded)
}

/// Adds the guard. The blank after it is what the REST API needs before BEGIN.
fn guarded(sql: &str, place: Place, carried: &str) -> String {
    let (silent, head, begin) = (silent(), &sql[..place.begin], &sql[place.begin..]);
    match place.when {
        Some(when) => format!("{} {silent}{carried} AND ({}) {begin}", &head[..when.end], &head[when.end..]),
        None => format!("{head}WHEN {silent}{carried} {begin}"),
    }
}

/// The trigger spelled anew, with its own text inside the guard. `None`: its text is not as `sqlite_schema` has it.
fn carrying(sql: &str, all: &[Token], place: Place) -> Option<String> {
    let is_as_kept = sql.starts_with(START) && all.get(2)?.start == START.len() && all.last()?.end == sql.len();
    let anew = respelled(sql, all, Some(place.begin_token));
    let place = Place::of(&tokens(&anew, "trigger").ok().filter(|_| is_as_kept)?)?;
    Some(guarded(&anew, place, &format!(" AND x'{}' NOTNULL", hex::encode(sql))))
}

/// Takes the guard out again, if it has one. Works as well after `ALTER TABLE` has rewritten the text around it.
pub(crate) fn strip(sql: &str) -> String {
    stripped(sql).unwrap_or_else(|| sql.to_owned())
}

/// `None`: there is no guard.
fn stripped(sql: &str) -> Option<String> {
    let all = tokens(sql, "trigger").ok()?;
    let Place { when, begin, .. } = Place::of(&all)?;
    let found = found(sql, when?, begin)?;
    let [first, second] = &found.cuts;
    let out = [&sql[..first.start], &sql[first.end..second.start], &sql[second.end..]].concat();
    let is_cut = |token: &Token| found.cuts.iter().any(|cut| cut.start < token.end && token.start < cut.end);
    let kept: Vec<Token> = all.into_iter().filter(|token| !is_cut(token)).collect();
    let left = tokens(&out, "trigger").ok()?;
    let is_whole = spelled(sql, &kept) == spelled(&out, &left) && is_closed(&sql[first.end..second.start]);
    // What it carries is believed only as long as it says what D1 runs: an ALTER may have rewritten that.
    let declared = || {
        let text = String::from_utf8(hex::decode(found.carried?).ok()?).ok()?;
        let all = tokens(&text, "trigger").ok()?;
        (carrying(&text, &all, Place::of(&all)?)? == sql).then_some(text)
    };
    is_whole.then(|| declared().unwrap_or(out))
}

/// A guard in a text.
struct Found<'s> {
    /// Its two parts; the second one may be empty.
    cuts: [Range<usize>; 2],
    /// The application's text in hexadecimal digits.
    carried: Option<&'s str>,
}

/// The guard between the WHEN and the BEGIN of a text.
fn found(sql: &str, when: Token, begin: usize) -> Option<Found<'_>> {
    let inside = &sql[when.end..begin];
    // 0.1.0's two forms.
    let of_format_1 = SILENT_OF_FORMAT_1;
    let (after_when, before_begin) = (format!("{OPEN} {of_format_1} AND ({CLOSE}"), format!("{OPEN}){CLOSE}"));
    if inside.len() >= after_when.len() + before_begin.len() && inside.starts_with(&after_when) {
        let cuts = [when.end..when.end + after_when.len(), begin - before_begin.len()..begin];
        return inside.ends_with(&before_begin).then_some(Found { cuts, carried: None });
    }
    if sql[..when.start].ends_with(OPEN) && inside == format!(" {of_format_1} {CLOSE}") {
        return Some(Found { cuts: [when.start - OPEN.len()..begin, begin..begin], carried: None });
    }
    // Today's, and what the REST API has left of 0.1.0's.
    let silent = silent();
    let behind = inside.strip_prefix(' ')?;
    let rest = behind.strip_prefix(&silent).or_else(|| behind.strip_prefix(of_format_1))?;
    let carried = rest.strip_prefix(" AND x'").and_then(|rest| rest.split_once("' NOTNULL"));
    let (carried, rest) = carried.map_or((None, rest), |(digits, rest)| (Some(digits), rest));
    if rest == " " {
        return Some(Found { cuts: [when.start..begin, begin..begin], carried });
    }
    let own = rest.strip_prefix(" AND (")?.strip_suffix(") ")?;
    let start = begin - ") ".len();
    Some(Found { cuts: [when.end..start - own.len(), start..begin], carried })
}

/// Whether each parenthesis in a part of a text has its other half there.
fn is_closed(part: &str) -> bool {
    let Ok(all) = tokens(part, "trigger") else { return false };
    let mut depth = 0;
    let stays_inside = all.iter().all(|token| {
        depth += match token.kind {
            TokenType::TK_LP => 1,
            TokenType::TK_RP => -1,
            _ => 0,
        };
        depth >= 0
    });
    stays_inside && depth == 0
}

/// Where a guard goes.
#[derive(Clone, Copy)]
struct Place {
    /// The trigger's WHEN.
    when: Option<Token>,
    /// The start of its BEGIN.
    begin: usize,
    /// Its BEGIN's place among the tokens.
    begin_token: usize,
}

impl Place {
    /// Both words may also be names: `NEW."begin"` is quoted, `NEW.begin` follows a point, other uses stand in parentheses.
    fn of(tokens: &[Token]) -> Option<Place> {
        let on = tokens.iter().position(|token| token.kind == TokenType::TK_ON)?;
        let name = if tokens.get(on + 2)?.kind == TokenType::TK_DOT { on + 3 } else { on + 1 };
        let mut depth = 0;
        let mut when = None;
        for (index, pair) in tokens.get(name..)?.windows(2).enumerate() {
            let (before, token) = (pair[0].kind, pair[1]);
            match token.kind {
                TokenType::TK_LP => depth += 1,
                TokenType::TK_RP => depth -= 1,
                // A later WHEN belongs to a CASE.
                TokenType::TK_WHEN if depth == 0 && when.is_none() => when = Some(token),
                TokenType::TK_BEGIN if depth == 0 && before != TokenType::TK_DOT => {
                    return Some(Place { when, begin: token.start, begin_token: name + index + 1 });
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
