use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::*;
use crate::{
    clock::{self, Clock as _, SystemClock},
    domain::{EventField, EventFilter, EventTest, Timestamp},
};

/// A folder of logs.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self::new();
        files.iter().for_each(|(name, text)| fs::write(folder.path(name), text).unwrap());
        folder
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn spec(&self, glob: &str, format: EventFormat, time: EventField) -> EventsSpec {
        EventsSpec {
            globs: vec![self.path(glob).display().to_string()],
            format,
            time,
            timezone: None,
            header: false,
            filter: Vec::new(),
        }
    }

    fn lines(&self, glob: &str) -> EventsSpec {
        self.spec(glob, EventFormat::JsonLines, EventField::Pointer("/t".into()))
    }

    fn csv(&self, glob: &str) -> EventsSpec {
        self.spec(glob, EventFormat::Csv, EventField::Column(1))
    }

    /// What there is to read of 12:00 to 13:00 on 23 November.
    fn read(&self, spec: &EventsSpec) -> Result<(String, EventCounts), String> {
        self.read_between(spec, at("12:00"), at("13:00"), false)
    }

    fn read_between(
        &self,
        spec: &EventsSpec,
        from: Timestamp,
        until: Timestamp,
        by_this_clock: bool,
    ) -> Result<(String, EventCounts), String> {
        let halt = halt(Duration::from_secs(60));
        let asked = Asked { spec, interval: EventInterval { from, until }, bytes_max: 4096, by_this_clock, halt };
        let plain = |error: EventsError| error.to_string().replace(&format!("{}/", self.0.path().display()), "");
        read(&asked).map(|events| (String::from_utf8(events.bytes).unwrap(), events.counts)).map_err(plain)
    }
}

fn halt(wall: Duration) -> Halt {
    Halt { since: clock::stopwatch(), wall, stop: CancellationToken::new() }
}

