//! One run's view of the network.

use evidenced_contract::{Exchange, HttpError, HttpRequest, HttpResponse, Peer};
use futures_util::stream::{self, StreamExt};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    Gate,
    cleaning::Cleaning,
    connect::Stopwatch,
    credential::Sent,
    exchange::{Raw, Room, exchange},
    limiter::{Lane, Quiet, Turn},
    message::{add_own_headers, message},
    proxy::ProxyPass,
    quota,
    request::{Grants, Permitted, Target, permit_handshake},
    retry,
    shown::Shown,
    token::{Asking, Mark},
};
use crate::{
    clock,
    domain::{ControlId, CredentialId, Grant},
    secret::Secret,
};

/// Requests of one `send_all` that are under way at the same time.
const SIDE_BY_SIDE: usize = 16;

/// Answers of full length that one call may hold in memory.
const FULL_ANSWERS: u64 = 16;

/// What a run may use.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Calls: requests and handshakes, refused ones included; the host's own retries are not.
    pub requests: u32,
    /// Bytes of the body of one answer.
    pub response_bytes: u32,
    /// The end of the run.
    pub deadline: Instant,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    pub answer: Result<HttpResponse, HttpError>,
    /// How long the host kept it waiting, for its turns and after each answer that asked to come back later.
    pub waited: Duration,
}

impl From<Result<HttpResponse, HttpError>> for Answered {
    /// It did not wait.
    fn from(answer: Result<HttpResponse, HttpError>) -> Self {
        Self { answer, waited: Duration::ZERO }
    }
}

/// The network as one run may see it.
pub struct Door {
    pub(super) gate: Arc<Gate>,
    /// Controls take turns where many wait.
    pub(super) control: ControlId,
    pub(super) grants: Grants,
    pub(super) budget: Budget,
    pub(super) requests_left: AtomicU32,
}

impl Door {
    /// The same for somebody who said beforehand what they need: what they did not say is not theirs, though it is granted.
    #[must_use]
    pub fn declaring(self, is_declared: impl Fn(&Grant) -> bool) -> Self {
        Self { grants: self.grants.declared(is_declared), ..self }
    }

