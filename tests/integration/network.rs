//! The relay does what it says; the fault tests stand on it.

use std::time::{Duration, Instant};

use crate::support::{Answer, D1Error, DbRef, Fault, Relay, TestCloud, send, wire};
use liteflare::d1::Statement;
use serde_json::{Value, json};

struct World {
    relay: Relay,
    /// Through the relay.
    near: DbRef,
    /// Around it.
    direct: DbRef,
    cloud: TestCloud,
}

impl World {
    fn new() -> World {
        let cloud = TestCloud::embedded();
        let direct = cloud.create_database();
        direct.rows("CREATE TABLE t (a)");
        let relay = Relay::new(&direct.api);
        World { near: direct.through(&relay), direct, relay, cloud }
    }

    fn insert(&self) -> std::io::Result<Result<Vec<Value>, D1Error>> {
        self.near.try_post("raw", &json!({ "batch": [Statement::new("INSERT INTO t VALUES ('it''s')")] }))
    }

    fn rows(&self) -> u64 {
        self.direct.rows("SELECT count(*) FROM t")[0][0].as_u64().unwrap()
    }

    /// Whether the cloud has heard of a query since the last question.
    fn queries_during(&self, work: impl FnOnce()) -> u64 {
        let count = || self.cloud.requests(&self.direct).unwrap();
        let before = count();
        work();
        count() - before
    }
}

#[test]
fn a_healthy_network_passes_everything() {
    let world = World::new();
    assert_eq!(world.queries_during(|| drop(world.insert().unwrap().unwrap())), 1);
    assert_eq!((world.rows(), world.relay.requests()), (1, 1));
    let list = format!("{}/accounts/{}/d1/database", world.near.api, world.near.account);
    assert_eq!(send("GET", &list, &world.near.token, &Value::Null).0, 200);
    assert_eq!(world.relay.requests(), 1, "only queries count");
}

#[test]
fn refused_queries_do_not_reach_the_cloud() {
    let world = World::new();
    world.relay.next(1, Fault::Status(503));
    world.relay.next(1, Fault::TooMany { retry_after: 7 });
    let heard = world.queries_during(|| {
        assert_eq!(world.insert().unwrap().unwrap_err().status, 503);
        assert_eq!(world.insert().unwrap().unwrap_err().status, 429);
    });
    assert_eq!((heard, world.rows()), (0, 0));
    world.insert().unwrap().unwrap();
    assert_eq!(world.rows(), 1);
}

#[test]
fn a_reset_comes_before_the_cloud_hears() {
    let world = World::new();
    world.relay.next(1, Fault::Reset);
    let heard =
        world.queries_during(|| assert_eq!(world.insert().unwrap_err().kind(), std::io::ErrorKind::ConnectionReset));
    assert_eq!((heard, world.rows()), (0, 0));
}

#[test]
fn a_dropped_answer_comes_after_the_cloud_has_done_it() {
    let world = World::new();
    world.relay.next(1, Fault::DropAnswer);
    assert_eq!(world.insert().unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(world.rows(), 1);
}

#[test]
fn a_stalled_query_ends_with_the_proxy() {
    let world = World::new();
    world.relay.next(1, Fault::Stall);
    let near = world.near.clone();
    let client = std::thread::spawn(move || near.try_post("raw", &json!({ "sql": "SELECT 1" })).is_err());
    while world.relay.requests() == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!client.is_finished());
    drop(world);
    assert!(client.join().unwrap());
}

#[test]
fn a_doubled_query_happens_twice_and_the_second_answer_comes_back() {
    let world = World::new();
    world.direct.rows("CREATE TABLE once (a UNIQUE)");
    world.relay.next(1, Fault::Twice);
    let again = world.near.try_post("raw", &json!({ "sql": "INSERT INTO once VALUES (1)" })).unwrap();
    assert!(again.unwrap_err().message.contains("UNIQUE"));
    assert_eq!(world.direct.rows("SELECT count(*) FROM once"), json!([[1]]));
}

#[test]
fn a_late_query_arrives_behind_others() {
    let world = World::new();
    world.relay.next(1, Fault::Late { after: 2 });
    assert_eq!(world.insert().unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    for expected in [0, 0, 1] {
        assert_eq!(world.near.rows("SELECT count(*) FROM t"), json!([[expected]]));
    }
}

#[test]
fn the_relay_answers_in_the_clouds_place() {
    let world = World::new();
    let no = Answer { status: 400, body: r#"{"success":false,"errors":[{"code":7,"message":"no"}],"result":null}"# };
    for (fault, rows) in [(Fault::Says(no), 0), (Fault::DoneButSays(no), 1)] {
        world.relay.next(1, fault);
        let said = world.insert().unwrap().unwrap_err();
        assert_eq!((said.status, said.code, said.message.as_str()), (400, 7, "no"));
        assert_eq!(world.rows(), rows);
    }
}

#[test]
fn something_can_happen_before_a_query_passes() {
    let world = World::new();
    let direct = world.direct.clone();
    world.relay.before("INSERT INTO t", move || drop(direct.rows("INSERT INTO t VALUES ('before')")));
    world.near.rows("SELECT 1");
    assert_eq!(world.rows(), 0);
    for rows in [2, 3] {
        world.insert().unwrap().unwrap();
        assert_eq!(world.rows(), rows);
    }
}

#[test]
fn orders_can_ask_for_a_text_in_the_body() {
    let world = World::new();
    world.relay.matching("INSERT INTO t", 2, Fault::Status(500));
    assert_eq!(world.near.rows("SELECT 1"), json!([[1]]));
    assert_eq!(world.insert().unwrap().unwrap_err().status, 500);
    world.relay.heal();
    world.insert().unwrap().unwrap();
}

#[test]
fn a_delay_is_a_round_trip_for_each_query() {
    let world = World::new();
    world.relay.delay(Duration::from_millis(30));
    let started = Instant::now();
    for _ in 0..3 {
        world.insert().unwrap().unwrap();
    }
    assert!(started.elapsed() >= Duration::from_millis(90));
}

/// The benchmarks stand on it: they send what passed once more, again and again on one connection.
#[test]
fn what_is_watched_is_remembered_and_can_be_sent_again() {
    let cloud = TestCloud::embedded();
    let [watched, other] = [cloud.create_database(), cloud.create_database()];
    let relay = Relay::keeping_connections(&watched.api);
    relay.watch(&watched.database);
    for database in [&watched, &other] {
        database.rows("CREATE TABLE t (a)");
        database.through(&relay).rows("INSERT INTO t VALUES (1)");
    }
    let [request] = relay.seen().try_into().expect("one request");
    assert!(relay.seen().is_empty());
    let mut connection = wire::connect(&relay.host()).unwrap();
    for _ in 0..3 {
        assert_eq!(request.exchange_on(&mut connection).unwrap().status(), Some(200));
    }
    let counts = [&watched, &other].map(|database| database.rows("SELECT count(*) FROM t"));
    assert_eq!(counts, [json!([[4]]), json!([[1]])]);
    assert_eq!((relay.requests(), relay.seen().len()), (5, 3));
}
