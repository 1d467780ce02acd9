//! Spells a CREATE text anew so that D1's REST API does not cut it (`d1::splitter`): the same tokens, without comments and brackets.
//! In: any text that SQLite takes. Out: one that means the same.

use sqlite3_parser::dialect::TokenType;

use super::lexer::{Token, tokens};
use super::{Kind, Object, SchemaError, guard};
use crate::d1::splitter::is_kept_whole;

/// The text with which D1 makes an object: its own wherever D1 takes it; a trigger's has a guard.
pub(crate) fn stored(object: &Object) -> Result<String, SchemaError> {
    if object.kind == Kind::Trigger {
        return guard::guard(&object.name, &object.sql);
    }
    if is_kept_whole(&object.sql) {
        return Ok(object.sql.clone());
    }
    let spelled = respelled(&object.sql, &tokens(&object.sql, &object.label())?, None);
    if is_kept_whole(&spelled) { Ok(spelled) } else { Err(cut(object.label())) }
}

/// Why an object cannot be sent.
pub(super) fn cut(object: String) -> SchemaError {
    SchemaError::Unreadable {
        object,
        problem: "D1's REST API would cut its text at a semicolon".to_owned(),
        advice: "write it without `$`, line breaks in names, and semicolons in brackets",
    }
}

/// The text `sql` of these tokens, spelled anew. `begin`: the place of a trigger's BEGIN among them.
pub(super) fn respelled(sql: &str, tokens: &[Token], begin: Option<usize>) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut end = tokens.first().map_or(0, |token| token.start);
    let last = tokens.len().saturating_sub(1);
    for (place, token) in tokens.iter().enumerate() {
        let is_edge = begin.is_some_and(|begin| place == begin || place == begin + 1 || place == last);
        text.push_str(blank(&sql[end..token.start], is_edge));
        let own = &sql[token.start..token.end];
        let in_body = begin.is_some_and(|begin| place > begin && place < last);
        match token.kind {
            TokenType::TK_BEGIN | TokenType::TK_END if begin == Some(place) || (begin.is_some() && place == last) => {
                text.push_str(&own.to_ascii_uppercase());
            }
            // The REST API takes any other END for the body's, unless it is in small letters. SQLite does not care.
            TokenType::TK_BEGIN | TokenType::TK_END if in_body => text.push_str(&own.to_ascii_lowercase()),
            TokenType::TK_STRING if own.contains('\r') => text.push_str(&without_returns(own)),
            _ => text.push_str(&name(own)),
        }
        end = token.end;
    }
    text
}

/// What stands between two tokens, without comments.
fn blank(between: &str, is_edge: bool) -> &str {
    let is_plain = between.chars().all(|letter| matches!(letter, ' ' | '\n' | '\t'));
    match between {
        "" if !is_edge => "",
        plain if is_plain && !plain.is_empty() => plain,
        _ => " ",
    }
}

/// A text with CRs, put together from its lines.
fn without_returns(quoted: &str) -> String {
    format!("({})", quoted.replace('\r', "'||char(13)||'"))
}

/// A name in brackets, or with a `$`, in quotes that the REST API knows. Not in `"`: SQLite takes that for a text when there is no such name.
fn name(own: &str) -> String {
    let inner = own.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_quoted = own.starts_with(['\'', '"', '`']);
    match inner {
        Some(inner) => format!("`{}`", inner.replace('`', "``")),
        None if own.contains('$') && !is_quoted => format!("`{own}`"),
        None => own.to_owned(),
    }
}