    /// Sends one request; the answer is free of the secrets that were sent.
    ///
    /// # Errors
    /// As [`HttpError`] says; every text in it is the same whenever the cause is the same.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.count_one()?;
        self.answer(request, &self.room()).await.answer
    }

    /// Sends several requests side by side; the answers are in the order of the requests.
    pub async fn send_all(&self, requests: Vec<HttpRequest>) -> Vec<Answered> {
        let room = &self.room();
        // Counted before anything is sent, so that it is always the last ones that find the budget used up.
        let counted: Vec<_> = requests.into_iter().map(|request| self.count_one().map(|()| request)).collect();
        stream::iter(counted)
            .map(|request| async move {
                match request {
                    Ok(request) => self.answer(request, room).await,
                    Err(error) => Err(error).into(),
                }
            })
            .buffered(SIDE_BY_SIDE)
            .collect()
            .await
    }

    /// A handshake, and no more, with every address of `host`. An untrusted chain is an answer.
    pub async fn handshake(&self, host: &str, port: u16) -> Result<Vec<Result<Peer, HttpError>>, HttpError> {
        self.count_one()?;
        let (target, grant) = permit_handshake(host, port, &self.grants)?;
        let queue = self.queue(grant, &target, None);
        let look = async {
            let _turn = queue.turn(self.budget.deadline).await.map_err(|Quiet| out_of_time())?;
            self.gate.connector.look_at(&target, self.gate.way(grant, None)).await
        };
        let mut seen = timeout_at(self.budget.deadline, look).await.map_err(|_| out_of_time())??;
        if let Some(cleaning) = self.gate.confided.cleaning(&target) {
            seen.iter_mut().for_each(|peer| cleaning.certificates(peer.as_mut().ok()));
        }
        Ok(seen)
    }

    /// Calls that the run may still make.
    pub fn requests_left(&self) -> u32 {
        self.requests_left.load(Ordering::Relaxed)
    }

    fn count_one(&self) -> Result<(), HttpError> {
        let counted = self.requests_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        counted.map(drop).map_err(|_| HttpError::Limit("requests".to_owned()))
    }

    fn room(&self) -> Room {
        Room::new(u64::from(self.budget.response_bytes).saturating_mul(FULL_ANSWERS))
    }

    async fn answer(&self, request: HttpRequest, room: &Room) -> Answered {
        let mut waited = Duration::ZERO;
        let answer = self.answer_waiting(request, room, &mut waited).await;
        Answered { answer, waited }
    }

    async fn answer_waiting(
        &self,
        request: HttpRequest,
        room: &Room,
        waited: &mut Duration,
    ) -> Result<HttpResponse, HttpError> {
        let request = Permitted::new(request, &self.grants)?;
        let queue = self.queue(request.grant, &request.target, request.credential);
        let came = clock::timer_now();
        // To get a token and to wait for the first turn is the host's doing: it costs the run, but not the time that the
        // request gives the server.
        let ready = async {
            self.gate.make_ready(&request, &self.asking(self.budget.deadline)).await?;
            queue.turn(self.budget.deadline).await.map_err(|Quiet| out_of_time())
        };
        let turn = timeout_at(self.budget.deadline, ready).await;
        *waited += clock::timer_now() - came;
        let turn = turn.map_err(|_| out_of_time())??;
        let own_end = match request.timeout_ms {
            0 => self.budget.deadline,
            millis => clock::timer_now() + Duration::from_millis(millis.into()),
        };
        let end = own_end.min(self.budget.deadline);
        match timeout_at(end, self.tries(&request, &queue, turn, end, room, waited)).await {
            Ok(answer) => answer,
            Err(_) if end == self.budget.deadline => Err(out_of_time()),
            Err(_) => Err(HttpError::Timeout),
        }
    }

    /// Tries until there is an answer that does not ask to come back later, or no time to do so before `end`.
    async fn tries(
        &self,
        request: &Permitted<'_>,
        queue: &Queue<'_>,
        first: Turn,
        end: Instant,
        room: &Room,
        waited: &mut Duration,
    ) -> Result<HttpResponse, HttpError> {
        let mut turn = first;
        let mut attempts = 1;
        let mut is_renewed = false;
        loop {
            let Attempted { response, token } = self.attempt(request, attempts, end, room).await?;
            let headers = &response.exchange.headers;
            let now = (self.gate.now)();
            let quota = quota::read(headers, now);
            if let Some(quota) = quota {
                queue.lane.note_quota(quota);
            }
            drop(turn);
            let status = response.exchange.status;
            if !is_renewed
                && let Some((credential, mark)) = token
                && is_refused_token(&response)
                && self.gate.tokens.refuse(credential, mark, now).await
            {
                is_renewed = true;
                attempts += 1;
                turn = match queue.turn(end).await {
                    Ok(turn) => turn,
                    Err(Quiet) => return Err(HttpError::Status(Box::new(response))),
                };
                continue;
            }
            if (200..=299).contains(&status) || request.accept.contains(&status) {
                return Ok(response);
            }
            let is_exhausted = quota.is_some_and(|quota| quota.remaining == 0);
            let is_throttled = status == 429 || (status == 403 && is_exhausted);
            let reset = quota.filter(|_| is_throttled && is_exhausted).map(|quota| quota.reset);
            let pause = quota::retry_after(headers, now).or(reset);
            if is_throttled {
                queue.lane.note_throttled();
                if let Some(pause) = pause {
                    // It is this client that is too fast, not this request; 503 is the server's own trouble.
                    queue.lane.be_quiet_for(pause);
                }
            }
            let again = (is_throttled || retry::asks_to_wait(status))
                && retry::is_repeatable(&request.method)
                && attempts < retry::ATTEMPTS_MAX;
            let answered = clock::timer_now();
            let until = answered + pause.unwrap_or_else(|| retry::pause(attempts));
            if !again || until >= end {
                return Err(HttpError::Status(Box::new(response)));
            }
            sleep_until(until).await;
            let next = queue.turn(end).await;
            *waited += clock::timer_now() - answered;
            turn = match next {
                Ok(turn) => turn,
                Err(Quiet) => return Err(HttpError::Status(Box::new(response))),
            };
            attempts += 1;
        }
    }

    fn queue(&self, grant: &Grant, target: &Target, credential: Option<&CredentialId>) -> Queue<'_> {
        Queue {
            control: &self.control,
            lane: self.gate.limiter.lane(grant, target, credential),
            places: self.gate.limiter.places(target),
        }
    }

    fn asking(&self, end: Instant) -> Asking<'_> {
        Asking { gate: &self.gate, control: &self.control, end }
    }

    /// Of what the server was told so far, and then of what this request alone has told it.
    fn cleanings(&self, target: &Target, sent: Sent) -> Vec<Arc<Cleaning>> {
        let of_place = self.gate.confided.cleaning(target);
        let is_new = |secret: &Secret| of_place.as_ref().is_none_or(|known| !known.knows(secret));
        let own: Vec<Secret> = sent.lasting.into_iter().chain(sent.passing).filter(is_new).collect();
        // Without a secret it still takes the values of cookies.
        let own = (!own.is_empty() || of_place.is_none()).then(|| Arc::new(Cleaning::of(own)));
        of_place.into_iter().chain(own).collect()
    }

    async fn attempt<'r>(
        &self,
        request: &Permitted<'r>,
        attempts: u32,
        end: Instant,
        room: &Room,
    ) -> Result<Attempted<'r>, HttpError> {
        let mut headers = request.headers.clone();
        add_own_headers(&mut headers, &request.target)?;
        let Shown { loaded, token, identity } = self.gate.shown(request, &self.asking(end)).await?;
        let mut sent = match &loaded {
            None => Sent::default(),
            Some(loaded) => loaded.put_on(request, &request.url, &mut headers, (self.gate.now)())?,
        };
        let mut watch = Stopwatch::start();
        let way = self.gate.way(request.grant, identity.as_ref());
        let mut connection = self.gate.connector.connect(&request.target, way, &mut watch).await?;
        let mut peer = connection.peer.take();
        let message = message(&request.method, &request.url, headers, request.body.clone(), &connection)?;
        let of_proxy = connection.proxied.as_ref().and_then(|proxied| proxied.pass.clone());
        sent.passing.extend(of_proxy.into_iter().flat_map(ProxyPass::secrets));
        self.gate.confided.note(&request.target, &sent.lasting);
        let limit = self.budget.response_bytes.into();
        let raw = exchange(connection, message, &request.target, limit, room, &mut watch).await?;
        let cleanings = self.cleanings(&request.target, sent);
        cleanings.iter().for_each(|cleaning| cleaning.certificates(peer.as_mut()));
        let Raw { status, headers, body } = cleaned(raw, cleanings).await?;
        let headers = headers
            .into_iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(&value).into_owned()))
            .collect();
        let exchange = Exchange { status, headers, timings: watch.timings, peer, attempts };
        Ok(Attempted { response: HttpResponse { exchange, body }, token: request.credential.zip(token) })
    }
}

