//! The status page, JSON, metrics and health.
//!
//! In: the answers of the desk, the same that commands get. Out: HTTP on a loopback address, reading only.
//! Must not know: how anything is decided or kept.

mod metrics;
mod pages;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    desk::{Desk, ExceptionLine},
    domain::ExceptionId,
};

/// Serves until the token is cancelled.
pub async fn serve(desk: Arc<Desk>, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
    let router = Router::new()
        .route("/", get(status_page))
        .route("/exceptions", get(exceptions_page))
        .route("/exceptions/{id}", get(exception_page))
        .route("/controls/{*id}", get(control_page))
        .route("/api/status", get(status_json))
        .route("/api/exceptions", get(exceptions_json))
        .route("/metrics", get(metrics_text))
        .route("/health", get(health))
        .with_state(desk);
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

/// What went wrong, for a reader of the page; the cause goes to the log.
struct Failure(StatusCode, &'static str);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, page(pages::problem(self.1))).into_response()
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        tracing::error!(error = format!("{error:#}"), "a page could not be made");
        Self(StatusCode::INTERNAL_SERVER_ERROR, "this page could not be made; the daemon's log says why")
    }
}

const NOT_FOUND: Failure = Failure(StatusCode::NOT_FOUND, "there is nothing of that name");

type Page = axum::response::Html<String>;

fn page(markup: maud::Markup) -> Page {
    axum::response::Html(markup.into_string())
}

async fn status_page(State(desk): State<Arc<Desk>>) -> Result<Page, Failure> {
    let status = desk.status();
    let open: Vec<_> = desk.exceptions(None).into_iter().filter(is_open).collect();
    Ok(page(pages::status(&status, &open)))
}

async fn exceptions_page(State(desk): State<Arc<Desk>>) -> Result<Page, Failure> {
    Ok(page(pages::exceptions(&desk.status(), &desk.exceptions(None))))
}

async fn exception_page(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Result<Page, Failure> {
    let id: ExceptionId = id.parse().map_err(|_| NOT_FOUND)?;
    let exception = desk.exception(id).ok_or(NOT_FOUND)?;
    Ok(page(pages::exception(&desk.status(), &exception)))
}

async fn control_page(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Result<Page, Failure> {
    let id = id.parse().map_err(|_| NOT_FOUND)?;
    let status = desk.status();
    let control = status.controls.iter().find(|control| control.control == id).ok_or(NOT_FOUND)?.clone();
    let slots =
        tokio::task::spawn_blocking(move || desk.latest_slots(&id, 100)).await.map_err(anyhow::Error::from)??;
    Ok(page(pages::control(&status, &control, &slots)))
}

async fn status_json(State(desk): State<Arc<Desk>>) -> Response {
    Json(desk.status()).into_response()
}

async fn exceptions_json(State(desk): State<Arc<Desk>>) -> Response {
    Json(desk.exceptions(None)).into_response()
}

async fn metrics_text(State(desk): State<Arc<Desk>>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::render(&desk.status())).into_response()
}

/// 200 while the ledger takes entries, the hourly checkpoint is not older than 2 hours, and mail goes out; else 503 and
/// why, a line each. That no mail goes out is told by no mail: whoever watches this must hear of it.
async fn health(State(desk): State<Arc<Desk>>) -> Response {
    let problems = desk.problems();
    if problems.is_empty() {
        return (StatusCode::OK, "ok\n").into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, problems.join("\n") + "\n").into_response()
}

fn is_open(exception: &ExceptionLine) -> bool {
    use crate::domain::ExceptionState::{Closed, Open, Overdue, Recovered};
    match exception.state {
        Open | Overdue => true,
        Recovered | Closed => false,
    }
}
