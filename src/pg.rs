//! Thin wrappers over what the shell needs of PostgreSQL: raw functions, arguments, texts, composites.
//!
//! Raw functions instead of pgrx's generated ones: their SQL is written by hand (COST, PARALLEL, COMMENT), texts are
//! borrowed from the datum, and our types are reached by cached OIDs instead of by name at run time.

use crate::error::{Error, Result};
use pgrx::{pg_sys, varlena};
use std::ffi::CString;

/// Declares a version-1 function `$symbol` whose body is `$body: fn(Call) -> Result<Option<Datum>>` (None: NULL).
#[macro_export]
macro_rules! pg_function {
    ($symbol:ident, $finfo:ident, $body:path) => {
        #[doc(hidden)]
        #[unsafe(no_mangle)]
        pub extern "C" fn $finfo() -> &'static pgrx::pg_sys::Pg_finfo_record {
            const RECORD: pgrx::pg_sys::Pg_finfo_record = pgrx::pg_sys::Pg_finfo_record { api_version: 1 };
            &RECORD
        }

        #[doc(hidden)]
        #[unsafe(no_mangle)]
        #[pgrx::pg_guard]
        pub unsafe extern "C-unwind" fn $symbol(
            fcinfo: pgrx::pg_sys::FunctionCallInfo,
        ) -> pgrx::pg_sys::Datum {
            // SAFETY: PostgreSQL calls us with a valid fcinfo.
            let call = unsafe { $crate::pg::Call::new(fcinfo) };
            match $body(&call) {
                Ok(value) => call.finish(value),
                Err(error) => error.raise(),
            }
        }
    };
}

/// One call of one of our functions.
pub struct Call {
    fcinfo: pg_sys::FunctionCallInfo,
}

impl Call {
    /// # Safety
    /// `fcinfo` must be what PostgreSQL passed to the function being executed.
    pub unsafe fn new(fcinfo: pg_sys::FunctionCallInfo) -> Self {
        Self { fcinfo }
    }

    pub fn fcinfo(&self) -> pg_sys::FunctionCallInfo {
        self.fcinfo
    }

    /// The argument's datum; `None` for NULL or one that was not passed.
    pub fn datum(&self, index: usize) -> Option<pg_sys::Datum> {
        // SAFETY: the arguments array has nargs entries.
        unsafe {
            let info = &*self.fcinfo;
            if index >= info.nargs as usize {
                return None;
            }
            let argument = &info.args.as_slice(info.nargs as usize)[index];
            (!argument.isnull).then_some(argument.value)
        }
    }

    pub fn text(&self, index: usize) -> Result<Option<&str>> {
        // SAFETY: the SQL declaration says text; the datum lives as long as the call.
        self.datum(index).map(|datum| unsafe { text(datum) }).transpose()
    }

    pub fn bytes(&self, index: usize) -> Option<&[u8]> {
        // SAFETY: the SQL declaration says bytea.
        self.datum(index).map(|datum| unsafe { varlena(datum) })
    }

    pub fn int4(&self, index: usize) -> Option<i32> {
        self.datum(index).map(|datum| datum.value() as i32)
    }

    /// A bigint, or a timestamptz as microseconds since 2000-01-01 UTC.
    pub fn int8(&self, index: usize) -> Option<i64> {
        self.datum(index).map(|datum| datum.value() as i64)
    }

    pub fn boolean(&self, index: usize) -> Option<bool> {
        self.datum(index).map(|datum| datum.value() as u8 != 0)
    }

    /// The elements of an array, NULLs included.
    pub fn array(&self, index: usize, element: pg_sys::Oid) -> Option<Vec<Option<pg_sys::Datum>>> {
        let datum = self.datum(index)?;
        // SAFETY: the SQL declaration says an array of this type; PostgreSQL says how its elements are laid out.
        unsafe {
            let (mut length, mut by_value, mut align) = (0, false, 0);
            pg_sys::get_typlenbyvalalign(element, &mut length, &mut by_value, &mut align);
            let array = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
            let mut values: *mut pg_sys::Datum = std::ptr::null_mut();
            let mut nulls: *mut bool = std::ptr::null_mut();
            let mut count = 0;
            pg_sys::deconstruct_array(
                array,
                element,
                length.into(),
                by_value,
                align,
                &mut values,
                &mut nulls,
                &mut count,
            );
            Some(
                (0..count as usize)
                    .map(|i| (!*nulls.add(i)).then(|| *values.add(i)))
                    .collect(),
            )
        }
    }