/// Cleaning takes about as long as copying a few times. What is longer would keep others waiting.
const CLEANED_AT_ONCE: usize = 1 << 20;

async fn cleaned(raw: Raw, cleanings: Vec<Arc<Cleaning>>) -> Result<Raw, HttpError> {
    let is_long = raw.body.len() > CLEANED_AT_ONCE;
    let clean = move || cleanings.iter().fold(raw, |raw, cleaning| cleaning.answer(raw));
    if !is_long {
        return Ok(clean());
    }
    tokio::task::spawn_blocking(clean).await.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        // The daemon ends.
        Err(_) => out_of_time(),
    })
}

/// What came of one attempt, and the token that it was made with.
struct Attempted<'r> {
    response: HttpResponse,
    token: Option<(&'r CredentialId, Mark)>,
}

/// Whether the server says that it is the token that it does not accept. AWS says so of what has expired by a status that it
/// has for all else, too.
fn is_refused_token(response: &HttpResponse) -> bool {
    let names_it = || memchr::memmem::find(&response.body, b"ExpiredToken").is_some();
    match response.exchange.status {
        401 => true,
        400 | 403 => names_it(),
        _ => false,
    }
}

/// Where a request waits for its turn.
struct Queue<'d> {
    control: &'d ControlId,
    lane: Arc<Lane>,
    places: Arc<Semaphore>,
}

impl Queue<'_> {
    async fn turn(&self, end: Instant) -> Result<Turn, Quiet> {
        self.lane.turn(self.control, Arc::clone(&self.places), end).await
    }
}

fn out_of_time() -> HttpError {
    HttpError::Limit("wall".to_owned())
}
