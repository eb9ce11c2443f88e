use super::*;
use crate::hash::pdq::PdqHash;

fn examples<'t>(violating: &'t [String], benign: &'t [String], background: &'t [String]) -> Vec<Example<'t>> {
    let of = |texts: &'t [String], class| texts.iter().map(move |text| Example { text, class });
    of(violating, Class::Violating)
        .chain(of(benign, Class::Benign))
        .chain(of(background, Class::Background))
        .collect()
}

fn never() -> impl FnMut() -> bool {
    || false
}

#[test]
fn finds_what_violating_texts_say() {
    let violating: Vec<String> = (0..40).map(|n| format!("win CASINO bonus {n} today")).collect();
    let benign: Vec<String> = (0..40).map(|n| format!("we meet {n} today for lunch")).collect();
    let background: Vec<String> = (0..40).map(|n| format!("win the race {n}")).collect();
    let examples = examples(&violating, &benign, &background);
    for weighted in [true, false] {
        let options = MineOptions {
            weighted,
            ..MineOptions::default()
        };
        let mined = mine(&examples, &options, &mut never()).unwrap();
        assert_eq!(mined.outcome.true_positives, 40, "weighted {weighted}");
        assert_eq!(mined.outcome.false_positives + mined.outcome.background, 0);
        let first = &mined.terms[0];
        assert!(
            first.term.text.contains("casino") || first.term.text.contains("bonus"),
            "{first:?}"
        );
        assert_eq!((first.violating, first.benign, first.background), (40, 0, 0));
        assert!(
            mined
                .terms
                .iter()
                .all(|t| t.term.text != "today" && t.term.text != "win")
        );
    }
}

#[test]
fn weights_reach_the_threshold_only_together() {
    // Neither word alone says anything: only both do.
    let violating: Vec<String> = (0..60).map(|n| format!("alpha x{n} beta")).collect();
    let benign: Vec<String> = (0..120)
        .map(|n| format!("{} y{n}", if n % 2 == 0 { "alpha" } else { "beta" }))
        .collect();
    let examples = examples(&violating, &benign, &[]);
    let mined = mine(&examples, &MineOptions::default(), &mut never()).unwrap();
    assert_eq!(mined.outcome.false_positives, 0);
    let weight = |wanted: &str| {
        mined
            .terms
            .iter()
            .filter(|t| wanted.starts_with(&t.term.text) || t.term.text == wanted)
            .map(|t| t.weight)
            .sum::<f32>()
    };
    assert!(weight("alpha") < 1.0 && weight("beta") < 1.0, "{:?}", mined.terms);
    assert!(weight("alpha") + weight("beta") >= 1.0, "{:?}", mined.terms);
}

#[test]
fn nothing_to_learn_from_gives_nothing() {
    let texts: Vec<String> = (0..10).map(|n| format!("text {n}")).collect();
    for (v, b) in [(&texts[..], &[][..]), (&[][..], &texts[..]), (&[][..], &[][..])] {
        assert!(
            mine(&examples(v, b, &[]), &MineOptions::default(), &mut never())
                .unwrap()
                .terms
                .is_empty()
        );
    }
    // The same texts under both labels.
    let mined = mine(
        &examples(&texts, &texts, &[]),
        &MineOptions {
            weighted: false,
            ..MineOptions::default()
        },
        &mut never(),
    );
    assert!(mined.unwrap().terms.is_empty());
    let empty = vec![String::new(); 5];
    assert!(
        mine(
            &examples(&empty, &texts, &[]),
            &MineOptions::default(),
            &mut never()
        )
        .unwrap()
        .terms
        .is_empty()
    );
}

#[test]
fn is_deterministic_and_bounded() {
    let violating: Vec<String> = (0..50)
        .map(|n| format!("слово{} казино бонус{} онлайн", n % 7, n % 3))
        .collect();
    let benign: Vec<String> = (0..50).map(|n| format!("обычный текст {n} онлайн")).collect();
    let examples = examples(&violating, &benign, &[]);
    let options = MineOptions {
        max_terms: 3,
        ..MineOptions::default()
    };
    let once = mine(&examples, &options, &mut never()).unwrap();
    let again = mine(&examples, &options, &mut never()).unwrap();
    assert_eq!(format!("{once:?}"), format!("{again:?}"));
    assert!(once.terms.len() <= 3 && !once.terms.is_empty());
}

