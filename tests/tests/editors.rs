//! `evidenced schema` as editors use it: taplo, which stands behind Even Better TOML, checks by it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use evidenced_tests::{daemon::binary, plugin, targets::node_modules};
use serde_json::Value;

const PACKAGE: &str = "@taplo/cli";
const VERSION: &str = "0.7.0";

/// A folder with the sample configuration, and the schema for it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        // `init` writes where they lie.
        for name in ["inference-uptime", "key-rotation"] {
            assert!(plugin(name).exists());
        }
        let folder = Self(tempfile::tempdir().unwrap());
        let init = evidenced(&["init", folder.path("conf").to_str().unwrap()]);
        assert!(init.status.success(), "{init:?}");
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Writes the schema, and returns what was said.
    fn schema(&self) -> String {
        let main = self.path("conf/evidenced.toml");
        let output = evidenced(&["schema", "--config", main.to_str().unwrap()]);
        assert!(output.status.success(), "{output:?}");
        fs::write(self.path("evidenced.schema.json"), output.stdout).unwrap();
        String::from_utf8(output.stderr).unwrap()
    }

    /// Whether taplo takes the file, and what it says.
    fn lint(&self, file: &Path) -> (bool, String) {
        let schema = format!("file://{}", self.path("evidenced.schema.json").display());
        let script = node_modules(PACKAGE, VERSION).join(PACKAGE).join("dist/cli.js");
        let mut taplo = Command::new("node");
        taplo.arg(script).args(["lint", "--colors", "never", "--no-auto-config", "--schema", &schema]).arg(file);
        let output = taplo.current_dir(self.0.path()).stdin(Stdio::null()).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn evidenced(words: &[&str]) -> Output {
    Command::new(binary()).args(words).stdin(Stdio::null()).output().unwrap()
}

fn packaged(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/config").join(name)
}

#[test]
fn an_editor_checks_a_configuration_as_the_daemon_does() {
    let folder = Folder::new();
    assert_eq!(folder.schema(), "");
    let written = ["conf/evidenced.toml", "conf/conf.d/controls.toml"].map(|name| folder.path(name));
    for file in ["evidenced.toml", "conf.d/controls.toml"].map(packaged).into_iter().chain(written) {
        let (is_taken, said) = folder.lint(&file);
        assert!(is_taken, "{}: {said}", file.display());
    }
    let refused = |text: &str| {
        let (is_taken, said) = folder.lint(&folder.write("wrong.toml", text));
        assert!(!is_taken, "{text}");
        said
    };
    let main = fs::read_to_string(packaged("evidenced.toml")).unwrap();
    let said = refused(&main.replacen("timezone     =", "timezon      =", 1));
    assert!(said.contains("unknown key") && said.contains("wrong.toml:7:"), "{said}");
    assert_eq!(said.matches("error:").count(), 1, "{said}");
    let said = refused(&main.replacen("\"quarterly\"", "\"yearly\"", 1));
    assert!(said.contains("\"yearly\" is not one of"), "{said}");
    // What a plugin takes.
    let controls = fs::read_to_string(packaged("conf.d/controls.toml")).unwrap();
    let said = refused(&controls.replacen("max_age_days", "max_age_dayz", 1));
    assert!(said.contains("unknown key") && said.contains("config   = { max_age_dayz = 90 }"), "{said}");
    let said = refused(&controls.replacen("max_age_days = 90", "max_age_days = true", 1));
    assert!(said.contains("true is not of type \"number\""), "{said}");
    // Below a reference of the plugin's own.
    let golden =
        "[[control]]\nid = \"AVL-02\"\nplugin = \"inference-uptime\"\nconfig = { golden = [{ promt = \"2 + 2\" }] }\n";
    assert!(refused(golden).contains("wrong.toml:4:"), "{golden}");
    let row = "[[control]]\nid = \"SEC-{n}\"\nplugin = \"key-rotation\"\nfor_each = [{ n = 2, days = 30 }]\nconfig = { max_age_days = \"{days}\" }\n";
    let (is_taken, said) = folder.lint(&folder.write("row.toml", row));
    assert!(is_taken, "{said}");
}

#[test]
fn a_schema_is_there_without_a_configuration_and_without_plugins() {
    let folder = Folder::new();
    let nowhere = folder.path("nowhere.toml");
    let arguments = ["schema", "--json", "--config", nowhere.to_str().unwrap()];
    let output = evidenced(&arguments);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1);
    let schema: Value = serde_json::from_str(&text).unwrap();
    let definitions = schema["definitions"].as_object().unwrap();
    assert!(definitions.contains_key("plugin.key-rotation"), "those beside the program: {:?}", output.stderr);
    // A folder of one's own, in which one file is no plugin.
    let conf = folder.path("conf");
    fs::create_dir(conf.join("own")).unwrap();
    fs::write(conf.join("evidenced.toml"), "organization = \"Example AI\"\nplugin_dirs = [\"own\"]\n").unwrap();
    fs::remove_dir_all(conf.join("conf.d")).unwrap();
    assert!(folder.schema().starts_with("no plugin was found in "));
    let bare = fs::read_to_string(folder.path("evidenced.schema.json")).unwrap();
    fs::write(conf.join("own/garbage.wasm"), "no plugin").unwrap();
    let said = folder.schema();
    assert!(said.contains("own/garbage.wasm: ") && said.contains("what it takes is not part of the schema"), "{said}");
    assert_eq!(fs::read_to_string(folder.path("evidenced.schema.json")).unwrap(), bare);
    let (is_taken, said) = folder.lint(&packaged("conf.d/controls.toml"));
    assert!(is_taken, "{said}");
}
