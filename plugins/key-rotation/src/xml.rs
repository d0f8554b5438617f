//! As much of XML as AWS's query protocol needs.

use std::collections::BTreeMap;

use quick_xml::{Reader, escape::resolve_predefined_entity, events::Event};

/// The children of one element that hold text, by name.
pub(crate) type Record = BTreeMap<String, String>;

/// The `member`s of the list element of this name; `None` when the document has no such list. Lists inside of members
/// are not looked into.
pub(crate) fn members(xml: &str, list: &str) -> Result<Option<Vec<Record>>, quick_xml::Error> {
    let mut members: Option<Vec<Record>> = None;
    let mut path: Vec<String> = Vec::new();
    // Elements that are open at the list; `None` before and after it.
    let mut list_depth: Option<usize> = None;
    walk(xml, |step| match step {
        Step::Open(name) => {
            path.push(name.to_owned());
            if name == list && members.is_none() {
                (list_depth, members) = (Some(path.len()), Some(Vec::new()));
            } else if name == "member" && list_depth.is_some_and(|depth| path.len() == depth + 1) {
                members.get_or_insert_default().push(Record::new());
            }
        }
        Step::Text(text) => {
            if list_depth.is_some_and(|depth| path.len() == depth + 2)
                && let (Some(record), Some(name)) =
                    (members.as_mut().and_then(|members| members.last_mut()), path.last())
            {
                record.entry(name.clone()).or_default().push_str(text);
            }
        }
        Step::Close => {
            if list_depth == Some(path.len()) {
                list_depth = None;
            }
            path.pop();
        }
    })?;
    Ok(members)
}

/// The children of the first element of this name that hold text; `None` when the document has no such element.
pub(crate) fn record(xml: &str, element: &str) -> Result<Option<Record>, quick_xml::Error> {
    let mut record: Option<Record> = None;
    let mut path: Vec<String> = Vec::new();
    let mut element_depth: Option<usize> = None;
    walk(xml, |step| match step {
        Step::Open(name) => {
            path.push(name.to_owned());
            if name == element && record.is_none() {
                (element_depth, record) = (Some(path.len()), Some(Record::new()));
            }
        }
        Step::Text(text) => {
            if element_depth.is_some_and(|depth| path.len() == depth + 1)
                && let (Some(record), Some(name)) = (&mut record, path.last())
            {
                record.entry(name.clone()).or_default().push_str(text);
            }
        }
        Step::Close => {
            if element_depth == Some(path.len()) {
                element_depth = None;
            }
            path.pop();
        }
    })?;
    Ok(record)
}

enum Step<'a> {
    Open(&'a str),
    Text(&'a str),
    Close,
}

/// Goes through a document once. Names are given without their prefix; entities are resolved.
fn walk(xml: &str, mut take: impl FnMut(Step<'_>)) -> Result<(), quick_xml::Error> {
    let mut reader = Reader::from_str(xml);
    loop {
        match reader.read_event()? {
            Event::Start(start) => take(Step::Open(start.local_name().as_ref())),
            Event::End(_) => take(Step::Close),
            Event::Text(text) => take(Step::Text(&text)),
            Event::CData(text) => take(Step::Text(&text)),
            Event::GeneralRef(reference) => match reference.resolve_char_ref()? {
                Some(character) => take(Step::Text(character.encode_utf8(&mut [0; 4]))),
                None => take(Step::Text(resolve_predefined_entity(&reference).unwrap_or("\u{fffd}"))),
            },
            Event::Eof => return Ok(()),
            Event::Empty(element) => {
                take(Step::Open(element.local_name().as_ref()));
                take(Step::Close);
            }
            Event::Comment(_) | Event::Decl(_) | Event::DocType(_) | Event::PI(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_without_what_lies_deeper() {
        let xml = "<r><Tags><member><Key>no</Key></member></Tags><Users>
            <member><UserName>a&amp;b&#x21;</UserName><Tags><member><UserName>no</UserName></member></Tags></member>
            <member><UserName>c</UserName><Path>/</Path></member></Users><x><member><UserName>no</UserName></member></x></r>";
        let users = members(xml, "Users").unwrap().unwrap();
        let names: Vec<_> = users.iter().map(|user| user["UserName"].as_str()).collect();
        assert_eq!(names, ["a&b!", "c"]);
    }

    #[test]
    fn an_empty_list_is_a_list_and_a_missing_one_is_not() {
        assert_eq!(members("<r><Users/></r>", "Users").unwrap(), Some(Vec::new()));
        assert_eq!(members("<r><Users></Users></r>", "Users").unwrap(), Some(Vec::new()));
        assert_eq!(members("<r/>", "Users").unwrap(), None);
        assert!(members("<r><Users>", "Users").is_err() || members("<r></x>", "Users").is_err());
    }

    #[test]
    fn a_record_has_the_texts_of_its_own_children() {
        let xml = "<r><Used><Date>d</Date><In><Date>no</Date></In></Used></r>";
        assert_eq!(record(xml, "Used").unwrap().unwrap()["Date"], "d");
        assert_eq!(record(xml, "Other").unwrap(), None);
    }
}
