//! pg_moderation: content moderation where the content lives. This file is the map of the extension.
#![allow(unsafe_code)]

#[cfg(not(panic = "unwind"))]
compile_error!("pg_moderation must be built with panic = \"unwind\"");

use pgrx::prelude::*;

pgrx::pg_module_magic!(name, version);

pgrx::extension_sql_file!("../sql/10_schema.sql", name = "schema", bootstrap);

#[pg_extern(sql = false)]
fn hello(a: &str) -> bool {
    a == "x"
}
