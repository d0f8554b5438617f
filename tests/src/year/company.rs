//! The company's systems, behind one API: `/state/CONTROL` is what its owner would find there now.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use evidenced::{
    clock::{Clock as _, VirtualClock},
    domain::Timestamp,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::troubles::{Trouble, What, troubles};

/// A system that throttles lets one request pass in this time: the host waits for it in real time.
const PER_REQUEST: std::time::Duration = std::time::Duration::from_secs(1);

/// A listener that is bound, but not yet served.
#[derive(Debug)]
pub(super) struct Company {
    listener: TcpListener,
    world: Arc<World>,
}

#[derive(Debug)]
struct World {
    /// The true time: the systems have no share in what the daemon's machine believes.
    truth: VirtualClock,
    troubles: Vec<Trouble>,
    /// When a system that throttles let a request pass.
    passed: Mutex<Option<Instant>>,
}

impl Company {
    pub(super) async fn bind(truth: VirtualClock) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Self { listener, world: Arc::new(World { truth, troubles: troubles(), passed: Mutex::new(None) }) })
    }

    pub(super) fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the token is cancelled.
    pub(super) async fn serve(self, stop: CancellationToken) -> std::io::Result<()> {
        let router = Router::new().route("/state/{*control}", get(state)).with_state(self.world);
        axum::serve(self.listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
    }
}

async fn state(State(world): State<Arc<World>>, Path(control): Path<String>) -> Response {
    let now = world.truth.now();
    let its = || world.troubles.iter().filter(|trouble| trouble.concerns(&control));
    for trouble in its().filter(|trouble| trouble.lasts(now)) {
        match trouble.what {
            What::Status(status) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                return (status, "no healthy upstream").into_response();
            }
            What::LoginPage => return Html("<!doctype html><title>Sign in</title>").into_response(),
            What::Throttled if !world.passes() => {
                return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")], "slow down").into_response();
            }
            What::Throttled | What::Bad(_) | What::EveryOtherHour(_) | What::KeyOfAge(_) => {}
        }
    }
    let begun = its().filter(|trouble| trouble.from <= now);
    let rows: Vec<Value> = if control.starts_with("SEC-01/") {
        usual_keys(&control, now).into_iter().chain(begun.filter_map(|trouble| key(trouble, now))).collect()
    } else {
        let usual = ["a", "b", "c"].map(|name| json!({ "name": format!("{control}-{name}"), "good": true }));
        usual.into_iter().chain(begun.filter_map(|trouble| row(trouble, now))).collect()
    };
    Json(rows).into_response()
}

impl World {
    fn passes(&self) -> bool {
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let passes = passed.is_none_or(|at| at.elapsed() >= PER_REQUEST);
        if passes {
            *passed = Some(Instant::now());
        }
        passes
    }
}

fn row(trouble: &Trouble, now: Timestamp) -> Option<Value> {
    let (name, is_bad) = match trouble.what {
        What::Bad(name) => (name, trouble.lasts(now)),
        What::EveryOtherHour(name) => {
            let hours = now.since(trouble.from).as_secs() / 3600;
            (name, trouble.lasts(now) && hours.is_multiple_of(2))
        }
        What::KeyOfAge(_) | What::Status(_) | What::LoginPage | What::Throttled => return None,
    };
    Some(json!({ "name": name, "good": !is_bad }))
}

const DAY_MS: i64 = 86_400_000;

/// Two keys that are rotated every 50 days, the one in the middle of the other's time.
fn usual_keys(control: &str, now: Timestamp) -> Vec<Value> {
    let rotated = |shift: i64| {
        let day = now.as_millis().div_euclid(DAY_MS) - shift;
        Timestamp::from_millis((day.div_euclid(50) * 50 + shift) * DAY_MS)
    };
    let key = |name: &str, shift| {
        let account = control.trim_start_matches("SEC-01/");
        json!({ "id": format!("{account}-{name}"), "owner": name, "active": true, "created": rotated(shift) })
    };
    vec![key("deploy", 0), key("reader", 25)]
}

/// Once it is over, the key is inactive.
fn key(trouble: &Trouble, now: Timestamp) -> Option<Value> {
    let (id, age) = match trouble.what {
        What::Bad(id) => (id, 200),
        What::KeyOfAge(days) => ("notebook-1", days),
        What::EveryOtherHour(_) | What::Status(_) | What::LoginPage | What::Throttled => return None,
    };
    let created = Timestamp::from_millis(trouble.from.as_millis() - age * DAY_MS);
    Some(json!({ "id": id, "owner": "somebody", "active": trouble.lasts(now), "created": created }))
}
