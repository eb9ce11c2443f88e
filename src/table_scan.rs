//! Rows of our own tables without SQL: for what every new session reads before its first verdict, where planning a query
//! would cost more than all the rest.
//!
//! Reads under the active snapshot, takes no XID, asks for no rights: callers decide what of it leaves. Names are resolved
//! in our schema by OID, never through search_path. Not for joins, and not for tables of users.

use crate::error::{Error, Result};
use crate::pg;
use pgrx::pg_sys::{self, Datum};
use std::ffi::CStr;

/// A table of ours, open for reading.
pub struct Table {
    schema: pg_sys::Oid,
    relation: pg_sys::Relation,
}

/// What a column must have: its number, how its value must compare with this one, the function that compares.
pub struct Key {
    pub column: usize,
    pub strategy: u32,
    pub function: u32,
    pub value: Datum,
}

impl Key {
    /// An integer column must have this value.
    pub fn int4(column: usize, value: i32) -> Self {
        Self {
            column,
            strategy: pg_sys::BTEqualStrategyNumber,
            function: pg_sys::F_INT4EQ,
            value: value.into(),
        }
    }

    /// A column of one of our enums must have a label behind this one.
    pub fn behind(column: usize, label: Datum) -> Self {
        Self {
            column,
            strategy: pg_sys::BTGreaterStrategyNumber,
            function: pg_sys::F_ENUM_GT,
            value: label,
        }
    }
}

/// One row; columns count from 1 as [`Table::columns`] numbers them.
pub struct Row {
    values: Vec<Datum>,
    nulls: Vec<bool>,
}

impl Row {
    pub fn datum(&self, column: usize) -> Option<Datum> {
        let at = column.checked_sub(1)?;
        let is_null = self.nulls.get(at).copied().unwrap_or(true);
        self.values.get(at).copied().filter(|_| !is_null)
    }

    pub fn int4(&self, column: usize) -> Option<i32> {
        self.datum(column).map(|datum| datum.value() as i32)
    }

    pub fn boolean(&self, column: usize) -> Option<bool> {
        self.datum(column).map(|datum| datum.value() as u8 != 0)
    }

    pub fn int2(&self, column: usize) -> Option<i16> {
        self.datum(column).map(|datum| datum.value() as i16)
    }

    /// A bigint or a timestamptz.
    pub fn int8(&self, column: usize) -> Option<i64> {
        self.datum(column).map(|datum| datum.value() as i64)
    }

    pub fn float4(&self, column: usize) -> Option<f32> {
        self.datum(column)
            .map(|datum| f32::from_bits(datum.value() as u32))
    }

    pub fn text(&self, column: usize) -> Result<Option<String>> {
        // SAFETY: the column is declared text.
        self.datum(column)
            .map(|datum| unsafe { pg::text(datum) }.map(str::to_owned))
            .transpose()
    }

    pub fn bytes(&self, column: usize) -> Option<Vec<u8>> {
        // SAFETY: the column is declared bytea.
        self.datum(column)
            .map(|datum| unsafe { pg::varlena(datum) }.to_vec())
    }

    pub fn uuid(&self, column: usize) -> Option<Vec<u8>> {
        // SAFETY: the column is declared uuid: 16 bytes, passed by reference.
        self.datum(column)
            .map(|datum| unsafe { std::slice::from_raw_parts(datum.cast_mut_ptr::<u8>(), 16) }.to_vec())
    }

    /// The label of a value of one of our enums.
    pub fn label(&self, column: usize) -> Result<Option<String>> {
        self.printed(column, pg_sys::enum_out)
    }

    /// As the output function of its type, which must need nothing but the value, prints it: looking the function up took a
    /// thirtieth of a session's first verdict.
    pub fn printed(
        &self,
        column: usize,
        output: unsafe fn(pg_sys::FunctionCallInfo) -> Datum,
    ) -> Result<Option<String>> {
        let Some(datum) = self.datum(column) else {
            return Ok(None);
        };
        // SAFETY: the caller names the function of the column's declared type.
        let printed = unsafe { pgrx::direct_function_call_as_datum(output, &[Some(datum)]) };
        let printed = printed.ok_or(Error::Internal("a value prints as nothing"))?;
        // SAFETY: an output function returns a C string.
        let printed = unsafe { CStr::from_ptr(printed.cast_mut_ptr()) };
        let printed = printed.to_str().map_err(|_| Error::InvalidText)?;
        Ok(Some(printed.to_owned()))
    }
}

impl Table {
    pub fn open(schema: pg_sys::Oid, name: &CStr) -> Result<Self> {
        let oid = relation_oid(schema, name)?;
        // SAFETY: opened by OID with a reader's lock, closed on drop.
        let relation = unsafe { pg_sys::table_open(oid, pg_sys::AccessShareLock as pg_sys::LOCKMODE) };
        Ok(Self { schema, relation })
    }

    /// Has it no row that any snapshot could see?
    pub fn is_empty(&self) -> bool {
        // SAFETY: the relation is open.
        unsafe {
            pg_sys::RelationGetNumberOfBlocksInFork(self.relation, pg_sys::ForkNumber::MAIN_FORKNUM) == 0
        }
    }

