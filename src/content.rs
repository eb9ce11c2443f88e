//! Contents of several fields for `moderate()`: the strings, images and videos of a JSON document or of a row.
//!
//! Documents are walked with PostgreSQL's own iterator: nothing is copied, no depth or number is too large for it.

use crate::compiled::interrupted;
use crate::error::{Error, Result};
use crate::error_media::{MediaError, WHOLE_FRAME};
use crate::media_hits::MediaFields;
use crate::pdqhash::{hash_of, parse_hash};
use crate::pg;
use crate::verdict::Field;
use crate::video::{check_frames, frames_of};
use pg_moderation_engine::hash::pdq::PdqHash;
use pg_moderation_engine::hash::vpdq::{VideoFrame, parse_frames};
use pgrx::pg_sys::{self, Datum, JsonbIteratorToken as Token};

/// What there is to judge, each with the name of its field: the path to it, joined by dots.
#[derive(Default)]
pub struct Content<'c> {
    texts: Vec<(String, &'c str)>,
    images: Vec<(String, PdqHash)>,
    videos: Vec<(String, Vec<VideoFrame>)>,
}

impl<'c> Content<'c> {
    /// As judging takes them; the videos move out.
    pub fn parts(&mut self) -> (Vec<Field<'_>>, MediaFields<'_>) {
        let fields = self.texts.iter().map(|(name, text)| Field {
            name: Some(name.as_str()).filter(|name| !name.is_empty()),
            text,
        });
        let images = self
            .images
            .iter()
            .map(|(name, hash)| (Some(name.as_str()), *hash));
        let videos = self
            .videos
            .iter_mut()
            .map(|(name, frames)| (Some(name.as_str()), std::mem::take(frames)));
        let media = MediaFields {
            images: images.collect(),
            videos: videos.collect(),
        };
        (fields.collect(), media)
    }

    /// Every string of a document; those whose keys are named in `images` as PDQ hashes, those in `videos` as the text of
    /// a vPDQ file, or arrays of frames as objects.
    ///
    /// # Safety
    /// `document` must be a non-null jsonb that outlives the content.
    pub unsafe fn add_document(
        &mut self,
        prefix: &str,
        document: Datum,
        images: &[&str],
        videos: &[&str],
    ) -> Result<()> {
        // SAFETY: by contract.
        let mut walk = unsafe { Walk::new(document) };
        let mut path = Path(vec![Step::Key(prefix.to_owned())]);
        loop {
            interrupted();
            match walk.next() {
                Event::Key(key) => {
                    path.0.pop();
                    path.0.push(Step::Key(key.to_owned()));
                }
                // A document that is no object or array comes as the only element of one.
                Event::BeginScalar => path.0.push(Step::Key(String::new())),
                Event::BeginArray => {
                    path.step();
                    if videos.contains(&path.keys().as_str()) {
                        let frames = walk.frames()?;
                        self.videos.push((path.whole(), frames));
                    } else {
                        path.0.push(Step::Before);
                    }
                }
                Event::BeginObject => {
                    path.step();
                    path.0.push(Step::Key(String::new()));
                }
                // The key of what ended stays until the next one comes.
                Event::End => {
                    path.0.pop();
                }
                Event::Text(text) => {
                    path.step();
                    let keys = path.keys();
                    if images.contains(&keys.as_str()) {
                        self.images.push((path.whole(), parse_hash(text)?));
                    } else if videos.contains(&keys.as_str()) {
                        let frames = parse_frames(text).map_err(MediaError::FrameText)?;
                        check_frames(frames.len())?;
                        self.videos.push((path.whole(), frames));
                    } else {
                        self.texts.push((path.whole(), text));
                    }
                }
                Event::Number(_) | Event::Other => path.step(),
                Event::Done => return Ok(()),
            }
        }
    }

