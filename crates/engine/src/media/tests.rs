use super::*;
use crate::OpenError;
use crate::hash::vpdq::{VideoMatchOptions, match_videos};
use proptest::prelude::*;

fn near(hash: &PdqHash, flips: usize) -> PdqHash {
    let mut near = *hash;
    for n in 0..flips {
        let bit = (n * 37) % 256;
        near.0[bit / 8] ^= 1 << (bit % 8);
    }
    near
}

fn image(id: i64, slot: u16, hash: PdqHash, max_distance: u8) -> ImageItem {
    ImageItem {
        id,
        slot,
        allow: false,
        weight: 2.0,
        hash,
        max_distance,
        label: format!("image {id}"),
    }
}

fn frames(bytes: &[u8]) -> Vec<VideoFrame> {
    let frame = |(n, byte): (usize, &u8)| VideoFrame {
        number: n as u32,
        hash: PdqHash([*byte; 32]),
        quality: 100,
        seconds: n as f64,
    };
    bytes.iter().enumerate().map(frame).collect()
}

fn video(id: i64, bytes: &[u8], min_material: f32) -> VideoItem {
    VideoItem {
        id,
        slot: 0,
        weight: 1.0,
        frames: frames(bytes),
        max_distance: 31,
        min_material,
        min_content: 0.0,
        label: format!("video {id}"),
    }
}

fn only(slots: &[u16]) -> MediaOptions<'_> {
    MediaOptions {
        slots: Some(slots),
        ..MediaOptions::default()
    }
}

fn compiled(images: &[ImageItem], videos: &[VideoItem]) -> Vec<u8> {
    compile_media(images, videos, &mut || false).unwrap()
}

#[test]
fn every_item_has_its_own_distance() {
    let hash = PdqHash([0x5a; 32]);
    let images: Vec<ImageItem> = (0..=MAX_ITEM_DISTANCE)
        .map(|distance| image(i64::from(distance), 0, hash, distance))
        .collect();
    let bytes = compiled(&images, &[]);
    let media = Media::open(&bytes).unwrap();
    for distance in 0..=MAX_ITEM_DISTANCE + 1 {
        let query = near(&hash, usize::from(distance));
        let hits = media
            .find_image(&query, &MediaOptions::default(), &mut || false)
            .unwrap();
        let items: Vec<i64> = hits.iter().map(|hit| hit.item).collect();
        let expected: Vec<i64> = (i64::from(distance)..=i64::from(MAX_ITEM_DISTANCE)).collect();
        assert_eq!(items, expected);
        assert!(hits.iter().all(|hit| hit.distance == u32::from(distance)
            && hit.label == format!("image {}", hit.item)
            && hit.score == 2.0 * (1.0 - f32::from(distance) / 256.0)));
        let has = |slots: &[u16]| media.has_image(&query, &only(slots), &mut || false);
        assert_eq!((has(&[0]), has(&[1])), (Ok(!items.is_empty()), Ok(false)));
    }
}

#[test]
fn allow_entries_suppress_their_slot_only() {
    let hash = PdqHash([0x5a; 32]);
    let allow = ImageItem {
        allow: true,
        ..image(9, 0, near(&hash, 10), 4)
    };
    let bytes = compiled(&[image(1, 0, hash, 31), image(2, 1, hash, 31), allow], &[]);
    let media = Media::open(&bytes).unwrap();
    let find = |flips, suppressed| {
        let options = MediaOptions {
            suppressed,
            ..MediaOptions::default()
        };
        let hits = media
            .find_image(&near(&hash, flips), &options, &mut || false)
            .unwrap();
        hits.iter()
            .map(|hit| (hit.item, hit.suppressed_by))
            .collect::<Vec<_>>()
    };
    assert_eq!(find(0, false), [(1, None), (2, None)]);
    assert_eq!(find(9, false), [(2, None)]);
    assert_eq!(find(9, true), [(1, Some(9)), (2, None)]);
    let has = |slots: &[u16]| media.has_image(&near(&hash, 9), &only(slots), &mut || false);
    assert_eq!((has(&[0]), has(&[1]), has(&[])), (Ok(false), Ok(true), Ok(false)));
    // As if the allow entry, or the item, were not there.
    let without = |inactive: &[(u16, i64)]| {
        let options = MediaOptions {
            inactive: Some(inactive),
            ..MediaOptions::default()
        };
        let hits = media
            .find_image(&near(&hash, 9), &options, &mut || false)
            .unwrap();
        assert_eq!(
            media.has_image(&near(&hash, 9), &options, &mut || false),
            Ok(!hits.is_empty())
        );
        hits.iter().map(|hit| hit.item).collect::<Vec<_>>()
    };
    assert_eq!(without(&[(0, 9)]), [1, 2]);
    assert_eq!(without(&[(0, 1), (1, 2)]), [0i64; 0]);
}