    /// The elements of an array of text; NULL elements are left out.
    pub fn texts(&self, index: usize) -> Result<Option<Vec<&str>>> {
        let Some(elements) = self.array(index, pg_sys::TEXTOID) else {
            return Ok(None);
        };
        // SAFETY: the elements are text.
        elements
            .into_iter()
            .flatten()
            .map(|datum| unsafe { text(datum) })
            .collect::<Result<Vec<_>>>()
            .map(Some)
    }

    pub fn finish(&self, value: Option<pg_sys::Datum>) -> pg_sys::Datum {
        // SAFETY: fcinfo is valid for the whole call.
        unsafe { (*self.fcinfo).isnull = value.is_none() };
        value.unwrap_or(pg_sys::Datum::null())
    }

    /// The tuple descriptor of the composite type this function returns.
    pub fn result_type(&self) -> Result<pg_sys::TupleDesc> {
        let mut descriptor: pg_sys::TupleDesc = std::ptr::null_mut();
        // SAFETY: fcinfo is valid; the descriptor is blessed, so that the datum can be taken apart again.
        unsafe {
            let class = pg_sys::get_call_result_type(self.fcinfo, std::ptr::null_mut(), &mut descriptor);
            if class != pg_sys::TypeFuncClass::TYPEFUNC_COMPOSITE {
                return Err(Error::Internal("result type is not composite"));
            }
            Ok(pg_sys::BlessTupleDesc(descriptor))
        }
    }

    /// One row of the composite type this function returns.
    pub fn row(&self, values: &[Option<pg_sys::Datum>]) -> Result<pg_sys::Datum> {
        let descriptor = self.result_type()?;
        let (mut datums, mut nulls) = split(values);
        // SAFETY: as many values as the type has attributes, which the SQL declaration fixes.
        unsafe {
            if (*descriptor).natts as usize != values.len() {
                return Err(Error::Internal("result type has another number of columns"));
            }
            let tuple = pg_sys::heap_form_tuple(descriptor, datums.as_mut_ptr(), nulls.as_mut_ptr());
            Ok(pg_sys::HeapTupleHeaderGetDatum((*tuple).t_data))
        }
    }

    /// Starts returning a set; rows follow with [`Rows::put`].
    pub fn rows(&self) -> Rows {
        // SAFETY: fcinfo is valid; PostgreSQL raises an error itself when no set can be returned here.
        unsafe {
            pg_sys::InitMaterializedSRF(self.fcinfo, 0);
            Rows {
                info: (*self.fcinfo).resultinfo.cast(),
            }
        }
    }
}

/// The rows of a set-returning function.
pub struct Rows {
    info: *mut pg_sys::ReturnSetInfo,
}

impl Rows {
    pub fn put(&self, values: &[Option<pg_sys::Datum>]) -> Result<()> {
        let (mut datums, mut nulls) = split(values);
        // SAFETY: InitMaterializedSRF has set store and descriptor.
        unsafe {
            let descriptor = (*self.info).setDesc;
            if (*descriptor).natts as usize != values.len() {
                return Err(Error::Internal("result type has another number of columns"));
            }
            pg_sys::tuplestore_putvalues(
                (*self.info).setResult,
                descriptor,
                datums.as_mut_ptr(),
                nulls.as_mut_ptr(),
            );
        }
        Ok(())
    }
}

fn split(values: &[Option<pg_sys::Datum>]) -> (Vec<pg_sys::Datum>, Vec<bool>) {
    (
        values
            .iter()
            .map(|value| value.unwrap_or(pg_sys::Datum::null()))
            .collect(),
        values.iter().map(Option::is_none).collect(),
    )
}

/// Functions of PostgreSQL that only read, raise no error and are called for every row: without the guard that pgrx puts
/// around each call, which costs ten nanoseconds, four times a row.
pub mod plain {
    use pgrx::pg_sys::{Snapshot, TimestampTz};

