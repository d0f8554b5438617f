//! A plugin as a registry keeps it.
//!
//! The manifest has one layer, the plugin, and its configuration says what the plugin imports and exports; a reader of the layout
//! that knows nothing of us takes it like any other. The signature is an annotation. The recorded cases are layers of a
//! manifest of their own, which an annotation names by digest: the layout has one layer, and who finds more is to refuse
//! it. So the digest of the one manifest pins all of it. The same plugin has the same digest wherever it is pushed from.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use wasmparser::{Parser, Payload};

use super::{Reference, Registry, RegistryError, client::MANIFEST};
use crate::{
    domain::{Digest, PluginName},
    trust::Package,
};

const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const WASM: &str = "application/wasm";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const CASES: &str = "application/vnd.evidenced.cases.v1";
const CASE: &str = "application/vnd.evidenced.case.v1+toml";

const NAME: &str = "org.opencontainers.image.title";
const VERSION: &str = "org.opencontainers.image.version";
/// Base64 of the note, which has lines.
const SIGNATURE: &str = "evidenced.signature";
/// Digest of the manifest of the recorded cases.
const CASES_OF: &str = "evidenced.cases";

/// As the sandbox has it.
const PLUGIN_BYTES_MAX: u64 = 64 << 20;
const CASE_BYTES_MAX: u64 = 4 << 20;
const CASES_MAX: usize = 1_000;

/// A plugin with its name, and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artefact {
    pub name: PluginName,
    pub version: String,
    pub package: Package,
}

/// By what a tag is held to what it was.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pin {
    /// Of the plugin's bytes, as the lock has it.
    pub plugin: Option<Digest>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: Digest,
    size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WasmConfig {
    /// Always the same, so that the same plugin has the same digest.
    created: &'static str,
    architecture: &'static str,
    os: &'static str,
    layer_digests: Vec<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<Component>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Component {
    exports: Vec<String>,
    imports: Vec<String>,
}

impl Descriptor {
    fn of(media_type: &str, bytes: &[u8]) -> Self {
        let (media_type, digest) = (media_type.to_owned(), Digest::of(bytes));
        Self { media_type, digest, size: bytes.len() as u64, annotations: BTreeMap::new() }
    }

    fn called(self, name: &str) -> Self {
        Self { annotations: BTreeMap::from([(NAME.to_owned(), name.to_owned())]), ..self }
    }
}

impl Manifest {
    fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        let (media_type, annotations) = (MANIFEST.to_owned(), BTreeMap::new());
        Self { schema_version: 2, media_type, artifact_type: None, config, layers, annotations }
    }

    fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a manifest is plain data")
    }
}

/// Brings a plugin; the digest of its manifest, by which it is pinned.
///
/// # Errors
/// See [`RegistryError`].
pub async fn push(
    registry: &mut Registry,
    reference: &Reference,
    artefact: &Artefact,
) -> Result<Digest, RegistryError> {
    let Artefact { name, version, package: Package { bytes, signature, cases } } = artefact;
    let config = configuration(bytes)?;
    let layer = Descriptor::of(WASM, bytes).called(&format!("{name}.wasm"));
    let mut manifest = Manifest::new(Descriptor::of(CONFIG, &config), vec![layer]);
    let annotations = &mut manifest.annotations;
    annotations.insert(NAME.to_owned(), name.to_string());
    annotations.insert(VERSION.to_owned(), version.clone());
    if let Some(note) = signature {
        annotations.insert(SIGNATURE.to_owned(), STANDARD.encode(note));
    }
    if !cases.is_empty() {
        let digest = push_cases(registry, cases).await?;
        manifest.annotations.insert(CASES_OF.to_owned(), digest.to_string());
    }
    registry.put_blob(bytes, "the plugin").await?;
    registry.put_blob(&config, "its configuration").await?;
    let bytes = manifest.to_bytes();
    let digest = Digest::of(&bytes);
    let by = reference.tag.clone().unwrap_or_else(|| digest.to_string());
    registry.put_manifest(&by, &bytes).await?;
    Ok(digest)
}

