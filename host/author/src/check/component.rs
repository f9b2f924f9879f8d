//! What a component's structure tells.

use crate::error::AuthorError;
use crate::lang::World;
use std::path::Path;
use wasmparser::{Encoding, Instance, Parser, Payload, TypeRef};

const WASM_PAGE_BYTES: u64 = 64 << 10;

/// What a component is, as far as its structure tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its size.
    pub bytes: u64,
    /// The contract it exports, e.g. `cordboard:flow@0.1.0`.
    pub contract: Option<String>,
    /// Its imports, sorted.
    pub imports: Vec<String>,
    /// Linear memory it begins with, all of its memories together.
    pub memory_bytes: u64,
    /// Core instances it is made of.
    pub core_instances: u64,
    /// Tables.
    pub tables: u64,
    /// Elements of its largest table, at the beginning.
    pub table_elements: u64,
    /// Functions with code.
    pub functions: u64,
    /// Bytes of code.
    pub code_bytes: u64,
    /// Whether functions have names: a trap's stack then tells where it was.
    pub has_names: bool,
    /// Calls of the conversation that its core modules import, e.g. `say`.
    pub(crate) calls: Vec<String>,
}

impl Facts {
    /// The world, if it is one of ours.
    pub fn world(&self) -> Option<World> {
        let contract = self.contract.as_deref()?.strip_prefix("cordboard:")?;
        contract.split('@').next()?.parse().ok()
    }

    /// Linear memory it begins with, in MiB, rounded up.
    pub fn memory_mib(&self) -> u64 {
        self.memory_bytes.div_ceil(1 << 20)
    }

    pub(super) fn calls(&self, name: &str) -> bool {
        self.calls.iter().any(|call| call == name)
    }

    /// Whether it imports so many calls that they say nothing: interpreters do.
    pub(super) fn calls_everything(&self) -> bool {
        self.calls.len() > 20
    }
}

/// Reads a component.
///
/// # Errors
/// It is none.
pub fn inspect(path: &Path) -> Result<Facts, AuthorError> {
    let bytes = std::fs::read(path).map_err(AuthorError::io(path))?;
    let none = |why: String| AuthorError::NoComponent { file: path.to_owned(), why };
    if !bytes.starts_with(b"\0asm") {
        return Err(none("it isn't WebAssembly".into()));
    }
    let facts = facts(&bytes).map_err(|error| none(error.to_string()))?;
    facts.ok_or_else(|| none("it is a core module".into()))
}

/// None: it is a core module.
fn facts(bytes: &[u8]) -> wasmparser::Result<Option<Facts>> {
    let mut facts = Facts { bytes: bytes.len() as u64, ..Facts::default() };
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => return Ok(None),
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    facts.imports.push(import?.name.full_name().into_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let name = export?.name.full_name().into_owned();
                    let guest = name.strip_prefix("cordboard:").and_then(|name| name.split_once("/guest@"));
                    if let Some((world, version)) = guest {
                        facts.contract = Some(format!("cordboard:{world}@{version}"));
                    }
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    facts.core_instances += u64::from(matches!(instance?, Instance::Instantiate { .. }));
                }
            }
            other => core(&mut facts, other)?,
        }
    }
    facts.imports.sort();
    facts.calls.sort();
    facts.calls.dedup();
    Ok(Some(facts))
}

/// What a core module inside adds.
fn core(facts: &mut Facts, payload: Payload<'_>) -> wasmparser::Result<()> {
    match payload {
        Payload::MemorySection(section) => {
            for memory in section {
                facts.memory_bytes = facts.memory_bytes.saturating_add(memory?.initial.saturating_mul(WASM_PAGE_BYTES));
            }
        }
        Payload::TableSection(section) => {
            for table in section {
                facts.tables += 1;
                facts.table_elements = facts.table_elements.max(table?.ty.initial);
            }
        }
        Payload::ImportSection(section) => {
            for import in section.into_imports() {
                let import = import?;
                let is_function = matches!(import.ty, TypeRef::Func(_));
                let call = import.name.strip_prefix("[method]contact.");
                facts.calls.extend(call.filter(|_| is_function).map(str::to_owned));
            }
        }
        Payload::CodeSectionStart { count, size, .. } => {
            facts.functions += u64::from(count);
            facts.code_bytes += u64::from(size);
        }
        Payload::CustomSection(section) if section.name() == "name" => facts.has_names = true,
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_says_so() {
        let room = tempfile::tempdir().unwrap();
        let file = room.path().join("a.wasm");
        for (bytes, why) in [
            (b"" as &[u8], "it isn't WebAssembly"),
            (b"PK\x03\x04", "it isn't WebAssembly"),
            (b"\0asm\x01\0\0\0", "it is a core module"),
            (b"\0asm", "unexpected end"),
        ] {
            std::fs::write(&file, bytes).unwrap();
            let error = inspect(&file).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("plugin build"), "{error}");
        }
        std::fs::write(&file, b"\0asm\x0d\0\x01\0").unwrap();
        assert_eq!(inspect(&file).unwrap(), Facts { bytes: 8, ..Facts::default() });
        assert!(matches!(inspect(&room.path().join("none")), Err(AuthorError::Io { .. })));
    }

    #[test]
    fn the_world_is_that_of_the_contract() {
        let of = |contract: &str| Facts { contract: Some(contract.into()), ..Facts::default() }.world();
        assert_eq!(of("cordboard:flow@0.9.0"), Some(World::Flow));
        assert_eq!(of("cordboard:robot@0.1.0"), None);
        assert_eq!(of("wasi:cli@0.2.0"), None);
    }
}
