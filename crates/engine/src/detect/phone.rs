//! Phone numbers in running text. Not a validator of numbering plans: it asks what a reader would dial.

/// Digits and length of a phone number at the beginning of a text: 10 to 15 digits, or 7 and more after a plus, with
/// at most two signs between them.
pub(super) fn number(text: &str) -> Option<(String, usize)> {
    let mut digits = String::new();
    let (mut end, mut signs) = (0, 0);
    // Digits between signs: a date has a shape of its own.
    let (mut groups, mut group) = (Vec::new(), 0usize);
    let plus = text.starts_with('+');
    for (at, c) in text.char_indices() {
        if c.is_ascii_digit() {
            digits.push(c);
            end = at + 1;
            if signs > 0 {
                groups.push(std::mem::take(&mut group));
            }
            group += 1;
            signs = 0;
        } else if at == 0 && (plus || c == '(') {
            continue;
        } else if matches!(c, ' ' | '-' | '(' | ')' | '.' | '‐' | '‑' | '–' | '—') && signs < 2 {
            signs += 1;
        } else {
            if c.is_alphanumeric() && at == end {
                return None;
            }
            break;
        }
        if digits.len() > 15 {
            return None;
        }
    }
    groups.push(group);
    let date = matches!(groups.as_slice(), [1..=2, 1..=2, 4, ..] | [4, 1..=2, 1..=2, ..]);
    if date && !plus {
        return None;
    }
    let least = if plus { 7 } else { 10 };
    (digits.len() >= least).then_some((digits, end))
}
