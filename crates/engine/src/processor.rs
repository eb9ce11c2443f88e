//! One binary for every processor: inner loops are compiled for any, for those of the last ten years and, where it helps, for those
//! with AVX-512, and which one runs is found out at run time. All are the same source, so they cannot differ in what they find; the
//! tests run all that the machine has. Only what no compiler finds the instruction for is written more than once: the methods
//! of [`Processor`].

use std::sync::atomic::{AtomicU8, Ordering};

/// Declares a function that runs `body` (which must be `#[inline(always)]`, with what it calls) compiled for the processor at
/// hand: the first of the listed ones, the newest before older ones, that it is, or any. The body's first argument is the
/// [`Processor`].
macro_rules! for_this_processor {
    ([$($kind:ident),+] $(#[$meta:meta])* $vis:vis fn $name:ident $arguments:tt -> $result:ty = $body:path;) => {
        $(#[$meta])*
        #[inline]
        $vis fn $name $arguments -> $result {
            #[cfg(target_arch = "x86_64")]
            {
                $($crate::processor::if_this_is!($kind, $arguments, $result, $body);)+
            }
            $crate::processor::run!($body, $crate::processor::Any, $arguments)
        }
    };
}
pub(crate) use for_this_processor;

/// Runs the body with what the arguments are called.
macro_rules! run {
    ($body:path, $processor:expr, ($($arg:ident: $type:ty),* $(,)?)) => { $body($processor, $($arg),*) };
}
pub(crate) use run;

/// Returns what the body returns, compiled for this kind of processor, if it is one.
#[cfg(target_arch = "x86_64")]
macro_rules! if_this_is {
    ($kind:ident, $features:literal, ($($arg:ident: $type:ty),* $(,)?), $result:ty, $body:path) => {
        if let Some(processor) = $crate::processor::$kind::find() {
            #[target_feature(enable = $features)]
            fn compiled(processor: $crate::processor::$kind, $($arg: $type),*) -> $result {
                $body(processor, $($arg),*)
            }
            // SAFETY: the processor was asked for these features.
            #[allow(unsafe_code)]
            return unsafe { compiled(processor, $($arg),*) };
        }
    };
    (Avx2, $arguments:tt, $result:ty, $body:path) => {
        $crate::processor::if_this_is!(Avx2, "avx2,bmi1,bmi2,lzcnt,popcnt", $arguments, $result, $body)
    };
    (Avx512, $arguments:tt, $result:ty, $body:path) => {
        $crate::processor::if_this_is!(
            Avx512,
            "avx2,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi,avx512vbmi2",
            $arguments,
            $result,
            $body
        )
    };
}
#[cfg(target_arch = "x86_64")]
pub(crate) use if_this_is;

/// What code is compiled for.
pub(crate) trait Processor: Copy {
    /// One bit for each of 64 bytes, which are 0 or 255, from the first on.
    #[inline(always)]
    fn gather(self, flags: &[u8; 64]) -> u64 {
        let mut mask = 0;
        for (n, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
            let lowest = u64::from_le_bytes(*eight) & 0x0101_0101_0101_0101;
            let bits = lowest.wrapping_mul(0x0102_0408_1020_4080) >> 56;
            mask |= bits << (n * 8);
        }
        mask
    }

    /// Puts `first` and the number of each bit that is set behind `out`.
    #[inline(always)]
    fn number(self, mut bits: u64, first: u32, out: &mut Vec<u32>) {
        let count = out.len() + bits.count_ones() as usize;
        // Several at a time, so that there are few branches; what is too many goes again.
        while bits != 0 {
            let mut some = [0; 8];
            for number in &mut some {
                *number = first + bits.trailing_zeros();
                bits &= bits.wrapping_sub(1);
            }
            out.extend_from_slice(&some);
        }
        out.truncate(count);
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Any;

impl Processor for Any {}

/// One that has what `x86-64-v3` asks for, as far as it is used here: whoever has this value has asked.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

/// One that has what `x86-64-v4` asks for besides, and `VBMI2`.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

/// What the processor was found to be, since asking takes tens of microseconds on a virtual machine, whose host has to answer.
static KIND: AtomicU8 = AtomicU8::new(UNKNOWN);

const UNKNOWN: u8 = 0;
const ANY: u8 = 1;
#[cfg(target_arch = "x86_64")]
const AVX2: u8 = 2;
#[cfg(target_arch = "x86_64")]
const AVX512: u8 = 3;

/// Asks which processor this is, if nobody has.
pub(crate) fn kind() -> u8 {
    #[cfg(test)]
    if let Some(kind) = ONLY.with(std::cell::Cell::get) {
        return kind;
    }
    match KIND.load(Ordering::Relaxed) {
        UNKNOWN => ask(),
        kind => kind,
    }
}

#[cold]
fn ask() -> u8 {
    #[cfg(target_arch = "x86_64")]
    let kind = {
        use std::arch::is_x86_feature_detected as has;
        let avx2 = has!("avx2") && has!("bmi1") && has!("bmi2") && has!("lzcnt") && has!("popcnt");
        let foundation = has!("avx512f") && has!("avx512bw") && has!("avx512cd");
        let further = has!("avx512dq") && has!("avx512vl") && has!("avx512vbmi") && has!("avx512vbmi2");
        match (avx2, foundation && further) {
            (true, true) => AVX512,
            (true, false) => AVX2,
            (false, _) => ANY,
        }
    };
    #[cfg(not(target_arch = "x86_64"))]
    let kind = ANY;
    KIND.store(kind, Ordering::Relaxed);
    kind
}

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    #[inline]
    pub(crate) fn find() -> Option<Self> {
        (kind() >= AVX2).then_some(Self(()))
    }
}

#[cfg(target_arch = "x86_64")]
impl Avx512 {
    #[inline]
    pub(crate) fn find() -> Option<Self> {
        (kind() >= AVX512).then_some(Self(()))
    }
}

#[cfg(target_arch = "x86_64")]
impl Processor for Avx2 {
    #[inline(always)]
    fn gather(self, flags: &[u8; 64]) -> u64 {
        let (halves, _) = flags.as_chunks::<32>();
        halves.iter().rev().fold(0, |mask, half| {
            // SAFETY: the processor has AVX2, or there would be no such value.
            #[allow(unsafe_code)]
            let bits = unsafe { highest_bits(half) };
            mask << 32 | u64::from(bits)
        })
    }
}

#[cfg(target_arch = "x86_64")]
impl Processor for Avx512 {
    #[inline(always)]
    fn gather(self, flags: &[u8; 64]) -> u64 {
        // SAFETY: the processor has AVX-512BW, or there would be no such value.
        #[allow(unsafe_code)]
        unsafe {
            all_highest_bits(flags)
        }
    }

    /// A text of 350 bytes: 50 ns, of 95 by the other way.
    #[inline(always)]
    fn number(self, bits: u64, first: u32, out: &mut Vec<u32>) {
        // SAFETY: the processor has AVX-512VBMI2, or there would be no such value.
        #[allow(unsafe_code)]
        let numbers = unsafe { numbers_of(bits) };
        let count = bits.count_ones() as usize;
        // Mostly once, whatever the count is; what is too many goes again.
        let some = numbers.as_chunks::<32>().0.iter().take(count.div_ceil(32));
        for some in some {
            out.extend_from_slice(&some.map(|number| first + u32::from(number)));
        }
        out.truncate(out.len() - (count.next_multiple_of(32) - count));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn highest_bits(bytes: &[u8; 32]) -> u32 {
    use std::arch::x86_64::{_mm256_movemask_epi8, _mm256_setr_epi64x};
    let [a, b, c, d] = bytes.as_chunks::<8>().0 else {
        return 0;
    };
    let [a, b, c, d] = [a, b, c, d].map(|eight| i64::from_le_bytes(*eight));
    _mm256_movemask_epi8(_mm256_setr_epi64x(a, b, c, d)) as u32
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn all_highest_bits(bytes: &[u8; 64]) -> u64 {
    use std::arch::x86_64::_mm512_movepi8_mask;
    _mm512_movepi8_mask(vector_of(bytes))
}

/// The numbers of the bits that are set, in order, and zeros behind them.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f,avx512vbmi2")]
fn numbers_of(bits: u64) -> [u8; 64] {
    use std::arch::x86_64::{_mm512_maskz_compress_epi8, _mm512_storeu_si512};
    let mut numbers = [0; 64];
    for (number, n) in numbers.iter_mut().zip(0..) {
        *number = n;
    }
    let found = _mm512_maskz_compress_epi8(bits, vector_of(&numbers));
    // SAFETY: writes as many bytes as there are.
    #[allow(unsafe_code)]
    unsafe {
        _mm512_storeu_si512(numbers.as_mut_ptr().cast(), found);
    }
    numbers
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f")]
fn vector_of(bytes: &[u8; 64]) -> std::arch::x86_64::__m512i {
    let [a, b, c, d, e, f, g, h] = bytes.as_chunks::<8>().0 else {
        return std::arch::x86_64::_mm512_setzero_si512();
    };
    let [a, b, c, d, e, f, g, h] = [a, b, c, d, e, f, g, h].map(|eight| i64::from_le_bytes(*eight));
    std::arch::x86_64::_mm512_setr_epi64(a, b, c, d, e, f, g, h)
}

#[cfg(test)]
thread_local! {
    /// Take the path of this kind.
    static ONLY: std::cell::Cell<Option<u8>> = const { std::cell::Cell::new(None) };
}

/// What `work` returns on the path of every kind that this machine is, one after the other; any is the first.
#[cfg(test)]
pub(crate) fn on_every_path<T>(mut work: impl FnMut() -> T) -> Vec<T> {
    let mut out = Vec::new();
    for kind in ANY..=ask() {
        ONLY.with(|only| only.set(Some(kind)));
        out.push(work());
        ONLY.with(|only| only.set(None));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    for_this_processor! {
        [Avx512, Avx2] fn both(flags: &[u8; 64], bits: u64, out: &mut Vec<u32>) -> u64 = body;
    }

    #[inline(always)]
    fn body(processor: impl Processor, flags: &[u8; 64], bits: u64, out: &mut Vec<u32>) -> u64 {
        processor.number(bits, 7, out);
        processor.gather(flags)
    }

    #[test]
    fn every_path_does_the_same() {
        let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
        for round in 0..200 {
            bits = match round {
                0 => 0,
                1 => u64::MAX,
                2 => 1 << 63,
                _ => bits.wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(round),
            };
            let mut flags = [0; 64];
            let set: Vec<u32> = (0..64).filter(|n| bits >> n & 1 == 1).collect();
            set.iter().for_each(|&n| flags[n as usize] = 255);
            let expected: Vec<u32> = [3].into_iter().chain(set.iter().map(|n| n + 7)).collect();
            for (gathered, numbers) in on_every_path(|| {
                let mut out = vec![3];
                (both(&flags, bits, &mut out), out)
            }) {
                assert_eq!(gathered, bits);
                assert_eq!(numbers, expected);
            }
        }
    }
}
