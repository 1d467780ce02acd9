//! How a long listing is cut into ranges of keys that are read at the same time. Pure: no requests, only names.
//!
//! A listing is pages of 1,000 names in order; each tells where the next begins, so by itself it is read page after page. But a page
//! can be asked for behind any name. Media files are named by random hex digits (UUIDs, hashes): from the names on one page one can tell
//! about how many pages are left, and cut what is left into equal ranges. A wrong guess costs a request, never a name: the
//! ranges always cover everything.
//!
//! A cut costs at most one page that is not full, and there are few cuts: a listing of N pages costs at most N plus a tenth.

/// A range of a long listing has at least this many pages.
const LONG: f64 = 12.0;

/// One of a short listing has at least this many: there an additional page matters less than the waiting.
const SHORT: f64 = 3.0;

/// Into how many ranges a short listing is cut at once, and a long one.
const FEW: f64 = 4.0;
const MANY: f64 = 8.0;

/// Digits of a name that place it among the others.
const DIGITS: usize = 4;

/// Fewer names than this say nothing about the rest.
const EVIDENCE: usize = 16;

/// More pages than this are not believed: the names count up, and are not random.
const INCREDIBLE: f64 = 2000.0;

/// Names behind `after` up to and including `until`, or to the end. Once it has had a page, `after` is the last name on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyRange {
    pub(super) after: Option<String>,
    pub(super) until: Option<String>,
    /// Where its next page begins, once it has had one.
    pub(super) token: Option<String>,
    /// Whether it may be cut.
    divisible: bool,
}

impl KeyRange {
    /// Everything below a prefix.
    pub(super) fn everything() -> KeyRange {
        KeyRange { divisible: true, ..KeyRange::default() }
    }

    /// Whether it has this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.until.as_deref().is_none_or(|until| name <= until)
    }

    /// What is still to be read after a page with these names (in order), and the token of the next.
    pub(super) fn rest(self, names: &[&str], token: Option<String>) -> Vec<KeyRange> {
        let Some(token) = token else { return Vec::new() };
        let Some(last) = names.last() else { return vec![KeyRange { token: Some(token), ..self }] };
        if !self.has(last) {
            return Vec::new();
        }
        let cuts = if self.divisible { cuts(names) } else { Vec::new() };
        let mut ends =
            cuts.into_iter().filter(|cut| cut.as_str() > *last && self.has(cut)).map(Some).collect::<Vec<_>>();
        ends.push(self.until);
        let cut = ends.len() > 1;
        let mut rest = Vec::new();
        let mut after = None;
        for until in ends {
            rest.push(KeyRange { after, until: until.clone(), token: None, divisible: false });
            after = until;
        }
        // The first goes on where the page ended. The last is behind all hex digits: nothing is known of what is there.
        if let Some(first) = rest.first_mut() {
            first.token = Some(token);
            first.after = Some((*last).to_owned());
            first.divisible = self.divisible && !cut;
        }
        if let Some(last) = rest.last_mut().filter(|_| cut) {
            last.divisible = true;
        }
        rest
    }
}

/// Names between which the rest of a listing is cut; none when there is nothing to go by.
fn cuts(names: &[&str]) -> Vec<String> {
    let (Some(first), Some(last)) = (names.first(), names.last()) else { return Vec::new() };
    let common = folder(&first[..shared(first, last)]);
    let deepest = folder(last);
    cuts_in(common, names).or_else(|| cuts_in(deepest, names)).unwrap_or_default()
}

fn cuts_in(folder: &str, names: &[&str]) -> Option<Vec<String>> {
    let inside: Vec<&str> = names.iter().copied().filter(|name| name.starts_with(folder)).collect();
    let place = |at: usize| place(&inside[at][folder.len()..]);
    if inside.len() < EVIDENCE {
        return None;
    }
    // A folder that begins on this page begins at the first digit.
    let first = if inside.len() == names.len() { place(0)? } else { 0.0 };
    let (middle, last) = (place(inside.len() / 2)?, place(inside.len() - 1)?);
    let random = (0.25..0.75).contains(&((middle - first) / (last - first)));
    let page = (last - first) * names.len() as f64 / inside.len() as f64;
    let pages = (1.0 - last) / page;
    (random && pages < INCREDIBLE).then(|| cuts_between(folder, last, pages))
}

/// Cuts the names from the place `last` on, about so many pages of them.
fn cuts_between(folder: &str, last: f64, pages: f64) -> Vec<String> {
    let ranges = (pages / SHORT).min(FEW).max((pages / LONG).min(MANY)) as u32;
    if ranges < 2 {
        return Vec::new();
    }
    let cut = |number| {
        let at = last + (1.0 - last) * f64::from(number) / f64::from(ranges);
        format!("{folder}{:04x}", (at * f64::from(1 << 16)) as u32)
    };
    let end = format!("{folder}g"); // behind the last hex digit
    (1..ranges).map(cut).chain([end]).collect()
}

/// Where a name stands among all names of hex digits, from 0 to 1.
fn place(name: &str) -> Option<f64> {
    let digits = name.bytes().take(DIGITS).take_while(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')).count();
    let value = u32::from_str_radix(&name[..digits], 16).ok()?;
    Some(f64::from(value) / f64::from(1 << (4 * digits as u32)))
}

fn folder(name: &str) -> &str {
    &name[..name.rfind('/').map_or(0, |slash| slash + 1)]
}

fn shared(a: &str, b: &str) -> usize {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    (0..=same).rev().find(|at| a.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
