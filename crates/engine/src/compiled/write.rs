//! From items to the bytes of a compiled set.

use super::tokens::{glance, gram_key, gram_table_key, key_of, load, start_key};
use super::{
    ALIGN, ENTRY, FIXED, Facts, GRAMS, Grams, HEADER, MAGIC, NONE_U8, NONE_U32, SECTIONS, STARTS, Section,
    SlotFacts, filter, kind, stage,
};
use crate::glob::Glob;
use crate::item::{folded_term, leaf_term, trimmed};
use crate::{
    CompileError, FOLDING_VERSION, FORMAT_VERSION, Interrupt, Item, Level, MAX_COMPILED_BYTES,
    MAX_PATTERN_BYTES, MatchMode, Term, rule,
};
use std::collections::BTreeMap;

/// Steps of work between two questions whether to stop.
const INTERRUPT_EVERY: usize = 4_096;
/// Places in a pattern at which its rarest gram is looked for.
const MAX_GRAM_PLACES: usize = 64;
/// Greatest stride of a class of grams.
const MAX_STRIDE: usize = 4;
/// Grams are counted by this many bits of their keys.
const COUNT_BITS: u32 = 20;

fn no_memory<E>(_: E) -> CompileError {
    CompileError::OutOfMemory
}

fn too_large(bytes: usize, limit: usize) -> CompileError {
    CompileError::TooLarge { bytes, limit }
}

/// A pattern of one entry, before equal ones are put together.
struct Wanted {
    /// First eight bytes, for sorting without a look at the rest.
    prefix: u64,
    start: u32,
    length: u32,
    entry: u32,
    anywhere: bool,
}

#[derive(Default)]
struct Writer {
    entries: Vec<u8>,
    texts: Vec<u8>,
    folded: String,
    wanted: Vec<Wanted>,
    special: Vec<u32>,
    allow_slots: Vec<u16>,
    leaves: u32,
}

fn push(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), CompileError> {
    out.try_reserve(bytes.len()).map_err(no_memory)?;
    out.extend_from_slice(bytes);
    Ok(())
}

impl Writer {
    fn entry(
        &mut self,
        item: &Item,
        term: &Term,
        leaf: Option<u32>,
        detail: u32,
    ) -> Result<(), CompileError> {
        let number = (self.entries.len() / ENTRY) as u32;
        let text = trimmed(&term.text);
        let flags = u32::from(item.allow);
        let mut record = [0; ENTRY];
        let fields: [(usize, &[u8]); 9] = [
            (0, &item.id.to_le_bytes()),
            (8, &item.weight.to_le_bytes()),
            (12, &item.slot.to_le_bytes()),
            (14, &[term.mode as u8 | (term.level as u8) << 5]),
            (15, &[term.language.map_or(NONE_U8, |l| l as u8)]),
            (16, &(self.texts.len() as u32).to_le_bytes()),
            (20, &(text.len() as u32 | flags << 24).to_le_bytes()),
            (24, &leaf.unwrap_or(NONE_U32).to_le_bytes()),
            (28, &detail.to_le_bytes()),
        ];
        for (at, bytes) in fields {
            if let Some(place) = record.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(bytes);
            }
        }
        push(&mut self.entries, &record)?;
        push(&mut self.texts, text.as_bytes())?;
        if self.texts.len() > MAX_COMPILED_BYTES {
            return Err(too_large(self.texts.len(), MAX_COMPILED_BYTES));
        }
        let evasive = term.level == Level::Evasion;
        let plain = term.mode.is_plain();
        if !plain || evasive {
            self.special.try_reserve(1).map_err(no_memory)?;
            self.special.push(number);
        }
        match term.mode {
            MatchMode::Wildcard => {
                let glob = Glob::parse(text).map_err(|error| CompileError::Term { item: item.id, error })?;
                self.want(&glob.anchor, number, true)
            }
            MatchMode::Word | MatchMode::Typo => self.want(&folded_term(text), number, false),
            _ if plain => self.want(&folded_term(text), number, true),
            _ => Ok(()),
        }
    }

    fn want(&mut self, folded: &str, entry: u32, anywhere: bool) -> Result<(), CompileError> {
        let start = self.folded.len();
        self.folded.try_reserve(folded.len()).map_err(no_memory)?;
        self.folded.push_str(folded);
        if self.folded.len() > MAX_PATTERN_BYTES {
            return Err(too_large(self.folded.len(), MAX_PATTERN_BYTES));
        }
        self.wanted.try_reserve(1).map_err(no_memory)?;
        self.wanted.push(Wanted {
            prefix: load(folded.as_bytes(), 0).swap_bytes(),
            start: start as u32,
            length: folded.len() as u32,
            entry,
            anywhere,
        });
        Ok(())
    }
}

