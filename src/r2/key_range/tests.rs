use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;

use uuid::Uuid;

use super::KeyRange;

/// Lists `names` as R2 would, all ranges side by side: the names in order of arrival, the requests, and the rounds they took.
fn list(names: &BTreeSet<String>) -> (BTreeSet<String>, usize, usize) {
    let (mut found, mut requests, mut rounds) = (BTreeSet::new(), 0, 0);
    let mut waiting = VecDeque::from([KeyRange::everything()]);
    while !waiting.is_empty() {
        rounds += 1;
        for range in std::mem::take(&mut waiting) {
            requests += 1;
            let after = range.token.clone().or_else(|| range.after.clone()).unwrap_or_default();
            let behind = names.range::<String, _>((Bound::Excluded(after), Bound::Unbounded));
            let page: Vec<&str> = behind.take(1001).map(String::as_str).collect();
            let more = page.len() > 1000;
            let page = &page[..page.len().min(1000)];
            for name in page.iter().filter(|name| range.has(name)) {
                assert!(found.insert(name.to_string()), "{name} came twice");
            }
            waiting.extend(range.rest(page, more.then(|| page[999].to_owned())));
        }
    }
    (found, requests, rounds)
}

fn check(names: BTreeSet<String>, most_requests: usize, most_rounds: usize) {
    let (found, requests, rounds) = list(&names);
    assert_eq!(found.len(), names.len());
    assert!(requests <= most_requests, "{requests} requests");
    assert!(rounds <= most_rounds, "{rounds} rounds");
}

fn uuids(count: usize, name: impl Fn(Uuid) -> String) -> BTreeSet<String> {
    (0..count).map(|_| name(Uuid::new_v4())).collect()
}

#[test]
fn a_hundred_thousand_images_take_at_most_110_requests_side_by_side() {
    for _ in 0..5 {
        check(uuids(100_000, |id| format!("images/{id}.png")), 110, 17);
        let mut names = uuids(50_000, |id| format!("images/{id}.png"));
        names.extend(uuids(50_000, |id| format!("images/thumbnails/{id}.webp")));
        check(names, 110, 28);
    }
}

#[test]
fn subfolders_named_by_hash_are_no_worse() {
    check(uuids(100_000, |id| format!("images/{}/{id}.png", &id.simple().to_string()[..2])), 110, 17);
}

#[test]
fn few_names_take_few_requests() {
    check(BTreeSet::new(), 1, 1);
    check(uuids(1000, |id| format!("images/{id}.png")), 1, 1);
    check(uuids(3000, |id| format!("images/{id}.png")), 4, 4);
    check(uuids(12_000, |id| format!("images/{id}.png")), 18, 5);
}

#[test]
fn names_that_are_not_hex_are_read_one_page_after_the_other() {
    check((0..20_000).map(|n| format!("images/holiday{n:06}.png")).collect(), 20, 20);
    check((0..20_000).map(|n| format!("ümläut{n:06}")).collect(), 20, 20);
    check((0..20_000).map(|n| format!("images/{n:06}.png")).collect(), 20, 20);
}

#[test]
fn names_by_date_cost_little_more_than_in_order() {
    let names = (0..20_000).map(|n| format!("images/2024-{:02}-{:02}/{n:06}.png", n / 2000 + 1, n / 100 % 20 + 1));
    check(names.collect(), 30, 25);
}
