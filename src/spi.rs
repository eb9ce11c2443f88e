//! SPI with a choice that pgrx's own does not give: reading without ever taking an XID.
//!
//! `pgrx::Spi::get_one` and friends call for a transaction id, which a standby and a parallel worker refuse and which
//! burns one per SELECT. [`read`] runs under the active snapshot and assigns nothing.

use crate::error::{Error, Result};
use crate::pg;
use pgrx::pg_sys;
use std::ffi::CStr;

/// A parameter of a statement.
pub struct Parameter {
    pub type_oid: pg_sys::Oid,
    pub value: Option<pg_sys::Datum>,
}

impl Parameter {
    pub fn int4(value: i32) -> Self {
        Self {
            type_oid: pg_sys::INT4OID,
            value: Some(value.into()),
        }
    }

    /// Microseconds since 2000-01-01 UTC.
    pub fn timestamptz(value: Option<i64>) -> Self {
        Self {
            type_oid: pg_sys::TIMESTAMPTZOID,
            value: value.map(pg_sys::Datum::from),
        }
    }

    pub fn oid(value: pg_sys::Oid) -> Self {
        Self {
            type_oid: pg_sys::OIDOID,
            value: Some(value.into()),
        }
    }

    pub fn text(value: Option<&str>) -> Self {
        Self {
            type_oid: pg_sys::TEXTOID,
            value: value.map(pg::text_datum),
        }
    }

    pub fn bytea(value: &[u8]) -> Self {
        Self {
            type_oid: pg_sys::BYTEAOID,
            value: Some(pg::bytea_datum(value)),
        }
    }

    pub fn jsonb(value: &serde_json::Value) -> Result<Self> {
        Ok(Self {
            type_oid: pg_sys::JSONBOID,
            value: Some(pg::jsonb_datum(value)?),
        })
    }
}

/// One result row; columns count from 1.
pub struct Row {
    tuple: pg_sys::HeapTuple,
    descriptor: pg_sys::TupleDesc,
}

impl Row {
    pub fn datum(&self, column: i32) -> Option<pg_sys::Datum> {
        let mut is_null = false;
        // SAFETY: tuple and descriptor belong to the current SPI result.
        let value = unsafe { pg_sys::SPI_getbinval(self.tuple, self.descriptor, column, &mut is_null) };
        (!is_null).then_some(value)
    }

    pub fn text(&self, column: i32) -> Result<Option<String>> {
        // SAFETY: our statements cast the column to text.
        self.datum(column)
            .map(|datum| unsafe { pg::text(datum) }.map(str::to_owned))
            .transpose()
    }

    pub fn bytes(&self, column: i32) -> Option<Vec<u8>> {
        // SAFETY: our statements give bytea here.
        self.datum(column)
            .map(|datum| unsafe { pg::varlena(datum) }.to_vec())
    }

    pub fn int4(&self, column: i32) -> Option<i32> {
        self.datum(column).map(|datum| datum.value() as i32)
    }

    pub fn int8(&self, column: i32) -> Option<i64> {
        self.datum(column).map(|datum| datum.value() as i64)
    }

    pub fn float4(&self, column: i32) -> Option<f32> {
        self.datum(column)
            .map(|datum| f32::from_bits(datum.value() as u32))
    }

    pub fn boolean(&self, column: i32) -> Option<bool> {
        self.datum(column).map(|datum| datum.value() as u8 != 0)
    }

    pub fn oid(&self, column: i32) -> Option<pg_sys::Oid> {
        self.datum(column)
            .map(|datum| pg_sys::Oid::from(datum.value() as u32))
    }
}

struct Connection;

impl Connection {
    fn open() -> Result<Self> {
        // SAFETY: closed on drop; an error closes it with the (sub)transaction.
        if unsafe { pg_sys::SPI_connect() } != pg_sys::SPI_OK_CONNECT as i32 {
            return Err(Error::Internal("SPI_connect failed"));
        }
        Ok(Self)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: opened by open().
            unsafe { pg_sys::SPI_finish() };
        }
    }
}