    unsafe extern "C-unwind" {
        pub fn ActiveSnapshotSet() -> bool;
        pub fn GetActiveSnapshot() -> Snapshot;
        pub fn GetCurrentStatementStartTimestamp() -> TimestampTz;
        pub fn GetCurrentTransactionStartTimestamp() -> TimestampTz;
    }
}

/// Most lines of the processor's cache that are asked for ahead.
const AHEAD: usize = 16;

/// Asks for the memory before a value of a row, as much as the value has: a table is filled from the end of each page, so the next
/// row of a scan lies there. Without it a scan of rows that are in no cache waits for each of them.
pub fn read_ahead(value: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in 1..=(value.len() / 64 + 2).min(AHEAD) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let address = value.as_ptr().wrapping_sub(line * 64);
        // SAFETY: a hint; whatever is at the address, or nothing, it is not read.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (value, AHEAD);
}

/// The bytes of a varlena datum, detoasted if needed; lives in the current memory context.
///
/// # Safety
/// `datum` must be a non-null varlena.
pub unsafe fn varlena<'a>(datum: pg_sys::Datum) -> &'a [u8] {
    // SAFETY: by contract.
    unsafe {
        let mut packed = datum.cast_mut_ptr::<pg_sys::varlena>();
        // Most values lie plain in their row, and are spared the guarded call.
        if varlena::varatt_is_4b_c(packed) || varlena::varatt_is_1b_e(packed) {
            packed = pg_sys::pg_detoast_datum_packed(packed);
        }
        std::slice::from_raw_parts(
            varlena::vardata_any(packed).cast::<u8>(),
            varlena::varsize_any_exhdr(packed),
        )
    }
}

/// A text datum as a string, borrowed where PostgreSQL has it.
///
/// # Safety
/// `datum` must be a non-null text, varchar or char.
pub unsafe fn text<'a>(datum: pg_sys::Datum) -> Result<&'a str> {
    // SAFETY: by contract.
    simdutf8::basic::from_utf8(unsafe { varlena(datum) }).map_err(|_| Error::InvalidText)
}

pub fn text_datum(value: &str) -> pg_sys::Datum {
    // SAFETY: copies the bytes; the length is checked by PostgreSQL against its 1 GB limit.
    unsafe { pg_sys::cstring_to_text_with_len(value.as_ptr().cast(), value.len() as i32).into() }
}

pub fn bytea_datum(value: &[u8]) -> pg_sys::Datum {
    // SAFETY: a bytea has the layout of a text.
    unsafe { pg_sys::cstring_to_text_with_len(value.as_ptr().cast(), value.len() as i32).into() }
}

pub fn jsonb_datum(value: &serde_json::Value) -> Result<pg_sys::Datum> {
    input(pg_sys::JSONBOID, -1, &value.to_string())
}

pub fn cstring(value: &str) -> Result<CString> {
    CString::new(value).map_err(|_| Error::Internal("text contains a zero byte"))
}

/// `value` read by the input function of `type_oid`.
pub fn input(type_oid: pg_sys::Oid, typmod: i32, value: &str) -> Result<pg_sys::Datum> {
    let value = cstring(value)?;
    // SAFETY: the catalog gives the function; the C string outlives the call.
    unsafe {
        let mut function = pg_sys::InvalidOid;
        let mut parameter = pg_sys::InvalidOid;
        pg_sys::getTypeInputInfo(type_oid, &mut function, &mut parameter);
        Ok(pg_sys::OidInputFunctionCall(
            function,
            value.as_ptr().cast_mut(),
            parameter,
            typmod,
        ))
    }
}

/// What the output function of `type_oid` prints. Dates and the like follow the session's settings: see
/// [`crate::identity::PlainOutput`].
pub fn output(type_oid: pg_sys::Oid, datum: pg_sys::Datum) -> Result<String> {
    // SAFETY: the caller passes a datum of this type; PostgreSQL returns a C string.
    unsafe {
        let mut function = pg_sys::InvalidOid;
        let mut is_varlena = false;
        pg_sys::getTypeOutputInfo(type_oid, &mut function, &mut is_varlena);
        let printed = pg_sys::OidOutputFunctionCall(function, datum);
        let printed = std::ffi::CStr::from_ptr(printed);
        printed
            .to_str()
            .map(str::to_owned)
            .map_err(|_| Error::InvalidText)
    }
}
