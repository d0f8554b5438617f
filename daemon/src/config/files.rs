//! Reads the files of a configuration and turns them into one tree.

use std::{
    borrow::Cow,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use toml::de::{DeTable, DeValue};

use super::{
    Origin,
    diagnostic::Position,
    diagnostics::Errors,
    tree::{Member, Node, Place, Table, Value},
};

/// A longer file is no configuration but a mistake; 100,000 controls fit.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// The files that were read, to find lines in.
#[derive(Debug, Default)]
pub(super) struct Files(Vec<File>);

#[derive(Debug)]
struct File {
    path: Arc<Path>,
    text: String,
    /// Byte at which each line starts.
    lines: Vec<usize>,
}

impl Files {
    /// The main file and `conf.d/*.toml` beside it, in order of name. The result is one table: lists of tables are
    /// joined in the order of the files, a key that stands in two files is an error.
    pub(super) fn read(main: &Path, errors: &mut Errors) -> (Self, Table) {
        let mut files = Self::default();
        let mut root = Table::new();
        let mut paths = vec![main.to_owned()];
        match conf_d(main) {
            Ok(more) => paths.extend(more),
            Err((folder, error)) => errors.add_unreadable_file(&folder, &error),
        }
        for path in paths {
            match read_text(&path) {
                Ok(text) => {
                    let table = files.parse(path, text, errors);
                    join(&mut root, table, &files, errors);
                }
                Err(error) => errors.add_unreadable_file(&path, &error),
            }
        }
        (files, root)
    }

    pub(super) fn path(&self, place: Place) -> Arc<Path> {
        self.0[place.file as usize].path.clone()
    }

    pub(super) fn origin(&self, place: Place) -> Origin {
        let Position { line, column } = self.position(place);
        Origin { file: self.path(place), line, column }
    }

    pub(super) fn position(&self, place: Place) -> Position {
        let file = &self.0[place.file as usize];
        let start = (place.start as usize).min(file.text.len());
        let line = file.lines.partition_point(|&line| line <= start).max(1);
        let before = file.text.get(file.lines[line - 1]..start).unwrap_or_default();
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Position { line: number(line), column: number(before.chars().count() + 1) }
    }

    fn parse(&mut self, path: PathBuf, bytes: Vec<u8>, errors: &mut Errors) -> Table {
        let file = u32::try_from(self.0.len()).expect("a folder holds fewer than 2^32 files");
        let place = |start: usize, end: usize| Place {
            file,
            start: u32::try_from(start).unwrap_or(u32::MAX),
            end: u32::try_from(end).unwrap_or(u32::MAX),
        };
        let mut is_text_up_to = bytes.len();
        let text = match String::from_utf8_lossy(&bytes) {
            Cow::Borrowed(text) => text.to_owned(),
            Cow::Owned(text) => {
                // The broken bytes became U+FFFD; up to the first of them both texts are the same.
                let at = std::str::from_utf8(&bytes).err().map_or(0, |error| error.valid_up_to());
                errors.add_not_utf8(place(at, at + 1));
                is_text_up_to = at;
                text
            }
        };
        let lines: Vec<_> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let (table, mut faults) = DeTable::parse_recoverable(&text);
        faults.sort_by_key(|fault| fault.span().map_or(0, |span| span.start));
        let mut last_line = None;
        for fault in faults {
            let span = fault.span().unwrap_or(0..0);
            // What is wrong from there on is that it is no text.
            if span.end > is_text_up_to {
                break;
            }
            let line = lines.partition_point(|&start| start <= span.start);
            if last_line != Some(line) {
                errors.add_syntax(place(span.start, span.end), fault.message());
            }
            last_line = Some(line);
            // What follows an open bracket is read as part of the list: its errors are not the writer's.
            if fault.message().contains("array") || fault.message().contains("inline table") {
                break;
            }
        }
        let table = convert_table(table.into_inner(), &place, errors);
        self.0.push(File { path: path.into(), text, lines });
        table
    }
}

/// The files beside the main one, in order of name.
pub(super) fn conf_d(main: &Path) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
    let folder = main.parent().unwrap_or(Path::new("")).join("conf.d");
    let failed = |error| (folder.clone(), error);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        // Editors leave hidden files behind.
        if name.ends_with(b".toml") && !name.starts_with(b".") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read_text(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 64 MiB"));
    }
    Ok(bytes)
}

type PlaceOf<'f> = dyn Fn(usize, usize) -> Place + 'f;

fn convert_table(table: DeTable<'_>, place: &PlaceOf<'_>, errors: &mut Errors) -> Table {
    let mut converted = Table::new();
    for (key, value) in table {
        let (key_span, value_span) = (key.span(), value.span());
        let key_at = place(key_span.start, key_span.end);
        let at = place(value_span.start, value_span.end);
        let node = Node { value: convert(value.into_inner(), at, place, errors), at };
        converted.insert(key.into_inner().into_owned(), Member { key_at, node });
    }
    converted
}

fn convert(value: DeValue<'_>, at: Place, place: &PlaceOf<'_>, errors: &mut Errors) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => {
                errors.add_number_too_long(at);
                Value::Integer(0)
            }
        },
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(truth) => Value::Boolean(truth),
        DeValue::Datetime(time) => Value::Time(time.to_string()),
        DeValue::Array(items) => {
            let item = |item: toml::Spanned<DeValue<'_>>| {
                let span = item.span();
                let at = place(span.start, span.end);
                Node { value: convert(item.into_inner(), at, place, errors), at }
            };
            Value::Array(items.into_iter().map(item).collect())
        }
        DeValue::Table(table) => Value::Table(convert_table(table, place, errors)),
    }
}

/// Adds one file's table to what the files before it said.
fn join(root: &mut Table, more: Table, files: &Files, errors: &mut Errors) {
    for (key, member) in more {
        let Some(known) = root.get_mut(&key) else {
            root.insert(key, member);
            continue;
        };
        match (&mut known.node.value, member.node.value) {
            (Value::Array(known), Value::Array(more)) if is_tables(known) && is_tables(&more) => known.extend(more),
            (Value::Table(known), Value::Table(more)) => join(known, more, files, errors),
            _ => {
                let first = known.key_at;
                errors.add_set_twice(member.key_at, &key, &files.path(first), files.position(first).line);
            }
        }
    }
}

fn is_tables(items: &[Node]) -> bool {
    items.iter().all(|item| matches!(item.value, Value::Table(_)))
}