struct Arguments {
    types: Vec<pg_sys::Oid>,
    values: Vec<pg_sys::Datum>,
    nulls: Vec<std::ffi::c_char>,
}

impl Arguments {
    fn new(parameters: &[Parameter]) -> Self {
        Self {
            types: parameters.iter().map(|p| p.type_oid).collect(),
            values: parameters
                .iter()
                .map(|p| p.value.unwrap_or(pg_sys::Datum::null()))
                .collect(),
            nulls: parameters
                .iter()
                .map(|p| if p.value.is_some() { b' ' } else { b'n' } as std::ffi::c_char)
                .collect(),
        }
    }
}

fn execute(
    sql: &CStr,
    parameters: &[Parameter],
    read_only: bool,
    mut each: impl FnMut(&Row) -> Result<()>,
) -> Result<u64> {
    let _connection = Connection::open()?;
    let mut arguments = Arguments::new(parameters);
    // SAFETY: types, values and nulls have one entry per parameter; the result table lives until SPI_finish.
    unsafe {
        let status = pg_sys::SPI_execute_with_args(
            sql.as_ptr(),
            parameters.len() as i32,
            arguments.types.as_mut_ptr(),
            arguments.values.as_mut_ptr(),
            arguments.nulls.as_ptr(),
            read_only,
            0,
        );
        if status < 0 {
            return Err(Error::Internal("SPI_execute failed"));
        }
        let processed = pg_sys::SPI_processed;
        if !pg_sys::SPI_tuptable.is_null() {
            let table = &*pg_sys::SPI_tuptable;
            let tuples = if table.numvals == 0 {
                &[]
            } else {
                std::slice::from_raw_parts(table.vals, table.numvals as usize)
            };
            for &tuple in tuples {
                each(&Row {
                    tuple,
                    descriptor: table.tupdesc,
                })?;
            }
        }
        Ok(processed)
    }
}

/// Runs a query under the active snapshot, taking no XID.
pub fn read(sql: &CStr, parameters: &[Parameter], each: impl FnMut(&Row) -> Result<()>) -> Result<()> {
    execute(sql, parameters, true, each).map(|_| ())
}

/// Runs a statement that may write; returns how many rows it processed.
pub fn write(sql: &CStr, parameters: &[Parameter], each: impl FnMut(&Row) -> Result<()>) -> Result<u64> {
    execute(sql, parameters, false, each)
}

/// As [`read`], but fetches in portions, for results that need not fit in memory at once.
pub fn read_large(
    sql: &CStr,
    parameters: &[Parameter],
    mut each: impl FnMut(&Row) -> Result<()>,
) -> Result<()> {
    const PORTION: std::ffi::c_long = 10_000;
    let _connection = Connection::open()?;
    let mut arguments = Arguments::new(parameters);
    // SAFETY: as in execute(); every portion is freed before the next is fetched.
    unsafe {
        let portal = pg_sys::SPI_cursor_open_with_args(
            std::ptr::null(),
            sql.as_ptr(),
            parameters.len() as i32,
            arguments.types.as_mut_ptr(),
            arguments.values.as_mut_ptr(),
            arguments.nulls.as_ptr(),
            true,
            0,
        );
        loop {
            pgrx::check_for_interrupts!();
            pg_sys::SPI_cursor_fetch(portal, true, PORTION);
            let table = pg_sys::SPI_tuptable;
            if table.is_null() || pg_sys::SPI_processed == 0 {
                break;
            }
            for &tuple in std::slice::from_raw_parts((*table).vals, pg_sys::SPI_processed as usize) {
                each(&Row {
                    tuple,
                    descriptor: (*table).tupdesc,
                })?;
            }
            pg_sys::SPI_freetuptable(table);
        }
        pg_sys::SPI_cursor_close(portal);
    }
    Ok(())
}

/// Runs `work` under a snapshot taken now instead of the statement's own. Not in parallel mode.
pub fn under_latest_snapshot<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    // SAFETY: pushed and popped in pairs; an error pops it with the (sub)transaction.
    unsafe {
        pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot());
        let result = work();
        pg_sys::PopActiveSnapshot();
        result
    }
}
