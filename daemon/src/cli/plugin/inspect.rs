use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use evidenced_contract::Needs;
use serde_json::{Value, json};

use super::{Context, ExitStatus, sandbox};
use crate::{
    author::{Described, Form, Inspection, Refused, Target, inspect, meaning},
    sandbox::PluginKind,
    trust::{SignatureState, read_signer},
};

/// Say what a plugin's file is, what it asks for, and why the daemon would not take it.
///
/// Nothing is refused: of a file that is no plugin it says what it is instead, and what to do.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 it is a plugin; 1 it is none that this program can run.\n\nExample:\n  evidenced plugin inspect api-keys.wasm"
)]
pub(super) struct InspectArguments {
    /// A plugin's file, or a project's folder.
    plugin: PathBuf,
    /// A verifier key that is trusted, or the file of one; may be given several times.
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
}

impl InspectArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let target = Target::find(&self.plugin)?;
        let bytes = target.bytes()?;
        let keys = self.key.iter().map(|key| read_signer(key)).collect::<Result<Vec<_>, _>>()?;
        let file = target.file.display();
        let found = inspect(&*sandbox()?, &target.file, &bytes, &target.stem(), &keys);
        let found = found.with_context(|| format!("cannot read {file}, or its signature"))?;
        if context.printer.is_json() {
            context.printer.object(&object(&found))?;
        } else {
            print(context, &target, &found)?;
        }
        Ok(if found.plugin.is_ok() { ExitStatus::Done } else { ExitStatus::No })
    }
}

fn form(found: &Inspection) -> &'static str {
    match (found.anatomy.form, &found.plugin) {
        (_, Ok(Described { kind: PluginKind::Component, .. })) => "check (component)",
        (_, Ok(Described { kind: PluginKind::CommandModule, .. })) => "command (WASI preview 1 module)",
        (_, Ok(Described { kind: PluginKind::CommandComponent, .. })) => "command (wasi:cli component)",
        (Form::Component, Err(_)) => "a component, and no plugin",
        (Form::Module, Err(_)) => "a core module, and no plugin",
        (Form::Garbage, Err(_)) => "no WebAssembly",
    }
}

/// The contract by the export of a component, by what a command says of itself.
fn contract(found: &Inspection) -> Option<&str> {
    let said = found.plugin.as_ref().ok().map(|plugin| plugin.description.contract.as_str());
    found.anatomy.contract().or(said)
}

fn object(found: &Inspection) -> Value {
    let Inspection { digest, size, anatomy, plugin, signature } = found;
    let signature = match signature {
        SignatureState::Unsigned => Value::Null,
        state => json!({ "verified": matches!(state, SignatureState::Good { .. }), "state": state.to_string() }),
    };
    let mut object = json!({
        "kind": form(found),
        "contract": contract(found),
        "digest": digest,
        "bytes": size,
        "memory_bytes": anatomy.memory_at_start(),
        "imports": anatomy.imports,
        "exports": anatomy.exports,
        "damaged": anatomy.damaged,
        "signature": signature,
    });
    match plugin {
        Ok(Described { description, warning, schema_fault, .. }) => {
            object["description"] = json!(description);
            object["warning"] = json!(warning);
            object["schema_fault"] = json!(schema_fault);
        }
        Err(Refused { reason, why, hint }) => {
            object["refused"] = json!({ "reason": reason, "why": why, "hint": hint });
        }
    }
    object
}

fn print(context: &Context, target: &Target, found: &Inspection) -> anyhow::Result<()> {
    let line = |what: &str, value: &dyn std::fmt::Display| context.printer.line(format_args!("{what:<12}{value}"));
    line("file", &target.file.display())?;
    line("kind", &form(found))?;
    line("contract", &contract(found).unwrap_or("none"))?;
    line("digest", &found.digest)?;
    line("size", &format_args!("{} bytes", found.size))?;
    let memories = found.anatomy.memories.len();
    line("memory", &format_args!("{} KiB at the start, in {memories}", found.anatomy.memory_at_start() >> 10))?;
    line("signature", &found.signature)?;
    if let Some(damaged) = &found.anatomy.damaged {
        line("damaged", damaged)?;
    }
    match &found.plugin {
        Ok(plugin) => described(context, plugin)?,
        Err(Refused { reason, why, hint }) => {
            line("refused", &format_args!("{}: {why}", serde_json::to_value(reason)?.as_str().unwrap_or_default()))?;
            line("what to do", hint)?;
        }
    }
    imports(context, &found.anatomy.imports)
}

fn described(context: &Context, plugin: &Described) -> anyhow::Result<()> {
    let line = |what: &str, value: &dyn std::fmt::Display| context.printer.line(format_args!("{what:<12}{value}"));
    let description = &plugin.description;
    line("name", &format_args!("{} {}", description.name, description.version))?;
    if !description.summary.is_empty() {
        line("summary", &description.summary)?;
    }
    if let Some(warning) = &plugin.warning {
        line("warning", warning)?;
    }
    let needs = needs(&description.needs);
    line("needs", &if needs.is_empty() { "nothing".to_owned() } else { needs.join("; ") })?;
    if let Some(fault) = &plugin.schema_fault {
        line("warning", &format_args!("its configuration's schema is no JSON Schema: {fault}"))?;
    }
    if description.config_schema.is_null() {
        line("config", &"any: it has no schema")?;
    } else {
        line("config", &"by this schema (`evidenced plugin docs` has it as a table)")?;
        context.printer.text(&format!("{:#}\n", description.config_schema))?;
    }
    Ok(())
}

fn needs(needs: &Needs) -> Vec<String> {
    let inputs = needs.inputs.iter().map(|input| {
        let optional = if input.optional { " (optional)" } else { "" };
        format!("input `{}`{optional}", input.name)
    });
    let hosts = needs.hosts.iter().map(|pointer| format!("the hosts in `{pointer}` of its configuration"));
    let others = [("tls", needs.tls), ("state", needs.state), ("history", needs.history), ("interval", needs.interval)];
    inputs
        .chain(hosts)
        .chain(others.into_iter().filter(|(_, needed)| *needed).map(|(name, _)| name.to_owned()))
        .collect()
}

/// What it imports, and what that lets it do. Functions of preview 1 all mean the same.
fn imports(context: &Context, imports: &[String]) -> anyhow::Result<()> {
    if imports.is_empty() {
        context.printer.line("imports     nothing")?;
    }
    let mut last = "";
    for import in imports {
        let meaning = meaning(import);
        let words = if meaning == last { "″" } else { meaning };
        context.printer.line(format_args!("imports     {import}: {words}"))?;
        last = meaning;
    }
    Ok(())
}