async fn push_cases(registry: &mut Registry, cases: &[(String, Vec<u8>)]) -> Result<Digest, RegistryError> {
    for (name, bytes) in cases {
        registry.put_blob(bytes, &format!("the case {name}")).await?;
    }
    registry.put_blob(b"{}", "an empty configuration").await?;
    let layers = cases.iter().map(|(name, bytes)| Descriptor::of(CASE, bytes).called(name)).collect();
    let manifest =
        Manifest { artifact_type: Some(CASES.to_owned()), ..Manifest::new(Descriptor::of(EMPTY, b"{}"), layers) };
    let bytes = manifest.to_bytes();
    let digest = Digest::of(&bytes);
    // A tag keeps it from being collected; it is fetched by its digest.
    registry.put_manifest(&format!("sha256-{}.cases", digest.to_hex()), &bytes).await?;
    Ok(digest)
}

/// Fetches a plugin, each byte of which is pinned: by the digest in the reference, or, of a tag, by that of the plugin in
/// `pin`. A tag beside a digest must still be that digest.
///
/// # Errors
/// See [`RegistryError`]; a tag that moved is [`RegistryError::OtherDigest`].
pub async fn pull(
    registry: &mut Registry,
    reference: &Reference,
    pin: Pin,
) -> Result<(Artefact, Digest), RegistryError> {
    let tag = reference.tag.as_deref().unwrap_or("latest");
    if let (Some(tag), Some(wanted)) = (&reference.tag, reference.digest) {
        same(format!("the tag `{tag}`"), wanted, registry.manifest(tag).await?.1)?;
    }
    let by = reference.digest.map_or_else(|| tag.to_owned(), |digest| digest.to_string());
    let (bytes, digest) = registry.manifest(&by).await?;
    if let Some(wanted) = reference.digest {
        same("the manifest".to_owned(), wanted, digest)?;
    }
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|error| RegistryError::NoPlugin(format!("its manifest: {error}")))?;
    let layer = layer(&manifest)?;
    match (reference.digest, pin.plugin) {
        (None, None) => {
            let (reference, more) = (reference.to_string(), "; or have the lock name its plugin".to_owned());
            return Err(RegistryError::Unpinned { reference, digest, more });
        }
        (None, Some(wanted)) => same(format!("the plugin that the tag `{tag}` names"), wanted, layer.digest)?,
        (Some(_), _) => {}
    }
    let said = |name: &str| manifest.annotations.get(name).map(String::as_str);
    let name = said(NAME).unwrap_or_else(|| reference.name());
    let name: PluginName = name.parse().map_err(|error| RegistryError::NoPlugin(format!("{error}")))?;
    if name.as_str().contains('/') {
        return Err(RegistryError::NoPlugin(format!("`{name}` is no name of one file")));
    }
    let signature = said(SIGNATURE).map(|note| STANDARD.decode(note)).transpose();
    let signature = signature.map_err(|_| RegistryError::NoPlugin("its signature is not base64".to_owned()))?;
    // The lock pins the plugin and not the manifest: what else a tag names today, nobody has looked at.
    let cases = match said(CASES_OF).filter(|_| reference.digest.is_some()) {
        Some(digest) => pull_cases(registry, digest).await?,
        None => Vec::new(),
    };
    let bytes = registry.blob(layer.digest, PLUGIN_BYTES_MAX, "the plugin").await?;
    let version = said(VERSION).unwrap_or_default().to_owned();
    Ok((Artefact { name, version, package: Package { bytes, signature, cases } }, digest))
}

/// The one layer that is the plugin.
fn layer(manifest: &Manifest) -> Result<&Descriptor, RegistryError> {
    let no_plugin = |why: String| Err(RegistryError::NoPlugin(why));
    if manifest.config.media_type != CONFIG {
        return no_plugin(format!("its configuration is `{}`, and not `{CONFIG}`", manifest.config.media_type));
    }
    match &manifest.layers[..] {
        [layer] if layer.media_type == WASM => Ok(layer),
        [layer] => no_plugin(format!("its layer is `{}`, and not `{WASM}`", layer.media_type)),
        layers => no_plugin(format!("it has {} layers, and not one", layers.len())),
    }
}

async fn pull_cases(registry: &mut Registry, digest: &str) -> Result<Vec<(String, Vec<u8>)>, RegistryError> {
    let no_plugin = |why: String| RegistryError::NoPlugin(why);
    let wanted: Digest = digest.parse().map_err(|error| no_plugin(format!("its cases: {error}")))?;
    let (bytes, found) = registry.manifest(digest).await?;
    same("the manifest of the recorded cases".to_owned(), wanted, found)?;
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|error| no_plugin(format!("the manifest of its cases: {error}")))?;
    if manifest.layers.len() > CASES_MAX {
        return Err(no_plugin(format!("it has more than {CASES_MAX} cases")));
    }
    let mut cases: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for layer in manifest.layers.iter().filter(|layer| layer.media_type == CASE) {
        let name = layer.annotations.get(NAME).map(String::as_str).unwrap_or_default();
        if !is_case_name(name) {
            return Err(no_plugin(format!("`{}` is no name of a case", crate::domain::escaped(name))));
        }
        let bytes = registry.blob(layer.digest, CASE_BYTES_MAX, &format!("the case {name}")).await?;
        cases.insert(name.to_owned(), bytes);
    }
    Ok(cases.into_iter().collect())
}

