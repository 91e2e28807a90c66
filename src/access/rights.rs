//! Who may do what by the API: a program's roles, and the agent for whom it acts.
//!
//! ```text
//!  token ─▶ Rights {roles, agent} ─▶ may(deed on whose thing?) ─▶ yes, or why not
//! ```
//!
//! The rule alone. Who shows which token is `api`'s; whose a phone or a call is, the switch's.

use serde::{Deserialize, Serialize};

/// What a program may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Sees calls, agents, queues and events.
    Read,
    /// Acts for one agent and the phone at which that one is.
    Agent,
    /// Sees all, acts for all, listens in.
    Supervisor,
    /// May do everything.
    Admin,
}

impl Role {
    /// Its word, as the configuration and the API have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Read => "read",
            Role::Agent => "agent",
            Role::Supervisor => "supervisor",
            Role::Admin => "admin",
        }
    }
}

/// What is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed {
    /// To see what is going on with everybody.
    See,
    /// To see what is going on with one's own agent, phone and calls.
    SeeOwn,
    /// To act for an agent, or with a phone or a call that is its.
    Act,
    /// To listen to others, speak to them unasked, force their states.
    Supervise,
    /// To change how Belfry works.
    Administer,
}

/// A program's roles.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Rights {
    /// The program's name.
    pub name: String,
    /// Its roles.
    pub roles: Vec<Role>,
    /// The agent for whom it acts.
    pub agent: Option<String>,
    /// The phones at which it may sign that one in.
    #[serde(default)]
    pub phones: Vec<String>,
    /// It gets outside numbers masked (R29).
    #[serde(default)]
    pub masked: bool,
}

impl Rights {
    /// Whether it has one of these.
    pub fn has_any(&self, roles: &[Role]) -> bool {
        self.roles.contains(&Role::Admin) || roles.iter().any(|role| self.roles.contains(role))
    }

    /// Whether it sees everybody's calls, and not those of its own agent alone.
    pub fn sees_all(&self) -> bool {
        self.may(Deed::See, false)
    }

    /// Whether it may sign an agent in at this phone. Who is signed in at a phone acts with it: a token for one
    /// agent would get hold of any phone otherwise, and of what that one may dial.
    pub fn may_sign_in_at(&self, phone: &str) -> bool {
        self.may(Deed::Act, false) || self.phones.iter().any(|own| own == phone)
    }

    /// Whether it may; `own`: the thing is its agent's.
    pub fn may(&self, deed: Deed, own: bool) -> bool {
        let has = |role| self.roles.contains(&role);
        has(Role::Admin)
            || match deed {
                Deed::See => has(Role::Read) || has(Role::Supervisor),
                Deed::SeeOwn => {
                    has(Role::Read) || has(Role::Supervisor) || (has(Role::Agent) && own)
                }
                Deed::Act => has(Role::Supervisor) || (has(Role::Agent) && own),
                Deed::Supervise => has(Role::Supervisor),
                Deed::Administer => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(roles: &[Role]) -> Rights {
        Rights { roles: roles.to_vec(), ..Rights::default() }
    }

    #[test]
    fn each_role_may_what_it_is_for_and_no_more() {
        use Deed::{Act, Administer, See, SeeOwn, Supervise};
        let all = [See, SeeOwn, Act, Supervise, Administer];
        let may = |role, own| all.map(|deed| with(&[role]).may(deed, own));
        assert_eq!(may(Role::Read, false), [true, true, false, false, false]);
        assert_eq!(may(Role::Read, true), [true, true, false, false, false]);
        assert_eq!(may(Role::Agent, false), [false; 5]);
        assert_eq!(may(Role::Agent, true), [false, true, true, false, false]);
        assert_eq!(may(Role::Supervisor, false), [true, true, true, true, false]);
        assert_eq!(may(Role::Admin, false), [true; 5]);
        assert_eq!(all.map(|deed| with(&[]).may(deed, true)), [false; 5]);
    }

    #[test]
    fn an_agents_token_signs_in_at_its_own_phones_alone() {
        let phones = vec!["1001".to_owned()];
        let agent = Rights { agent: Some("7001".into()), phones, ..with(&[Role::Agent]) };
        assert!(agent.may_sign_in_at("1001") && !agent.may_sign_in_at("1002"));
        assert!(!with(&[Role::Agent]).may_sign_in_at("1001"), "without a list: at none");
        assert!(with(&[Role::Supervisor]).may_sign_in_at("1002"));
        assert!(with(&[Role::Admin]).may_sign_in_at("1002"));
    }

    #[test]
    fn roles_add_up() {
        let both = with(&[Role::Read, Role::Agent]);
        assert!(both.may(Deed::See, false) && both.may(Deed::Act, true));
        assert!(!both.may(Deed::Act, false));
        assert!(with(&[Role::Admin]).has_any(&[Role::Supervisor]));
        assert!(!with(&[Role::Read]).has_any(&[Role::Supervisor]));
    }
}