/// One pattern, after that.
struct Pattern {
    start: u32,
    length: u32,
    target: u32,
    kind: u8,
}

#[derive(Default)]
struct Keys {
    heads: Vec<(u64, u32)>,
    pairs: Vec<(u64, u32)>,
    starts: Vec<u64>,
    /// Key in the table, pattern, offset of the gram in it.
    grams: Vec<(u64, u32, u32)>,
}

/// What each slot has, see [`SlotFacts`].
fn slot_facts(
    patterns: &[Pattern],
    targets: &[u32],
    special: &[u32],
    entries: &[u8],
) -> BTreeMap<u16, SlotFacts> {
    let record = |number: u32| {
        let records = entries.as_chunks::<ENTRY>().0;
        records.get(number as usize).copied().unwrap_or([0; ENTRY])
    };
    let slot_of = |number: u32| u16::from_le_bytes([record(number)[12], record(number)[13]]);
    let mut out: BTreeMap<u16, SlotFacts> = BTreeMap::new();
    let mut known = (None, SlotFacts::default());
    let mut add = |slot: u16, facts: SlotFacts| {
        // Mostly one slot has nearly all.
        if known.0 != Some(slot) || known.1.with(facts) != known.1 {
            let all = out.entry(slot).or_default();
            *all = all.with(facts);
            known = (Some(slot), *all);
        }
    };
    for (n, pattern) in patterns.iter().enumerate() {
        let length = pattern.length as usize;
        let (gram_classes, start_classes) = match pattern.kind {
            kind::ANYWHERE => (1 << gram_class(length).0, 0),
            _ => (0, 1 << start_class(length)),
        };
        let facts = SlotFacts {
            kinds: pattern.kind,
            stages: 0,
            gram_classes,
            start_classes,
        };
        let end = patterns
            .get(n + 1)
            .map_or(targets.len(), |next| next.target as usize);
        for &entry in targets.get(pattern.target as usize..end).unwrap_or_default() {
            add(slot_of(entry), facts);
        }
    }
    for &number in special {
        let flags = record(number)[14];
        let (mode, level) = (MatchMode::from_u8(flags & 0x1f), Level::from_u8(flags >> 5));
        let mut stages = match mode {
            Some(MatchMode::Regex) => stage::REGEXES,
            Some(MatchMode::Rule) => 0,
            Some(mode) if mode.is_plain() => 0,
            _ => stage::WORDS,
        };
        if level == Some(Level::Evasion) {
            stages |= stage::EVASION;
        }
        let facts = SlotFacts {
            stages,
            ..SlotFacts::default()
        };
        add(slot_of(number), facts);
    }
    out
}

fn encode_slots(slots: &BTreeMap<u16, SlotFacts>) -> Vec<u8> {
    let mut out = Vec::with_capacity(slots.len() * super::SLOT);
    for (slot, facts) in slots {
        out.extend_from_slice(&slot.to_le_bytes());
        out.extend_from_slice(&[facts.kinds, facts.stages]);
        out.extend_from_slice(&facts.gram_classes.to_le_bytes());
        out.extend_from_slice(&facts.start_classes.to_le_bytes());
    }
    out
}

/// The class of what a pattern of so many bytes begins with.
fn start_class(length: usize) -> usize {
    let fits = STARTS.iter().position(|&start| start <= length);
    fits.unwrap_or(STARTS.len() - 1)
}

/// The class of grams that a pattern of so many bytes has.
fn gram_class(length: usize) -> (usize, Grams) {
    let mut classes = GRAMS.into_iter().enumerate();
    let fits = classes.find(|(_, grams)| grams.shortest() <= length);
    fits.unwrap_or((GRAMS.len() - 1, Grams { length: 1, stride: 1 }))
}

