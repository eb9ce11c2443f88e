//! A content given as the arguments of one call: `VARIADIC "any"`, each a text, an image's hash or a video by its type.
//!
//! Nothing is copied of a text, and no type is looked up twice in a query: what is known of the arguments, and the type of
//! the result, is kept where PostgreSQL lets a call site keep what it likes. For rows and documents see `content`.

use crate::content::{self, Content, Types};
use crate::error::{Error, Result};
use crate::media_hits::MediaFields;
use crate::pdqhash::hash_of;
use crate::pg::{self, Call};
use crate::verdict::Field;
use crate::video::frames_of;
use pgrx::pg_sys::{self, Datum};

/// What an argument is by its type.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Image,
    Video,
    /// What takes a look inside: a document, an array, a literal without a type.
    Other(pg_sys::Oid),
}

/// What a call site knows after its first call.
struct Site {
    kinds: *const Kind,
    count: usize,
    plain: bool,
    result: pg_sys::TupleDesc,
}

/// The arguments from position `first` on.
pub struct Arguments<'c> {
    call: &'c Call,
    first: usize,
    site: &'c Site,
}

impl<'c> Arguments<'c> {
    pub fn of(call: &'c Call, first: usize) -> Result<Self> {
        // SAFETY: fn_extra is ours; what it points to lives as long as flinfo, which outlives the call.
        let site = unsafe {
            let function = (*call.fcinfo()).flinfo;
            if (*function).fn_extra.is_null() {
                (*function).fn_extra = Site::new(call, first)?.cast();
            }
            &*(*function).fn_extra.cast::<Site>()
        };
        Ok(Self { call, first, site })
    }

    /// What there is to judge. What is no plain text, hash or video is put into `content` first.
    pub fn parts(&self, content: &'c mut Content<'c>) -> Result<(Vec<Field<'c>>, MediaFields<'c>)> {
        // SAFETY: made by Site::new with this length.
        let kinds = unsafe { std::slice::from_raw_parts(self.site.kinds, self.site.count) };
        let values = kinds.iter().enumerate();
        let values = values.filter_map(|(n, &kind)| Some((kind, self.call.datum(self.first + n)?)));
        if !self.site.plain {
            let types = Types::look_up();
            for (kind, value) in values {
                let type_oid = match kind {
                    Kind::Text => pg_sys::TEXTOID,
                    Kind::Image => types.hash,
                    Kind::Video => types.video,
                    Kind::Other(oid) => oid,
                };
                // SAFETY: an argument of this type, which lives as long as the call.
                unsafe { content.add_column("", type_oid, value, &types)? };
            }
            return Ok(content.parts());
        }
        let (mut fields, mut media) = (Vec::with_capacity(self.site.count), MediaFields::default());
        for (kind, value) in values {
            // SAFETY: Site::new looked at the types.
            match kind {
                Kind::Image => media.images.push((None, unsafe { hash_of(value) })),
                Kind::Video => media.videos.push((None, unsafe { frames_of(value)? })),
                Kind::Text | Kind::Other(_) => fields.push(Field {
                    name: None,
                    text: unsafe { pg::text(value)? },
                }),
            }
        }
        Ok((fields, media))
    }

    /// A row of the composite type that the function returns.
    pub fn row<const N: usize>(&self, values: [Option<Datum>; N]) -> Result<Datum> {
        let mut datums = values.map(|value| value.unwrap_or(Datum::null()));
        let mut nulls = values.map(|value| value.is_none());
        // SAFETY: as many values as the type has attributes, which the SQL declaration fixes.
        unsafe {
            if (*self.site.result).natts as usize != N {
                return Err(Error::Internal("result type has another number of columns"));
            }
            let tuple = pg_sys::heap_form_tuple(self.site.result, datums.as_mut_ptr(), nulls.as_mut_ptr());
            Ok(pg_sys::HeapTupleHeaderGetDatum((*tuple).t_data))
        }
    }
}

impl Site {
    fn new(call: &Call, first: usize) -> Result<*mut Self> {
        let types = Types::look_up();
        // SAFETY: the executor fills flinfo; the memory it names lives as long as it does.
        unsafe {
            let function = (*call.fcinfo()).flinfo;
            let count = ((*call.fcinfo()).nargs as usize).saturating_sub(first);
            let kinds = pg_sys::MemoryContextAlloc((*function).fn_mcxt, count.max(1) * size_of::<Kind>())
                .cast::<Kind>();
            let mut plain = true;
            for n in 0..count {
                let declared = pg_sys::get_fn_expr_argtype(function, (first + n) as i32);
                let kind = match pg_sys::getBaseType(declared) {
                    oid if oid == types.hash => Kind::Image,
                    oid if oid == types.video => Kind::Video,
                    oid if oid != pg_sys::UNKNOWNOID && content::is_text(oid) => Kind::Text,
                    _ => Kind::Other(declared),
                };
                plain &= !matches!(kind, Kind::Other(_));
                kinds.add(n).write(kind);
            }
            let result = call.result_type()?;
            let before = pg_sys::MemoryContextSwitchTo((*function).fn_mcxt);
            let result = pg_sys::CreateTupleDescCopy(result);
            pg_sys::MemoryContextSwitchTo(before);
            let site = pg_sys::MemoryContextAlloc((*function).fn_mcxt, size_of::<Self>()).cast::<Self>();
            site.write(Self {
                kinds,
                count,
                plain,
                result,
            });
            Ok(site)
        }
    }
}