#[test]
fn videos_are_found_by_what_they_cover() {
    let videos = [
        video(1, &[1, 2, 3, 4], 80.0),
        video(2, &[1, 0xf0, 0xf1, 0xf2], 26.0),
        video(3, &[0xff], 0.0),
    ];
    let bytes = compiled(&[image(7, 0, PdqHash([3; 32]), 0)], &videos);
    let media = Media::open(&bytes).unwrap();
    let hits = media
        .find_video(
            &frames(&[0xcc, 1, 2, 3, 4, 0xcc, 3, 0xcc]),
            &MediaOptions::default(),
            &mut || false,
        )
        .unwrap();
    let found: Vec<_> = hits
        .videos
        .iter()
        .map(|hit| {
            (
                hit.item,
                hit.label,
                hit.material.percent(),
                hit.content.percent(),
                hit.score,
            )
        })
        .collect();
    // One byte in another: 32 bits of distance, one too many. Of video 2 a quarter is there, which is not enough.
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].0, found[0].1, found[0].2, found[0].3, found[0].4),
        (1, "video 1", 100.0, 62.5, 1.0)
    );
    let ranges: Vec<_> = hits.videos[0]
        .content
        .ranges
        .iter()
        .map(|r| (r.start, r.end))
        .collect();
    assert_eq!(ranges, [(1.0, 4.0), (6.0, 6.0)]);
    let shown = &hits.images[0];
    assert_eq!(
        (shown.image.item, shown.image.distance, shown.frame.number),
        (7, 0, 3)
    );
    assert_eq!(
        (
            shown.content.matched,
            shown.content.frames,
            shown.content.ranges.len()
        ),
        (2, 8, 2)
    );
    let nothing = media
        .find_video(&[], &MediaOptions::default(), &mut || false)
        .unwrap();
    assert_eq!(nothing, VideoHits::default());
}

#[test]
fn damaged_bytes_are_refused_or_harmless() {
    let bytes = compiled(&[image(1, 0, PdqHash([1; 32]), 40)], &[video(2, &[1, 2], 0.0)]);
    for length in 0..bytes.len() {
        assert!(Media::open(&bytes[..length]).is_err());
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xff;
        if let Ok(media) = Media::open(&damaged) {
            let _ = media.find_image(&PdqHash([1; 32]), &MediaOptions::default(), &mut || false);
            let _ = media.find_video(&frames(&[1, 2]), &MediaOptions::default(), &mut || false);
        }
    }
    let mut other = bytes.clone();
    other[8] = 9;
    assert!(matches!(
        Media::open(&other),
        Err(OpenError::WrongVersion { found: 9, .. })
    ));
    assert!(Media::open(&compiled(&[], &[])).unwrap().is_empty());
}

proptest! {
    /// Looking frames up finds the videos that comparing all of them finds.
    #[test]
    fn the_index_leaves_no_video_out(
        videos in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..5), 1..5),
        content in proptest::collection::vec(any::<u8>(), 0..8),
        distance in 0..=MAX_ITEM_DISTANCE,
    ) {
        let items: Vec<VideoItem> = videos.iter().enumerate().map(|(n, bytes)| VideoItem {
            max_distance: distance,
            ..video(n as i64, bytes, 1.0)
        }).collect();
        let bytes = compiled(&[], &items);
        let media = Media::open(&bytes).unwrap();
        let content = frames(&content);
        let hits = media.find_video(&content, &MediaOptions::default(), &mut || false).unwrap();
        let rules = VideoMatchOptions { max_distance: u32::from(distance), ..Default::default() };
        let expected: Vec<_> = items.iter().filter_map(|item| {
            let found = match_videos(&item.frames, &content, &rules, &mut || false).unwrap();
            (found.material.matched > 0).then_some((item.id, found.material, found.content))
        }).collect();
        let found: Vec<_> = hits.videos.into_iter().map(|hit| (hit.item, hit.material, hit.content)).collect();
        prop_assert_eq!(found, expected);
    }
}
