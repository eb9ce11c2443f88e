//! Perceptual hashes of images and videos, and finding the near ones among millions of them.
//!
//! [`pdq`] hashes pixels, [`decode`] turns files into pixels, [`index`] finds every hash within a distance, [`vpdq`]
//! compares videos frame by frame. Everything is exact: no result depends on chance or on the machine.

mod dct;
pub mod decode;
mod decoders;
pub mod index;
mod jarosz;
pub mod keys;
pub mod pdq;
mod probe;
pub mod vpdq;