/// Compiles items that were checked before. Equal items give equal bytes, in whatever order they come.
pub(crate) fn write(items: &[Item], interrupt: Interrupt<'_>) -> Result<Vec<u8>, CompileError> {
    gather(items, interrupt)?.finish(items.len(), interrupt)
}

/// The same of items that nobody needs afterwards: they go as early as possible.
pub(crate) fn write_owned(items: Vec<Item>, interrupt: Interrupt<'_>) -> Result<Vec<u8>, CompileError> {
    let (gathered, count) = (gather(&items, interrupt)?, items.len());
    drop(items);
    gathered.finish(count, interrupt)
}

/// Entries, texts and folded terms.
fn gather(items: &[Item], interrupt: Interrupt<'_>) -> Result<Writer, CompileError> {
    let mut ask = |n: usize| match n.is_multiple_of(INTERRUPT_EVERY) && interrupt() {
        true => Err(CompileError::Interrupted),
        false => Ok(()),
    };
    let mut order: Vec<&Item> = Vec::new();
    order.try_reserve_exact(items.len()).map_err(no_memory)?;
    order.extend(items);
    order.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.term.text.cmp(&b.term.text)));
    let mut writer = Writer::default();
    let mut rules = Vec::new();
    for (n, item) in order.iter().enumerate() {
        ask(n)?;
        if item.allow && writer.allow_slots.last() != Some(&item.slot) {
            writer.allow_slots.push(item.slot);
        }
        let mut detail = 0;
        if item.term.mode == MatchMode::Rule {
            let refused = |error| CompileError::Term { item: item.id, error };
            let parsed = rule::parse(trimmed(&item.term.text)).map_err(refused)?;
            detail = writer.leaves;
            writer.leaves += parsed.leaves.len() as u32;
            rules.push((*item, parsed.leaves, detail));
        }
        writer.entry(item, &item.term, None, detail)?;
    }
    writer.allow_slots.sort_unstable();
    writer.allow_slots.dedup();
    for (n, (item, leaves, first)) in rules.iter().enumerate() {
        ask(n)?;
        for (leaf, number) in leaves.iter().zip(*first..) {
            writer.entry(item, &leaf_term(&item.term, leaf), Some(number), 0)?;
        }
    }
    Ok(writer)
}

impl Writer {
    fn finish(self, items: usize, interrupt: Interrupt<'_>) -> Result<Vec<u8>, CompileError> {
        let mut ask = |n: usize| match n.is_multiple_of(INTERRUPT_EVERY) && interrupt() {
            true => Err(CompileError::Interrupted),
            false => Ok(()),
        };
        let Self {
            entries,
            texts,
            folded,
            mut wanted,
            special,
            allow_slots,
            leaves,
        } = self;
        let text_of = |start: u32, length: u32| {
            folded
                .get(start as usize..start as usize + length as usize)
                .unwrap_or_default()
        };
        let bytes_of = |start: u32, length: u32| text_of(start, length).as_bytes();
        ask(0)?;
        wanted.sort_unstable_by(|a, b| {
            (a.prefix.cmp(&b.prefix))
                .then_with(|| bytes_of(a.start, a.length).cmp(bytes_of(b.start, b.length)))
                .then(a.entry.cmp(&b.entry))
        });
        ask(0)?;
        let (patterns, targets) = merge(&wanted, text_of)?;
        drop(wanted);
        let keys = find_keys(&patterns, text_of, &mut ask)?;
        let (pattern_records, pattern_bytes) = encode_patterns(&patterns, targets.len(), bytes_of)?;
        let facts = Facts {
            items,
            entries: entries.len() / ENTRY,
            patterns: patterns.len(),
            longest: patterns.iter().map(|p| p.length).max().unwrap_or(0) as usize,
            leaves: leaves as usize,
            odd: odd(&patterns, bytes_of),
        };
        let slots = encode_slots(&slot_facts(&patterns, &targets, &special, &entries));
        let gram_filter = filter::build_gram_filter(keys.grams.iter().map(|&(_, number, at)| {
            let pattern = patterns.get(number as usize);
            let bytes = pattern.map_or(&[][..], |p| bytes_of(p.start, p.length));
            gram_key(load(bytes, at as usize), gram_class(bytes.len()).1.length)
        }));
        let (gram_lists, gram_firsts) = encode_grams(&keys.grams, |number| {
            patterns
                .get(number as usize)
                .map_or(&[][..], |p| bytes_of(p.start, p.length))
        });
        drop(patterns);
        let words = |list: &[u32]| list.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
        ask(0)?;
        let sections: [Vec<u8>; SECTIONS] = [
            encode_facts(&facts),
            entries,
            texts,
            pattern_records,
            pattern_bytes,
            words(&targets),
            filter::build_filter(keys.heads.iter().map(|p| p.0)),
            filter::build_table(&keys.heads),
            filter::build_filter(keys.pairs.iter().map(|p| p.0)),
            filter::build_table(&keys.pairs),
            filter::build_filter(keys.starts.iter().copied()),
            gram_filter,
            filter::build_table(&gram_firsts),
            gram_lists,
            words(&special),
            allow_slots.iter().flat_map(|n| n.to_le_bytes()).collect(),
            slots,
        ];
        // The order of the array is that of the enum.
        debug_assert_eq!(Section::Slots as usize + 1, sections.len());
        assemble(sections)
    }
}

