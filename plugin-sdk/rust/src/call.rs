use evidenced_contract::{Auth, Exchange, Failure, FailureKind, HttpError, HttpRequest, HttpResponse};
use serde::{Serialize, de::DeserializeOwned};

/// An HTTP request that has not been sent. The host adds the credential, and every status outside of 200 to 299 is an
/// error unless [`accept`](Self::accept) says that it answers the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub request: HttpRequest,
    /// What the call is for, in words that an auditor knows: `iam:ListUsers`. Empty: method and URL.
    pub purpose: String,
}

impl Call {
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url.into())
    }

    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url.into())
    }

    pub fn head(url: impl Into<String>) -> Self {
        Self::new("HEAD", url.into())
    }

    fn new(method: &str, url: String) -> Self {
        Self {
            request: HttpRequest {
                method: method.to_owned(),
                url,
                headers: Vec::new(),
                body: None,
                auth: Auth::Granted,
                accept: Vec::new(),
                timeout_ms: 0,
            },
            purpose: String::new(),
        }
    }

    /// What the call is for, in the words of errors and evidence.
    pub fn purpose(mut self, words: impl Into<String>) -> Self {
        self.purpose = words.into();
        self
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.request.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Statuses besides 200 to 299 that answer the question.
    pub fn accept(mut self, statuses: &[u16]) -> Self {
        self.request.accept.extend_from_slice(statuses);
        self
    }

    /// Without the credential of the grant.
    pub fn anonymous(mut self) -> Self {
        self.request.auth = Auth::Anonymous;
        self
    }

    /// With another credential that is granted for the same host.
    pub fn credential(mut self, name: &str) -> Self {
        self.request.auth = Auth::Named(name.to_owned());
        self
    }

    pub fn timeout_ms(mut self, timeout_ms: u32) -> Self {
        self.request.timeout_ms = timeout_ms;
        self
    }

    pub fn body(mut self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.request.body = Some(body.into());
        self.header("content-type", media_type)
    }

    /// A body of `name=value` pairs, percent-encoded.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        self.body("application/x-www-form-urlencoded", encode_form(fields))
    }

    /// A body of JSON. Only a value that JSON cannot hold (a map whose keys are no strings) is an error.
    pub fn json<T: Serialize>(self, value: &T) -> Result<Self, Failure> {
        let text = serde_json::to_vec(value).map_err(|error| Failure {
            kind: FailureKind::Internal,
            message: format!("a request cannot be written as JSON: {error}"),
            source: None,
        })?;
        Ok(self.body("application/json", text))
    }

    /// What errors call it.
    pub(crate) fn words(&self) -> String {
        if self.purpose.is_empty() {
            format!("{} {}", self.request.method, self.request.url)
        } else {
            self.purpose.clone()
        }
    }
}

/// `name=value&…`, in which everything but unreserved characters (RFC 3986) is percent-encoded.
pub(crate) fn encode_form(fields: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        if !text.is_empty() {
            text.push('&');
        }
        percent_encode(name, &mut text);
        text.push('=');
        percent_encode(value, &mut text);
    }
    text
}

fn percent_encode(plain: &str, to: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in plain.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            to.push(char::from(byte));
        } else {
            to.push('%');
            to.push(char::from(DIGITS[usize::from(byte >> 4)]));
            to.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

/// An answer that counts: its status is 200 to 299, or one that was accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    pub exchange: Exchange,
    pub body: Vec<u8>,
    /// Of the call that it answers.
    pub purpose: String,
}

impl Response {
    pub fn status(&self) -> u16 {
        self.exchange.status
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.exchange.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// The body; what is not UTF-8 is a failure.
    pub fn text(&self) -> Result<&str, Failure> {
        std::str::from_utf8(&self.body).map_err(|_| self.not_as_expected("the answer is not UTF-8"))
    }

    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body)
            .map_err(|error| self.not_as_expected(format!("the answer is not the JSON that was expected: {error}")))
    }

    /// The failure of a check that cannot make sense of this answer.
    pub fn not_as_expected(&self, why: impl std::fmt::Display) -> Failure {
        Failure { kind: FailureKind::BadInput, message: format!("{}: {why}", self.purpose), source: None }
    }
}

/// A call without an answer that counts. `?` turns it into the [`Failure`] that it means.
#[derive(Debug, Clone, PartialEq)]
pub struct CallError {
    /// What the call was for.
    pub purpose: String,
    pub url: String,
    pub error: HttpError,
}

impl CallError {
    /// The answer whose status does not count.
    pub fn response(&self) -> Option<&HttpResponse> {
        match &self.error {
            HttpError::Status(response) => Some(response),
            HttpError::Refused(_)
            | HttpError::Unreachable(_)
            | HttpError::Timeout
            | HttpError::Tls(_)
            | HttpError::Limit(_) => None,
        }
    }

    pub fn kind(&self) -> FailureKind {
        match &self.error {
            HttpError::Refused(_) => FailureKind::Unsupported,
            HttpError::Unreachable(_) | HttpError::Tls(_) => FailureKind::Unreachable,
            HttpError::Timeout => FailureKind::Timeout,
            HttpError::Status(response) => kind_of_status(response.exchange.status),
            HttpError::Limit(which) if which == "wall" => FailureKind::Timeout,
            HttpError::Limit(_) => FailureKind::Unsupported,
        }
    }

    /// The failure with more precise words than the status alone, such as the service's own error code.
    pub fn because(&self, why: impl std::fmt::Display) -> Failure {
        Failure { kind: self.kind(), message: format!("{}: {why}", self.purpose), source: Some(self.url.clone()) }
    }
}

fn kind_of_status(status: u16) -> FailureKind {
    match status {
        401 | 403 => FailureKind::Denied,
        408 | 504 => FailureKind::Timeout,
        429 => FailureKind::Throttled,
        500..=599 => FailureKind::Unreachable,
        _ => FailureKind::BadInput,
    }
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.purpose, self.error)
    }
}

impl std::error::Error for CallError {}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        error.because(&error.error)
    }
}
