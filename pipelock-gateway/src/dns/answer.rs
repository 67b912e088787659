//! What an answer says: the addresses of the name that was asked for, and how much text came with them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::{Error, HEADER, MAX_NAME, Query, Reader};

const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_NULL: u16 = 10;
const TYPE_TXT: u16 = 16;
const TYPE_AAAA: u16 = 28;
/// Records of one answer that are looked at; 64 KiB hold no more than some 4,000 of the smallest.
const MAX_RECORDS: usize = 4096;
/// Aliases that are followed from the name to its addresses.
const MAX_ALIASES: usize = 16;
/// Jumps of one compressed name; more than any honest server needs.
const MAX_JUMPS: usize = 32;

/// What an answer says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The addresses of the name that was asked for, aliases followed. In the order they came.
    pub addresses: Vec<IpAddr>,
    /// How long they hold: the shortest time of what was followed.
    pub ttl: Duration,
    /// Bytes of records that hold whatever their author likes (`TXT`, `NULL`).
    pub text_bytes: usize,
}

struct Record<'a> {
    owner: Vec<u8>,
    kind: u16,
    ttl: u32,
    data: &'a [u8],
    data_at: usize,
}

impl Query {
    /// Reads an answer to this query.
    ///
    /// # Errors
    /// [`Error`] when it is no whole message.
    pub fn told(&self, bytes: &[u8]) -> Result<Told, Error> {
        let mut reader = Reader { bytes, at: 4 };
        let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?].map(usize::from);
        let [1, answers, authorities, extra] = counts else { return Err(Error::Shape) };
        reader.at = HEADER;
        reader.name()?;
        reader.take(4)?;
        let mut records = Vec::new();
        for index in 0..(answers + authorities + extra).min(MAX_RECORDS) {
            let record = record(&mut reader)?;
            if index < answers {
                records.push(record);
            }
        }
        let text = |record: &&Record<'_>| matches!(record.kind, TYPE_TXT | TYPE_NULL);
        let text_bytes = records.iter().filter(text).map(|record| record.data.len()).sum();
        let mut told = Told { text_bytes, ..Told::default() };
        let mut ttl = u32::MAX;
        let mut name = self.name.to_ascii_lowercase();
        for _ in 0..MAX_ALIASES {
            let own = |record: &&Record<'_>| record.owner == name;
            for record in records.iter().filter(own) {
                let Some(address) = address(record) else { continue };
                told.addresses.push(address);
                ttl = ttl.min(record.ttl);
            }
            let alias = records.iter().filter(own).find(|record| record.kind == TYPE_CNAME);
            let Some(alias) = alias.filter(|_| told.addresses.is_empty()) else { break };
            ttl = ttl.min(alias.ttl);
            let mut target = Reader { bytes, at: alias.data_at };
            name = compressed(&mut target)?;
        }
        if !told.addresses.is_empty() {
            told.ttl = Duration::from_secs(u64::from(ttl));
        }
        Ok(told)
    }
}

fn record<'a>(reader: &mut Reader<'a>) -> Result<Record<'a>, Error> {
    let owner = compressed(reader)?;
    let (kind, _class) = (reader.u16()?, reader.u16()?);
    let ttl = reader.u32()?;
    let length = reader.u16()?;
    let data_at = reader.at;
    let data = reader.take(usize::from(length))?;
    Ok(Record { owner, kind, ttl, data, data_at })
}

fn address(record: &Record<'_>) -> Option<IpAddr> {
    match record.kind {
        TYPE_A => <[u8; 4]>::try_from(record.data).ok().map(|octets| Ipv4Addr::from(octets).into()),
        TYPE_AAAA => <[u8; 16]>::try_from(record.data).ok().map(|octets| Ipv6Addr::from(octets).to_canonical()),
        _ => None,
    }
}

/// A name that may be compressed (RFC 1035 §4.1.4), in lower case. Jumps lead back only and their number is bounded, and each label
/// makes the name longer, so that no circle can be drawn.
fn compressed(reader: &mut Reader<'_>) -> Result<Vec<u8>, Error> {
    let mut name = Vec::new();
    let mut inside = Reader { bytes: reader.bytes, at: reader.at };
    let (mut after, mut jumps) = (None, 0);
    loop {
        let at = inside.at;
        let length = inside.u8()?;
        match length {
            0 => {
                name.push(0);
                reader.at = after.unwrap_or(inside.at);
                return Ok(name);
            }
            1..=63 => {
                name.push(length);
                name.extend(inside.take(usize::from(length))?.to_ascii_lowercase());
                if name.len() >= MAX_NAME {
                    return Err(Error::Name);
                }
            }
            192.. => {
                let to = usize::from(length & 0x3f) << 8 | usize::from(inside.u8()?);
                after.get_or_insert(inside.at);
                jumps += 1;
                if to >= at || jumps > MAX_JUMPS {
                    return Err(Error::Name);
                }
                inside.at = to;
            }
            _ => return Err(Error::Name),
        }
    }
}