fn key(item: &Item) -> (u16, i64, bool, Level, u8, u32) {
    (
        item.slot,
        item.id,
        item.allow,
        item.term.level,
        item.term.mode as u8,
        item.weight.to_bits(),
    )
}

/// Puts equal patterns together; the second list is the entries of each, one after another.
fn merge<'f>(
    wanted: &[Wanted],
    text_of: impl Fn(u32, u32) -> &'f str,
) -> Result<(Vec<Pattern>, Vec<u32>), CompileError> {
    let mut patterns: Vec<Pattern> = Vec::new();
    patterns.try_reserve(wanted.len()).map_err(no_memory)?;
    let mut targets: Vec<u32> = Vec::new();
    targets.try_reserve_exact(wanted.len()).map_err(no_memory)?;
    for want in wanted {
        let text = text_of(want.start, want.length);
        match patterns.last_mut() {
            Some(last) if text_of(last.start, last.length) == text => {
                if want.anywhere {
                    last.kind = kind::ANYWHERE;
                }
            }
            _ => patterns.push(Pattern {
                start: want.start,
                length: want.length,
                target: targets.len() as u32,
                kind: if want.anywhere { kind::ANYWHERE } else { 0 },
            }),
        }
        targets.push(want.entry);
    }
    for pattern in patterns.iter_mut().filter(|p| p.kind == 0) {
        pattern.kind = match key_of(text_of(pattern.start, pattern.length)) {
            Some((_, _, true)) => kind::PAIR,
            Some(_) => kind::HEAD,
            None => kind::ODD,
        };
    }
    Ok((patterns, targets))
}

