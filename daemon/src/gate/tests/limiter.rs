//! Rates, quiet and places, shared by all runs. Time is paused where no server takes part.

use evidenced_contract::HttpError;
use proptest::prelude::*;
use std::{future::Future, sync::Mutex, time::Duration};

use super::*;
use crate::{
    domain::Rate,
    gate::{
        limiter::{Lane, Limiter, Quiet, Turn},
        quota::Quota,
        request::Target,
    },
};

const SECOND: Duration = Duration::from_secs(1);

fn paused<F: Future>(test: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(test)
}

fn target() -> Target {
    Target::of(&url::Url::parse("https://api.example.com").unwrap()).unwrap()
}

fn grant_from(source: Option<&str>) -> Grant {
    Grant { source: source.map(|id| id.parse().unwrap()), ..grant_of("https://api.example.com") }
}

struct System {
    limiter: Limiter,
    lane: Arc<Lane>,
}

impl System {
    fn new(rate: Option<Rate>) -> Self {
        let limiter = Limiter::new(rate.map(|rate| ("iam".parse().unwrap(), rate)));
        let lane = limiter.lane(&grant_from(Some("iam")), &target(), None);
        Self { limiter, lane }
    }

    async fn turn(&self) -> Turn {
        self.turn_before(Instant::now() + 10_000 * SECOND).await.unwrap()
    }

    async fn turn_before(&self, end: Instant) -> Result<Turn, Quiet> {
        self.turn_of("SEC-01", end).await
    }

    async fn turn_of(&self, control: &str, end: Instant) -> Result<Turn, Quiet> {
        self.lane.turn(&control.parse().unwrap(), self.limiter.places(&target()), end).await
    }
}

fn rate(requests: u32, per: Duration) -> Option<Rate> {
    Some(Rate { requests, per })
}

#[track_caller]
fn assert_within(rate: Rate, starts: &[Instant]) {
    for window in starts.windows(rate.requests as usize + 1) {
        let took = *window.last().unwrap() - window[0];
        assert!(took >= rate.per, "{} starts in {took:?}", window.len());
    }
}

#[test]
fn no_window_has_more_starts_than_the_rate_says() {
    paused(async {
        let system = System::new(rate(10, SECOND));
        let began = Instant::now();
        let mut starts = Vec::new();
        for _ in 0..35 {
            drop(system.turn().await);
            starts.push(Instant::now());
        }
        assert_within(Rate { requests: 10, per: SECOND }, &starts);
        assert!((3 * SECOND..4 * SECOND).contains(&began.elapsed()), "{:?}", began.elapsed());
    });
}

