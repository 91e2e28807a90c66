//! The words that follow `subscriber`: whom, and what is to become of it.

use super::Order;

/// What is asked about subscribers. All of it is the records' affair; the exchange hears what changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SubscriberOrder {
    /// Those whose number, name, address or region holds this text; all, where it is empty.
    List(String),
    /// One, with all that is known of it.
    Show(String),
    /// A new one, with these fields.
    Add(String, Vec<(String, String)>),
    /// These fields of one.
    Set(String, Vec<(String, String)>),
    /// One goes.
    Remove(String),
    /// Read these anew, or all where none is named: another program has changed them.
    Reload(Vec<String>),
}

impl SubscriberOrder {
    /// Whether it changes something.
    pub fn has_effect(&self) -> bool {
        match self {
            SubscriberOrder::List(_) | SubscriberOrder::Show(_) => false,
            SubscriberOrder::Add(..)
            | SubscriberOrder::Set(..)
            | SubscriberOrder::Remove(_)
            | SubscriberOrder::Reload(_) => true,
        }
    }
}

/// `[TEXT]`.
pub(super) fn list(rest: &str) -> Result<Order, String> {
    Ok(Order::Subscriber(SubscriberOrder::List(rest.trim().to_owned()), String::new()))
}

/// `NUMBER`.
pub(super) fn show(rest: &str) -> Result<Order, String> {
    Ok(Order::Subscriber(SubscriberOrder::Show(rest.trim().to_owned()), String::new()))
}

/// `NUMBER`.
pub(super) fn remove(rest: &str) -> Result<Order, String> {
    Ok(Order::Subscriber(SubscriberOrder::Remove(rest.trim().to_owned()), String::new()))
}

/// `[NUMBER ...]`.
pub(super) fn reload(rest: &str) -> Result<Order, String> {
    let numbers = rest.split_whitespace().map(str::to_owned).collect();
    Ok(Order::Subscriber(SubscriberOrder::Reload(numbers), String::new()))
}

/// `NUMBER NAME`.
pub(super) fn add(rest: &str) -> Result<Order, String> {
    let (number, name) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest, ""));
    let fields = vec![("name".to_owned(), name.trim().to_owned())];
    Ok(Order::Subscriber(SubscriberOrder::Add(number.to_owned(), fields), String::new()))
}

/// `NUMBER FIELD TEXT`; without a text the field is emptied.
pub(super) fn set(rest: &str) -> Result<Order, String> {
    let mut words = rest.trim().splitn(3, char::is_whitespace);
    let (Some(number), Some(field)) = (words.next(), words.next()) else {
        return Err("write a number, a field and its text: subscriber set 1001 region south".into());
    };
    let text = words.next().unwrap_or_default().trim().to_owned();
    let fields = vec![(field.to_owned(), text)];
    Ok(Order::Subscriber(SubscriberOrder::Set(number.to_owned(), fields), String::new()))
}
