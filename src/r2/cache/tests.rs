use std::time::{Duration, Instant, SystemTime};

use ::bytes::Bytes;

use super::{Cache, Name};
use crate::config::Refresh;
use crate::r2::Meta;

const SECOND: Duration = Duration::from_secs(1);

fn cache() -> (Cache, Instant) {
    (Cache::new(Refresh::Every(SECOND), 1000), Instant::now())
}

fn meta(key: &str, etag: &str) -> Meta {
    Meta { key: key.into(), size: 1, etag: etag.into(), modified: SystemTime::UNIX_EPOCH }
}

fn present(key: &str, etag: &str, fresh: bool) -> Name {
    Name::Present { meta: meta(key, etag), fresh }
}

#[test]
fn nothing_is_known_at_first() {
    let (mut cache, now) = cache();
    assert_eq!(cache.name("images/a.png", now), Name::Unknown);
    assert_eq!(cache.level("images", now, false), None);
    assert_eq!(cache.any_below("images", now), None);
}

#[test]
fn an_object_is_relied_on_for_the_refresh_interval() {
    let (mut cache, now) = cache();
    cache.saw(meta("images/a.png", "1"), now);
    assert_eq!(cache.name("images/a.png", now + SECOND), present("images/a.png", "1", true));
    assert_eq!(cache.name("images/a.png", now + SECOND * 2), present("images/a.png", "1", false));
    cache.saw(meta("images/a.png", "2"), now + SECOND * 2);
    assert_eq!(cache.name("images/a.png", now + SECOND * 3), present("images/a.png", "2", true));
}

#[test]
fn always_and_never_are_what_they_say() {
    let now = Instant::now();
    let (mut always, mut never) = (Cache::new(Refresh::Always, 0), Cache::new(Refresh::Never, 0));
    for cache in [&mut always, &mut never] {
        cache.saw_all("images", &[meta("images/a.png", "1")], now);
    }
    let later = now + SECOND * 10_000;
    assert_eq!(always.name("images/a.png", now), present("images/a.png", "1", false));
    assert_eq!(always.name("images/b.png", now), Name::Absent { fresh: false });
    assert_eq!(never.name("images/a.png", later), present("images/a.png", "1", true));
    assert_eq!(never.name("images/b.png", later), Name::Absent { fresh: true });
    assert!(never.level("images", later, false).is_some());
}

#[test]
fn a_new_name_costs_no_question_however_old_the_listing_is() {
    let (mut cache, now) = cache();
    cache.saw_all("images", &[meta("images/a.png", "1")], now);
    let later = now + SECOND * 3600;
    assert_eq!(cache.name("images/thumbnails/new.webp", later), Name::Absent { fresh: true });
    assert_eq!(cache.name("images/thumbnails/new.webp", later + SECOND), Name::Absent { fresh: true });
    assert_eq!(cache.name("videos/new.mp4", later), Name::Unknown, "not below the prefix");
    assert_eq!(cache.name("images.png", later), Name::Unknown, "not below the prefix");
}

#[test]
fn a_name_asked_for_again_is_checked() {
    let (mut cache, now) = cache();
    cache.saw_all("images", &[], now);
    let later = now + SECOND * 60;
    assert_eq!(cache.name("images/b.png", later), Name::Absent { fresh: true });
    assert_eq!(cache.name("images/b.png", later + SECOND * 2), Name::Absent { fresh: false });
    cache.saw_nothing("images/b.png", later + SECOND * 2);
    assert_eq!(cache.name("images/b.png", later + SECOND * 3), Name::Absent { fresh: true });
}

#[test]
fn while_others_write_every_name_is_checked() {
    let (mut cache, now) = cache();
    cache.saw_all("images", &[meta("images/a.png", "1")], now);
    let later = now + SECOND * 60;
    cache.saw(meta("images/a.png", "2"), later); // not ours
    assert_eq!(cache.name("images/new.png", later), Name::Absent { fresh: false });
    assert_eq!(cache.name("images/new.png", later + SECOND * 600), Name::Absent { fresh: true }, "they have stopped");
}

#[test]
fn each_foreign_change_is_noticed() {
    type Change = fn(&mut Cache, Instant);
    let changes: [Change; 4] = [
        |cache, at| cache.saw(meta("images/b.png", "1"), at),
        |cache, at| cache.saw_nothing("images/a.png", at),
        |cache, at| cache.saw_all("images", &[], at),
        |cache, at| cache.saw_all("images", &[meta("images/a.png", "1"), meta("images/b.png", "1")], at),
    ];
    for change in changes {
        let (mut cache, now) = cache();
        cache.saw_all("images", &[meta("images/a.png", "1")], now);
        cache.saw_all("images", &[meta("images/a.png", "1")], now + SECOND);
        change(&mut cache, now + SECOND * 10);
        assert_eq!(cache.name("images/new.png", now + SECOND * 20), Name::Absent { fresh: false });
    }
}

