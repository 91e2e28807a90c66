//! A gateway's own translations between SIP status codes and Q.850 causes.
//!
//! ```toml
//! status_to_cause = { 480 = 19, 500 = "NORMAL_CIRCUIT_CONGESTION" }
//! cause_to_status = { 34 = 486 }
//! ```

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::quoted;
use super::keys::Gateway;
use super::setting::{Reader, Setting};
use crate::wire::q850::{Cause, Mapping};

/// What each status means.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct StatusToCause(Vec<(u16, Cause)>);

/// With which status each cause refuses a call.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct CauseToStatus(Vec<(Cause, u16)>);

impl Gateway {
    /// How this gateway's codes are translated: its own tables before RFC 3398's.
    pub fn mapping(&self) -> Mapping {
        let mut mapping = Mapping::default();
        for (status, cause) in &self.status_to_cause.0 {
            mapping.set_cause(*status, *cause);
        }
        for (cause, status) in &self.cause_to_status.0 {
            mapping.set_status(*cause, *status);
        }
        mapping
    }
}

impl Setting for StatusToCause {
    const WRITE: &'static str = "a table of statuses and causes, such as { 480 = 19, 500 = 34 }";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<StatusToCause> {
        let status = |text: &str| text.parse().ok().filter(|s| (300..700).contains(s));
        let wrong = "is no status of a refusal: 300 to 699";
        let rows = rows(value, reader, Self::WRITE, status, wrong, cause, NO_CAUSE)?;
        Some(StatusToCause(rows))
    }
}

impl Setting for CauseToStatus {
    const WRITE: &'static str = "a table of causes and statuses, such as { 34 = 486 }";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<CauseToStatus> {
        let status = |value: &DeValue<'_>| {
            let number = number(value)?;
            (400..700).contains(&number).then_some(number)
        };
        let wrong = "not a status that refuses a call: 400 to 699";
        let rows =
            rows(value, reader, Self::WRITE, Cause::from_name, "is no Q.850 cause", status, wrong)?;
        Some(CauseToStatus(rows))
    }
}

const NO_CAUSE: &str = "not a Q.850 cause: its number (1 to 127) or its name";

fn cause(value: &DeValue<'_>) -> Option<Cause> {
    match value {
        DeValue::String(name) => Cause::from_name(name),
        value => Cause::new(u8::try_from(number(value)?).ok()?),
    }
}

fn number(value: &DeValue<'_>) -> Option<u16> {
    match value {
        DeValue::Integer(number) => u16::from_str_radix(number.as_str(), number.radix()).ok(),
        _ => None,
    }
}

/// The rows of a table; each wrong key and value is a fault of its own.
fn rows<K, V>(
    value: &Spanned<DeValue<'_>>,
    reader: &mut Reader<'_>,
    write: &str,
    key: impl Fn(&str) -> Option<K>,
    wrong_key: &str,
    read: impl Fn(&DeValue<'_>) -> Option<V>,
    wrong_value: &str,
) -> Option<Vec<(K, V)>> {
    let Some(table) = value.get_ref().as_table() else {
        reader.wrong_type(value, write);
        return None;
    };
    let table: &DeTable<'_> = table;
    let mut rows = Vec::new();
    let mut complete = true;
    for (name, value) in table {
        match (key(name.get_ref()), read(value.get_ref())) {
            (Some(key), Some(value)) => rows.push((key, value)),
            (None, _) => {
                let what = format!("{} {wrong_key}", quoted(name.get_ref()));
                reader.faults.error(&name.span(), what, format!("write {write}"));
                complete = false;
            }
            (_, None) => {
                reader.faults.error(&value.span(), wrong_value, format!("write {write}"));
                complete = false;
            }
        }
    }
    complete.then_some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Setting>(toml: &str) -> Result<T, String> {
        let mut reader = Reader::new(toml);
        let value = DeValue::parse(toml).expect("TOML");
        T::read(&value, &mut reader)
            .ok_or_else(|| reader.faults.finish().into_iter().map(|fault| fault.what).collect())
    }

    #[test]
    fn causes_are_numbers_or_names() {
        let table: StatusToCause = read("{ 480 = 19, 500 = \"switch-congestion\" }").unwrap();
        assert_eq!(table.0, [(480, Cause::NO_ANSWER), (500, Cause::SWITCH_CONGESTION)]);
        let table: CauseToStatus = read("{ 34 = 486, USER_BUSY = 600 }").unwrap();
        assert_eq!(table.0, [(Cause::NORMAL_CIRCUIT_CONGESTION, 486), (Cause::USER_BUSY, 600)]);
    }

    #[test]
    fn wrong_rows_say_why() {
        let status = |toml| read::<StatusToCause>(toml).unwrap_err();
        assert!(status("{ 200 = 16 }").contains("no status of a refusal"));
        assert!(status("{ 480 = 0 }").contains("not a Q.850 cause"));
        assert!(status("{ 480 = \"BUSY\" }").contains("not a Q.850 cause"));
        assert!(status("480").contains("cannot stand here"));
        let cause = |toml| read::<CauseToStatus>(toml).unwrap_err();
        assert!(cause("{ 128 = 486 }").contains("is no Q.850 cause"));
        assert!(cause("{ 17 = 200 }").contains("400 to 699"));
    }
}