fn find_keys<'f>(
    patterns: &[Pattern],
    text_of: impl Fn(u32, u32) -> &'f str,
    ask: &mut impl FnMut(usize) -> Result<(), CompileError>,
) -> Result<Keys, CompileError> {
    let mut keys = Keys::default();
    let mut counts = Vec::new();
    if patterns.iter().any(|p| p.kind == kind::ANYWHERE) {
        counts.try_reserve_exact(1 << COUNT_BITS).map_err(no_memory)?;
        counts.resize(1 << COUNT_BITS, 0u32);
    }
    // Places for the grams of a pattern, and what the rows of grams there have.
    let places = |bytes: &'f [u8]| {
        let (_, Grams { length, stride }) = gram_class(bytes.len());
        let last = (bytes.len() + 1).saturating_sub(length + stride);
        (0..=last.min(MAX_GRAM_PLACES - 1))
            .filter(move |&at| stride > 1 || bytes.get(at).is_some_and(|b| b & 0xc0 != 0x80))
    };
    let row = |bytes: &'f [u8], at: usize| {
        let (_, Grams { length, stride }) = gram_class(bytes.len());
        (at..at + stride).map(move |at| (gram_table_key(load(bytes, at), length), at as u32))
    };
    let counted = |key: u64| (key >> (64 - COUNT_BITS)) as usize;
    for (n, pattern) in patterns
        .iter()
        .enumerate()
        .filter(|(_, p)| p.kind == kind::ANYWHERE)
    {
        ask(n)?;
        let bytes = text_of(pattern.start, pattern.length).as_bytes();
        let (_, Grams { length, stride }) = gram_class(bytes.len());
        let last = places(bytes).last().unwrap_or(0) + stride;
        for at in 0..last {
            if let Some(count) = counts.get_mut(counted(gram_table_key(load(bytes, at), length))) {
                *count = count.saturating_add(1);
            }
        }
    }
    // For each key the first pattern that has it, in order: remembered by the length of what the key stands for.
    let mut seen: Seen = Seen::new();
    for (n, (pattern, number)) in patterns.iter().zip(0u32..).enumerate() {
        ask(n)?;
        let text = text_of(pattern.start, pattern.length);
        let bytes = text.as_bytes();
        if pattern.kind == kind::ANYWHERE {
            let count = |key| u64::from(counts.get(counted(key)).copied().unwrap_or_default());
            let (_, Grams { length, stride }) = gram_class(bytes.len());
            let mut common = [0; MAX_GRAM_PLACES + MAX_STRIDE];
            let last = places(bytes).last().unwrap_or(0) + stride;
            for (at, common) in common.iter_mut().enumerate().take(last) {
                *common = count(gram_table_key(load(bytes, at), length));
            }
            let in_row = |&at: &usize| common.iter().skip(at).take(stride).sum::<u64>();
            if let Some(rarest) = places(bytes).min_by_key(in_row) {
                let row = row(bytes, rarest);
                keys.grams.try_reserve(row.len()).map_err(no_memory)?;
                keys.grams.extend(row.map(|(key, at)| (key, number, at)));
            }
            continue;
        }
        let class = start_class(bytes.len());
        keys.starts.push(start_key(load(bytes, 0), class));
        let Some((key, length, is_pair)) = key_of(text) else {
            continue;
        };
        // Patterns with one key follow one another, but those with longer words may stand between.
        if seen.is_new(key, bytes.get(..length).unwrap_or_default(), is_pair) {
            let list = if is_pair { &mut keys.pairs } else { &mut keys.heads };
            list.try_reserve(1).map_err(no_memory)?;
            list.push((key, number));
        }
    }
    keys.grams.sort_unstable();
    keys.starts.sort_unstable();
    keys.starts.dedup();
    Ok(keys)
}

/// Stretches that got their key already. A stretch is a prefix of every pattern since it came, or it is over.
struct Seen {
    open: Vec<(u64, Vec<u8>, bool)>,
}

impl Seen {
    fn new() -> Self {
        Self { open: Vec::new() }
    }

    fn is_new(&mut self, key: u64, stretch: &[u8], is_pair: bool) -> bool {
        while self
            .open
            .last()
            .is_some_and(|(_, last, _)| !stretch.starts_with(last))
        {
            self.open.pop();
        }
        let known = self
            .open
            .iter()
            .rev()
            .any(|(k, last, pair)| *k == key && *pair == is_pair && last == stretch);
        if !known {
            self.open.push((key, stretch.to_vec(), is_pair));
        }
        !known
    }
}

fn encode_patterns<'f>(
    patterns: &[Pattern],
    targets: usize,
    bytes_of: impl Fn(u32, u32) -> &'f [u8],
) -> Result<(Vec<u8>, Vec<u8>), CompileError> {
    let mut records = Vec::new();
    records
        .try_reserve_exact((patterns.len() + 1) * super::PATTERN)
        .map_err(no_memory)?;
    let mut bytes: Vec<u8> = Vec::new();
    // Patterns that the current one may begin with.
    let mut prefixes: Vec<(u32, &[u8])> = Vec::new();
    for (pattern, number) in patterns.iter().zip(0u32..) {
        let own = bytes_of(pattern.start, pattern.length);
        while prefixes
            .last()
            .is_some_and(|(_, prefix)| !own.starts_with(prefix))
        {
            prefixes.pop();
        }
        let parent = prefixes.last().map_or(0, |(n, _)| n + 1);
        prefixes.push((number, own));
        records.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        records.extend_from_slice(&(parent | u32::from(pattern.kind) << 28).to_le_bytes());
        records.extend_from_slice(&pattern.target.to_le_bytes());
        push(&mut bytes, own)?;
    }
    records.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    records.extend_from_slice(&0u32.to_le_bytes());
    records.extend_from_slice(&(targets as u32).to_le_bytes());
    Ok((records, bytes))
}