#[test]
fn a_large_rate_is_kept_in_short_pieces() {
    paused(async {
        let system = System::new(rate(1_000_000, 1_000 * SECOND));
        let began = Instant::now();
        for _ in 0..1_000 {
            drop(system.turn().await);
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        drop(system.turn().await);
        assert!((SECOND..SECOND * 2).contains(&began.elapsed()));
    });
}

#[test]
fn turns_are_given_in_the_order_of_arrival() {
    paused(async {
        let system = System::new(rate(1, SECOND));
        let order = Mutex::new(Vec::new());
        let turns = (0..20).map(|number| {
            let (system, order) = (&system, &order);
            async move {
                drop(system.turn().await);
                order.lock().unwrap().push(number);
            }
        });
        futures_util::future::join_all(turns).await;
        assert_eq!(order.into_inner().unwrap(), (0..20).collect::<Vec<_>>());
    });
}

#[test]
fn who_stops_waiting_takes_nothing_from_the_others() {
    paused(async {
        let system = System::new(rate(1, 10 * SECOND));
        let began = Instant::now();
        drop(system.turn().await);
        for _ in 0..5 {
            assert!(tokio::time::timeout(SECOND, system.turn()).await.is_err());
        }
        drop(system.turn().await);
        assert!((10 * SECOND..11 * SECOND).contains(&began.elapsed()), "{:?}", began.elapsed());
    });
}

#[test]
fn quiet_holds_for_those_who_wait_already() {
    paused(async {
        let system = System::new(rate(1, 2 * SECOND));
        let began = Instant::now();
        drop(system.turn().await);
        let waiting = async {
            drop(system.turn().await);
            began.elapsed()
        };
        let asking = async {
            tokio::time::sleep(SECOND).await;
            system.lane.be_quiet_for(30 * SECOND);
            // A shorter one does not shorten it.
            system.lane.be_quiet_for(SECOND);
        };
        let (waited, ()) = tokio::join!(waiting, asking);
        assert!((31 * SECOND..32 * SECOND).contains(&waited), "{waited:?}");
    });
}

#[test]
fn who_cannot_wait_for_the_end_of_the_quiet_is_told_at_once() {
    paused(async {
        let system = System::new(None);
        let began = Instant::now();
        system.lane.be_quiet_for(60 * SECOND);
        assert!(matches!(system.turn_before(began + 60 * SECOND).await, Err(Quiet)));
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert!(system.turn_before(began + 61 * SECOND).await.is_ok());
    });
}

#[test]
fn no_quiet_is_longer_than_an_hour() {
    paused(async {
        let system = System::new(None);
        let began = Instant::now();
        system.lane.be_quiet_for(Duration::from_secs(u64::from(u32::MAX)));
        drop(system.turn().await);
        assert!((3_600 * SECOND..3_601 * SECOND).contains(&began.elapsed()));
    });
}

#[test]
fn a_host_has_sixteen_places() {
    paused(async {
        let system = System::new(None);
        let mut turns = Vec::new();
        for _ in 0..16 {
            turns.push(system.turn().await);
        }
        assert!(tokio::time::timeout(SECOND, system.turn()).await.is_err());
        turns.pop();
        assert!(tokio::time::timeout(SECOND, system.turn()).await.is_ok());
    });
}

#[test]
fn a_quiet_source_leaves_the_places_to_others() {
    paused(async {
        let system = System::new(None);
        system.lane.be_quiet_for(60 * SECOND);
        let other = system.limiter.lane(&grant_from(Some("other")), &target(), None);
        let quiet = async { futures_util::future::join_all((0..20).map(|_| system.turn())).await };
        let sixteen = async {
            let mut turns = Vec::new();
            for _ in 0..16 {
                turns.push(
                    other.turn(&control(), system.limiter.places(&target()), Instant::now() + SECOND).await.unwrap(),
                );
            }
        };
        let both = tokio::time::timeout(SECOND, async { tokio::join!(quiet, sixteen) });
        assert!(both.await.is_err());
        assert_eq!(system.limiter.places(&target()).available_permits(), 16);
    });
}

#[test]
fn a_lane_belongs_to_a_source_and_a_credential() {
    let limiter = Limiter::new([]);
    let (one, other) = ("one".parse().unwrap(), "other".parse().unwrap());
    let lane = |source, credential| limiter.lane(&grant_from(source), &target(), credential);
    assert!(Arc::ptr_eq(&lane(Some("iam"), Some(&one)), &lane(Some("iam"), Some(&one))));
    assert!(!Arc::ptr_eq(&lane(Some("iam"), Some(&one)), &lane(Some("iam"), Some(&other))));
    assert!(!Arc::ptr_eq(&lane(Some("iam"), None), &lane(Some("sts"), None)));
    assert!(Arc::ptr_eq(&lane(None, None), &lane(None, None)));
    assert!(!Arc::ptr_eq(&lane(None, None), &lane(Some("iam"), None)));
}

#[test]
fn no_control_starves_the_others() {
    paused(async {
        let system = System::new(rate(1, SECOND));
        drop(system.turn().await);
        let order = Mutex::new(Vec::new());
        // One control comes first and with fifty requests, two others with one and two.
        let requests = std::iter::repeat_n("greedy", 50).chain(["modest", "other", "other"]);
        let turns = requests.map(|control| {
            let (system, order) = (&system, &order);
            async move {
                drop(system.turn_of(control, Instant::now() + 10_000 * SECOND).await.unwrap());
                order.lock().unwrap().push(control);
            }
        });
        futures_util::future::join_all(turns).await;
        let order = order.into_inner().unwrap();
        assert_eq!(order[..7], ["greedy", "greedy", "modest", "other", "greedy", "other", "greedy"]);
        assert_eq!(order.len(), 53);
    });
}

#[test]
fn a_source_that_answers_no_more_is_asked_again_once_it_counts_anew() {
    paused(async {
        let system = System::new(None);
        let began = Instant::now();
        let first = system.turn().await;
        let second = system.turn().await;
        // Two more, of which the second one is under way already.
        system.lane.note_quota(Quota { remaining: 2, reset: 60 * SECOND });
        drop((first, second));
        drop(system.turn().await);
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert!(matches!(system.turn_before(began + 60 * SECOND).await, Err(Quiet)));
        assert_eq!(began.elapsed(), Duration::ZERO);
        drop(system.turn().await);
        assert!((60 * SECOND..61 * SECOND).contains(&began.elapsed()), "{:?}", began.elapsed());
        // It counts anew.
        drop(system.turn().await);
        assert!(began.elapsed() < 61 * SECOND);
    });
}

#[test]
fn another_configuration_has_other_rates_and_the_quiet_holds_on() {
    paused(async {
        let system = System::new(rate(10, SECOND));
        drop(system.turn().await);
        system.lane.be_quiet_for(30 * SECOND);
        system.limiter.use_rates([("iam".parse().unwrap(), Rate { requests: 1, per: 100 * SECOND })]);
        let began = Instant::now();
        drop(system.turn().await);
        assert!((100 * SECOND..101 * SECOND).contains(&began.elapsed()), "{:?}", began.elapsed());
        system.limiter.use_rates([]);
        let began = Instant::now();
        for _ in 0..5 {
            drop(system.turn().await);
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        let same = system.limiter.lane(&grant_from(Some("iam")), &target(), None);
        assert!(Arc::ptr_eq(&same, &system.lane));
    });
}

#[test]
fn what_was_asked_and_how_long_it_waited_is_counted() {
    paused(async {
        let system = System::new(rate(1, 2 * SECOND));
        for _ in 0..3 {
            drop(system.turn().await);
        }
        system.lane.note_throttled();
        let [iam] = &system.limiter.traffic()[..] else { panic!("one lane") };
        assert_eq!((iam.source.as_str(), iam.credential.as_ref()), ("iam", None));
        assert_eq!((iam.requests, iam.throttled), (3, 1));
        assert!((4 * SECOND..5 * SECOND).contains(&iam.waited), "{:?}", iam.waited);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Each control that has something to ask is asked at every round: however many requests another one has.
    #[test]
    fn between_two_requests_of_one_control_every_other_that_waits_has_one(
        requests in proptest::collection::vec(0usize..4, 2..60),
    ) {
        let order = paused(async {
            let system = System::new(rate(1, SECOND));
            drop(system.turn().await);
            let order = Mutex::new(Vec::new());
            let turns = requests.iter().map(|control| {
                let (system, order) = (&system, &order);
                async move {
                    drop(system.turn_of(&format!("C-{control}"), Instant::now() + 10_000 * SECOND).await.unwrap());
                    order.lock().unwrap().push(*control);
                }
            });
            futures_util::future::join_all(turns).await;
            order.into_inner().unwrap()
        });
        prop_assert_eq!(order.len(), requests.len());
        // The first of all had its turn before the others came.
        let order = &order[1..];
        for (at, control) in order.iter().enumerate() {
            let Some(again) = order[at + 1..].iter().position(|next| next == control) else { continue };
            let between = &order[at + 1..at + 1 + again];
            let waits = |other: &usize| order[at + 1..].contains(other) && other != control;
            for other in (0..4).filter(waits) {
                prop_assert!(between.contains(&other), "{} waits while {} is served: {:?}", other, control, order);
            }
        }
    }

    /// Whatever comes when, takes however long, and whenever the source asks for quiet.
    #[test]
    fn rate_and_quiet_hold_for_any_load(
        requests in 1u32..6, per_ms in 1u64..2_000,
        load in proptest::collection::vec((0u64..3_000, 0u64..500), 1..40),
        quiet in proptest::option::of((0u64..3_000, 0u64..5_000)),
    ) {
        let (starts, silence) = paused(async {
            let system = System::new(rate(requests, Duration::from_millis(per_ms)));
            let starts = Mutex::new(Vec::new());
            let began = Instant::now();
            let runs = load.iter().map(|&(arrives, takes)| {
                let (system, starts) = (&system, &starts);
                async move {
                    tokio::time::sleep(Duration::from_millis(arrives)).await;
                    let turn = system.turn().await;
                    starts.lock().unwrap().push(Instant::now());
                    tokio::time::sleep(Duration::from_millis(takes)).await;
                    drop(turn);
                }
            });
            let silence = async {
                let (after, pause) = quiet?;
                tokio::time::sleep(Duration::from_millis(after)).await;
                system.lane.be_quiet_for(Duration::from_millis(pause));
                Some((began + Duration::from_millis(after), began + Duration::from_millis(after + pause)))
            };
            let (_, silence) = tokio::join!(futures_util::future::join_all(runs), silence);
            (starts.into_inner().unwrap(), silence)
        });
        prop_assert_eq!(starts.len(), load.len());
        assert_within(Rate { requests, per: Duration::from_millis(per_ms) }, &starts);
        if let Some((from, until)) = silence {
            // What started in the same millisecond may have been first.
            prop_assert!(!starts.iter().any(|start| *start > from + Duration::from_millis(1) && *start < until));
        }
    }
}

#[tokio::test]
async fn a_source_that_asks_for_quiet_gets_it_from_all_runs() {
    let server =
        Server::answering("HTTP/1.1 429 Too Many Requests\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n").await;
    let gate = gate(Vec::new(), Vec::new(), None);
    let grant = Grant { source: Some("api".parse().unwrap()), ..server.grant() };
    let one = door_of(&gate, [grant.clone()]);
    assert!(matches!(one.send(get(server.url("/"))).await, Err(HttpError::Status(_))));
    let other = door_of(&gate, [grant]);
    assert_eq!(other.send(get(server.url("/"))).await, Err(HttpError::Limit("wall".into())));
    assert_eq!(server.connections(), 1);
    // Another source of the same host was not asked to.
    let neighbour = door_of(&gate, [Grant { source: Some("other".parse().unwrap()), ..server.grant() }]);
    assert!(matches!(neighbour.send(get(server.url("/"))).await, Err(HttpError::Status(_))));
}

#[tokio::test]
async fn a_refusal_that_was_asked_for_makes_no_quiet() {
    let server =
        Server::answering("HTTP/1.1 429 Too Many Requests\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n").await;
    let door = door([server.grant()]);
    for _ in 0..2 {
        let accepting = HttpRequest { accept: vec![429], ..get(server.url("/")) };
        assert_eq!(door.send(accepting).await.unwrap().exchange.status, 429);
    }
}

#[tokio::test]
async fn waiting_for_a_turn_costs_the_run_and_not_the_request() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let rates = vec![("api".parse().unwrap(), Rate { requests: 1, per: Duration::from_millis(200) })];
    let gate = Arc::new(Gate::new(GateSettings { rates, ..settings() }).unwrap());
    let grant = Grant { source: Some("api".parse().unwrap()), ..server.grant() };
    let door = door_of(&gate, [grant.clone()]);
    let hurried = HttpRequest { timeout_ms: 150, ..get(server.url("/")) };
    let began = Instant::now();
    let answers = door.send_all(vec![hurried.clone(); 2]).await;
    assert!(answers[0].waited < answers[1].waited && answers[1].waited >= Duration::from_millis(190));
    for answer in answers {
        assert_eq!(text(answer.answer), "ok");
    }
    assert!(began.elapsed() >= Duration::from_millis(200));
    let deadline = Instant::now() + Duration::from_millis(50);
    let short = gate.for_run(control(), [grant].into(), Budget { deadline, ..budget() });
    assert_eq!(short.send(hurried).await, Err(HttpError::Limit("wall".into())));
}

#[tokio::test]
async fn a_source_that_says_when_it_counts_anew_is_left_alone_until_then() {
    let server = Server::answering(
        "HTTP/1.1 200 OK\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 30\r\ncontent-length: 2\r\n\r\nok",
    )
    .await;
    let door = door([Grant { source: Some("api".parse().unwrap()), ..server.grant() }]);
    assert_eq!(text(door.send(get(server.url("/"))).await), "ok");
    assert_eq!(door.send(get(server.url("/"))).await, Err(HttpError::Limit("wall".into())));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_refusal_without_a_word_of_when_waits_for_the_reset_and_tries_again() {
    // GitHub refuses with 403 what is over its limit.
    let server = Server::tcp(|mut stream| async move {
        read_head(&mut stream).await;
        let answer = "HTTP/1.1 403 Forbidden\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 1\r\n\
                      connection: close\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.ok();
        stream.shutdown().await.ok();
    })
    .await;
    let gate = gate(Vec::new(), Vec::new(), None);
    let door = door_of(&gate, [Grant { source: Some("api".parse().unwrap()), ..server.grant() }]);
    let [answered] = &door.send_all(vec![get(server.url("/"))]).await[..] else { panic!("one answer") };
    let Err(HttpError::Status(response)) = &answered.answer else { panic!("{:?}", answered.answer) };
    assert_eq!((response.exchange.status, response.exchange.attempts, server.connections()), (403, 4, 4));
    assert!(answered.waited >= 3 * SECOND, "{:?}", answered.waited);
    let [traffic] = &gate.traffic()[..] else { panic!("one lane") };
    assert_eq!((traffic.source.as_str(), traffic.requests, traffic.throttled), ("api", 4, 4));
    // Without that header it is a refusal like any other.
    let server = Server::answering("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await;
    let door = door_of(&gate, [server.grant()]);
    assert!(matches!(door.send(get(server.url("/"))).await, Err(HttpError::Status(_))));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn the_quiet_of_a_source_outlives_the_configuration() {
    let server =
        Server::answering("HTTP/1.1 429 Too Many Requests\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n").await;
    let before = gate(Vec::new(), Vec::new(), None);
    assert!(matches!(door_of(&before, [server.grant()]).send(get(server.url("/"))).await, Err(HttpError::Status(_))));
    let after = Arc::new(before.succeeding(settings()).unwrap());
    let refused = door_of(&after, [server.grant()]).send(get(server.url("/"))).await;
    assert_eq!(refused, Err(HttpError::Limit("wall".into())));
    assert_eq!(server.connections(), 1);
}
