//! The letters about the disk: no tests run for want of room, and they run again.

use super::document::{Document, Tone, code, strong, text};
use super::phrases::{checkpoint, page};
use super::prepared::Prepared;
use super::{Letterhead, RoomBackFacts, RoomGoneFacts, words};

pub(super) fn gone(facts: &RoomGoneFacts, head: &Letterhead) -> Prepared {
    let mut document = Document::default();
    document.title("DISK FULL", "no tests run", Tone::Bad);
    document.paragraph([
        strong("No test is started until there is room again. "),
        text("Tests that come due meanwhile are recorded as missed, with this reason; nothing that was recorded is lost."),
    ]);
    let mut list = vec![
        ("Since", vec![text(words::time(facts.at, &head.zone))]),
        ("Records lie in", vec![code(facts.folder.clone())]),
        ("Left", vec![text(mib(facts.free_bytes))]),
        ("Needed", vec![text(mib(facts.needed_bytes))]),
    ];
    list.extend(checkpoint(facts.checkpoint));
    document.facts(list);
    document.heading("What to do");
    document.say(
        "Make room on that disk, or give it more. Delete nothing in that folder. Tests start again by themselves. How much \
         must be left is set by `free_space_floor`.",
    );
    page(&mut document, head);
    Prepared::new("DISK FULL no tests run".to_owned(), document, Vec::new(), None)
}

pub(super) fn back(facts: &RoomBackFacts, head: &Letterhead) -> Prepared {
    let mut document = Document::default();
    document.title("DISK HAS ROOM AGAIN", "tests run", Tone::Good);
    document.paragraph([
        strong("Tests have been started again for an hour. "),
        text("What came due without room was missed and stays so: an auditor will ask what happened."),
    ]);
    let mut list = vec![
        ("Without room from", vec![text(words::time(facts.since, &head.zone))]),
        ("Until", vec![text(words::time(facts.until, &head.zone))]),
        ("Left", vec![text(mib(facts.free_bytes))]),
    ];
    list.extend(checkpoint(facts.checkpoint));
    document.facts(list);
    page(&mut document, head);
    Prepared::new("DISK HAS ROOM AGAIN tests run".to_owned(), document, Vec::new(), None)
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", words::grouped(bytes >> 20))
}
