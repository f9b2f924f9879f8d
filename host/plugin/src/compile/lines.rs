//! From places in a component to lines of the program's text, by the DWARF that its modules carry ("DWARF for
//! WebAssembly", in the tool conventions: addresses count from the beginning of the code section's contents).
//!
//! What is in these sections is the author's, and reading it may take long: it is done where it can be stopped.

use crate::guest::shortened;
use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian};
use addr2line::{Context, Frame};
use cordboard_core::note::SourceLine;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;
use wasmparser::{Encoding, Parser, Payload};

/// Places that can be asked for at once: more than a stack has.
pub(crate) const MAX_PLACES: usize = 64;
/// Functions that were inlined at a place, beyond which the rest is left out.
const MAX_INLINED: usize = 16;
const MAX_FUNCTION_BYTES: usize = 256;
const MAX_FILE_BYTES: usize = 512;
/// What all answers together may take as JSON, in bytes.
pub(crate) const MAX_ANSWER_BYTES: usize = MAX_PLACES * MAX_INLINED * (MAX_FUNCTION_BYTES + MAX_FILE_BYTES + 128);

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// A core module with what it says of its lines.
#[derive(Default)]
struct Module<'a> {
    /// Where the contents of its code section lie in the component.
    code: Option<Range<u64>>,
    sections: BTreeMap<&'a str, &'a [u8]>,
}

/// A line as it goes from one process to the other.
#[derive(Serialize, Deserialize)]
pub(crate) struct Line {
    function: Option<String>,
    file: String,
    line: u32,
    column: u32,
}

impl From<Line> for SourceLine {
    fn from(line: Line) -> Self {
        let Line { function, file, line, column } = line;
        let function = function.map(|function| shortened(&function, MAX_FUNCTION_BYTES));
        Self { function, file: shortened(&file, MAX_FILE_BYTES), line, column }
    }
}

/// The lines of the program's text at places in a component, given in bytes from its beginning, functions that were inlined
/// there first; none where the component says nothing. At most 64 places. Takes as long as the component's DWARF wants:
/// where the component isn't trusted, [`PluginHost::with_lines`](crate::PluginHost::with_lines) can be stopped.
pub fn source_lines(component: &[u8], places: &[u64]) -> Vec<Vec<SourceLine>> {
    lines(component, places).into_iter().map(|lines| lines.into_iter().map(SourceLine::from).collect()).collect()
}

/// Whether any module says something of its lines. Reads the sections' heads only.
pub(crate) fn has_lines(component: &[u8]) -> bool {
    modules(component).iter().any(|module| module.sections.contains_key(".debug_line"))
}

/// The lines at each of these places, given in bytes from the component's beginning; none where nothing is said.
pub(crate) fn lines(component: &[u8], places: &[u64]) -> Vec<Vec<Line>> {
    let modules = modules(component);
    let mut contexts: BTreeMap<usize, Option<Context<Slice<'_>>>> = BTreeMap::new();
    let found = places.iter().take(MAX_PLACES).map(|place| {
        let within = |module: &Module<'_>| module.code.as_ref().is_some_and(|code| code.contains(place));
        let (index, module) = modules.iter().enumerate().find(|(_, module)| within(module))?;
        let context = contexts.entry(index).or_insert_with(|| module.context()).as_ref()?;
        let address = place - module.code.as_ref()?.start;
        Some(at(context, address))
    });
    found.map(Option::unwrap_or_default).collect()
}

impl<'a> Module<'a> {
    fn context(&self) -> Option<Context<Slice<'a>>> {
        let section = |name: &str| Slice::new(self.sections.get(name).copied().unwrap_or_default(), LittleEndian);
        let dwarf = Dwarf::load(|id| Ok::<_, std::convert::Infallible>(section(id.name())));
        Context::from_dwarf(dwarf.ok()?).ok()
    }
}