fn at(time: &str) -> Timestamp {
    format!("2026-11-23T{time}:00Z").parse().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A line of JSON at a time of the day.
fn line(time: &str, text: &str) -> String {
    format!("{{\"t\":\"2026-11-23T{time}:00Z\",\"x\":\"{text}\"}}\n")
}

/// The texts of lines.
fn texts(lines: &str) -> String {
    let text = |line: &str| line.split("\"x\":\"").nth(1).map_or("?", |rest| &rest[..1]).to_owned();
    lines.lines().map(text).collect::<Vec<_>>().join(" ")
}

#[test]
fn lines_of_all_files_are_cut_to_the_interval_and_given_in_order_of_time() {
    let old = [line("11:59", "a"), line("12:00", "b"), line("12:30", "c")].concat();
    let new = [line("12:59", "d"), line("12:10", "e"), line("13:00", "f")].concat();
    let folder = Folder::with(&[("app.log.1", &old), ("app.log", &new)]);
    let (kept, counts) = folder.read(&folder.lines("app.log*")).unwrap();
    assert_eq!(texts(&kept), "b e c d");
    assert!(kept.contains(&line("12:30", "c")), "lines are kept as they are");
    assert_eq!(
        counts,
        EventCounts {
            files: 2,
            files_unchanged: 0,
            bytes: (old.len() + new.len()) as u64,
            lines: 6,
            lines_kept: 4,
            undated: 0,
            unfinished: 0,
            digest: Digest::of(format!("{new}{old}").as_bytes()),
        }
    );
}

#[test]
fn a_filter_keeps_what_passes_all_of_it() {
    let text = [line("12:01", "a"), line("12:02", "b"), line("12:03", "c")].concat();
    let folder = Folder::with(&[("log", &text)]);
    let with = |tests: Vec<EventTest>| {
        let filter = tests.into_iter().map(|test| EventFilter { field: EventField::Pointer("/x".into()), test });
        let (kept, counts) = folder.read(&EventsSpec { filter: filter.collect(), ..folder.lines("log") }).unwrap();
        assert_eq!(counts.lines, 3);
        texts(&kept)
    };
    let list = |texts: &[&str]| EventTest::In(texts.iter().map(ToString::to_string).collect());
    assert_eq!(with(vec![EventTest::Equals("b".into())]), "b");
    assert_eq!(with(vec![list(&["a", "c"])]), "a c");
    assert_eq!(with(vec![list(&["a", "c"]), EventTest::Contains("c".into())]), "c");
    let missing = EventFilter { field: EventField::Pointer("/y".into()), test: EventTest::Equals("b".into()) };
    assert_eq!(folder.read(&EventsSpec { filter: vec![missing], ..folder.lines("log") }).unwrap().0, "");
}

#[test]
fn an_event_that_does_not_say_when_it_was_goes_with_its_neighbour() {
    let text = ["{\"x\":\"0\"}\n".to_owned(), line("11:00", "a"), "no JSON, \"x\":\"1\"\n".into(), line("12:01", "b")];
    let text = text.concat() + "{\"t\":\"soon\",\"x\":\"2\"}\n" + &line("13:00", "c") + "{\"x\":\"3\"}\n";
    let folder = Folder::with(&[("log", &text)]);
    let mut all = Vec::new();
    for hour in [10, 11, 12, 13] {
        let spec = folder.lines("log");
        let (kept, counts) =
            folder.read_between(&spec, at(&format!("{hour}:00")), at(&format!("{}:00", hour + 1)), false).unwrap();
        all.push(format!("{} ({})", texts(&kept), counts.undated));
    }
    assert_eq!(all, [" (0)", "0 a 1 (2)", "b 2 (1)", "c 3 (1)"]);
}

#[test]
fn a_file_whose_events_never_say_when_they_were_is_an_error() {
    let folder = Folder::with(&[("log", "{\"x\":\"0\"}\n{\"x\":\"1\"}\n")]);
    assert_eq!(
        folder.read(&folder.lines("log")).unwrap_err(),
        "none of the 2 events of log says at /t when it was, in a form that is known: correct `time` or `timezone` of `events`"
    );
    let folder = Folder::with(&[("log", "2026-11-23 12:10:00 CET,x\n")]);
    assert!(folder.read(&folder.csv("log")).unwrap_err().contains("says at column 1"));
    let spec = EventsSpec { timezone: Some("Europe/Berlin".into()), ..folder.csv("log") };
    assert_eq!(folder.read_between(&spec, at("11:00"), at("12:00"), false).unwrap().0, "2026-11-23 12:10:00 CET,x\n");
}

#[test]
fn records_of_a_csvlog_span_lines() {
    let text = "2026-11-23 11:59:59.999 UTC,a,x\n2026-11-23 12:00:00.000 UTC,b,\"SELECT 1,\n\"\"2\"\"\"\n\
                2026-11-23 12:30:00.000 UTC,c,y\n";
    let folder = Folder::with(&[("log", text)]);
    let (kept, counts) = folder.read(&folder.csv("log")).unwrap();
    assert_eq!(kept, "2026-11-23 12:00:00.000 UTC,b,\"SELECT 1,\n\"\"2\"\"\"\n2026-11-23 12:30:00.000 UTC,c,y\n");
    assert_eq!((counts.lines, counts.lines_kept), (3, 2));
    let by_user = EventFilter { field: EventField::Column(2), test: EventTest::Equals("c".into()) };
    let (kept, _) = folder.read(&EventsSpec { filter: vec![by_user], ..folder.csv("log") }).unwrap();
    assert_eq!(kept, "2026-11-23 12:30:00.000 UTC,c,y\n");
}

#[test]
fn a_header_names_columns_and_is_given_once() {
    let folder = Folder::with(&[
        ("a.csv", "user,when\nx,2026-11-23T12:01:00Z\n"),
        ("b.csv", "user,when\ny,2026-11-23T12:00:00Z\n"),
    ]);
    let spec = |glob: &str| EventsSpec {
        header: true,
        ..folder.spec(glob, EventFormat::Csv, EventField::Named("when".into()))
    };
    let (kept, counts) = folder.read(&spec("*.csv")).unwrap();
    assert_eq!(kept, "user,when\ny,2026-11-23T12:00:00Z\nx,2026-11-23T12:01:00Z\n");
    assert_eq!(counts.lines, 2);
    fs::write(folder.path("c.csv"), "when,user\n").unwrap();
    assert!(folder.read(&spec("*.csv")).unwrap_err().contains("names other columns"));
    fs::write(folder.path("d.txt"), "time,user\n").unwrap();
    assert!(folder.read(&spec("d.txt")).unwrap_err().contains("names no column `when`"));
}

#[test]
fn compressed_objects_of_cloudtrail_are_read_record_by_record() {
    let folder = Folder::new();
    let record = |time: &str, name: &str| format!("{{\"eventTime\":\"2026-11-23T{time}:00Z\",\"x\":\"{name}\"}}");
    let object = |records: &[String]| gzip(format!("{{\"Records\":[{}]}}", records.join(",\n")).as_bytes());
    fs::create_dir_all(folder.path("2026/11/23")).unwrap();
    fs::write(folder.path("2026/11/23/a.json.gz"), object(&[record("12:01", "a"), record("11:01", "b")])).unwrap();
    fs::write(folder.path("2026/11/23/b.json.gz"), object(&[record("12:02", "c")])).unwrap();
    let spec = folder.spec("**/*.json.gz", EventFormat::Cloudtrail, EventField::Pointer("/eventTime".into()));
    let (kept, counts) = folder.read(&spec).unwrap();
    assert_eq!(kept, format!("{}\n{}\n", record("12:01", "a"), record("12:02", "c")));
    assert_eq!((counts.files, counts.lines, counts.lines_kept), (2, 3, 2));
    // The digest is that of the files as they lie there.
    let files = ["a", "b"].map(|name| fs::read(folder.path(&format!("2026/11/23/{name}.json.gz"))).unwrap());
    assert_eq!(counts.digest, Digest::of(&files.concat()));
    let half = &files[0][..files[0].len() / 2];
    fs::write(folder.path("c.json.gz"), half).unwrap();
    assert_eq!(
        folder.read(&spec).unwrap_err(),
        "the compressed file c.json.gz cannot be read to its end: it is being written, or is damaged"
    );
}

#[test]
fn what_is_being_written_is_left_to_a_later_interval() {
    let now = SystemClock::new().now();
    let hour = Duration::from_secs(3600);
    let json = |at: Timestamp| format!("{{\"t\":\"{at}\",\"x\":\"a\"}}");
    let whole = json(now.minus(hour));
    let half = |at: Timestamp| json(at)[..20].to_owned();
    let folder = Folder::with(&[("log", &format!("{whole}\n{}", half(now)))]);
    let read = |spec: &EventsSpec, until| folder.read_between(spec, now.minus(3 * hour), until, true);
    let (kept, counts) = read(&folder.lines("log"), now.minus(hour / 60)).unwrap();
    assert_eq!((kept, counts.lines, counts.unfinished), (format!("{whole}\n"), 1, 1));
    // Nobody has written since the end of the interval: it was cut, and goes with the event before it.
    let (_, counts) = read(&folder.lines("log"), now.plus(hour)).unwrap();
    assert_eq!((counts.lines, counts.undated, counts.unfinished), (2, 1, 0));
    // JSON without an end of the line is whole.
    fs::write(folder.path("log"), &whole).unwrap();
    assert_eq!(read(&folder.lines("log"), now.minus(hour / 60)).unwrap().0, format!("{whole}\n"));
    // Of CSV the time may be known before the rest is there.
    fs::write(folder.path("csv"), format!("{},a\n{},b", now.minus(2 * hour), now.minus(hour))).unwrap();
    assert_eq!(
        read(&folder.csv("csv"), now.minus(hour / 60)).unwrap_err(),
        "csv ends within an event of the time that is asked about, which is still being written"
    );
    assert_eq!(read(&folder.csv("csv"), now.minus(2 * hour)).unwrap().1.unfinished, 1);
}

#[test]
fn files_that_were_not_changed_since_the_interval_began_are_not_read() {
    let now = SystemClock::new().now();
    let hour = Duration::from_secs(3600);
    let folder = Folder::with(&[("log", &line("12:01", "a"))]);
    let counts = |from: Timestamp| folder.read_between(&folder.lines("log"), from, from.plus(hour), true).unwrap().1;
    assert_eq!((counts(now).files, counts(now).files_unchanged), (1, 0));
    let later = counts(now.plus(2 * hour));
    assert_eq!((later.files, later.files_unchanged), (0, 1));
}

#[test]
fn what_cannot_be_read_is_told() {
    let folder = Folder::new();
    assert!(folder.read(&folder.lines("log*")).unwrap_err().starts_with("no file matches "));
    fs::create_dir(folder.path("log.d")).unwrap();
    assert!(folder.read(&folder.lines("log*")).unwrap_err().starts_with("no file matches "));
    fs::write(folder.path("log"), line("12:01", "a").repeat(200)).unwrap();
    assert_eq!(
        folder.read(&folder.lines("log")).unwrap_err(),
        "the events of the interval that pass the filter are longer than the limit of 4096 bytes: filter more of them, or \
         raise `limits.input`"
    );
    // What is not kept may be longer.
    let earlier = folder.read_between(&folder.lines("log"), at("13:00"), at("14:00"), false);
    assert_eq!(earlier.unwrap().1.lines, 200);
    let interval = EventInterval { from: at("12:00"), until: at("13:00") };
    let spec = folder.lines("log");
    let with = |halt| read(&Asked { spec: &spec, interval, bytes_max: 9999, by_this_clock: false, halt });
    assert!(matches!(with(halt(Duration::ZERO)), Err(EventsError::Wall(_))));
    let stopped = halt(Duration::from_secs(60));
    stopped.stop.cancel();
    assert!(matches!(with(stopped), Err(EventsError::Stopped)));
}

#[test]
fn a_copy_that_a_rotation_makes_is_not_read_twice() {
    let text: String = (10..60).map(|minute| line(&format!("12:{minute}"), "a")).collect();
    let count = |files: &[(&str, &[u8])]| {
        let folder = Folder::new();
        files.iter().for_each(|(name, bytes)| fs::write(folder.path(name), bytes).unwrap());
        folder.read(&folder.lines("log*")).map(|(_, counts)| (counts.files, counts.lines))
    };
    let bytes = text.as_bytes();
    let packed = gzip(bytes);
    // Copied and not yet truncated; half copied; compressed and not yet removed; half compressed.
    assert_eq!(count(&[("log", bytes), ("log.1", bytes)]), Ok((1, 50)));
    assert_eq!(count(&[("log", bytes), ("log.1", &bytes[..1000])]), Ok((1, 50)));
    assert_eq!(count(&[("log", bytes), ("log.1", &bytes[..100])]), Ok((1, 50)));
    assert_eq!(count(&[("log.1", bytes), ("log.1.gz", &packed)]), Ok((1, 50)));
    assert_eq!(count(&[("log.1", bytes), ("log.1.gz", &packed[..packed.len() - 9])]), Ok((1, 50)));
    // Not a copy: it only begins like one.
    let other = [&bytes[..1000], line("12:59", "z").as_bytes()].concat();
    assert!(count(&[("log", bytes), ("log.1", &other)]).unwrap().0 == 2);
    // Damaged beyond recognition.
    assert!(count(&[("log", bytes), ("log.1.gz", &packed[..5])]).unwrap_err().contains("log.1.gz"));
    // One file under two names.
    let folder = Folder::with(&[("log", &text)]);
    std::os::unix::fs::symlink(folder.path("log"), folder.path("log.current")).unwrap();
    fs::hard_link(folder.path("log"), folder.path("log.hard")).unwrap();
    assert_eq!(folder.read(&folder.lines("log*")).unwrap().1.files, 1);
}

/// A log that is written to and rotated.
struct Log {
    folder: Arc<Folder>,
    written: i64,
    rotated: u32,
}

#[derive(Debug, Clone, Copy)]
enum Rotation {
    Rename,
    CopyTruncate,
    Compress,
}

impl Log {
    fn write(&mut self, count: u32) {
        let mut log = fs::OpenOptions::new().append(true).create(true).open(self.folder.path("log")).unwrap();
        for _ in 0..count {
            let at = Timestamp::from_millis(self.written);
            // In pieces, as a busy writer does.
            let text = format!("{at},\"event\n{}\"\n", self.written);
            log.write_all(&text.as_bytes()[..30]).unwrap();
            log.write_all(&text.as_bytes()[30..]).unwrap();
            self.written += 1;
        }
    }

    fn rotate(&mut self, rotation: Rotation) {
        let (log, old) = (self.folder.path("log"), self.folder.path(&format!("log.{}", self.rotated)));
        if !log.exists() {
            return;
        }
        self.rotated += 1;
        match rotation {
            Rotation::Rename => fs::rename(&log, &old).unwrap(),
            Rotation::CopyTruncate => {
                fs::copy(&log, &old).unwrap();
                fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(0).unwrap();
            }
            Rotation::Compress => {
                fs::rename(&log, &old).unwrap();
                let packed = fs::File::create(format!("{}.gz", old.display())).unwrap();
                let mut encoder = GzEncoder::new(packed, Compression::fast());
                encoder.write_all(&fs::read(&old).unwrap()).unwrap();
                encoder.finish().unwrap();
                fs::remove_file(&old).unwrap();
            }
        }
    }
}

fn counted(spec: &EventsSpec, from: i64, until: i64) -> Result<BTreeMap<i64, u32>, EventsError> {
    let [from, until] = [from, until].map(Timestamp::from_millis);
    let asked = Asked {
        spec,
        interval: EventInterval { from, until },
        bytes_max: 64 << 20,
        by_this_clock: false,
        halt: halt(Duration::from_secs(60)),
    };
    let events = String::from_utf8(read(&asked)?.bytes).unwrap();
    let mut counts = BTreeMap::new();
    for number in events.lines().filter_map(|line| line.strip_suffix('"')) {
        *counts.entry(number.parse().unwrap()).or_default() += 1;
    }
    Ok(counts)
}

fn rotation() -> impl Strategy<Value = Rotation> {
    prop_oneof![Just(Rotation::Rename), Just(Rotation::CopyTruncate), Just(Rotation::Compress)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_event_is_in_one_interval_whatever_is_rotated(
        acts in prop::collection::vec((0..40_u32, prop::option::of(rotation()), any::<bool>()), 1..20)
    ) {
        let folder = Arc::new(Folder::new());
        let spec = folder.csv("log*");
        let mut log = Log { folder: Arc::clone(&folder), written: 0, rotated: 0 };
        let mut all = BTreeMap::<i64, u32>::new();
        let mut covered = 0;
        log.write(1);
        for (count, rotation, reads) in acts {
            log.write(count);
            if let Some(rotation) = rotation {
                log.rotate(rotation);
            }
            if reads {
                for (event, times) in counted(&spec, covered, log.written).unwrap() {
                    *all.entry(event).or_default() += times;
                }
                covered = log.written;
            }
        }
        let expected: BTreeMap<i64, u32> = (0..covered).map(|event| (event, 1)).collect();
        prop_assert_eq!(all, expected);
    }
}

/// A copy is known by what it begins with: of one that was begun, and holds nothing yet, nobody can tell.
#[test]
fn a_copy_that_was_empty_when_it_was_listed_is_not_read_as_well() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(b"{\"t\":\"2026-11-23T12:10:00Z\"}\n").unwrap();
    let packed = packed.finish().unwrap();
    let plain = "{\"t\":\"2026-11-23T12:10:00Z\"}\n".as_bytes();
    let begun_and_whole: [(&str, &[u8], &[u8]); 4] = [
        ("log.1", b"", plain),
        ("log.1.gz", b"", &packed),
        ("log.1.gz", &packed[..1], &packed),
        ("log.1.gz", &packed[..10], &packed),
    ];
    for (name, begun, whole) in begun_and_whole {
        let folder = Folder::with(&[("log", "{\"t\":\"2026-11-23T12:10:00Z\"}\n")]);
        fs::write(folder.path(name), begun).unwrap();
        let spec = folder.lines("log*");
        let asked = Asked {
            spec: &spec,
            interval: EventInterval { from: at("12:00"), until: at("13:00") },
            bytes_max: 4096,
            by_this_clock: false,
            halt: halt(Duration::from_secs(60)),
        };
        let reading = Reading::new(&asked);
        let listing = reading.list().unwrap();
        fs::OpenOptions::new().append(true).open(folder.path(name)).unwrap().write_all(&whole[begun.len()..]).unwrap();
        let told = reading.all(&listing);
        assert!(matches!(told, Err(FileError::Changed)), "{name}, begun with {} bytes: {told:?}", begun.len());
        assert_eq!(read(&asked).unwrap().counts.lines_kept, 1, "{name}: listed again, the copy is known");
    }
}

#[test]
fn a_rotation_that_comes_in_between_loses_and_doubles_nothing() {
    let folder = Arc::new(Folder::new());
    let spec = folder.csv("log*");
    let mut log = Log { folder: Arc::clone(&folder), written: 0, rotated: 0 };
    log.write(2_000);
    let written = Arc::new(AtomicI64::new(log.written));
    let until = Arc::clone(&written);
    let writer = std::thread::spawn(move || {
        for step in 0..90 {
            log.write(100);
            until.store(log.written, Ordering::Release);
            log.rotate([Rotation::Rename, Rotation::CopyTruncate, Rotation::Compress][step % 3]);
        }
    });
    let mut reads = 0;
    while !writer.is_finished() || reads == 0 {
        let until = written.load(Ordering::Acquire);
        match counted(&spec, 0, until) {
            Ok(counts) => {
                let expected: BTreeMap<i64, u32> = (0..until).map(|event| (event, 1)).collect();
                assert!(counts == expected, "{} of {until}", counts.len());
                reads += 1;
            }
            // An error is an answer: the next run asks again.
            Err(EventsError::Restless | EventsError::Damaged(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    writer.join().unwrap();
}

#[test]
fn what_was_asked_for_is_told_in_words() {
    let folder = Folder::new();
    let filter =
        EventFilter { field: EventField::Column(8), test: EventTest::In(vec!["COPY".into(), "SELECT".into()]) };
    let spec = EventsSpec { filter: vec![filter], ..folder.csv("log") };
    assert_eq!(
        query(&spec, EventInterval { from: at("12:00"), until: at("13:00") }),
        "2026-11-23T12:00:00.000Z <= column 1 < 2026-11-23T13:00:00.000Z and column 8 in [\"COPY\", \"SELECT\"]"
    );
    assert!(Path::new(&spec.globs[0]).is_absolute());
}
