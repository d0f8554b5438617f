//! The company's APIs, served on loopback in the shapes of the real services: AWS IAM's query protocol and the Open
//! Inference Protocol. Simulated, and said to be so wherever the demo speaks of them.

use std::{fmt::Write, net::SocketAddr, sync::Arc};

use axum::{
    Form, Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::story::{self, Key};
use crate::{clock::Clock, domain::Timestamp};

/// Where the company can be reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    pub(super) iam: SocketAddr,
    pub(super) research_iam: SocketAddr,
    pub(super) inference: SocketAddr,
}

/// Listeners that are bound, but not yet served.
#[derive(Debug)]
pub(super) struct Company {
    iam: TcpListener,
    research_iam: TcpListener,
    inference: TcpListener,
    clock: Arc<dyn Clock>,
}

impl Company {
    pub(super) async fn bind(clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let bind = || TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0));
        Ok(Self { iam: bind().await?, research_iam: bind().await?, inference: bind().await?, clock })
    }

    pub(super) fn addresses(&self) -> std::io::Result<Addresses> {
        Ok(Addresses {
            iam: self.iam.local_addr()?,
            research_iam: self.research_iam.local_addr()?,
            inference: self.inference.local_addr()?,
        })
    }

    /// Serves until the token is cancelled.
    pub(super) async fn serve(self, stop: CancellationToken) -> std::io::Result<()> {
        let iam = Router::new().route("/", post(production_account)).with_state(self.clock.clone());
        let research = Router::new().route("/", post(research_account)).with_state(self.clock.clone());
        let inference = Router::new()
            .route("/v2/health/ready", get(|| async { StatusCode::OK }))
            .route("/v2/models/{model}/infer", post(infer))
            .with_state(self.clock);
        let serve =
            |listener, router| axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        tokio::try_join!(
            serve(self.iam, iam).into_future(),
            serve(self.research_iam, research).into_future(),
            serve(self.inference, inference).into_future(),
        )?;
        Ok(())
    }
}

/// The parameters of the three actions that an auditor's role needs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Query {
    action: String,
    user_name: Option<String>,
    access_key_id: Option<String>,
    marker: Option<String>,
}

async fn production_account(
    State(clock): State<Arc<dyn Clock>>,
    headers: HeaderMap,
    Form(query): Form<Query>,
) -> Response {
    let now = clock.now();
    account(&headers, &query, now, story::keys(now))
}

async fn research_account(
    State(clock): State<Arc<dyn Clock>>,
    headers: HeaderMap,
    Form(query): Form<Query>,
) -> Response {
    let now = clock.now();
    if story::access_denied().contains(now) {
        return denied("AccessDenied", "User: auditor is not authorized to perform this action");
    }
    account(&headers, &query, now, story::research_keys(now))
}

fn account(headers: &HeaderMap, query: &Query, now: Timestamp, keys: Vec<Key>) -> Response {
    let is_signed = headers.get(AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(b"AWS4-HMAC-SHA256 "));
    if !is_signed {
        return denied("MissingAuthenticationToken", "Request is missing Authentication Token");
    }
    match query.action.as_str() {
        "ListUsers" => list_users(&keys, query.marker.as_deref()),
        "ListAccessKeys" => list_access_keys(&keys, query.user_name.as_deref().unwrap_or_default()),
        "GetAccessKeyLastUsed" => last_used(&keys, query.access_key_id.as_deref().unwrap_or_default(), now),
        _ => error(StatusCode::BAD_REQUEST, "InvalidAction", "Could not find operation"),
    }
}