    /// Every column of a row that holds texts, documents, hashes or videos.
    ///
    /// # Safety
    /// `row` must be a non-null composite that outlives the content.
    pub unsafe fn add_row(&mut self, row: Datum) -> Result<()> {
        let types = Types::look_up();
        // SAFETY: by contract; the descriptor is the one that the row names.
        unsafe {
            let header = pg_sys::pg_detoast_datum(row.cast_mut_ptr()).cast::<pg_sys::HeapTupleHeaderData>();
            let mut tuple = pg_sys::HeapTupleData {
                t_len: pgrx::varlena::varsize(header.cast()) as u32,
                t_data: header,
                ..pg_sys::HeapTupleData::default()
            };
            let datum_fields = (*header).t_choice.t_datum;
            let descriptor =
                pg_sys::lookup_rowtype_tupdesc_copy(datum_fields.datum_typeid, datum_fields.datum_typmod);
            let count = (*descriptor).natts as usize;
            let mut values = vec![Datum::null(); count];
            let mut nulls = vec![true; count];
            pg_sys::heap_deform_tuple(&mut tuple, descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
            let borrowed = pgrx::PgTupleDesc::from_pg_unchecked(descriptor);
            for (n, attribute) in borrowed.iter().enumerate() {
                if !attribute.attisdropped && !nulls[n] {
                    let name = pgrx::name_data_to_str(&attribute.attname);
                    self.add_column(name, attribute.atttypid, values[n], &types)?;
                }
            }
            Ok(())
        }
    }

    /// # Safety
    /// `value` must be a non-null datum of this type that outlives the content.
    pub unsafe fn add_column(
        &mut self,
        name: &str,
        declared: pg_sys::Oid,
        value: Datum,
        types: &Types,
    ) -> Result<()> {
        // SAFETY: by contract, the value is of the type that each branch finds.
        unsafe {
            let type_oid = pg_sys::getBaseType(declared);
            if type_oid == types.hash {
                self.images.push((name.to_owned(), hash_of(value)));
            } else if type_oid == types.video {
                self.videos.push((name.to_owned(), frames_of(value)?));
            } else if type_oid == pg_sys::JSONBOID {
                self.add_document(name, value, &[], &[])?;
            } else if type_oid == pg_sys::JSONOID {
                let document = pg::input(pg_sys::JSONBOID, -1, pg::text(value)?)?;
                self.add_document(name, document, &[], &[])?;
            } else if is_text(type_oid) {
                self.texts.push((name.to_owned(), pg::text(value)?));
            } else if type_oid == pg_sys::UNKNOWNOID {
                // A literal in a ROW constructor.
                let text = std::ffi::CStr::from_ptr(value.cast_mut_ptr()).to_str();
                self.texts
                    .push((name.to_owned(), text.map_err(|_| Error::InvalidText)?));
            } else {
                let element = pg_sys::get_element_type(type_oid);
                if element != pg_sys::InvalidOid
                    && (element == types.hash || is_text(pg_sys::getBaseType(element)))
                {
                    for (n, value) in elements(value, element).into_iter().enumerate() {
                        if let Some(value) = value {
                            self.add_column(&format!("{name}.{}", n + 1), element, value, types)?;
                        }
                    }
                }
            }
            Ok(())
        }
    }
}

/// The elements of an array.
unsafe fn elements(array: Datum, element: pg_sys::Oid) -> Vec<Option<Datum>> {
    let (mut length, mut by_value, mut alignment) = (0, false, 0);
    let (mut values, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
    // SAFETY: the caller passes an array of this element type; the catalog says how its elements lie.
    unsafe {
        pg_sys::get_typlenbyvalalign(element, &mut length, &mut by_value, &mut alignment);
        pg_sys::deconstruct_array(
            pg_sys::pg_detoast_datum(array.cast_mut_ptr()).cast(),
            element,
            i32::from(length),
            by_value,
            alignment,
            &mut values,
            &mut nulls,
            &mut count,
        );
        (0..count as usize)
            .map(|n| (!*nulls.add(n)).then(|| *values.add(n)))
            .collect()
    }
}

/// Is it text, varchar, char or another variable-length string type?
pub unsafe fn is_text(type_oid: pg_sys::Oid) -> bool {
    let (mut category, mut is_preferred) = (0, false);
    // SAFETY: a look-up by OID.
    unsafe {
        pg_sys::get_type_category_preferred(type_oid, &mut category, &mut is_preferred);
        category as u8 == b'S' && pg_sys::get_typlen(type_oid) == -1
    }
}

/// OIDs of our types.
pub struct Types {
    pub hash: pg_sys::Oid,
    pub video: pg_sys::Oid,
}

impl Types {
    pub fn look_up() -> Self {
        // SAFETY: look-ups by name in our schema; what is missing is InvalidOid, which no column has.
        unsafe {
            let schema = pg_sys::get_namespace_oid(c"moderation".as_ptr(), true);
            let by_name = |name: &std::ffi::CStr| {
                pg_sys::GetSysCacheOid(
                    pg_sys::SysCacheIdentifier::TYPENAMENSP as i32,
                    pg_sys::Anum_pg_type_oid as i16,
                    Datum::from(name.as_ptr()),
                    schema.into(),
                    Datum::null(),
                    Datum::null(),
                )
            };
            Self {
                hash: by_name(c"pdqhash"),
                video: pg_sys::get_array_type(by_name(c"video_frame")),
            }
        }
    }
}

/// Where the walk is: keys of objects and positions in arrays.
struct Path(Vec<Step>);

enum Step {
    Key(String),
    /// In an array, before its first element, or in it at a position from 1.
    Before,
    At(usize),
}

impl Path {
    /// A value begins: the next element if it is one of an array.
    fn step(&mut self) {
        if let Some(step) = self.0.last_mut() {
            *step = match step {
                Step::Before => Step::At(1),
                Step::At(n) => Step::At(*n + 1),
                Step::Key(key) => Step::Key(std::mem::take(key)),
            };
        }
    }

    fn join(&self, positions: bool) -> String {
        let mut path = String::new();
        for step in &self.0 {
            let position;
            let step = match step {
                Step::Key(key) => key,
                Step::At(n) if positions => {
                    position = n.to_string();
                    &position
                }
                Step::Before | Step::At(_) => continue,
            };
            if !step.is_empty() {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(step);
            }
        }
        path
    }

    fn whole(&self) -> String {
        self.join(true)
    }

    /// Without positions: what an image or video is named by.
    fn keys(&self) -> String {
        self.join(false)
    }
}

enum Event<'c> {
    Key(&'c str),
    BeginScalar,
    BeginArray,
    BeginObject,
    End,
    Text(&'c str),
    Number(f64),
    Other,
    Done,
}

struct Walk {
    iterator: *mut pg_sys::JsonbIterator,
}

impl Walk {
    /// # Safety
    /// `document` must be a non-null jsonb that outlives the events.
    unsafe fn new(document: Datum) -> Self {
        // SAFETY: by contract; a jsonb is a varlena header and the root container.
        unsafe {
            let jsonb = pg_sys::pg_detoast_datum(document.cast_mut_ptr()).cast::<pg_sys::Jsonb>();
            Self {
                iterator: pg_sys::JsonbIteratorInit(&raw mut (*jsonb).root),
            }
        }
    }

    fn next<'c>(&mut self) -> Event<'c> {
        // SAFETY: the iterator sets the value that belongs to each token.
        unsafe {
            let mut value = std::mem::zeroed::<pg_sys::JsonbValue>();
            match pg_sys::JsonbIteratorNext(&mut self.iterator, &mut value, false) {
                Token::WJB_DONE => Event::Done,
                Token::WJB_KEY => text_of(&value).map_or(Event::Other, Event::Key),
                Token::WJB_BEGIN_ARRAY if value.val.array.rawScalar => Event::BeginScalar,
                Token::WJB_BEGIN_ARRAY => Event::BeginArray,
                Token::WJB_BEGIN_OBJECT => Event::BeginObject,
                Token::WJB_END_ARRAY | Token::WJB_END_OBJECT => Event::End,
                _ if value.type_ == pg_sys::jbvType::jbvString => {
                    text_of(&value).map_or(Event::Other, Event::Text)
                }
                _ if value.type_ == pg_sys::jbvType::jbvNumeric => {
                    let printed = pg::output(pg_sys::NUMERICOID, Datum::from(value.val.numeric));
                    let number = printed.ok().and_then(|printed| printed.parse().ok());
                    Event::Number(number.unwrap_or(f64::NAN))
                }
                _ => Event::Other,
            }
        }
    }

    /// Frames as objects, up to the end of the array that has begun.
    fn frames(&mut self) -> Result<Vec<VideoFrame>> {
        let mut frames = Vec::new();
        loop {
            interrupted();
            check_frames(frames.len())?;
            let at = |field| {
                Error::from(MediaError::Frame {
                    position: frames.len() + 1,
                    field,
                })
            };
            match self.next() {
                Event::End => return Ok(frames),
                Event::BeginObject => {}
                _ => return Err(at(WHOLE_FRAME)),
            }
            let (mut number, mut hash, mut quality, mut seconds) = (None, None, None, None);
            loop {
                let key = match self.next() {
                    Event::End => break,
                    Event::Key(key) => key,
                    _ => return Err(at(WHOLE_FRAME)),
                };
                match (key, self.next()) {
                    ("hash", Event::Text(text)) => hash = Some(parse_hash(text)?),
                    ("frame_number", Event::Number(n)) if n >= 0.0 && n <= f64::from(i32::MAX) => {
                        number = Some(n as u32);
                    }
                    ("quality", Event::Number(n)) if (0.0..=100.0).contains(&n) => quality = Some(n as u8),
                    ("seconds", Event::Number(n)) if n >= 0.0 && n.is_finite() => seconds = Some(n),
                    (_, Event::BeginArray | Event::BeginObject) => return Err(at(WHOLE_FRAME)),
                    _ => {}
                }
            }
            let frame = VideoFrame {
                number: number.ok_or_else(|| at("frame_number"))?,
                hash: hash.ok_or_else(|| at("hash"))?,
                quality: quality.ok_or_else(|| at("quality"))?,
                seconds: seconds.ok_or_else(|| at("seconds"))?,
            };
            frames
                .try_reserve(1)
                .map_err(|_| Error::Match(pg_moderation_engine::MatchError::OutOfMemory))?;
            frames.push(frame);
        }
    }
}

/// # Safety
/// `value` must be a string.
unsafe fn text_of<'c>(value: &pg_sys::JsonbValue) -> Option<&'c str> {
    // SAFETY: by contract; the bytes belong to the document.
    unsafe {
        let string = value.val.string;
        let bytes = std::slice::from_raw_parts(string.val.cast::<u8>(), usize::try_from(string.len).ok()?);
        std::str::from_utf8(bytes).ok()
    }
}
