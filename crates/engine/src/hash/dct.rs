//! The 16 x 16 lowest frequencies, without the constant ones, of the DCT-II of 64 x 64 samples: what PDQ keeps of an
//! image. Two products with a 16 x 64 matrix; not a general transform.
//!
//! Single precision and the order of additions are the reference's, or bits near the median would differ. Each
//! product adds one source row after the other to all of a target row, so the inner loops are vectors.

use std::sync::LazyLock;

use super::jarosz::{SAMPLES, Samples};

/// Rows and columns of coefficients.
const KEPT: usize = 16;

/// Coefficients by vertical, then horizontal frequency, both from 1 up.
pub(super) type Coefficients = [[f32; KEPT]; KEPT];

/// `MATRIX[j][i]`: factor of sample `j` in frequency `i + 1`.
static MATRIX: LazyLock<[[f32; KEPT]; SAMPLES]> = LazyLock::new(|| {
    let scale = f64::from((2.0 / SAMPLES as f64).sqrt() as f32);
    let mut matrix = [[0.0; KEPT]; SAMPLES];
    for (j, row) in matrix.iter_mut().enumerate() {
        for (i, value) in row.iter_mut().enumerate() {
            let angle = std::f64::consts::PI / 2.0 / SAMPLES as f64 * (i + 1) as f64 * (2 * j + 1) as f64;
            *value = (scale * angle.cos()) as f32;
        }
    }
    matrix
});

pub(super) fn coefficients(samples: &Samples) -> Coefficients {
    let matrix = &*MATRIX;
    let mut kept = [[0.0; KEPT]; KEPT];
    for (i, out) in kept.iter_mut().enumerate() {
        // One row of the vertical transform, in halves that fit the vector registers.
        let mut vertical = [0.0; SAMPLES];
        for (half, target) in vertical.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            let mut sums = [0.0; 32];
            for (factors, row) in matrix.iter().zip(samples) {
                let factor = factors[i];
                for (sum, sample) in sums.iter_mut().zip(&row.as_chunks::<32>().0[half]) {
                    *sum += factor * sample;
                }
            }
            *target = sums;
        }
        let mut sums = [0.0; KEPT];
        for (factors, value) in matrix.iter().zip(vertical) {
            for (sum, factor) in sums.iter_mut().zip(factors) {
                *sum += value * factor;
            }
        }
        *out = sums;
    }
    kept
}