/// Lists of the patterns of each gram, and where each list begins.
fn encode_grams<'f>(
    grams: &[(u64, u32, u32)],
    pattern: impl Fn(u32) -> &'f [u8],
) -> (Vec<u8>, Vec<(u64, u32)>) {
    let mut lists = Vec::with_capacity(grams.len() * super::GRAM);
    let mut firsts = Vec::new();
    let mut first_number = 0u32;
    for list in grams.chunk_by(|a, b| a.0 == b.0) {
        if let Some(first) = list.first() {
            firsts.push((first.0, first_number));
        }
        first_number += list.len() as u32;
        for (n, &(_, number, offset)) in list.iter().enumerate() {
            let last = u64::from(n + 1 == list.len()) << 31;
            let bytes = pattern(number);
            let length = bytes.len().min(8);
            let start = (length as u64) << 42 | glance(load(bytes, 0), length) << 46;
            let place = u64::from(number) | last | u64::from(offset) << 32 | start;
            lists.extend_from_slice(&place.to_le_bytes());
        }
    }
    (lists, firsts)
}

fn encode_facts(facts: &Facts) -> Vec<u8> {
    let numbers = [
        facts.items,
        facts.entries,
        facts.patterns,
        facts.longest,
        facts.leaves,
    ];
    let numbers = numbers.into_iter().flat_map(|n| (n as u32).to_le_bytes());
    let odd = facts.odd.into_iter().flat_map(u64::to_le_bytes);
    numbers.chain(odd).collect()
}

/// First bytes of the patterns that begin with no token.
fn odd<'f>(patterns: &[Pattern], bytes_of: impl Fn(u32, u32) -> &'f [u8]) -> [u64; 4] {
    let mut odd = [0u64; 4];
    for pattern in patterns.iter().filter(|p| p.kind == kind::ODD) {
        if let Some(&first) = bytes_of(pattern.start, pattern.length).first()
            && let Some(word) = odd.get_mut(usize::from(first >> 6))
        {
            *word |= 1 << (first & 63);
        }
    }
    odd
}

fn assemble(sections: [Vec<u8>; SECTIONS]) -> Result<Vec<u8>, CompileError> {
    let aligned = |n: usize| n.div_ceil(ALIGN) * ALIGN;
    let mut total = HEADER;
    let mut table = Vec::with_capacity(SECTIONS * 16);
    for section in &sections {
        total = aligned(total);
        table.extend_from_slice(&(total as u64).to_le_bytes());
        table.extend_from_slice(&(section.len() as u64).to_le_bytes());
        total += section.len();
    }
    if total > MAX_COMPILED_BYTES {
        return Err(too_large(total, MAX_COMPILED_BYTES));
    }
    let mut out = Vec::new();
    out.try_reserve_exact(total).map_err(no_memory)?;
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    out.extend_from_slice(&FOLDING_VERSION.to_le_bytes());
    out.extend_from_slice(&(total as u64).to_le_bytes());
    out.extend_from_slice(&(SECTIONS as u64).to_le_bytes());
    out.resize(FIXED, 0);
    out.extend_from_slice(&table);
    // Each goes once it is copied: a large set should not be in memory twice.
    for section in sections {
        out.resize(aligned(out.len()), 0);
        out.extend_from_slice(&section);
    }
    seal(&mut out);
    Ok(out)
}

/// Writes the two checksums.
pub(crate) fn seal(set: &mut [u8]) {
    let body = blake3::hash(set.get(HEADER..).unwrap_or_default());
    if let Some(place) = set.get_mut(32..64) {
        place.copy_from_slice(body.as_bytes());
    }
    let mut head = blake3::Hasher::new();
    head.update(set.get(..64).unwrap_or_default());
    head.update(set.get(FIXED..HEADER).unwrap_or_default());
    if let Some(place) = set.get_mut(64..FIXED) {
        place.copy_from_slice(head.finalize().as_bytes());
    }
}
