use super::item::parse;
use super::*;
use crate::TermError;
use crate::fold_text;

fn found(mode: MatchMode, item: &str, text: &str) -> Vec<String> {
    let detector = parse(mode, item).expect("parses");
    let section = crate::compiled::detectors::build(&[(0, mode, detector.clone())]).expect("there is memory");
    let detector_of = |_: u32| Some(detector.clone());
    let detectors = Detectors::new(Listed::new(&section), &detector_of);
    let text = fold_text(text);
    let mut out = Vec::new();
    let mut at = 0;
    for chunk in text.split(' ') {
        detectors.chunk(chunk, at, &mut out).expect("there is memory");
        at += chunk.len() + 1;
    }
    detectors
        .phones(&text, 0, text.len(), &mut out)
        .expect("there is memory");
    out.iter().map(|f| text[f.start..f.end].to_string()).collect()
}

#[test]
fn domains() {
    let find = |text: &str| found(MatchMode::Domain, "casino.example", text);
    assert_eq!(
        find("go to https://www.casino.example/x?y, now"),
        ["https://www.casino.example/x?y"]
    );
    assert_eq!(find("(vip.casino.example)."), ["vip.casino.example"]);
    assert_eq!(find("notcasino.example casino.example.org"), [""; 0]);
    assert_eq!(find("саsіno.example"), ["саsіno.example"]);
    assert_eq!(
        found(MatchMode::Domain, "xn--80aswg.xn--p1ai", "наш САЙТ.РФ!"),
        ["сайт.рф"]
    );
    assert_eq!(
        found(MatchMode::Domain, "сайт.рф", "xn--80aswg.xn--p1ai"),
        ["xn--80aswg.xn--p1ai"]
    );
    assert_eq!(
        found(MatchMode::Domain, "bit.ly/abc", "bit.ly/abcd bit.ly/abc?x"),
        ["bit.ly/abc?x"]
    );
    assert_eq!(
        found(MatchMode::Domain, "*", "Конец.Начало www.x.y example.com v1.2"),
        ["www.x.y", "example.com"]
    );
}

#[test]
fn phones() {
    let find = |text: &str| found(MatchMode::Phone, "+7 900 123-45-67", text);
    assert_eq!(find("звоните 8(900)123 45 67!"), ["8(900)123 45 67"]);
    assert_eq!(find("89001234567"), ["89001234567"]);
    assert_eq!(find("189001234567890123 id89001234567"), [""; 0]);
    assert_eq!(
        found(MatchMode::Phone, "*", "12.11.2024 10:30 and +1 202 555 0123"),
        ["+1 202 555 0123"]
    );
}

#[test]
fn addresses_and_handles() {
    assert_eq!(
        found(MatchMode::Email, "@shop.example", "write <Me@Shop.Example>."),
        ["me@shop.example"]
    );
    assert_eq!(
        found(MatchMode::Email, "me@shop.example", "you@shop.example"),
        [""; 0]
    );
    let find = |text: &str| found(MatchMode::Handle, "@best_shop", text);
    assert_eq!(
        find("пиши @Best_Shop! или t.me/best_shop"),
        ["@best_shop", "t.me/best_shop"]
    );
    assert_eq!(find("me@best_shop.com @best_shop2"), [""; 0]);
    assert_eq!(
        found(MatchMode::Handle, "https://t.me/abcde", "@abcde"),
        ["@abcde"]
    );
}

#[test]
fn refuses_what_is_none() {
    for (mode, text) in [
        (MatchMode::Domain, "casino"),
        (MatchMode::Domain, "a b.c"),
        (MatchMode::Phone, "call me"),
        (MatchMode::Email, "shop.example"),
        (MatchMode::Handle, "@a"),
    ] {
        assert!(
            matches!(parse(mode, text), Err(TermError::Syntax { .. })),
            "{text}"
        );
    }
}
