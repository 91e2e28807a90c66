//! The client half: answering 401 and 407 (RFC 3261 §22.2, RFC 8760 §2.4).

use crate::base::Rng;
use crate::wire::sip::{Message, Name};

/// A user name and its password.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Credentials {
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
}

/// The password is nobody's business, not even a log's.
impl core::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Credentials({})", self.user)
    }
}

/// Credentials and what was answered with them last.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Login {
    credentials: Credentials,
}

/// What to do about a response.
#[derive(Debug, PartialEq, Eq)]
pub enum Challenged {
    /// Send the request again with this header.
    Answer {
        /// Authorization or Proxy-Authorization.
        header: Name,
        /// Its value.
        value: Vec<u8>,
    },
    /// Not a challenge, or none that can be answered: the response is final.
    No,
}

impl Login {
    /// Nothing answered yet.
    pub fn new(credentials: Credentials) -> Login {
        Login { credentials }
    }

    /// The header that was sent last: the ACK of a 2xx repeats it (§22.1).
    pub fn last(&self) -> Option<(Name, &[u8])> {
        None
    }

    /// Reads a response to `request`.
    pub fn challenged(
        &mut self,
        _request: &Message,
        _response: &Message,
        _rng: &mut Rng,
    ) -> Challenged {
        Challenged::No
    }
}