#[test]
fn once_others_may_have_written_what_is_known_is_checked() {
    let (mut cache, now) = cache();
    cache.saw_all("images", &[meta("images/a.png", "1")], now);
    cache.others_write(now + SECOND / 4);
    let then = now + SECOND / 2;
    assert_eq!(cache.name("images/a.png", then), present("images/a.png", "1", false));
    assert_eq!(cache.name("images/new.png", then), Name::Absent { fresh: false });
    assert!(cache.level("images", then, true).is_some(), "unless nobody else writes there");
    assert_eq!((cache.level("images", then, false), cache.any_below("images/t", then)), (None, None));
    cache.saw(meta("images/a.png", "1"), then);
    assert_eq!(cache.name("images/a.png", then), present("images/a.png", "1", true));
    assert_eq!(cache.name("images/new.png", now + SECOND * 60), Name::Absent { fresh: true }, "they are gone");
}

#[test]
fn what_we_write_is_no_foreign_change() {
    let (mut cache, now) = cache();
    cache.saw_all("images", &[], now);
    let later = now + SECOND * 60;
    cache.wrote(meta("images/a.png", "1"), later);
    cache.wrote(meta("images/b.png", "1"), later);
    cache.deleted("images/b.png", later + SECOND);
    assert_eq!(cache.name("images/a.png", later), present("images/a.png", "1", true));
    assert_eq!(cache.name("images/b.png", later + SECOND), Name::Absent { fresh: true });
    cache.saw_all("images", &[meta("images/a.png", "1")], later + SECOND * 2);
    assert_eq!(cache.name("images/new.png", later + SECOND * 60), Name::Absent { fresh: true });
}

#[test]
fn a_slow_answer_does_not_undo_what_was_done_meanwhile() {
    let (mut cache, asked) = cache();
    cache.saw_all("images", &[meta("images/old.png", "1")], asked);
    let done = asked + SECOND / 2;
    cache.wrote(meta("images/new.png", "1"), done);
    cache.deleted("images/old.png", done);
    cache.saw_all("images", &[meta("images/old.png", "1")], asked);
    cache.saw_nothing("images/new.png", asked);
    cache.saw(meta("images/old.png", "1"), asked);
    assert_eq!(cache.name("images/new.png", done), present("images/new.png", "1", true));
    assert_eq!(cache.name("images/old.png", done), Name::Absent { fresh: true });
}

#[test]
fn a_level_is_the_files_and_folders_of_one_folder() {
    let (mut cache, now) = cache();
    let names = ["images/a.png", "images/t/1.webp", "images/t/2.webp", "images/t0.png", "images/z/y/x.png"];
    cache.saw_all("images", &names.map(|name| meta(name, "1")), now);
    let level = cache.level("images", now, false).unwrap();
    assert_eq!(level.objects.iter().map(|meta| &*meta.key).collect::<Vec<_>>(), ["images/a.png", "images/t0.png"]);
    assert_eq!(level.folders, ["images/t", "images/z"]);
    assert_eq!(cache.level("images/z", now, false).unwrap().folders, ["images/z/y"]);
    assert_eq!(cache.level("images/none", now, false), Some(Default::default()));
    assert_eq!(cache.level("images", now + SECOND * 2, false), None, "a listing is relied on for the refresh interval");
    assert!(cache.level("images", now + SECOND * 2, true).is_some(), "unless nobody else writes there");
}

#[test]
fn a_folder_is_there_while_something_is_in_it() {
    let (mut cache, now) = cache();
    cache.saw_all("images", &[meta("images/t/1.webp", "1")], now);
    assert_eq!(cache.any_below("images/t", now), Some(true));
    assert_eq!(cache.any_below("images/u", now + SECOND * 60), Some(false));
    cache.deleted("images/t/1.webp", now);
    assert_eq!(cache.any_below("images/t", now), Some(false));
    assert_eq!(cache.any_below("videos", now), None);
}

#[test]
fn in_doubt_nothing_is_known() {
    let (mut cache, now) = cache();
    cache.saw_all("images", &[], now);
    cache.doubt("images/a.png", now);
    assert_eq!(cache.name("images/a.png", now), Name::Unknown);
    assert_eq!(cache.level("images", now, false), None);
    cache.saw_nothing("images/a.png", now + SECOND / 2);
    assert_eq!(cache.name("images/a.png", now + SECOND), Name::Absent { fresh: true });
}

#[test]
fn bytes_belong_to_one_state_of_an_object() {
    let (mut cache, now) = cache();
    cache.keep("a", "1", Bytes::from_static(b"one"));
    assert_eq!(cache.bytes("a", "1").unwrap(), "one");
    assert_eq!(cache.bytes("a", "2"), None);
    cache.keep("a", "2", Bytes::from_static(b"two"));
    assert_eq!((cache.bytes("a", "1"), cache.bytes("a", "2").unwrap()), (None, "two".into()));
    cache.deleted("a", now);
    assert_eq!(cache.bytes("a", "2"), None);
}

#[test]
fn bytes_stay_within_the_budget_and_the_longest_unused_go_first() {
    let (mut cache, _) = cache();
    let block = || Bytes::from(vec![0; 250]);
    for key in ["a", "b", "c", "d"] {
        cache.keep(key, "1", block());
    }
    assert!(cache.bytes("a", "1").is_some()); // used now
    cache.keep("e", "1", block());
    let left: Vec<_> = ["a", "b", "c", "d", "e"].into_iter().filter(|key| cache.bytes(key, "1").is_some()).collect();
    assert_eq!(left, ["a", "c", "d", "e"]);
    cache.keep("big", "1", Bytes::from(vec![0; 251]));
    assert_eq!(cache.bytes("big", "1"), None, "one object does not push out the others");
}
