//! What a core module says of its source lines, left out.

use wasmparser::{BinaryReader, Result};

const HEAD_BYTES: usize = 8;
const CUSTOM: u8 = 0;

/// The module without DWARF. The names of its functions stay, which a failure's stack is made of.
pub(super) fn without(module: &[u8]) -> Result<Vec<u8>> {
    let mut reader = BinaryReader::new(module, 0);
    let mut kept = reader.read_bytes(HEAD_BYTES)?.to_vec();
    while !reader.eof() {
        let begin = reader.current_position();
        let id = reader.read_u8()?;
        let bytes = reader.read_var_u32()? as usize;
        let content = reader.read_bytes(bytes)?;
        let is_dwarf = id == CUSTOM && BinaryReader::new(content, 0).read_string()?.starts_with(".debug_");
        if !is_dwarf {
            kept.extend_from_slice(module.get(begin..reader.current_position()).unwrap_or_default());
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        [&[id, content.len() as u8][..], content].concat()
    }

    #[test]
    fn dwarf_goes_and_names_stay() {
        let custom = |name: &str| section(CUSTOM, &[&[name.len() as u8][..], name.as_bytes(), b"content"].concat());
        let (head, types) = (b"\0asm\x01\0\0\0".to_vec(), section(1, &[0]));
        let with = [&head[..], &types, &custom(".debug_line"), &custom("name"), &custom(".debug_str")].concat();
        assert_eq!(without(&with).unwrap(), [&head[..], &types, &custom("name")].concat());
        for cut in [3, head.len() + 1, with.len() - 1] {
            assert!(without(&with[..cut]).is_err(), "cut at {cut}");
        }
    }
}