#[test]
fn stops_when_asked() {
    let violating: Vec<String> = (0..50).map(|n| format!("casino {n}")).collect();
    let benign: Vec<String> = (0..50).map(|n| format!("lunch {n}")).collect();
    let examples = examples(&violating, &benign, &[]);
    let mut total = 0;
    mine(&examples, &MineOptions::default(), &mut || {
        total += 1;
        false
    })
    .unwrap();
    assert!(total > 300);
    for after in (0..20).map(|n| total * n / 20) {
        let mut asked = 0;
        let stopped = mine(&examples, &MineOptions::default(), &mut || {
            asked += 1;
            asked > after
        });
        assert!(stopped.is_err(), "after {after}");
    }
}

#[test]
fn cover_takes_the_largest_gain_first() {
    let pairs = [
        (1, 10),
        (1, 11),
        (1, 12),
        (2, 10),
        (2, 11),
        (3, 13),
        (3, 12),
        (4, 10),
        (4, 10),
    ];
    let order = greedy_cover(&pairs, &mut never()).unwrap();
    let got: Vec<(i64, u64)> = order.iter().map(|g| (g.item, g.gain)).collect();
    assert_eq!(got, [(1, 3), (3, 1), (2, 0), (4, 0)]);
    assert!(greedy_cover(&[], &mut never()).unwrap().is_empty());
}

#[test]
fn variants_are_those_in_the_texts() {
    let texts: Vec<String> = [
        "наше казино",
        "kazino online",
        "каз1но тут",
        "pharnacy shop",
        "в закладке",
        "казино",
    ]
    .map(String::from)
    .to_vec();
    let examples = examples(&texts, &[], &[]);
    let found = variants(&["казино", "pharmacy", "закладка"], &examples, &mut never()).unwrap();
    let got: Vec<(usize, usize, &str, &str)> = found
        .iter()
        .map(|v| (v.term, v.text, v.kind.name(), v.variant.as_str()))
        .collect();
    assert_eq!(
        got,
        [
            (0, 1, "transliterated", "kazino"),
            (0, 2, "disguised", "каз1но"),
            (1, 3, "mistyped", "pharnacy"),
            (2, 4, "inflected", "закладке"),
        ]
    );
}

#[test]
fn what_speaks_for_innocence_becomes_a_rule() {
    // "free" hits a third of the benign texts, all of them beside "lunch".
    let violating: Vec<String> = (0..60).map(|n| format!("free number{n}")).collect();
    let benign: Vec<String> = (0..60)
        .map(|n| format!("{} lunch number{n}", if n % 3 == 0 { "free" } else { "our" }))
        .collect();
    let mined = mine(
        &examples(&violating, &benign, &[]),
        &MineOptions::default(),
        &mut never(),
    )
    .unwrap();
    let rule = mined.terms.iter().find(|t| t.term.mode == MatchMode::Rule);
    let rule = rule.unwrap_or_else(|| panic!("no rule: {:?}", mined.terms));
    assert!(rule.term.text.contains(" ~ "), "{rule:?}");
    assert_eq!((rule.violating, rule.benign), (60, 0), "{rule:?}");
    assert_eq!(mined.outcome.false_positives, 0, "{:?}", mined.outcome);
}

#[test]
fn the_background_cap_leaves_room_for_chance() {
    let options = MineOptions {
        max_background: 0.01,
        ..MineOptions::default()
    };
    // 100 expected, 2.914 standard deviations of 9.95 less.
    assert_eq!(options.allowed(10_000), 71);
    assert_eq!(options.allowed(100), 0);
    assert_eq!(options.allowed(0), 0);
    let everything = MineOptions {
        max_background: 1.0,
        ..MineOptions::default()
    };
    assert_eq!(everything.allowed(50), 50);
}

/// A hash of few set bits, so that distances are plain to see.
fn picture(seed: u8, bits: usize) -> PdqHash {
    let mut hash = [seed; 32];
    for bit in 0..bits {
        hash[bit / 8] ^= 1 << (bit % 8);
    }
    PdqHash(hash)
}

