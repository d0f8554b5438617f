//! Secrets that are planted in a test, and the search for them in whatever came of it.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use aho_corasick::AhoCorasick;
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Letters and digits, no two of which are told apart by case alone.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Shorter lines of base64 are no body of a mail.
const BASE64_LINE_MIN: usize = 40;

/// Random letters and digits.
///
/// # Panics
/// If the system has no randomness.
pub fn random(length: usize) -> String {
    let mut bytes = vec![0; length];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).expect("randomness of the system");
    bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}

/// One text that must not be found.
#[derive(Debug, Clone)]
pub struct Secret {
    pub name: String,
    /// The whole.
    pub text: String,
    /// What is looked for: letters and digits, so that an escape in them is a choice of who wrote it. Of a key, some of its lines.
    pub pieces: Vec<String>,
}

/// The secrets of one test, with a text that all of them have in common.
#[derive(Debug)]
pub struct Planted {
    pub marker: String,
    /// What is no secret, and is sent along with them.
    pub canary: String,
    pub secrets: Vec<Secret>,
}

impl Planted {
    #[expect(clippy::new_without_default, reason = "no two are the same")]
    pub fn new() -> Self {
        let (marker, canary) = (format!("PLANTED{}", random(12)), format!("CANARY{}", random(12)));
        Self { marker, canary, secrets: Vec::new() }
    }

    /// A new secret: `form` with `{}` in the place of what is random.
    pub fn plant(&mut self, name: &str, form: &str) -> String {
        let core = format!("{}{:02}{}", self.marker, self.secrets.len(), random(8));
        let text = form.replace("{}", &core);
        self.add(name, &text, vec![core]);
        text
    }

    /// One that is what it is, such as a key.
    pub fn add(&mut self, name: &str, text: &str, pieces: Vec<String>) {
        self.secrets.push(Secret { name: name.to_owned(), text: text.to_owned(), pieces });
    }

    /// A key in PEM: found by its lines in the middle.
    pub fn add_key(&mut self, name: &str, pem: &str) {
        let lines: Vec<_> = pem.lines().filter(|line| line.len() >= 60 && !line.starts_with('-')).collect();
        // The first tells what kind of key it is.
        let pieces = lines.iter().skip(1).map(|line| (*line).to_owned()).collect();
        self.add(name, pem, pieces);
    }

    /// # Panics
    /// If nothing was planted by this name.
    pub fn text(&self, name: &str) -> &str {
        &self.secrets.iter().find(|secret| secret.name == name).unwrap_or_else(|| panic!("no secret {name}")).text
    }

    /// A text in two halves, as TOML.
    pub fn halves(text: &str) -> String {
        let (one, two) = text.split_at(4);
        format!("[\"{one}\", \"{two}\"]")
    }
}

/// Looks for texts in every spelling: as they are in any case, in hexadecimal digits, with the escapes of URLs, JSON and XML,
/// and within any base64.
pub struct Search {
    names: Vec<String>,
    automaton: AhoCorasick,
    /// Which name each pattern is of.
    of: Vec<usize>,
}

impl Search {
    /// # Panics
    /// If there are more patterns than an automaton holds.
    pub fn new(planted: &Planted) -> Self {
        let mut names: Vec<String> = planted.secrets.iter().map(|secret| secret.name.clone()).collect();
        let (mut patterns, mut of) = (Vec::new(), Vec::new());
        let mut add = |number: usize, text: &str| {
            for spelling in spellings(text) {
                patterns.push(spelling);
                of.push(number);
            }
        };
        for (number, secret) in planted.secrets.iter().enumerate() {
            secret.pieces.iter().for_each(|piece| add(number, piece));
        }
        // What is left when a part of a secret was taken out.
        add(names.len(), &planted.marker);
        names.push("(marker)".to_owned());
        let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(&patterns).expect("a few patterns");
        Self { names, automaton, of }
    }

    /// The search for one text that may be there.
    pub fn of(text: &str) -> Self {
        let patterns = spellings(text);
        let of = vec![0; patterns.len()];
        let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(&patterns).expect("a few patterns");
        Self { names: vec![text.to_owned()], automaton, of }
    }

    /// Whose texts are there, in bytes as they are, and as mail hides them.
    pub fn find(&self, bytes: &[u8]) -> BTreeSet<String> {
        let found = |bytes: &[u8]| {
            let hits = self.automaton.find_overlapping_iter(bytes).map(|hit| self.of[hit.pattern().as_usize()]);
            hits.collect::<BTreeSet<_>>()
        };
        let mut all = found(bytes);
        if let Ok(decoded) = quoted_printable::decode(bytes, quoted_printable::ParseMode::Robust) {
            all.extend(found(&decoded));
        }
        all.extend(found(&bodies_of_base64(bytes)));
        all.into_iter().map(|number| self.names[number].clone()).collect()
    }
}

/// Blocks of lines of base64, decoded.
fn bodies_of_base64(bytes: &[u8]) -> Vec<u8> {
    let (mut decoded, mut block) = (Vec::new(), Vec::new());
    for line in bytes.split(|byte| *byte == b'\n').chain([&b""[..]]) {
        let line = line.trim_ascii();
        let is_base64 = line.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte));
        if is_base64 && (line.len() >= BASE64_LINE_MIN || (!block.is_empty() && !line.is_empty())) {
            block.extend_from_slice(line);
        } else if !block.is_empty() {
            decoded.extend(STANDARD.decode(&block).unwrap_or_default());
            block.clear();
        }
    }
    decoded
}

/// How a text of ASCII may be written.
fn spellings(text: &str) -> Vec<String> {
    let each = |write: &dyn Fn(u8) -> String| text.bytes().map(write).collect::<String>();
    let mut all = vec![
        text.to_owned(),
        each(&|byte| format!("{byte:02x}")),
        each(&|byte| format!("%{byte:02x}")),
        each(&|byte| format!("\\u{byte:04x}")),
        each(&|byte| format!("&#{byte};")),
        each(&|byte| format!("&#x{byte:x};")),
    ];
    for before in 0..3 {
        let padded = [vec![0; before], text.as_bytes().to_vec()].concat();
        let encoded = STANDARD.encode(&padded);
        let piece = encoded[[0, 2, 3][before]..padded.len() * 8 / 6].to_owned();
        all.push(piece.replace('+', "-").replace('/', "_"));
        all.push(piece);
    }
    all
}

/// Every file below a folder but those that `leave_out` says, with its bytes.
///
/// # Panics
/// If a folder cannot be listed.
pub fn files(folder: &Path, leave_out: &dyn Fn(&Path) -> bool) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).flatten() {
            let path = entry.path();
            if leave_out(&path) {
                continue;
            }
            let kind = entry.file_type().expect("a file has a kind");
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                // One that is being replaced may be gone by now.
                found.push((path.clone(), fs::read(&path).unwrap_or_default()));
            }
        }
    }
    found
}
