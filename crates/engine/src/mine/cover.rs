//! Greedy set cover: which items to take first, and what each adds.

use super::{Class, Columns, Example, MineError, MineOptions, Mined, Outcome, describe};
use crate::Interrupt;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// An item in greedy order and how many contents it adds to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gain {
    pub item: i64,
    pub gain: u64,
}

/// The items of `(item, content)` pairs in the order of what each adds to those before it, ties by item. Lazy greedy: a gain
/// never grows as more is covered, so only the head of the queue is counted again (M. Minoux 1978).
///
/// # Errors
/// [`MineError::Interrupted`], [`MineError::OutOfMemory`].
pub fn greedy_cover(pairs: &[(i64, i64)], interrupt: Interrupt<'_>) -> Result<Vec<Gain>, MineError> {
    let mut contents: HashMap<i64, u32> = HashMap::new();
    let mut items: HashMap<i64, Vec<u32>> = HashMap::new();
    for (n, &(item, content)) in pairs.iter().enumerate() {
        if n % 4096 == 0 && interrupt() {
            return Err(MineError::Interrupted);
        }
        contents.try_reserve(1)?;
        let next = contents.len() as u32;
        let content = *contents.entry(content).or_insert(next);
        items.try_reserve(1)?;
        let list = items.entry(item).or_default();
        list.try_reserve(1)?;
        list.push(content);
    }
    let mut covered = Vec::new();
    covered.try_reserve_exact(contents.len())?;
    covered.resize(contents.len(), false);
    let mut queue: BinaryHeap<(u64, Reverse<i64>)> = BinaryHeap::new();
    queue.try_reserve_exact(items.len())?;
    for (&item, list) in &mut items {
        list.sort_unstable();
        list.dedup();
        queue.push((list.len() as u64, Reverse(item)));
    }
    let mut order = Vec::new();
    order.try_reserve_exact(items.len())?;
    while let Some((promised, Reverse(item))) = queue.pop() {
        if interrupt() {
            return Err(MineError::Interrupted);
        }
        let list = items.get(&item).map_or(&[][..], Vec::as_slice);
        let gain = list
            .iter()
            .filter(|&&c| !covered.get(c as usize).copied().unwrap_or(true))
            .count() as u64;
        if gain < promised {
            queue.push((gain, Reverse(item)));
            continue;
        }
        for &content in list {
            if let Some(seen) = covered.get_mut(content as usize) {
                *seen = true;
            }
        }
        order.push(Gain { item, gain });
    }
    Ok(order)
}

/// A plain list: every term acts alone, and of the labelled texts it adds at least `precision_floor` are violating; all of them
/// together flag at most `max_background` of the background.
pub(super) fn plain(
    examples: &[Example<'_>],
    columns: &Columns,
    options: &MineOptions,
    interrupt: Interrupt<'_>,
) -> Result<Mined, MineError> {
    let class = |text: u32| examples.get(text as usize).map(|e| e.class);
    let all = |wanted: Class| examples.iter().filter(|e| e.class == wanted).count();
    let allowed = options.allowed(all(Class::Background));
    let mut covered = Vec::new();
    covered.try_reserve_exact(examples.len())?;
    covered.resize(examples.len(), false);
    let counts = |column: usize, covered: &[bool]| {
        let mut new = [0usize; 3];
        for &text in columns.rows(column) {
            if !covered.get(text as usize).copied().unwrap_or(true)
                && let Some(class) = class(text)
                && let Some(count) = new.get_mut(class as usize)
            {
                *count += 1;
            }
        }
        new
    };
    let mut queue: BinaryHeap<(usize, Reverse<usize>)> = (0..columns.len())
        .map(|c| (counts(c, &covered)[0], Reverse(c)))
        .collect();
    let mut chosen = Vec::new();
    let mut outcome = Outcome::default();
    while let Some((promised, Reverse(column))) = queue.pop() {
        if interrupt() {
            return Err(MineError::Interrupted);
        }
        if chosen.len() >= options.max_terms || promised < options.min_support {
            break;
        }
        let [violating, benign, background] = counts(column, &covered);
        if violating < promised {
            queue.push((violating, Reverse(column)));
            continue;
        }
        let precise = violating as f64 >= options.precision_floor * (violating + benign) as f64;
        if !precise || outcome.background + background > allowed {
            continue;
        }
        for &text in columns.rows(column) {
            if let Some(seen) = covered.get_mut(text as usize) {
                *seen = true;
            }
        }
        outcome.true_positives += violating;
        outcome.false_positives += benign;
        outcome.background += background;
        chosen.push((column, 1.0));
    }
    outcome.false_negatives = all(Class::Violating) - outcome.true_positives;
    describe(examples, columns, &chosen, outcome)
}
