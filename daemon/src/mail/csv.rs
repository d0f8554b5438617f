//! The full list of failing subjects as a file for a spreadsheet (RFC 4180).

use super::{Attachment, SubjectFacts, clean, words};
use crate::domain::ControlId;

/// The body shows this many subjects.
pub(super) const SHOWN_MAX: usize = 20;

/// A longer list is cut at a row, and the mail says so.
const BYTES_MAX: usize = 256 << 10;

/// The attachment, and how many of the subjects it holds; `None` if the body shows them all.
pub(super) fn attach(control: &ControlId, subjects: &[SubjectFacts]) -> Option<(Attachment, usize)> {
    if subjects.len() <= SHOWN_MAX {
        return None;
    }
    let mut content = String::from("subject,label,failing since (UTC),true at source (UTC),measured,limit,message\r\n");
    let mut held = 0;
    for subject in subjects {
        let row = row(subject);
        if content.len() + row.len() > BYTES_MAX {
            break;
        }
        content.push_str(&row);
        held += 1;
    }
    let name = format!("{}-failing.csv", control.as_str().replace('/', "_"));
    Some((Attachment { name, media_type: "text/csv; charset=utf-8".to_owned(), content }, held))
}

fn row(subject: &SubjectFacts) -> String {
    let measured: Vec<_> = subject.measurements.iter().map(words::measured).collect();
    let limits: Vec<_> = subject.measurements.iter().filter_map(words::limit).collect();
    let cells = [
        field(&subject.subject),
        field(subject.label.as_deref().unwrap_or_default()),
        subject.since.to_string(),
        subject.as_of.map(|at| at.to_string()).unwrap_or_default(),
        field(&measured.join("; ")),
        field(&limits.join("; ")),
        field(&subject.message),
    ];
    cells.join(",") + "\r\n"
}

/// Quoted, and with a quote in front of what a spreadsheet would run as a formula.
fn field(text: &str) -> String {
    let text = clean::line(text, 2_000);
    let guard = if text.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{SlotTime, Timestamp};

    fn subject(name: &str) -> SubjectFacts {
        SubjectFacts {
            subject: name.to_owned(),
            label: None,
            message: "is \"old\", and\r\nmore".to_owned(),
            measurements: Vec::new(),
            since: SlotTime(Timestamp::EPOCH),
            as_of: None,
        }
    }

    #[test]
    fn a_spreadsheet_runs_nothing_of_it() {
        assert_eq!(
            row(&subject("=HYPERLINK(\"http://x\")")),
            "\"'=HYPERLINK(\"\"http://x\"\")\",\"\",1970-01-01T00:00:00.000Z,,\"\",\"\",\"is \"\"old\"\", and more\"\r\n"
        );
    }

    #[test]
    fn a_long_list_is_cut_at_a_row() {
        let id: ControlId = "AVL-01/iris".parse().unwrap();
        assert!(attach(&id, &vec![subject("a"); 20]).is_none());
        let (file, held) = attach(&id, &vec![subject(&"k".repeat(150)); 5_000]).unwrap();
        assert_eq!(file.name, "AVL-01_iris-failing.csv");
        assert!(held < 5_000 && file.content.len() <= BYTES_MAX && file.content.ends_with("\r\n"));
        assert_eq!(file.content.lines().count(), held + 1);
    }
}
