//! One binary for every processor: inner loops are compiled twice, for any and for those of the last ten years, and
//! which one runs is found out at run time. Both are the same source, so they cannot differ in what they find; the tests
//! run both. Not for code that is written for one processor only: there is none.

/// Declares a function that runs `body` (which must be `#[inline(always)]`, with what it calls) compiled for the processor at
/// hand.
macro_rules! for_this_processor {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)? = $body:path;) => {
        $(#[$meta])*
        #[inline]
        $vis fn $name($($arg: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
                fn newer($($arg: $type),*) $(-> $result)? {
                    $body($($arg),*)
                }
                if $crate::processor::is_newer() {
                    // SAFETY: the processor was asked for these features.
                    #[allow(unsafe_code)]
                    return unsafe { newer($($arg),*) };
                }
            }
            $body($($arg),*)
        }
    };
}
pub(crate) use for_this_processor;

/// Has this processor what `x86-64-v3` asks for, as far as it is used here?
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn is_newer() -> bool {
    #[cfg(test)]
    if PORTABLE.with(std::cell::Cell::get) {
        return false;
    }
    std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("bmi2")
        && std::arch::is_x86_feature_detected!("lzcnt")
        && std::arch::is_x86_feature_detected!("popcnt")
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
