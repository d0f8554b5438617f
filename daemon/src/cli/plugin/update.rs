use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    Context, ExitStatus,
    pull::{fetch, is_file},
    registry::RegistryArguments,
    sandbox,
};
use crate::{
    cli::run::runtime,
    clock::{Clock as _, SystemClock},
    config::{self, Config},
    desk::{Client, Folder, Line, Question, Reloaded},
    domain::{Digest, PluginName},
    registry::Reference,
    runner::{Shelved, current, rehearse, signed_by},
    trust::{Belongings, Held, Installation, Locked, Package, Signer},
};

/// Put a new build of a plugin in place, and have the running daemon take it up.
///
/// It is fetched, its signature verified, compiled, held against what its controls grant, and its recorded cases are run. Only then it
/// takes the place of the old one, with its signature, its cases and the lock, in one step: whatever interrupts this leaves the
/// old plugin or the new one. The daemon swaps it between runs, or keeps the old one and says why.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 it is in place, and the daemon, if one runs, has taken it up; 1 it was refused; 2 the configuration is \
                  refused; 3 it could not be done.\n\nExample:\n  evidenced plugin update key-rotation ./key-rotation.wasm\n  \
                  evidenced plugin update key-rotation registry.example.com/checks/key-rotation@sha256:4c1f…"
)]
pub(super) struct UpdateArguments {
    /// The plugin, as controls name it.
    name: PluginName,
    /// The new build: a file, with FILE.sig and its .cases beside it, or HOST/PATH@sha256:… of a registry.
    from: String,
    /// The folder of `plugin_dirs` that it is put in [default: where it lies, else the last of them].
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    #[command(flatten)]
    registry: RegistryArguments,
}

/// What is put in place.
struct Candidate {
    package: Package,
    digest: Digest,
    version: String,
    signer: Option<Signer>,
    cases: u32,
}

