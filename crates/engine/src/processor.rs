//! One binary for every processor: inner loops are compiled twice, for any and for those of the last ten years, and
//! which one runs is found out at run time. Both are the same source, so they cannot differ in what they find; the tests
//! run both. Only [`Processor::gather`] is written twice, since no compiler finds the one instruction that does it.

/// Declares a function that runs `body` (which must be `#[inline(always)]`, with what it calls) compiled for the processor at
/// hand. The body's first argument is the [`Processor`].
macro_rules! for_this_processor {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)? = $body:path;) => {
        $(#[$meta])*
        #[inline]
        $vis fn $name($($arg: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
                fn newer(processor: $crate::processor::Newer, $($arg: $type),*) $(-> $result)? {
                    $body(processor, $($arg),*)
                }
                if let Some(processor) = $crate::processor::Newer::find() {
                    // SAFETY: the processor was asked for these features.
                    #[allow(unsafe_code)]
                    return unsafe { newer(processor, $($arg),*) };
                }
            }
            $body($crate::processor::Any, $($arg),*)
        }
    };
}
pub(crate) use for_this_processor;

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
}

#[derive(Clone, Copy)]
pub(crate) struct Any;

impl Processor for Any {}

/// One that has what `x86-64-v3` asks for, as far as it is used here: whoever has this value has asked.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) struct Newer(());

#[cfg(target_arch = "x86_64")]
impl Newer {
    #[inline]
    pub(crate) fn find() -> Option<Self> {
        #[cfg(test)]
        if PORTABLE.with(std::cell::Cell::get) {
            return None;
        }
        let all = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("bmi1")
            && std::arch::is_x86_feature_detected!("bmi2")
            && std::arch::is_x86_feature_detected!("lzcnt")
            && std::arch::is_x86_feature_detected!("popcnt");
        all.then_some(Self(()))
    }
}

#[cfg(target_arch = "x86_64")]
impl Processor for Newer {
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

#[cfg(test)]
thread_local! {
    /// Take the path of any processor.
    static PORTABLE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs `work` on the path of any processor.
#[cfg(test)]
pub(crate) fn portably<T>(work: impl FnOnce() -> T) -> T {
    PORTABLE.with(|portable| portable.set(true));
    let out = work();
    PORTABLE.with(|portable| portable.set(false));
    out
}
