//! What a plugin gets of the outside: what it says that it needs and its control grants. Neither alone is enough.
//!
//! So a grant that was written for one version of a plugin gives the next one nothing new, and what a plugin asks for gives it
//! nothing that nobody granted.

use evidenced_contract::Description;

use crate::{
    domain::{Control, Grant, InputOrigin, InputSpec},
    sandbox::Plugin,
};

/// One plugin, held against the control that it tests.
#[derive(Debug, Clone, Copy)]
pub struct Reach<'a> {
    description: &'a Description,
    control: &'a Control,
    /// What cannot describe itself declares nothing that a grant could be held against: then the grant alone decides.
    is_described: bool,
}

impl<'a> Reach<'a> {
    pub const fn of(description: &'a Description, control: &'a Control) -> Self {
        Self { description, control, is_described: true }
    }

    pub fn of_plugin(plugin: &'a Plugin, control: &'a Control) -> Self {
        Self { is_described: plugin.warning().is_none(), ..Self::of(plugin.description(), control) }
    }

    /// Whether the plugin says that it calls what is granted: a key of the configuration that its description names holds a
    /// URL of the same scheme, host and port. For a key that is not written its schema's default counts.
    pub fn is_host_declared(&self, grant: &Grant) -> bool {
        let urls = self.description.needs.hosts.iter().flat_map(|pointer| {
            let written = self.control.check.config.pointer(pointer);
            written.or_else(|| default_at(&self.description.config_schema, pointer)).map(urls_in).unwrap_or_default()
        });
        !self.is_described || urls.into_iter().any(|url| covers(grant, url))
    }

    pub fn is_input_declared(&self, input: &InputSpec) -> bool {
        !self.is_described || self.description.needs.inputs.iter().any(|need| need.name == input.name)
    }

    /// The inputs that are gathered for it.
    pub fn inputs(&self) -> impl Iterator<Item = &'a InputSpec> {
        let reach = *self;
        self.control.check.inputs.iter().filter(move |input| reach.is_input_declared(input))
    }

    /// The input that the host gathers for the plugin by this grant.
    pub fn input_by(&self, grant: &Grant) -> Option<&'a str> {
        let by = |input: &&InputSpec| matches!(&input.origin, InputOrigin::Http(url) if covers(grant, url));
        self.inputs().find(by).map(|input| input.name.as_str())
    }

    /// What the plugin needs and its control does not grant, each with what to write.
    pub fn missing(&self) -> Vec<String> {
        let (needs, check) = (&self.description.needs, &self.control.check);
        let mut missing = Vec::new();
        for input in needs.inputs.iter().filter(|input| !input.optional) {
            if !check.inputs.iter().any(|granted| granted.name == input.name) {
                missing.push(format!("input `{}` (add [[control.input]])", input.name));
            }
        }
        for pointer in &needs.hosts {
            // A key that is not there names no URL; whether it may be left out is the schema's matter.
            for url in check.config.pointer(pointer).map(urls_in).unwrap_or_default() {
                if !check.grants.iter().any(|grant| covers(grant, url)) {
                    missing.push(format!("{url} (add a source or [[control.grant]])"));
                }
            }
        }
        missing
    }
}

fn urls_in(value: &serde_json::Value) -> Vec<&str> {
    match value {
        serde_json::Value::String(url) => vec![url],
        serde_json::Value::Array(items) => items.iter().flat_map(urls_in).collect(),
        _ => Vec::new(),
    }
}

/// What a schema of objects says that a key is when nobody writes it.
fn default_at<'s>(schema: &'s serde_json::Value, pointer: &str) -> Option<&'s serde_json::Value> {
    let mut keys = pointer.strip_prefix('/')?.split('/');
    keys.try_fold(schema, |schema, key| schema.get("properties")?.get(key))?.get("default")
}

fn covers(grant: &Grant, url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    url.scheme() == grant.scheme.as_str() && host == grant.host && url.port_or_known_default() == Some(grant.port)
}

