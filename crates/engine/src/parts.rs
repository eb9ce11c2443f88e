//! Parts of the engine by themselves, for benchmarks: what folding costs alone, and the same folding and the same word
//! boundaries for the matchers that ours is compared with. Not for judging texts, and no stable interface: [`Matcher`] is.
//!
//! [`Matcher`]: crate::Matcher

use crate::fold::Folder;

/// Folds a whole text at level `folded`, with the map back to the text, and hands the folded text to `then`. The memory is
/// that of the last call in this thread, as it is when texts are judged.
pub fn with_folded<R>(text: &str, then: impl FnOnce(&[u8]) -> R) -> R {
    let mut folder = Folder::new(text);
    folder.advance(usize::MAX);
    then(folder.kept_bytes().0)
}

/// Is there a word boundary at byte `at` of `text`, which must be the beginning of a character?
pub fn is_word_boundary(text: &str, at: usize) -> bool {
    crate::boundary::is_word_boundary(text, at)
}