/// The core modules, wherever in the component they lie. What can't be read ends the list.
fn modules(component: &[u8]) -> Vec<Module<'_>> {
    let (mut done, mut open) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(component) {
        match payload {
            Ok(Payload::Version { encoding: Encoding::Module, .. }) => open.push(Some(Module::default())),
            Ok(Payload::Version { encoding: Encoding::Component, .. }) => open.push(None),
            Ok(Payload::CodeSectionStart { unchecked_range, .. }) => {
                if let Some(Some(module)) = open.last_mut() {
                    module.code = Some(unchecked_range);
                }
            }
            Ok(Payload::CustomSection(section)) if section.name().starts_with(".debug_") => {
                if let Some(Some(module)) = open.last_mut() {
                    module.sections.insert(section.name(), section.data());
                }
            }
            Ok(Payload::End(_)) => done.extend(open.pop().flatten()),
            Ok(_) => {}
            Err(_) => break,
        }
    }
    done
}

/// Functions that were inlined there first.
fn at(context: &Context<Slice<'_>>, address: u64) -> Vec<Line> {
    let mut lines = Vec::new();
    let Ok(mut frames) = context.find_frames(address).skip_all_loads() else { return lines };
    while lines.len() < MAX_INLINED
        && let Ok(Some(frame)) = frames.next()
    {
        lines.extend(line(&frame));
    }
    lines
}

fn line(frame: &Frame<'_, Slice<'_>>) -> Option<Line> {
    let location = frame.location.as_ref()?;
    let name = frame.function.as_ref().and_then(|function| function.raw_name().ok());
    let function = name.map(|name| format!("{:#}", rustc_demangle::demangle(&name)));
    Some(Line {
        function: function.map(|function| shortened(&function, MAX_FUNCTION_BYTES)),
        file: shortened(location.file?, MAX_FILE_BYTES),
        line: location.line.unwrap_or_default(),
        column: location.column.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What `lines.wat` comes to, with its DWARF and without.
    const WITH_LINES: &[u8] = include_bytes!("../../fuzz/corpus/lines/good-menu");
    const WITHOUT: &[u8] = include_bytes!("../../fuzz/corpus/lines/bad-no-lines");

    /// Where the n-th code section's instruction of this octet lies.
    fn place(component: &[u8], section: usize, octet: u8) -> u64 {
        let codes: Vec<Range<u64>> = modules(component).into_iter().filter_map(|module| module.code).collect();
        let code = &codes[section];
        let within = &component[code.start as usize..code.end as usize];
        code.start + within.iter().position(|byte| *byte == octet).unwrap() as u64
    }

    #[test]
    fn a_place_is_found_in_its_own_module() {
        assert!(has_lines(WITH_LINES));
        let (constant, call) = (place(WITH_LINES, 1, 0x41), place(WITH_LINES, 1, 0x10));
        let found = source_lines(WITH_LINES, &[call, constant, 0, u64::MAX]);
        assert_eq!((found[0][0].file.as_str(), found[0][0].line), ("./menu.wat", 14), "{found:?}");
        assert_eq!((found[1][0].file.as_str(), found[1][0].line), ("./menu.wat", 13), "{found:?}");
        assert_eq!(&found[2..], [vec![], vec![]], "nothing is there");
    }

    #[test]
    fn who_says_nothing_has_no_lines() {
        assert!(!has_lines(WITHOUT));
        assert_eq!(source_lines(WITHOUT, &[place(WITHOUT, 1, 0x10)]), [vec![]]);
        assert_eq!(source_lines(b"no component", &[7]), [vec![]]);
        assert_eq!(source_lines(WITHOUT, &[1; 100]).len(), MAX_PLACES);
    }

    proptest! {
        /// What is in a custom section is checked by nobody.
        #[test]
        fn whatever_the_sections_say_nothing_panics(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut component = WITH_LINES.to_vec();
            let places: Vec<u64> = (0..MAX_PLACES as u64).map(|n| n * component.len() as u64 / 64).collect();
            for (at, byte) in changes {
                let at = at.index(component.len());
                component[at] = byte;
            }
            prop_assert_eq!(source_lines(&component, &places).len(), places.len());
            component.truncate(cut.index(component.len()));
            prop_assert_eq!(source_lines(&component, &places).len(), places.len());
        }
    }
}
