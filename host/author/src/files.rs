//! What is in the program: `sdk/` and `wit/` of this repository.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The files of a folder: their names below it, and their texts.
pub(crate) fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().filter_map(move |(name, text)| Some((name.strip_prefix(folder)?.strip_prefix('/')?, *text)))
}

/// One file.
pub(crate) fn text(name: &str) -> Option<&'static str> {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
