//! The text of a case as a person wants to read it. What it says stays the same.

use evidenced_cases::Case;
use toml_edit::{
    Array, DocumentMut, Value,
    visit_mut::{VisitMut, visit_array_mut, visit_value_mut},
};

/// Long texts without escapes where TOML can hold them so, and lists of pairs one pair a line.
pub(super) fn tidy(case: &str) -> String {
    let Ok(mut document) = case.parse::<DocumentMut>() else { return case.to_owned() };
    Tidy.visit_document_mut(&mut document);
    let tidied = document.to_string();
    // A case that is hard to read is better than one that says something else.
    let is_same = matches!((Case::parse(case), Case::parse(&tidied)), (Ok(one), Ok(other)) if one == other);
    if is_same { tidied } else { case.to_owned() }
}

struct Tidy;

impl VisitMut for Tidy {
    fn visit_array_mut(&mut self, array: &mut Array) {
        visit_array_mut(self, array);
        let a_line_each = array.len() > 1 && array.iter().all(Value::is_array);
        for (at, value) in array.iter_mut().enumerate() {
            let prefix = match (a_line_each, at) {
                (true, _) => "\n    ",
                (false, 0) => "",
                (false, _) => " ",
            };
            value.decor_mut().set_prefix(prefix);
            value.decor_mut().set_suffix("");
        }
        array.set_trailing(if a_line_each { "\n" } else { "" });
        array.set_trailing_comma(a_line_each);
    }

    fn visit_value_mut(&mut self, value: &mut Value) {
        visit_value_mut(self, value);
        if let Some(text) = value.as_str().filter(|text| text.contains('\n'))
            && let Some(literal) = literal(text)
        {
            replace(value, literal);
        }
    }
}

/// Puts a value in the place of another; what stands around it, comments included, stays.
pub(super) fn replace(place: &mut Value, value: Value) {
    let decor = place.decor().clone();
    *place = value;
    *place.decor_mut() = decor;
}

/// Text as TOML shows it without escapes, if it can.
pub(super) fn literal(text: &str) -> Option<Value> {
    let is_literal = !text.contains("'''") && !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
    let value = is_literal.then(|| format!("'''\n{text}'''").parse::<Value>().ok())??;
    (value.as_str() == Some(text)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_case_is_easy_to_read_and_says_the_same() {
        let case = "now = \"n\"\n\n[[call]]\nurl = \"u\"\nstatus = 200\nheaders = [\n    [\n    \"a\",\n    \"b\",\n],\n    [\n    \"c\",\n    \
                    \"d\\\\\",\n],\n]\nanswer = \"a\\nb \\\"c\\\"\\n\"\n\n[expect]\ntext = \"it''' stays\\n\"\n";
        let tidied = tidy(case);
        assert_eq!(Case::parse(&tidied).unwrap(), Case::parse(case).unwrap());
        assert!(tidied.contains("headers = [\n    [\"a\", \"b\"],\n    [\"c\", "), "{tidied}");
        assert!(tidied.contains("answer = '''\na\nb \"c\"\n'''\n"), "{tidied}");
        assert_eq!(tidy("no = case"), "no = case");
    }
}