#[cfg(test)]
mod tests {
    use evidenced_contract::{InputNeed, Needs};
    use serde_json::{Value, json};

    use super::*;
    use crate::config;

    fn control(more: &str) -> Control {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "organization = \"Example\"\nstate_dir = \"state\"\n[[source]]\nid = \"api\"\nurls = [\"https://a.example\", \
             \"https://b.example:8443\"]\n[[control]]\nid = \"SEC-01\"\ntitle = \"t\"\nowner = \"o\"\nfamily = \"security\"\n\
             severity = \"low\"\nevery = \"5m\"\nplugin = \"p\"\nsources = [\"api\"]\n{more}"
        );
        std::fs::write(folder.path().join("evidenced.toml"), text).unwrap();
        let loaded = config::load(&folder.path().join("evidenced.toml")).unwrap_or_else(|errors| panic!("{errors}"));
        loaded.config.controls.into_iter().find(|control| control.id.as_str() == "SEC-01").unwrap()
    }

    fn description(hosts: &[&str], inputs: &[&str], config_schema: Value) -> Description {
        let input = |name: &&str| InputNeed { name: (*name).to_owned(), media_type: String::new(), optional: false };
        Description {
            name: "p".to_owned(),
            version: "1".to_owned(),
            summary: String::new(),
            config_schema,
            needs: Needs {
                inputs: inputs.iter().map(input).collect(),
                hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
                ..Needs::default()
            },
            contract: "1.0".to_owned(),
            extensions: evidenced_contract::Extensions::new(),
        }
    }

    #[test]
    fn a_plugin_gets_what_it_declares_and_its_control_grants() {
        let check = |description: &Description, more: &str, hosts: &[&str], inputs: &[&str], missing: &[&str]| {
            let control = control(more);
            let reach = Reach::of(description, &control);
            let grants = control.check.grants.iter().filter(|grant| reach.is_host_declared(grant));
            assert_eq!(grants.map(|grant| grant.host.as_str()).collect::<Vec<_>>(), hosts, "{more}");
            assert_eq!(reach.inputs().map(|input| input.name.as_str()).collect::<Vec<_>>(), inputs, "{more}");
            assert_eq!(reach.missing(), missing, "{more}");
        };
        let rows = "input = [{ name = \"rows\", file = \"/rows\" }, { name = \"else\", file = \"/else\" }]\n";
        let nothing = description(&[], &[], Value::Null);
        check(&nothing, rows, &[], &[], &[]);
        let both = description(&["/url"], &["rows"], Value::Null);
        check(&both, &format!("{rows}config.url = \"https://b.example:8443/x\"\n"), &["b.example"], &["rows"], &[]);
        check(
            &both,
            "config.url = \"https://b.example/x\"\n",
            &[],
            &[],
            &["input `rows` (add [[control.input]])", "https://b.example/x (add a source or [[control.grant]])"],
        );
        let all = "config.url = [\"https://a.example/1\", \"https://b.example:8443\"]\n";
        check(&description(&["/url"], &[], Value::Null), all, &["a.example", "b.example"], &[], &[]);
    }

    #[test]
    fn a_key_that_is_not_written_stands_for_its_default_and_demands_no_grant() {
        let schema =
            json!({ "properties": { "api": { "properties": { "url": { "default": "https://a.example" } } } } });
        let described = description(&["/api/url", "/api/else"], &[], schema);
        let declared = |more: &str| {
            let control = control(more);
            let reach = Reach::of(&described, &control);
            assert_eq!(reach.missing(), Vec::<String>::new());
            control.check.grants.iter().filter(|grant| reach.is_host_declared(grant)).count()
        };
        assert_eq!(declared(""), 1);
        assert_eq!(declared("config.api.url = \"https://b.example:8443\"\n"), 1);
        assert_eq!(declared("config.api.url = []\n"), 0);
    }
}
