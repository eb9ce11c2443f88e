//! From items to the bytes of a compiled set.

use super::inflected::{self, InflectedTerm};
use super::keys::{encode_grams, find_keys, gram_class, margin_of, odd};
use super::slots::{encode_slots, slot_facts};
use super::tokens::{gram_key, key_of, load};
use super::typos::{self, TypoTerm};
use super::{ALIGN, ENTRY, FIXED, Facts, HEADER, MAGIC, NONE_U32, SECTIONS, Section, filter, kind};
use crate::detect::{self, Detector};
use crate::evasion::{self, FORM};
use crate::glob::Glob;
use crate::inflect::disguised_forms;
use crate::item::{folded_term, leaf_term, trimmed};
use crate::reserve;
use crate::{
    CompileError, FOLDING_VERSION, FORMAT_VERSION, Interrupt, Item, Language, Level, MAX_COMPILED_BYTES,
    MAX_PATTERN_BYTES, MatchMode, Term, rule,
};

/// Steps of work between two questions whether to stop.
const INTERRUPT_EVERY: usize = 4_096;

pub(crate) fn no_memory<E>(_: E) -> CompileError {
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
    /// Entries that need more than patterns, and those of them for which each process prepares something.
    special: Vec<u32>,
    prepared: Vec<u32>,
    inflected: Vec<InflectedTerm>,
    typos: Vec<TypoTerm>,
    detectors: Vec<(u32, MatchMode, Detector)>,
    /// Terms that must be whole words, which most words of a text are quickly told from, and the others.
    evasive: evasion::Builder,
    allow_slots: Vec<u16>,
    leaves: u32,
}

pub(super) fn push(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), CompileError> {
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
        let fields: [(usize, &[u8]); 8] = [
            (0, &item.id.to_le_bytes()),
            (8, &item.weight.to_le_bytes()),
            (12, &item.slot.to_le_bytes()),
            (14, &[term.mode as u8 | (term.level as u8) << 5]),
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
            reserve::push(&mut self.special, number).map_err(no_memory)?;
        }
        if matches!(
            term.mode,
            MatchMode::Wildcard | MatchMode::Regex | MatchMode::Rule
        ) {
            reserve::push(&mut self.prepared, number).map_err(no_memory)?;
        }
        if evasive && plain {
            self.evasive.add(folded_term(text), number, term.mode)?;
        }
        match term.mode {
            MatchMode::Wildcard => {
                let glob = Glob::parse(text).map_err(|error| CompileError::Term { item: item.id, error })?;
                self.want(&glob.anchor, number, true)
            }
            MatchMode::Word => self.want(&folded_term(text), number, false),
            MatchMode::Typo => {
                let folded = folded_term(text);
                self.want(&folded, number, false)?;
                let term = TypoTerm {
                    folded,
                    entry: number,
                };
                reserve::push(&mut self.typos, term).map_err(no_memory)
            }
            MatchMode::Inflected => {
                // Every term was checked before.
                let language = term.language.or(Language::of(text)).unwrap_or(Language::English);
                let term = InflectedTerm {
                    folded: folded_term(text),
                    language,
                    entry: number,
                    evasive,
                };
                if evasive {
                    // As disguised words they are terms like others.
                    for form in disguised_forms(&term.folded, language) {
                        self.evasive.add(form, number | FORM, MatchMode::Inflected)?;
                    }
                    self.evasive
                        .add(term.folded.clone(), number, MatchMode::Inflected)?;
                }
                reserve::push(&mut self.inflected, term).map_err(no_memory)
            }
            mode @ (MatchMode::Domain | MatchMode::Phone | MatchMode::Email | MatchMode::Handle) => {
                let refused = |error| CompileError::Term { item: item.id, error };
                let detector = detect::parse(mode, text).map_err(refused)?;
                reserve::push(&mut self.detectors, (number, mode, detector)).map_err(no_memory)
            }
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
pub(super) struct Pattern {
    pub(super) start: u32,
    pub(super) length: u32,
    pub(super) target: u32,
    pub(super) kind: u8,
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
            prepared,
            inflected,
            typos,
            detectors,
            evasive,
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
        let bytes_of_number = |number: u32| {
            let pattern = patterns.get(number as usize);
            pattern.map_or(&[][..], |p| bytes_of(p.start, p.length))
        };
        let gram_filter = filter::build_gram_filter(keys.grams.iter().map(|&(_, number, at)| {
            let bytes = bytes_of_number(number);
            gram_key(load(bytes, at as usize), gram_class(bytes.len()).1.length)
        }));
        let margin = |&(key, number, at): &_| margin_of(key, bytes_of_number(number), at);
        let margin_filter = filter::build_filter(keys.grams.iter().map(margin));
        let (gram_lists, gram_firsts) = encode_grams(&keys.grams, bytes_of_number);
        drop(patterns);
        let words = |list: &[u32]| list.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
        let inflected_section = inflected::build(&inflected, &mut ask)?;
        drop(inflected);
        let typo_section = typos::build(&typos, &mut ask)?;
        drop(typos);
        let detector_section = super::detectors::build(&detectors)?;
        let [evasion_section, evasion_ungated_section] = evasive.build(&mut ask)?;
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
            margin_filter,
            filter::build_table(&gram_firsts),
            gram_lists,
            words(&prepared),
            allow_slots.iter().flat_map(|n| n.to_le_bytes()).collect(),
            slots,
            inflected_section,
            typo_section,
            detector_section,
            evasion_section,
            evasion_ungated_section,
        ];
        // The order of the array is that of the enum.
        debug_assert_eq!(Section::EvasionUngated as usize + 1, sections.len());
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