#[test]
fn images_are_grouped_around_the_most_central() {
    let mut images: Vec<LabelledImage> = (0..5)
        .map(|n| LabelledImage {
            hash: picture(0, 10 * n),
            violating: true,
        })
        .collect();
    images.push(LabelledImage {
        hash: picture(0xff, 0),
        violating: true,
    });
    images.push(LabelledImage {
        hash: picture(0xff, 12),
        violating: false,
    });
    let options = ClusterOptions {
        radius: 31,
        min_support: 1,
        precision_floor: 0.9,
    };
    let clusters = image_clusters(&images, &options, &mut never()).unwrap();
    assert_eq!(clusters.len(), 2, "{clusters:?}");
    assert_eq!(
        (
            clusters[0].centre,
            clusters[0].max_distance,
            clusters[0].new_violating
        ),
        (2, 31, 5)
    );
    assert_eq!(clusters[0].members, [2, 1, 3, 0, 4]);
    // Narrowed until the benign neighbour is out.
    assert_eq!(
        (clusters[1].centre, clusters[1].max_distance, clusters[1].benign),
        (5, 11, 0)
    );
    let two = ClusterOptions {
        min_support: 2,
        ..options
    };
    assert_eq!(image_clusters(&images, &two, &mut never()).unwrap().len(), 1);
    assert!(image_clusters(&[], &options, &mut never()).unwrap().is_empty());
    let benign: Vec<LabelledImage> = images
        .iter()
        .map(|i| LabelledImage {
            violating: false,
            ..*i
        })
        .collect();
    assert!(
        image_clusters(&benign, &options, &mut never())
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_thousand_copies_are_one_image() {
    let images = vec![
        LabelledImage {
            hash: picture(7, 0),
            violating: true
        };
        1_000
    ];
    let options = ClusterOptions {
        radius: 31,
        min_support: 2,
        precision_floor: 0.9,
    };
    let clusters = image_clusters(&images, &options, &mut never()).unwrap();
    assert_eq!(
        (clusters.len(), clusters[0].violating, clusters[0].members.len()),
        (1, 1_000, 1_000)
    );
    let mut asked = 0;
    let stopped = image_clusters(&images, &options, &mut || {
        asked += 1;
        asked > 1
    });
    assert!(stopped.is_err());
}

#[test]
fn words_that_look_like_disguises_are_terms_too() {
    // Undoing disguises reads «gr8» as «grb», which stands nowhere.
    let violating: Vec<String> = (0..40).map(|n| format!("gr8 offer {n}")).collect();
    let benign: Vec<String> = (0..80).map(|n| format!("an offer {n}")).collect();
    let examples = examples(&violating, &benign, &[]);
    for weighted in [true, false] {
        let options = MineOptions {
            weighted,
            ..MineOptions::default()
        };
        let mined = mine(&examples, &options, &mut never()).unwrap();
        assert_eq!(mined.outcome.true_positives, 40, "weighted {weighted}");
        assert!(
            mined.terms[0].term.text.starts_with("gr8"),
            "{:?}",
            mined.terms[0]
        );
    }
}

#[test]
fn labels_by_chance_promise_nothing() {
    // A fifth of the texts is violating, whatever they say: no list is much better than that on texts it did not learn from.
    let mut state = 7u64;
    let mut next = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let texts: Vec<(String, Class)> = (0..600)
        .map(|_| {
            let words: Vec<String> = (0..12).map(|_| format!("word{}x", next(200))).collect();
            let class = if next(5) == 0 {
                Class::Violating
            } else {
                Class::Benign
            };
            (words.join(" "), class)
        })
        .collect();
    let examples: Vec<Example<'_>> = texts
        .iter()
        .map(|(text, class)| Example { text, class: *class })
        .collect();
    let outcome = mine(&examples, &MineOptions::default(), &mut never())
        .unwrap()
        .outcome;
    let flagged = outcome.true_positives + outcome.false_positives;
    assert!(flagged > 0, "{outcome:?}");
    assert!(
        outcome.true_positives as f64 / (flagged as f64) < 0.25,
        "{outcome:?}"
    );
}

#[test]
fn finds_what_speaks_for_innocence_whatever_else_is_said() {
    let violating: Vec<String> = (0..120)
        .map(|n| format!("cheap pills{} today {n}", n % 10))
        .collect();
    let benign: Vec<String> = (0..120)
        .map(|n| format!("anna wrote of pills{} at {n}", n % 10))
        .collect();
    let examples = examples(&violating, &benign, &[]);
    let found = candidates(&examples, 3, &mut never()).unwrap();
    let columns = incidence(&examples, found, 3, &mut never()).unwrap();
    let words = innocent::words(&examples, &mut never()).unwrap();
    let bad: Vec<bool> = examples.iter().map(|e| e.class == Class::Violating).collect();
    let against = innocent::gate(&columns, &words, &bad, &vec![1.0; examples.len()], &mut never()).unwrap();
    let against: Vec<&String> = against.iter().filter_map(|&w| words.word(w)).collect();
    assert!(
        against
            .iter()
            .any(|w| ["anna", "wrote", "of", "at"].contains(&w.as_str())),
        "{against:?}"
    );
    assert!(
        against
            .iter()
            .all(|w| !w.starts_with("pills") && *w != "cheap" && *w != "today"),
        "{against:?}"
    );
}
