//! Rows of the records by their columns' names: what sqlx's derive does. Its macros would build SQLite a second time,
//! for the compiler, which is a tenth of a build.

/// `from_row!(Row { a, b } or default { c })`: `FromRow` of a struct whose fields are named like their columns. Columns
/// after `or default` need not be there, as in a database that this version has not written to yet.
///
/// # Errors
/// The row's: `sqlx::Error::ColumnNotFound` and `ColumnDecode`.
macro_rules! from_row {
    ($row:ident { $($field:ident),* } $(or default { $($lacking:ident),* })?) => {
        impl<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow> for $row {
            fn from_row(row: &'r sqlx::sqlite::SqliteRow) -> sqlx::Result<$row> {
                use sqlx::Row as _;
                Ok($row {
                    $($field: row.try_get(stringify!($field))?,)*
                    $($($lacking: match row.try_get(stringify!($lacking)) {
                        Err(sqlx::Error::ColumnNotFound(_)) => Default::default(),
                        column => column?,
                    },)*)?
                })
            }
        }
    };
}

pub(super) use from_row;
