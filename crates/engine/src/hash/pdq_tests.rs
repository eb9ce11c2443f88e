//! PDQ: its text, its arithmetic against plain definitions, wrong views.

use super::*;

#[test]
fn text() {
    let text = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22";
    let hash: PdqHash = text.parse().unwrap();
    assert_eq!((hash.to_string().as_str(), hash.0[0]), (text, 0xf8));
    assert_eq!(text.to_uppercase().parse(), Ok(hash));
    for wrong in [
        "",
        &text[1..],
        &format!("{text}0"),
        &text.replace('c', "g"),
        &text.replace("f8", "é"),
    ] {
        assert_eq!(wrong.parse::<PdqHash>(), Err(PdqParseError), "{wrong}");
    }
}

#[test]
fn distance() {
    let (none, all) = (PdqHash::default(), PdqHash([0xff; 32]));
    assert_eq!((none.distance(&none), none.distance(&all)), (0, 256));
    let mut one = none;
    one.0[31] = 1;
    assert_eq!((none.distance(&one), none.words()[3] ^ one.words()[3]), (1, 1));
    assert_eq!(one.slots()[15], 1);
}

/// Sides that are short, odd, larger than the step, and the samples' own: the definition, written down plainly.
#[test]
fn the_same_as_a_plain_filter() {
    for (width, height) in [
        (5, 5),
        (64, 64),
        (65, 64),
        (40, 300),
        (257, 129),
        (333, 512),
        (700, 90),
    ] {
        let pixels: Vec<u8> = (0..width * height)
            .map(|n| ((n % width * 3) ^ (n / width * 5)) as u8)
            .collect();
        let view = ImageView::new(width, height, PixelFormat::Luma8, &pixels).unwrap();
        let plain = plain_samples(width, height, &pixels);
        let hashed = PdqHasher::new().hash_frame(&view).unwrap();
        assert_eq!(
            hashed.hash,
            PdqHash::from_coefficients(&coefficients(&plain)),
            "{width} x {height}"
        );
        assert_eq!(hashed.quality, quality(&plain), "{width} x {height}");
    }
}

/// What an image of another size left in the working memory does not matter.
#[test]
fn a_used_hasher_gives_the_same() {
    let picture = |width: usize, height: usize| -> Vec<u8> {
        (0..width * height)
            .map(|n| ((n % width * 7) ^ (n / width * 3)) as u8)
            .collect()
    };
    let mut used = PdqHasher::new();
    for (width, height) in [(300, 200), (512, 512), (33, 70), (509, 13), (5, 500), (300, 203)] {
        let pixels = picture(width, height);
        let view = ImageView::new(width, height, PixelFormat::Luma8, &pixels).unwrap();
        assert_eq!(
            used.hash_image(&view),
            PdqHasher::new().hash_image(&view),
            "{width} x {height}"
        );
    }
}

fn plain_samples(width: usize, height: usize, pixels: &[u8]) -> Samples {
    let mut luma: Vec<f32> = pixels.iter().map(|&value| f32::from(value)).collect();
    if (width, height) != (SAMPLES, SAMPLES) {
        for _ in 0..2 {
            for y in 0..height {
                plain_filter(&mut luma, y * width, 1, width);
            }
            for x in 0..width {
                plain_filter(&mut luma, x, width, height);
            }
        }
    }
    let at = |i: usize, side: usize| ((i as f64 + 0.5) * side as f64 / SAMPLES as f64) as usize;
    std::array::from_fn(|i| std::array::from_fn(|j| luma[at(i, height) * width + at(j, width)]))
}

/// One sum for one line, that grows, slides and shrinks.
fn plain_filter(values: &mut [f32], start: usize, step: usize, side: usize) {
    let line: Vec<f32> = (0..side).map(|n| values[start + n * step]).collect();
    let window = side.div_ceil(128);
    let half = (window + 2) / 2;
    let (mut sum, mut left, mut right) = (0.0, 0, 0);
    for n in 0..side {
        while right < (n + half).min(side) {
            sum += line[right];
            right += 1;
        }
        while left + window < n + half {
            sum -= line[left];
            left += 1;
        }
        values[start + n * step] = sum / (right - left) as f32;
    }
}

#[test]
fn wrong_views() {
    let error =
        |width, height, bytes: &[u8]| ImageView::new(width, height, PixelFormat::Rgb8, bytes).unwrap_err();
    assert_eq!(error(5, 5, &[0; 74]), PdqError::WrongLength);
    assert_eq!(error(4, 5, &[0; 60]), PdqError::TooSmall { width: 4, height: 5 });
    assert_eq!(error(usize::MAX, 3, &[]), PdqError::WrongLength);
}