    /// The numbers of these columns: an updated install has them in another order than a fresh one.
    pub fn columns<const N: usize>(&self, names: [&CStr; N]) -> Result<[usize; N]> {
        let mut numbers = [0; N];
        for (number, name) in numbers.iter_mut().zip(names) {
            // SAFETY: the descriptor belongs to the open relation; only looks through it.
            let found = unsafe { pg_sys::SPI_fnumber((*self.relation).rd_att, name.as_ptr()) };
            *number = usize::try_from(found).map_err(|_| Error::NotUpdated)?;
        }
        Ok(numbers)
    }

    /// All rows, in any order.
    pub fn each(&self, mut each: impl FnMut(&Row) -> Result<()>) -> Result<()> {
        let mut done = Ok(());
        // SAFETY: the snapshot is active while the function that reads runs; tuples are used before the next one.
        unsafe {
            let snapshot = pg_sys::GetActiveSnapshot();
            let scan = pg_sys::systable_beginscan(
                self.relation,
                pg_sys::InvalidOid,
                false,
                snapshot,
                0,
                std::ptr::null_mut(),
            );
            let mut row = self.row();
            while done.is_ok() {
                let tuple = pg_sys::systable_getnext(scan);
                if tuple.is_null() {
                    break;
                }
                self.deform(tuple, &mut row);
                done = each(&row);
            }
            pg_sys::systable_endscan(scan);
        }
        done
    }

    /// The rows whose leading columns of the index have what the keys say, in its order, until `each` returns `false`.
    pub fn each_by(
        &self,
        index: &CStr,
        keys: &[Key],
        mut each: impl FnMut(&Row) -> Result<bool>,
    ) -> Result<()> {
        let index = relation_oid(self.schema, index)?;
        let mut go_on = Ok(true);
        // SAFETY: as in each(); as many keys as are counted, which PostgreSQL copies or keeps until the end of the scan.
        unsafe {
            let index = pg_sys::index_open(index, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
            let mut entries: Vec<pg_sys::ScanKeyData> = vec![std::mem::zeroed(); keys.len()];
            for (entry, key) in entries.iter_mut().zip(keys) {
                pg_sys::ScanKeyInit(
                    entry,
                    key.column as pg_sys::AttrNumber,
                    key.strategy as pg_sys::StrategyNumber,
                    key.function.into(),
                    key.value,
                );
            }
            let snapshot = pg_sys::GetActiveSnapshot();
            let scan = pg_sys::systable_beginscan_ordered(
                self.relation,
                index,
                snapshot,
                keys.len() as i32,
                entries.as_mut_ptr(),
            );
            let mut row = self.row();
            while matches!(go_on, Ok(true)) {
                let tuple =
                    pg_sys::systable_getnext_ordered(scan, pg_sys::ScanDirection::ForwardScanDirection);
                if tuple.is_null() {
                    break;
                }
                self.deform(tuple, &mut row);
                go_on = each(&row);
            }
            pg_sys::systable_endscan_ordered(scan);
            pg_sys::index_close(index, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        }
        go_on.map(|_| ())
    }

    fn row(&self) -> Row {
        // SAFETY: the relation is open.
        let columns = unsafe { (*(*self.relation).rd_att).natts } as usize;
        Row {
            values: vec![Datum::null(); columns],
            nulls: vec![true; columns],
        }
    }

    /// # Safety
    /// The tuple must be one of the relation.
    unsafe fn deform(&self, tuple: pg_sys::HeapTuple, row: &mut Row) {
        // SAFETY: by contract; the row has as many columns as the descriptor.
        unsafe {
            pg_sys::heap_deform_tuple(
                tuple,
                (*self.relation).rd_att,
                row.values.as_mut_ptr(),
                row.nulls.as_mut_ptr(),
            );
        }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: opened by open(); after an error the transaction's end closes it.
            unsafe { pg_sys::table_close(self.relation, pg_sys::AccessShareLock as pg_sys::LOCKMODE) };
        }
    }
}

fn relation_oid(schema: pg_sys::Oid, name: &CStr) -> Result<pg_sys::Oid> {
    // SAFETY: a system cache look-up inside a transaction.
    match unsafe { pg_sys::get_relname_relid(name.as_ptr(), schema) } {
        pg_sys::InvalidOid => Err(Error::NotUpdated),
        oid => Ok(oid),
    }
}

/// The OID of a label of one of our enums.
pub fn label_oid(schema: pg_sys::Oid, enum_type: &CStr, label: &CStr) -> Result<pg_sys::Oid> {
    // SAFETY: system cache look-ups inside a transaction; both keys of a name are C strings.
    let oid = unsafe {
        let enum_type = pg_sys::GetSysCacheOid(
            pg_sys::SysCacheIdentifier::TYPENAMENSP as i32,
            pg_sys::Anum_pg_type_oid as pg_sys::AttrNumber,
            Datum::from(enum_type.as_ptr()),
            schema.into(),
            Datum::null(),
            Datum::null(),
        );
        pg_sys::GetSysCacheOid(
            pg_sys::SysCacheIdentifier::ENUMTYPOIDNAME as i32,
            pg_sys::Anum_pg_enum_oid as pg_sys::AttrNumber,
            enum_type.into(),
            Datum::from(label.as_ptr()),
            Datum::null(),
            Datum::null(),
        )
    };
    match oid {
        pg_sys::InvalidOid => Err(Error::Internal("an enum label is missing")),
        oid => Ok(oid),
    }
}
