//! What is told of a panic: where it was, and not its words. Those of a driver may hold what a server said, and that what it was
//! told in confidence.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::Write as _,
    panic,
    panic::Location,
    thread,
};

/// From now on.
pub(super) fn tell_without_words() {
    panic::set_hook(Box::new(|panic| {
        let told = told(thread::current().name(), panic.location());
        let backtrace = Backtrace::capture();
        let backtrace = match backtrace.status() {
            BacktraceStatus::Captured => format!("{backtrace}\n"),
            _ => String::new(),
        };
        // There is nobody else to tell.
        let _ = write!(std::io::stderr().lock(), "{told}\n{backtrace}");
    }));
}

fn told(thread: Option<&str>, location: Option<&Location<'_>>) -> String {
    let thread = thread.unwrap_or("without a name");
    let place = location.map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    format!("thread `{thread}` panicked at {place}; its words may hold secrets, and are not told")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thread_and_place_are_told() {
        let here = Location::caller();
        let told = told(Some("runs"), Some(here));
        assert!(told.starts_with(&format!("thread `runs` panicked at {}:{}", here.file(), here.line())), "{told}");
    }
}
