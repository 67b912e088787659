//! Takes the debug sections out of a BPF object, so that 60 kB are committed instead of 470.
//!
//! Done here and not by `llvm-objcopy`, whose version would be one more thing that decides the bytes. BTF, which the
//! kernel and the loader need, stays. Section numbers stay too: dropped sections become empty, so that no symbol and no
//! relocation has to change.
//!
//! Source: ELF-64 object file format, the layouts of the file and section headers.

use anyhow::{Context, Result, ensure};

const HEADER_BYTES: usize = 64;
const SECTION_HEADER_BYTES: usize = 64;
const SHT_NULL: u32 = 0;
const SHT_NOBITS: u32 = 8;

/// One section: its header as found, and where its bytes were.
struct Section {
    header: Vec<u8>,
    name: String,
}

impl Section {
    fn u32_at(&self, at: usize) -> Result<u32> {
        let bytes = self.header.get(at..at + 4).context("short section header")?;
        Ok(u32::from_le_bytes(bytes.try_into()?))
    }

    fn usize_at(&self, at: usize) -> Result<usize> {
        let bytes = self.header.get(at..at + 8).context("short section header")?;
        Ok(usize::try_from(u64::from_le_bytes(bytes.try_into()?))?)
    }

    fn put(&mut self, at: usize, value: usize) -> Result<()> {
        let slot = self.header.get_mut(at..at + 8).context("short section header")?;
        slot.copy_from_slice(&u64::try_from(value)?.to_le_bytes());
        Ok(())
    }

    fn is_debug(&self) -> bool {
        self.name.starts_with(".debug_") || self.name.starts_with(".rel.debug_")
    }
}

/// The same object without the contents of its `.debug_*` sections.
pub(super) fn without_debug_sections(object: &[u8]) -> Result<Vec<u8>> {
    ensure!(object.get(..6) == Some(b"\x7fELF\x02\x01"), "not a little-endian ELF-64 file");
    let mut out = object.get(..HEADER_BYTES).context("short file header")?.to_vec();
    let mut sections = sections(object)?;
    for section in &mut sections {
        if section.is_debug() {
            section.header.get_mut(4..8).context("short section header")?.copy_from_slice(&SHT_NULL.to_le_bytes());
            section.put(24, 0)?;
            section.put(32, 0)?;
            continue;
        }
        let (offset, size) = (section.usize_at(24)?, section.usize_at(32)?);
        if section.u32_at(4)? == SHT_NULL || section.u32_at(4)? == SHT_NOBITS || size == 0 {
            continue;
        }
        align(&mut out, section.usize_at(48)?);
        section.put(24, out.len())?;
        out.extend(object.get(offset..offset + size).context("section outside the file")?);
    }
    align(&mut out, 8);
    let table = u64::try_from(out.len())?;
    out.get_mut(40..48).context("short file header")?.copy_from_slice(&table.to_le_bytes());
    sections.iter().for_each(|section| out.extend(&section.header));
    Ok(out)
}

fn sections(object: &[u8]) -> Result<Vec<Section>> {
    let u16_at = |at: usize| -> Result<usize> {
        Ok(u16::from_le_bytes(object.get(at..at + 2).context("short file header")?.try_into()?).into())
    };
    let table = object.get(40..48).context("short file header")?;
    let table = usize::try_from(u64::from_le_bytes(table.try_into()?))?;
    ensure!(u16_at(58)? == SECTION_HEADER_BYTES, "unexpected section header size");
    let (count, names) = (u16_at(60)?, u16_at(62)?);
    let mut sections = Vec::with_capacity(count);
    for index in 0..count {
        let at = table + index * SECTION_HEADER_BYTES;
        let header = object.get(at..at + SECTION_HEADER_BYTES).context("section table outside the file")?.to_vec();
        sections.push(Section { header, name: String::new() });
    }
    let strings = sections.get(names).context("no section names")?.usize_at(24)?;
    for section in &mut sections {
        let at = strings + usize::try_from(section.u32_at(0)?)?;
        let bytes = object.get(at..).context("section name outside the file")?;
        section.name = bytes.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect();
    }
    Ok(sections)
}

fn align(out: &mut Vec<u8>, to: usize) {
    out.resize(out.len().next_multiple_of(to.max(1)), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed() -> Vec<u8> {
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../pipelock-ebpf/pipelock.bpf.o")).unwrap()
    }

    #[test]
    fn committed_object_has_btf_and_no_debug_bytes() {
        let object = committed();
        let sections = sections(&object).unwrap();
        let size = |name: &str| sections.iter().find(|s| s.name == name).map(|s| s.usize_at(32).unwrap());
        for needed in [".BTF", ".BTF.ext", ".maps", ".rodata", "cgroup/connect4", "sockops", ".symtab"] {
            assert!(size(needed) > Some(0), "{needed}");
        }
        assert!(sections.iter().filter(|s| s.is_debug()).all(|s| s.usize_at(32).unwrap() == 0));
    }

    #[test]
    fn stripping_twice_changes_nothing() {
        let object = committed();
        assert_eq!(without_debug_sections(&object).unwrap(), object);
    }

    #[test]
    fn damaged_objects_are_errors() {
        let object = committed();
        assert!(without_debug_sections(b"\x7fELF").is_err());
        assert!(without_debug_sections(&object[..object.len() / 2]).is_err());
    }
}
