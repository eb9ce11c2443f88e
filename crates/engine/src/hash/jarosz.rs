//! From an image's luma to 64 x 64 samples: two box filters along rows and columns in turn (Wojciech Jarosz, "Fast
//! Image Convolutions", 2001), each linear in the number of pixels whatever its window, then one pixel of each
//! block. Made for PDQ: the sums are in single precision, in the reference's order, so that the samples are its.
//!
//! A sliding sum depends on the one before it, so a row cannot be a vector; eight rows side by side can. Rows go
//! through in *bands* of eight, one in each *lane*. What the last two passes compute is kept only where it is
//! sampled.

use super::pdq::PdqError;

/// Samples in each direction.
pub(super) const SAMPLES: usize = 64;
/// Rows of a band.
pub(super) const LANES: usize = 8;

/// One column of a band.
pub(super) type Lanes = [f32; LANES];
/// Samples by row and column.
pub(super) type Samples = [[f32; SAMPLES]; SAMPLES];

/// The width of the filter's window for a side of that many pixels.
fn window(side: usize) -> usize {
    side.div_ceil(2 * SAMPLES)
}

/// The pixel that stands for sample `i` of a side: the one in the middle of its block.
fn sampled(i: usize, side: usize) -> usize {
    ((2 * i + 1) * side) / (2 * SAMPLES)
}

/// Working memory, kept from image to image.
#[derive(Default)]
pub(super) struct Sampler {
    /// Columns of a band before and after the filter.
    band: Vec<Lanes>,
    filtered: Vec<Lanes>,
    /// All rows after the first filter along rows.
    plane: Vec<f32>,
    /// Sums of the first filter along columns.
    sums: Vec<f32>,
    /// All rows, sampled columns, after the second filter along rows.
    narrow: Vec<[f32; SAMPLES]>,
}

impl Sampler {
    /// Samples of an image of `width` x `height` pixels, each side at least 5. `fill(y, lane, band)` writes the luma
    /// of row `y` to that lane of a band of `width` columns.
    pub(super) fn samples(
        &mut self,
        width: usize,
        height: usize,
        mut fill: impl FnMut(usize, usize, &mut [Lanes]),
    ) -> Result<Samples, PdqError> {
        resize(&mut self.band, width, [0.0; LANES])?;
        if width == SAMPLES && height == SAMPLES {
            // Already a picture of samples (a decoder's thumbnail): the reference takes it as it is.
            return Ok(std::array::from_fn(|y| {
                fill(y, 0, &mut self.band);
                std::array::from_fn(|x| self.band.get(x).map_or(0.0, |column| column[0]))
            }));
        }
        let bands = height.div_ceil(LANES);
        let area = (bands * LANES).checked_mul(width).ok_or(PdqError::OutOfMemory)?;
        resize(&mut self.filtered, width, [0.0; LANES])?;
        resize(&mut self.plane, area, 0.0)?;
        resize(&mut self.narrow, bands * LANES, [0.0; SAMPLES])?;
        resize(&mut self.sums, width, 0.0)?;

        for (index, rows) in self.plane.chunks_exact_mut(width * LANES).enumerate() {
            for lane in 0..LANES.min(height - index * LANES) {
                fill(index * LANES + lane, lane, &mut self.band);
            }
            filter_band(&self.band, window(width), &mut self.filtered);
            from_lanes(&self.filtered, rows);
        }
        self.columns_then_rows(width, height);
        Ok(self.last_columns(height))
    }

    /// The first filter along columns, whose rows go straight into the second one along rows.
    fn columns_then_rows(&mut self, width: usize, height: usize) {
        self.sums.fill(0.0);
        let columns: [usize; SAMPLES] = std::array::from_fn(|i| sampled(i, width));
        let window_now = Window::new(height, window(height));
        let flat = self.filtered.as_flattened_mut();
        for y in 0..height {
            let (added, removed, count) = window_now.step(y);
            for entering in added {
                if let Some(row) = self.plane.get(entering * width..(entering + 1) * width) {
                    add(&mut self.sums, row);
                }
            }
            if let Some(row) = removed.and_then(|gone| self.plane.get(gone * width..(gone + 1) * width)) {
                subtract(&mut self.sums, row);
            }
            let lane = y % LANES;
            if let Some(out) = flat.get_mut(lane * width..(lane + 1) * width) {
                divide(&self.sums, count, out);
            }
            if lane + 1 == LANES || y + 1 == height {
                to_lanes(flat, &mut self.band);
                if let Some(narrow) = self.narrow.get_mut(y - lane..y - lane + LANES) {
                    sample_band(&self.band, window(width), &columns, narrow);
                }
            }
        }
    }

    /// The second filter along columns, at the sampled rows.
    fn last_columns(&self, height: usize) -> Samples {
        let mut samples = [[0.0; SAMPLES]; SAMPLES];
        let mut sums = [0.0; SAMPLES];
        let window_now = Window::new(height, window(height));
        let mut next = 0;
        for y in 0..height {
            let (added, removed, count) = window_now.step(y);
            for entering in added {
                if let Some(row) = self.narrow.get(entering) {
                    add(&mut sums, row);
                }
            }
            if let Some(row) = removed.and_then(|gone| self.narrow.get(gone)) {
                subtract(&mut sums, row);
            }
            // Images of fewer than 64 rows give a row more than once.
            while next < SAMPLES && sampled(next, height) == y {
                divide(&sums, count, &mut samples[next]);
                next += 1;
            }
        }
        samples
    }
}