impl UpdateArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let config = match config::load(&context.config) {
            Ok(loaded) => loaded.config,
            Err(refused) => {
                context.printer.talk(&refused);
                return Ok(ExitStatus::Usage);
            }
        };
        let file = self.file(&config)?;
        let _held = Held::take(config.plugins.lock.as_ref().map_or(&file, |lock| &lock.path))?;
        // What is in place may have become another one until it was held.
        let config = config::load(&context.config).map_or(config, |loaded| loaded.config);
        let before = current(&config, &self.name);
        let Some(package) = self.package(context, &config)? else { return Ok(ExitStatus::No) };
        let candidate = match self.tried(&config, package, before.as_ref())? {
            Ok(candidate) => candidate,
            Err(why) => {
                context.printer.talk(format_args!("error: {why}\nnothing was changed"));
                return Ok(ExitStatus::No);
            }
        };
        let lock = config.plugins.lock.as_ref().map(|pinned| {
            let Candidate { version, digest, signer, .. } = &candidate;
            let mut lock = pinned.lock.clone();
            let locked = Locked { version: version.clone(), digest: *digest, signer: signer.clone() };
            lock.plugins.insert(self.name.clone(), locked);
            (pinned.path.clone(), lock)
        });
        let digest_before = before.as_ref().map(|(_, digest)| *digest);
        let cases_before = before.as_ref().map(|(path, digest)| Belongings::of(path, *digest).cases);
        let lock = lock.as_ref().map(|(path, lock)| (path.as_path(), lock));
        Installation::plan(&candidate.package, &file, digest_before, cases_before.as_deref(), lock)?.perform()?;
        let reloaded = reload(context, &config)?;
        self.tell(context, &candidate, digest_before, reloaded)
    }

    /// Where its plain file lies, or is to lie.
    fn file(&self, config: &Config) -> anyhow::Result<PathBuf> {
        if let Some(file) = config.plugin_files.get(&self.name) {
            if self.to.is_some() {
                bail!("a control names {} by its path: --to cannot put it elsewhere", file.display());
            }
            return Ok(file.clone());
        }
        let name = format!("{}.wasm", self.name);
        let in_use = current(config, &self.name);
        let in_use = in_use.as_ref().and_then(|(path, _)| path.parent());
        let lies = config.plugin_dirs.iter().find(|folder| in_use == Some(folder.as_path()));
        let lies = lies.or_else(|| config.plugin_dirs.iter().find(|folder| folder.join(&name).exists()));
        let folder = match &self.to {
            Some(to) => {
                let is_it = |folder: &&PathBuf| same(folder, to);
                let folder = config.plugin_dirs.iter().find(is_it);
                folder.with_context(|| format!("{} is none of `plugin_dirs`", to.display()))?
            }
            None => match lies.or(config.plugin_dirs.last()) {
                Some(folder) => folder,
                None => bail!("`plugin_dirs` names no folder"),
            },
        };
        if config.plugins.lock.is_none()
            && let Some(first) = lies.filter(|first| *first != folder)
        {
            bail!(
                "{} comes first, and without a lock it is the one that runs: put it there, or pin plugins by `evidenced plugin lock`",
                first.join(&name).display()
            );
        }
        Ok(folder.join(name))
    }

    /// `None`: the registry has something else, and that was said.
    fn package(&self, context: &Context, config: &Config) -> anyhow::Result<Option<Package>> {
        if is_file(&self.from) {
            let package = Package::read(Path::new(&self.from));
            return Ok(Some(package.with_context(|| format!("cannot read {}, or what belongs to it", self.from))?));
        }
        let reference: Reference = self.from.parse()?;
        let locked = config.plugins.lock.as_ref().and_then(|lock| Some(lock.lock.plugins.get(&self.name)?.digest));
        Ok(fetch(context, &self.registry, &reference, locked)?.map(|(artefact, _)| artefact.package))
    }

    /// The new build, if it may and can take the place of the old one; else why not.
    fn tried(
        &self,
        config: &Config,
        package: Package,
        before: Option<&(PathBuf, Digest)>,
    ) -> anyhow::Result<Result<Candidate, String>> {
        let (name, digest) = (&self.name, Digest::of(&package.bytes));
        let signer = match signed_by(name, digest, package.signature.as_deref(), &config.plugins.signers, None) {
            Ok(signer) => signer,
            Err(why) => return Ok(Err(format!("plugin `{name}`, {} ({digest}): {why}", self.from))),
        };
        // Its cases, or, if it brings none, those of the plugin before.
        let place = tempfile::tempdir().context("cannot make a folder for its recorded cases")?;
        for (file, bytes) in &package.cases {
            fs::write(place.path().join(file), bytes).context("cannot write its recorded cases")?;
        }
        let cases = match before {
            Some((path, digest)) if package.cases.is_empty() => Belongings::of(path, *digest).cases,
            _ => place.path().to_owned(),
        };
        let belongings = Belongings { signature: PathBuf::new(), cases };
        let sandbox = sandbox()?;
        let (from, bytes) = (PathBuf::from(&self.from), package.bytes.clone());
        let shelved = match Shelved::load(&sandbox, config, name, from, bytes, belongings) {
            Ok(shelved) => shelved,
            Err(fault) => return Ok(Err(fault.message)),
        };
        let named = |control: &&crate::domain::Control| control.enabled && control.check.plugin == *name;
        for control in config.controls.iter().filter(named) {
            if let Err(fault) = shelved.fits(control) {
                return Ok(Err(fault.message));
            }
        }
        let now = SystemClock::new().now();
        let stop = CancellationToken::new();
        let rehearsed = runtime()?.block_on(rehearse(&sandbox, name, &shelved, now, &stop));
        let cases = match rehearsed {
            Ok(cases) => cases,
            Err(fault) => return Ok(Err(format!("plugin `{name}`, {} ({digest}): {fault}", self.from))),
        };
        let version = shelved.plugin.description().version.clone();
        Ok(Ok(Candidate { package, digest, version, signer, cases }))
    }

    fn tell(
        &self,
        context: &Context,
        candidate: &Candidate,
        before: Option<Digest>,
        reloaded: Option<Reloaded>,
    ) -> anyhow::Result<ExitStatus> {
        let Candidate { digest, version, signer, cases, .. } = candidate;
        let name = &self.name;
        let in_use = reloaded.as_ref().and_then(|reloaded| reloaded.plugins.iter().find(|one| one.plugin == *name));
        let taken = reloaded.as_ref().map(|_| in_use.is_some_and(|one| one.digest == Some(*digest)));
        let why = reloaded.as_ref().and_then(|reloaded| reloaded.refused.clone());
        let why = why.or_else(|| in_use.and_then(|one| one.why.clone()));
        if context.printer.is_json() {
            context.printer.object(&json!({
                "plugin": name, "version": version, "digest": digest, "before": before, "signer": signer, "cases": cases,
                "daemon": taken.map(|taken| json!({ "taken_up": taken, "why": why, "in_use": in_use.and_then(|one| one.digest) })),
            }))?;
        } else {
            let signed = signer.as_ref().map(|signer| format!(", signed by {}", signer.name())).unwrap_or_default();
            context.printer.line(format_args!(
                "{name} {version}, {digest}{signed}: in place, {cases} recorded cases come out as recorded"
            ))?;
        }
        match (taken, in_use, why) {
            (None, ..) => context.printer.talk("no daemon runs: it is taken up when one starts"),
            (Some(true), ..) => context.printer.talk("the daemon has taken it up"),
            (Some(false), None, None) => context.printer.talk("the daemon tests no enabled control with it"),
            (Some(false), _, why) => {
                context
                    .printer
                    .talk(format_args!("error: the daemon has not taken it up: {}", why.unwrap_or_default()));
                return Ok(ExitStatus::No);
            }
        }
        Ok(ExitStatus::Done)
    }
}

fn same(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// What the running daemon says; `None`: none runs.
fn reload(context: &Context, config: &Config) -> anyhow::Result<Option<Reloaded>> {
    let socket = &config.socket;
    let client = Client::connect(socket).with_context(|| {
        format!("it is in place; but the daemon at {} cannot be asked to take it up", socket.display())
    })?;
    let Some(client) = client else { return Ok(None) };
    let mut reloaded = None;
    let mut refused = None;
    client.ask(&Question::Reload, Folder::with_ledger(&config.state_dir), |line| {
        match line {
            Line::Reloaded(told) => reloaded = Some(*told),
            Line::Refused { message, .. } => refused = Some(message),
            _ => {}
        }
        Ok(())
    })?;
    if let Some(message) = refused {
        context.printer.talk(format_args!("it is in place; the daemon was not asked to take it up: {message}"));
        bail!("the daemon refused to read its files again: {message}");
    }
    Ok(reloaded)
}
