use crate::matcher::tests::{find, term};
use crate::{Level, MatchMode};

#[track_caller]
fn heard(of: &str, words: &str, yes: bool) {
    for word in words.split(' ') {
        let text = format!("a {word}, b");
        let hits = find(&[term(1, of, MatchMode::Word, Level::Evasion)], &text);
        assert_eq!(!hits.is_empty(), yes, "{of} in {word}: {hits:?}");
        if yes {
            assert_eq!(&text[hits[0].bytes.clone()], word);
        }
    }
}

#[test]
fn words_are_heard() {
    heard("pharmacy", "farmacy pharmacie pharmecy phrmcy f@rmacy", true);
    heard("casino", "kasino cazino kazzino csino", true);
    heard("dealers", "dealerz dealahz", true);
    heard("cracker", "krakker crakka crackr", true);
    heard("docker", "dokka", true);
    heard("paddocks", "paddox", true);
    heard("betting", "bettin", true);
    heard("gambling", "gamblin gambln gamblinn gammbling gmbling", true);
    heard("bitch", "biotch biatch", true);
    heard("squirrel", "squirel", true);
    heard("locksmith", "lawksmith", true);
    heard("casino", "csaino caisno casnio", true);
    heard("gambling", "gumbling gamblyng", true);
    heard("gambling", "gambilng gamblign", true);
    heard("hunters", "hantuhs", true);
    heard("beotch", "beyoch", true);
}

#[test]
fn plurals_bear_what_their_word_does() {
    let bears = |of: &str, word: &str| {
        let mode = MatchMode::Inflected;
        !find(&[term(1, of, mode, Level::Evasion)], &format!("a {word}, b")).is_empty()
    };
    assert!(bears("spoonhead", "spoonheds"));
    assert!(!bears("spoonhead", "sponeheds"));
    assert!(!bears("rubbin", "rebbins"));
    assert!(!bears("spoonhead", "spoonhedding"));
}

#[test]
fn words_of_a_language_are_themselves() {
    heard("bitcher", "butcher", false);
    heard("casino", "cousin cosine casein", false);
    heard("beach", "batch botch", false);
    heard("dike", "dicke dieke", false);
    heard("seaman", "samman Siman", false);
    heard("knob", "nab nib", false);
    heard("casino", "Cassini casin kasin", false);
    heard("latter", "later", false);
    heard("niggle", "Nigel", false);
    heard("pricks", "prix", false);
    heard("angel", "angle", false);
    heard("bitten", "bettin", false);
    heard("penas", "PNAS", false);
    heard("whored", "wreed", false);
    heard("shaper", "shapre", true);
    heard("later", "latre", false);
    heard("hunters", "hantars", false);
}
