//! Plugins in JavaScript: `check.js` of the folder, made a component together with the interpreter QuickJS.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use super::{Kind, Layout, Source, debian, is_fresh, rust::run, toolchain::eprintln_status, write_whole};

/// The tool, and the QuickJS in it, by name and version from npm's registry.
const TOOL: &str = "componentize-qjs";
const TOOL_VERSION: &str = "0.4.5";

const DEBIAN_PACKAGES: [&str; 2] = ["nodejs", "npm"];

pub(super) fn build(layout: &Layout, sources: &[&Source]) -> Result<()> {
    for source in sources {
        let script = source.folder.join("check.js");
        let output = layout.output(&source.name, source.home);
        let wit = layout.root.join("plugin-sdk/wit");
        if [&script, &wit.join("check.wit")].iter().all(|file| is_fresh(&output, file)) {
            continue;
        }
        if source.manifest.kind != Kind::Component {
            bail!("plugin `{}`: JavaScript is only made into components", source.name);
        }
        let component = layout.target.join("wasm").join(format!("{}.wasm", source.name));
        let mut tool = Command::new("node");
        tool.arg(installed(layout)?).arg("--wit").arg(&wit).arg("--js").arg(&script).arg("--output").arg(&component);
        // Without `--sync` it would use the asynchronous half of the component model, which the contract does not.
        tool.args(["--world", "check", "--sync", "--opt-size", "--minify"]).stdout(Stdio::null());
        run(&mut tool, "making JavaScript a component").with_context(|| format!("plugin `{}`", source.name))?;
        let bytes = fs::read(&component).with_context(|| format!("cannot read {}", component.display()))?;
        write_whole(&output, &bytes)?;
    }
    Ok(())
}

/// The tool's script, installed under the target folder if it is not there yet.
fn installed(layout: &Layout) -> Result<PathBuf> {
    let folder = layout.target.join("wasm/npm");
    let modules = from_npm(&folder, TOOL, TOOL_VERSION).context("no tool to make JavaScript a component with")?;
    Ok(modules.join(TOOL).join("bin").join(TOOL))
}

/// The folder of modules with a package of npm's registry, which is installed in `folder` if it is not there yet.
pub(crate) fn from_npm(folder: &Path, name: &str, version: &str) -> Result<PathBuf> {
    let modules = folder.join("node_modules");
    if version_of(&modules.join(name)).as_deref() != Some(version) {
        if !works("node") || !works("npm") {
            debian::install(&DEBIAN_PACKAGES).context("there is no Node.js")?;
        }
        eprintln_status("Installing", &format!("{name} {version} from npm"));
        // A folder with a manifest of its own, or npm would look for one above.
        write_whole(&folder.join("package.json"), b"{ \"private\": true }\n")?;
        let mut npm = Command::new("npm");
        npm.current_dir(folder).args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]);
        npm.arg(format!("{name}@{version}")).stdin(Stdio::null()).stdout(Stdio::null());
        run(&mut npm, "installing a package of npm")?;
    }
    Ok(modules)
}

fn version_of(package: &Path) -> Option<String> {
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(package.join("package.json")).ok()?).ok()?;
    Some(manifest.get("version")?.as_str()?.to_owned())
}

fn works(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
