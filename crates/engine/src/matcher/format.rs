//! The bytes of a compiled set: a header (magic, format, folding version, length, checksum) and the items in
//! a canonical order, so that equal items give equal bytes. Reading trusts nothing: lengths are checked before
//! anything is reserved. The shell never looks inside.

use crate::{
    CompileError, FOLDING_VERSION, FORMAT_VERSION, Interrupt, Item, Language, Level, MAX_COMPILED_BYTES,
    MatchMode, OpenError, Term,
};

const MAGIC: &[u8; 8] = b"PGMODSET";
const HEADER: usize = 8 + 4 + 4 + 8 + 32;
/// Fixed bytes of one item: id, slot, flags, mode, level, language, weight, length of the text.
const ITEM: usize = 8 + 2 + 1 + 1 + 1 + 1 + 4 + 4;
/// In place of a language: none given.
const NO_LANGUAGE: u8 = u8::MAX;
/// Items between two questions whether to stop.
const INTERRUPT_EVERY: usize = 4_096;

pub(crate) fn encode(items: &[Item], interrupt: Interrupt<'_>) -> Result<Vec<u8>, CompileError> {
    let mut order: Vec<&Item> = Vec::new();
    order
        .try_reserve_exact(items.len())
        .map_err(|_| CompileError::OutOfMemory)?;
    order.extend(items);
    order.sort_by_cached_key(|item| {
        (
            item.slot,
            item.id,
            item.allow,
            item.term.level,
            item.term.mode as u8,
            item.weight.to_bits(),
        )
    });
    let mut total = HEADER + 4;
    for item in &order {
        total = total.saturating_add(ITEM + item.term.text.len());
    }
    if total > MAX_COMPILED_BYTES || items.len() > u32::MAX as usize {
        return Err(CompileError::TooLarge {
            bytes: total,
            limit: MAX_COMPILED_BYTES,
        });
    }
    let mut out = Vec::new();
    out.try_reserve_exact(total)
        .map_err(|_| CompileError::OutOfMemory)?;
    out.resize(HEADER, 0);
    out.extend_from_slice(&(items.len() as u32).to_le_bytes());
    for (n, item) in order.iter().enumerate() {
        if n % INTERRUPT_EVERY == 0 && interrupt() {
            return Err(CompileError::Interrupted);
        }
        out.extend_from_slice(&item.id.to_le_bytes());
        out.extend_from_slice(&item.slot.to_le_bytes());
        out.push(u8::from(item.allow));
        out.push(item.term.mode as u8);
        out.push(item.term.level as u8);
        out.push(item.term.language.map_or(NO_LANGUAGE, |l| l as u8));
        out.extend_from_slice(&item.weight.to_le_bytes());
        out.extend_from_slice(&(item.term.text.len() as u32).to_le_bytes());
        out.extend_from_slice(item.term.text.as_bytes());
    }
    let checksum = blake3::hash(out.get(HEADER..).unwrap_or(&[]));
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    header.extend_from_slice(&FOLDING_VERSION.to_le_bytes());
    header.extend_from_slice(&((total - HEADER) as u64).to_le_bytes());
    header.extend_from_slice(checksum.as_bytes());
    if let Some(place) = out.get_mut(..HEADER) {
        place.copy_from_slice(&header);
    }
    Ok(out)
}

/// A cursor over untrusted bytes.
struct Reader<'b> {
    bytes: &'b [u8],
}

impl<'b> Reader<'b> {
    fn take(&mut self, length: usize) -> Result<&'b [u8], OpenError> {
        let (head, tail) = self
            .bytes
            .split_at_checked(length)
            .ok_or(OpenError::Damaged("too short"))?;
        self.bytes = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], OpenError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn u8(&mut self) -> Result<u8, OpenError> {
        Ok(self.array::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32, OpenError> {
        Ok(u32::from_le_bytes(self.array()?))
    }
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Item>, OpenError> {
    let mut reader = Reader { bytes };
    if &reader.array::<8>()? != MAGIC {
        return Err(OpenError::Damaged("not a compiled set"));
    }
    for expected in [FORMAT_VERSION, FOLDING_VERSION] {
        let found = reader.u32()?;
        if found != expected {
            return Err(OpenError::WrongVersion { found, expected });
        }
    }
    let length = u64::from_le_bytes(reader.array()?);
    let checksum = reader.array::<32>()?;
    if length != reader.bytes.len() as u64 {
        return Err(OpenError::Damaged("length"));
    }
    if blake3::hash(reader.bytes) != checksum {
        return Err(OpenError::Damaged("checksum"));
    }
    let count = reader.u32()? as usize;
    if count > reader.bytes.len() / ITEM {
        return Err(OpenError::Damaged("item count"));
    }
    let mut items = Vec::new();
    items
        .try_reserve_exact(count)
        .map_err(|_| OpenError::OutOfMemory)?;
    for _ in 0..count {
        items.push(item(&mut reader)?);
    }
    if !reader.bytes.is_empty() {
        return Err(OpenError::Damaged("bytes left over"));
    }
    Ok(items)
}

fn item(reader: &mut Reader<'_>) -> Result<Item, OpenError> {
    let id = i64::from_le_bytes(reader.array()?);
    let slot = u16::from_le_bytes(reader.array()?);
    let allow = match reader.u8()? {
        0 => false,
        1 => true,
        _ => return Err(OpenError::Damaged("allow flag")),
    };
    let mode = MatchMode::from_u8(reader.u8()?).ok_or(OpenError::Damaged("match mode"))?;
    let level = Level::from_u8(reader.u8()?).ok_or(OpenError::Damaged("level"))?;
    let language = match reader.u8()? {
        NO_LANGUAGE => None,
        number => Some(Language::from_u8(number).ok_or(OpenError::Damaged("language"))?),
    };
    let weight = f32::from_le_bytes(reader.array()?);
    let length = reader.u32()? as usize;
    let raw = std::str::from_utf8(reader.take(length)?).map_err(|_| OpenError::Damaged("text"))?;
    let mut text = String::new();
    text.try_reserve_exact(raw.len())
        .map_err(|_| OpenError::OutOfMemory)?;
    text.push_str(raw);
    Ok(Item {
        id,
        slot,
        allow,
        weight,
        term: Term {
            text,
            mode,
            level,
            language,
        },
    })
}