/// Two users a page, so that a check that reads one page is found out.
fn list_users(keys: &[Key], marker: Option<&str>) -> Response {
    let mut users: Vec<_> = keys.iter().map(|key| key.user).collect();
    users.dedup();
    let from = marker.and_then(|marker| users.iter().position(|user| *user == marker)).unwrap_or(0);
    let page = &users[from..users.len().min(from + 2)];
    let next = users.get(from + 2);
    let mut members = String::new();
    for user in page {
        let _infallible = write!(
            members,
            "<member><UserName>{user}</UserName><UserId>AIDADEMO{user}</UserId><Path>/</Path>\
             <Arn>arn:aws:iam::123456789012:user/{user}</Arn><CreateDate>2024-01-15T09:00:00Z</CreateDate></member>"
        );
    }
    let marker = next.map(|user| format!("<Marker>{user}</Marker>")).unwrap_or_default();
    let is_truncated = next.is_some();
    xml("ListUsers", &format!("<Users>{members}</Users><IsTruncated>{is_truncated}</IsTruncated>{marker}"))
}

fn list_access_keys(keys: &[Key], user: &str) -> Response {
    let mut members = String::new();
    for key in keys.iter().filter(|key| key.user == user) {
        let status = if key.is_active { "Active" } else { "Inactive" };
        let _infallible = write!(
            members,
            "<member><UserName>{user}</UserName><AccessKeyId>{}</AccessKeyId><Status>{status}</Status>\
             <CreateDate>{}</CreateDate></member>",
            key.id, key.created
        );
    }
    xml("ListAccessKeys", &format!("<AccessKeyMetadata>{members}</AccessKeyMetadata><IsTruncated>false</IsTruncated>"))
}

fn last_used(keys: &[Key], id: &str, now: Timestamp) -> Response {
    let Some(key) = keys.iter().find(|key| key.id == id) else {
        return error(StatusCode::NOT_FOUND, "NoSuchEntity", "The Access Key cannot be found");
    };
    let yesterday = now.minus(std::time::Duration::from_secs(86_400)).max(key.created);
    let date = if key.is_active { yesterday } else { key.created };
    xml(
        "GetAccessKeyLastUsed",
        &format!(
            "<UserName>{}</UserName><AccessKeyLastUsed><LastUsedDate>{date}</LastUsedDate><ServiceName>s3</ServiceName>\
             <Region>eu-central-1</Region></AccessKeyLastUsed>",
            key.user
        ),
    )
}

fn xml(action: &str, result: &str) -> Response {
    let body = format!(
        "<{action}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>demo</RequestId></ResponseMetadata></{action}Response>"
    );
    ([("content-type", "text/xml")], body).into_response()
}

fn denied(code: &str, message: &str) -> Response {
    error(StatusCode::FORBIDDEN, code, message)
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = format!(
        "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>demo</RequestId></ErrorResponse>"
    );
    (status, [("content-type", "text/xml")], body).into_response()
}

/// A request of the Open Inference Protocol, as far as the demo's models read it.
#[derive(Debug, Deserialize)]
struct InferRequest {
    id: Option<String>,
    inputs: Vec<InferInput>,
}

#[derive(Debug, Deserialize)]
struct InferInput {
    shape: Vec<usize>,
    data: Vec<f64>,
}

async fn infer(
    State(clock): State<Arc<dyn Clock>>,
    Path(model): Path<String>,
    Json(request): Json<InferRequest>,
) -> Response {
    if model == "iris" && story::outage().contains(clock.now()) {
        return (StatusCode::SERVICE_UNAVAILABLE, "no healthy upstream").into_response();
    }
    let Some(input) = request.inputs.first() else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").into_response();
    };
    let width = input.shape.get(1).copied().unwrap_or(1).max(1);
    // Petal length tells the three species of the iris data apart well enough for one flower of each.
    let classes: Vec<u8> = input
        .data
        .chunks(width)
        .map(|flower| match flower.get(2) {
            Some(petal) if *petal < 2.5 => 0,
            Some(petal) if *petal < 5.0 => 1,
            _ => 2,
        })
        .collect();
    Json(serde_json::json!({
        "model_name": model,
        "model_version": "v1.2.0",
        "id": request.id.unwrap_or_default(),
        "outputs": [{ "name": "predict", "shape": [classes.len(), 1], "datatype": "INT64", "data": classes }],
    }))
    .into_response()
}
