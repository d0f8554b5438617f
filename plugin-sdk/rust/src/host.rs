use evidenced_contract::{
    Failure, FailureKind, HistoryError, HistoryPoint, HttpError, HttpRequest, HttpResponse, Interval, Peer, SlotCounts,
};

/// The outside world, as the contract lets a plugin see it. Inside a component it is the daemon; in a native test it
/// is a [`ScriptedHost`](crate::testing::ScriptedHost). Checks use it through [`Run`](crate::Run).
pub trait Host {
    fn log(&mut self, level: Level, message: &str);
    fn send(&mut self, request: HttpRequest) -> Result<HttpResponse, HttpError>;
    /// Answers in the order of the requests.
    fn send_all(&mut self, requests: Vec<HttpRequest>) -> Vec<Result<HttpResponse, HttpError>>;
    /// One answer for each address of the name.
    fn handshake(&mut self, host: &str, port: u16) -> Result<Vec<Result<Peer, HttpError>>, HttpError>;
    fn read_input(&mut self, name: &str) -> Result<Vec<u8>, InputError>;
    /// What is not UTF-8 is [`InputError::Unreadable`].
    fn read_input_text(&mut self, name: &str) -> Result<String, InputError>;
    fn open_input(&mut self, name: &str) -> Result<Box<dyn InputReader>, InputError>;
    fn state_value(&mut self, key: &str) -> Option<Vec<u8>>;
    fn set_state(&mut self, key: &str, value: &[u8]) -> Result<(), StateError>;
    fn remove_state(&mut self, key: &str);
    fn state_keys(&mut self) -> Vec<String>;
    /// `None` = this control. Oldest first.
    fn points(
        &mut self,
        control: Option<&str>,
        measurement: &str,
        during: &Interval,
    ) -> Result<Vec<HistoryPoint>, HistoryError>;
    fn slots_in(&mut self, control: Option<&str>, during: &Interval) -> Result<SlotCounts, HistoryError>;
}

/// An input that is read in pieces, because it does not fit into memory.
pub trait InputReader {
    /// At most `bytes_max` bytes; empty = end.
    fn read(&mut self, bytes_max: u32) -> Result<Vec<u8>, InputError>;
}

/// Of a line in the daemon's log. Log lines are never evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputError {
    /// The control's configuration gives no input of this name.
    Unknown(String),
    Unreadable(String),
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        match error {
            InputError::Unknown(name) => Self {
                kind: FailureKind::Unsupported,
                message: format!("the control has no input `{name}`"),
                source: Some(name),
            },
            InputError::Unreadable(why) => {
                Self { kind: FailureKind::BadInput, message: format!("an input cannot be read: {why}"), source: None }
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateError {
    /// The bytes that the state may hold.
    TooLarge(u32),
}

impl From<StateError> for Failure {
    fn from(StateError::TooLarge(bytes): StateError) -> Self {
        Self {
            kind: FailureKind::Internal,
            message: format!("the state of the control would be larger than {bytes} bytes"),
            source: None,
        }
    }
}
