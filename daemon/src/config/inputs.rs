//! `[[control.input]]`: what the host gathers before a run.

use url::Url;

use super::{
    asked::Sought,
    diagnostics::{Errors, Named},
    endpoint::{endpoint_of, no_url},
    events::events,
    model::Endpoint,
    section::{Located, Section},
    tree::Place,
};
use crate::domain::{Grant, InputOrigin, InputSpec};

/// An input has one of them.
const ORIGINS: [&str; 9] = ["file", "glob", "http", "events", "sql", "prometheus", "s3", "ldap", "ledger"];

/// All inputs of a control. `grants` are what they may be fetched by; `None`: nobody knows them yet.
pub(super) fn inputs(
    section: &Section<'_>,
    sought: &mut Sought<'_>,
    grants: Option<&[Grant]>,
    errors: &mut Errors,
) -> Vec<InputSpec> {
    let mut inputs: Vec<InputSpec> = Vec::new();
    for section in section.tables("input", "[[control.input]]", errors) {
        let Some((input, at)) = input(section, sought, grants, errors) else { continue };
        if inputs.iter().any(|known| known.name == input.name) {
            errors.add_duplicate_id(at, Named::Input, &input.name, false);
        } else {
            inputs.push(input);
        }
    }
    inputs
}

fn input(
    section: Section<'_>,
    sought: &mut Sought<'_>,
    grants: Option<&[Grant]>,
    errors: &mut Errors,
) -> Option<(InputSpec, Place)> {
    let base = sought.base;
    section.require("name", "name = \"inventory\"", errors);
    let name = section.text("name", errors);
    if let Some(name) = name.filter(|name| !is_input_name(name.value)) {
        let hint = "use 1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or a digit";
        errors.add_malformed(name.at, "bad-input-name", name.value, "the name of an input", hint);
    }
    let media_type = section.text("media_type", errors).map(|media_type| media_type.value.to_owned());
    let file = section.text("file", errors).map(|path| InputOrigin::File(base.join(path.value)));
    let pattern = section.text("glob", errors);
    let glob = pattern.map(|pattern| InputOrigin::Glob(base.join(pattern.value).to_string_lossy().into_owned()));
    let http = section.text("http", errors).and_then(|url| http_input(url, grants, errors));
    let events = events(&section, base, errors).map(InputOrigin::Events);
    let asked = sought.origin(&section, errors);
    let count = ORIGINS.into_iter().filter(|key| section.key_at(key).is_some()).count();
    if count != 1 {
        errors.add_input_origins(section.at, count);
    }
    section.finish(errors);
    let (name, origin) = (name?, file.or(glob).or(http).or(events).or(asked)?);
    Some((InputSpec { name: name.value.to_owned(), origin, media_type }, name.at))
}

fn http_input(url: Located<&str>, grants: Option<&[Grant]>, errors: &mut Errors) -> Option<InputOrigin> {
    let parsed = match Url::parse(url.value) {
        Ok(parsed) if parsed.password().is_some() || !parsed.username().is_empty() => {
            errors.add_secret_in_text(url.at, "a URL");
            return None;
        }
        Ok(parsed) => endpoint_of(&parsed),
        Err(error) => {
            errors.add_bad_url(url.at, url.value, &no_url(error));
            return None;
        }
    };
    match parsed {
        Ok(Endpoint { scheme, host, port }) => {
            let covers = |grant: &Grant| {
                (grant.scheme, &grant.host, grant.port) == (scheme, &host, port)
                    && grant.methods.iter().any(|method| method == "GET")
            };
            if grants.is_some_and(|grants| !grants.iter().any(covers)) {
                errors.add_input_not_granted(url.at, &Endpoint { scheme, host, port }.to_string());
            }
            Some(InputOrigin::Http(url.value.to_owned()))
        }
        Err(why) => {
            errors.add_bad_url(url.at, url.value, why);
            None
        }
    }
}

/// The name is also that of a file in `/inputs`.
fn is_input_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    first && name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