/// A window sliding over a side, in the reference's four phases: its first sum, growing, full, shrinking.
struct Window {
    side: usize,
    width: usize,
    /// Pixels in the window of output 0.
    half: usize,
}

impl Window {
    fn new(side: usize, width: usize) -> Self {
        Self {
            side,
            width,
            half: (width + 2) / 2,
        }
    }

    /// What enters and what leaves on the way to output `at`, and how many pixels are then in the window.
    fn step(&self, at: usize) -> (std::ops::Range<usize>, Option<usize>, usize) {
        let end = (at + self.half).min(self.side);
        let start = (at + self.half).saturating_sub(self.width);
        let added = if at == 0 {
            0
        } else {
            (at + self.half - 1).min(self.side)
        }..end;
        (added, start.checked_sub(1), end - start)
    }
}

/// Keeps what is there of an earlier image: it is overwritten before it is read, or lies in lanes of no row.
fn resize<T: Copy>(buffer: &mut Vec<T>, length: usize, value: T) -> Result<(), PdqError> {
    let more = length.saturating_sub(buffer.len());
    buffer
        .try_reserve_exact(more)
        .map_err(|_| PdqError::OutOfMemory)?;
    buffer.resize(length, value);
    Ok(())
}

#[inline]
fn add(sums: &mut [f32], row: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum += value;
    }
}

#[inline]
fn subtract(sums: &mut [f32], row: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum -= value;
    }
}

/// The means of `count` values. A reciprocal of a power of two is exact, and multiplying is cheaper.
#[inline]
fn divide(sums: &[f32], count: usize, out: &mut [f32]) {
    let divisor = count as f32;
    if count.is_power_of_two() {
        let factor = divisor.recip();
        for (mean, sum) in out.iter_mut().zip(sums) {
            *mean = sum * factor;
        }
    } else {
        for (mean, sum) in out.iter_mut().zip(sums) {
            *mean = sum / divisor;
        }
    }
}

/// Slides a window along the rows of a band and hands over each column's sums.
#[inline(always)]
fn slide(input: &[Lanes], width: usize, mut emit: impl FnMut(usize, &Lanes, usize)) {
    let side = input.len();
    let window_now = Window::new(side, width);
    let mut sums = [0.0; LANES];
    let edge = |sums: &mut Lanes, x: usize, emit: &mut dyn FnMut(usize, &Lanes, usize)| {
        let (added, removed, count) = window_now.step(x);
        for entering in input.get(added).unwrap_or(&[]) {
            add(sums, entering);
        }
        if let Some(leaving) = removed.and_then(|gone| input.get(gone)) {
            subtract(sums, leaving);
        }
        emit(x, sums, count);
    };
    let half = window_now.half;
    let (full_from, full_to) = (width - half + 1, side - half + 1);
    for x in 0..full_from {
        edge(&mut sums, x, &mut emit);
    }
    let entering = input.get(width..).unwrap_or(&[]);
    for (x, (enters, leaves)) in (full_from..full_to).zip(entering.iter().zip(input)) {
        for lane in 0..LANES {
            sums[lane] += enters[lane];
            sums[lane] -= leaves[lane];
        }
        emit(x, &sums, width);
    }
    for x in full_to..side {
        edge(&mut sums, x, &mut emit);
    }
}

/// The filter along the rows of a band.
fn filter_band(input: &[Lanes], width: usize, out: &mut [Lanes]) {
    slide(input, width, |x, sums, count| {
        if let Some(place) = out.get_mut(x) {
            divide(sums, count, place);
        }
    });
}

/// The filter along the rows of a band, at the sampled columns only.
fn sample_band(input: &[Lanes], width: usize, columns: &[usize; SAMPLES], out: &mut [[f32; SAMPLES]]) {
    let mut next = 0;
    slide(input, width, |x, sums, count| {
        // Images of fewer than 64 columns give a column more than once.
        while columns.get(next) == Some(&x) {
            let mut means = [0.0; LANES];
            divide(sums, count, &mut means);
            for (row, mean) in out.iter_mut().zip(means) {
                row[next] = mean;
            }
            next += 1;
        }
    });
}

/// A band's columns as rows one after the other.
fn from_lanes(band: &[Lanes], rows: &mut [f32]) {
    let width = band.len();
    for (lane, row) in rows.chunks_exact_mut(width).enumerate().take(LANES) {
        for (value, column) in row.iter_mut().zip(band) {
            *value = column[lane];
        }
    }
}

/// The inverse of [`from_lanes`].
fn to_lanes(rows: &[f32], band: &mut [Lanes]) {
    let width = band.len();
    for (lane, row) in rows.chunks_exact(width).enumerate().take(LANES) {
        for (value, column) in row.iter().zip(band.iter_mut()) {
            column[lane] = *value;
        }
    }
}
