//! A few values out of a JSON text, without building the rest of it.

use std::fmt;

use serde::{
    Deserializer as _,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// Which values are wanted, as a tree of the steps that lead to them.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    root: Node,
    count: usize,
}

#[derive(Debug, Default)]
struct Node {
    /// The values that stand here, by number.
    wanted: Vec<usize>,
    steps: Vec<(String, Self)>,
}

impl Wanted {
    /// By JSON Pointers; values are given in their order.
    pub(super) fn new<'p>(pointers: impl IntoIterator<Item = &'p str>) -> Self {
        let mut wanted = Self::default();
        for pointer in pointers {
            let mut node = &mut wanted.root;
            for step in pointer.split('/').skip(1) {
                let step = step.replace("~1", "/").replace("~0", "~");
                let at = match node.steps.iter().position(|(name, _)| *name == step) {
                    Some(at) => at,
                    None => {
                        node.steps.push((step, Node::default()));
                        node.steps.len() - 1
                    }
                };
                node = &mut node.steps[at].1;
            }
            node.wanted.push(wanted.count);
            wanted.count += 1;
        }
        wanted
    }

    /// Texts as they are; numbers, `true` and `false` as JSON writes them. `None`: this is not JSON.
    pub(super) fn pick(&self, json: &[u8]) -> Option<Vec<Option<String>>> {
        let mut values = vec![None; self.count];
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        deserializer.deserialize_any(Picking { node: &self.root, values: &mut values }).ok()?;
        deserializer.end().ok()?;
        Some(values)
    }
}

struct Picking<'a> {
    node: &'a Node,
    values: &'a mut [Option<String>],
}

impl Picking<'_> {
    fn found(self, text: impl fmt::Display) {
        for place in &self.node.wanted {
            self.values[*place] = Some(text.to_string());
        }
    }
}

impl<'de> DeserializeSeed<'de> for Picking<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Picking<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.found(value);
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.found(value);
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.found(value);
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.found(value);
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.found(text);
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(step) = map.next_key_seed(Step(self.node))? {
            match step {
                Some(node) => map.next_value_seed(Picking { node, values: self.values })?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        for place in 0_usize.. {
            let step = if self.node.steps.is_empty() { None } else { self.node.step(&place.to_string()) };
            let found = match step {
                Some(node) => seq.next_element_seed(Picking { node, values: self.values })?,
                None => seq.next_element::<IgnoredAny>()?.map(drop),
            };
            if found.is_none() {
                break;
            }
        }
        Ok(())
    }
}

impl Node {
    fn step(&self, name: &str) -> Option<&Self> {
        self.steps.iter().find(|(step, _)| step == name).map(|(_, node)| node)
    }
}

/// The key of a member, and where it leads.
struct Step<'a>(&'a Node);

impl<'de, 'a> DeserializeSeed<'de> for Step<'a> {
    type Value = Option<&'a Node>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Step<'a> {
    type Value = Option<&'a Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.step(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: Option<&[&str]>) {
        let wanted = Wanted::new(["/time", "/user/arn", "/a~1b/1", "/user", "/time"]);
        let picked = wanted.pick(json.as_bytes());
        let words =
            picked.map(|values| values.into_iter().map(|value| value.unwrap_or("-".into())).collect::<Vec<_>>());
        let expected = expected.map(|words| words.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(words, expected, "{json}");
    }

    #[test]
    fn what_pointers_lead_to_is_picked() {
        check(
            r#"{"x":[{"time":0}],"time":"now","user":{"arn":"a\"b","deep":{"arn":1}},"a/b":[1,true,3]}"#,
            Some(&["now", "a\"b", "true", "-", "now"]),
        );
        check(
            r#"{"time":1795435033168,"user":-1.5,"a/b":null}"#,
            Some(&["1795435033168", "-", "-", "-1.5", "1795435033168"]),
        );
        check(r#" {"time":null} "#, Some(&["-"; 5]));
        check("[]", Some(&["-"; 5]));
        check("7", Some(&["-"; 5]));
        for broken in ["", "{", r#"{"time":"now""#, r#"{"time":"now"} x"#, "\u{feff}{}"] {
            check(broken, None);
        }
    }
}