/// It becomes the name of a file.
fn is_case_name(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_alphanumeric() || " ._-".contains(letter);
    name.len() <= 128 && name.ends_with(".toml") && !name.starts_with('.') && name.chars().all(is_plain)
}

fn same(what: String, wanted: Digest, found: Digest) -> Result<(), RegistryError> {
    if wanted == found { Ok(()) } else { Err(RegistryError::OtherDigest { what, wanted, found }) }
}

/// What the layout says of a plugin.
fn configuration(bytes: &[u8]) -> Result<Vec<u8>, RegistryError> {
    let component = component(bytes).map_err(|error| RegistryError::NoPlugin(error.to_string()))?;
    let config = WasmConfig {
        created: "1970-01-01T00:00:00Z",
        architecture: "wasm",
        os: if component.is_some() { "wasip2" } else { "wasip1" },
        layer_digests: vec![Digest::of(bytes)],
        component,
    };
    Ok(serde_json::to_vec(&config).expect("a configuration is plain data"))
}

/// What a component imports and exports; `None`: it is a module.
fn component(bytes: &[u8]) -> Result<Option<Component>, wasmparser::BinaryReaderError> {
    let (mut found, mut depth, mut is_component) = (Component::default(), 0_u32, false);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { encoding, .. } => {
                if depth == 0 {
                    is_component = encoding == wasmparser::Encoding::Component;
                }
                depth += 1;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    found.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    found.exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(is_component.then_some(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_says_what_a_component_imports_and_exports() {
        let bytes = wat::parse_str(
            "(component (import \"a:b/c@1.0.0\" (instance)) (component (import \"inner\" (func))) (instance $i) \
             (export \"d:e/f@1.0.0\" (instance $i)))",
        )
        .unwrap();
        let expected = Component { exports: vec!["d:e/f@1.0.0".into()], imports: vec!["a:b/c@1.0.0".into()] };
        assert_eq!(component(&bytes).unwrap(), Some(expected));
        let config = String::from_utf8(configuration(&bytes).unwrap()).unwrap();
        let digest = Digest::of(&bytes);
        assert_eq!(
            config,
            format!(
                "{{\"created\":\"1970-01-01T00:00:00Z\",\"architecture\":\"wasm\",\"os\":\"wasip2\",\"layerDigests\":[\"{digest}\"],\
                 \"component\":{{\"exports\":[\"d:e/f@1.0.0\"],\"imports\":[\"a:b/c@1.0.0\"]}}}}"
            )
        );
        assert_eq!(component(&wat::parse_str("(module)").unwrap()).unwrap(), None);
        assert!(configuration(b"garbage").is_err());
    }

    #[test]
    fn a_manifest_of_another_layout_is_no_plugin() {
        let manifest = |config: &str, layers: &[&str]| {
            let layers = layers.iter().map(|kind| Descriptor::of(kind, b"x")).collect();
            Manifest::new(Descriptor::of(config, b"{}"), layers)
        };
        assert!(layer(&manifest(CONFIG, &[WASM])).is_ok());
        for wrong in [
            manifest("application/vnd.oci.image.config.v1+json", &[WASM]),
            manifest(CONFIG, &[]),
            manifest(CONFIG, &[WASM, WASM]),
            manifest(CONFIG, &["application/vnd.oci.image.layer.v1.tar+gzip"]),
        ] {
            assert!(matches!(layer(&wrong), Err(RegistryError::NoPlugin(_))), "{wrong:?}");
        }
    }

    #[test]
    fn a_case_is_called_like_a_file_of_its_folder() {
        assert!(is_case_name("an_old_key fails-2.toml"));
        for name in ["", ".toml", "../a.toml", "a/b.toml", "a.txt", "a\n.toml", ".a.toml"] {
            assert!(!is_case_name(name), "{name:?}");
        }
    }
}
