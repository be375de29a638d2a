//! One line of a trace: a request as it came, and what the guard is not told about it.

use std::fmt;

use crate::domain::{
    address::Address,
    channel::{Channel, Channels},
    purpose::Purpose,
};

/// The first line of every trace.
pub const HEADER: &str = "offset_ms,phone,user,ip,purpose,label,verifies_after_ms,reachable";

/// Who made a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Label {
    /// A person who wants to sign in.
    Legit,
    /// Somebody who earns by the message.
    Attack,
}

impl Label {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Legit, Self::Attack];

    /// The name used in traces and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Legit => "legit",
            Self::Attack => "attack",
        }
    }
}

/// One request of a trace. It holds a number, so it does not print but into a trace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// Milliseconds since the trace began.
    pub offset_ms: u64,
    /// The destination, as it was asked for.
    pub phone: &'a str,
    /// The user id, where there is one.
    pub user: Option<&'a str>,
    /// The address of the person's device, where it is known.
    pub ip: Option<Address>,
    /// Why the code is needed.
    pub purpose: Purpose,
    /// Who asks.
    pub label: Label,
    /// How long after the request the code is used, if it arrives; `None` when it never is.
    pub verifies_after_ms: Option<u64>,
    /// The free channels that would reach this person.
    pub reachable: Channels,
}

/// A column that cannot be read. What stands in it is not repeated: it may be somebody's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{column} {problem}")]
pub struct Unreadable {
    column: &'static str,
    problem: &'static str,
}

impl<'a> Row<'a> {
    /// Reads a line without its end.
    pub fn parse(line: &'a str) -> Result<Self, Unreadable> {
        let mut cells = line.split(',');
        let mut next = |column| {
            let cell = cells.next().map(str::trim);
            cell.ok_or(Unreadable::new(column, "is missing"))
        };
        let row = Self {
            offset_ms: whole("offset_ms", next("offset_ms")?)?,
            phone: phone(next("phone")?)?,
            user: present(next("user")?),
            ip: address(next("ip")?)?,
            purpose: purpose(next("purpose")?)?,
            label: label(next("label")?)?,
            verifies_after_ms: present(next("verifies_after_ms")?)
                .map(|cell| whole("verifies_after_ms", cell))
                .transpose()?,
            reachable: channels(next("reachable")?)?,
        };
        if cells.next().is_some() {
            return Err(Unreadable::new("the line", "has more columns than eight"));
        }
        Ok(row)
    }
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},", self.offset_ms, self.phone)?;
        write!(f, "{},", self.user.unwrap_or_default())?;
        if let Some(ip) = self.ip {
            write!(f, "{}", ip.expose())?;
        }
        write!(f, ",{},{},", self.purpose.as_str(), self.label.as_str())?;
        if let Some(after) = self.verifies_after_ms {
            write!(f, "{after}")?;
        }
        f.write_str(",")?;
        let mut joint = "";
        for channel in FREE.into_iter().filter(|c| self.reachable.contains(*c)) {
            write!(f, "{joint}{}", channel.as_str())?;
            joint = "+";
        }
        Ok(())
    }
}

/// The channels that pay an attacker nothing.
const FREE: [Channel; 2] = [Channel::Whatsapp, Channel::Line];

impl Unreadable {
    const fn new(column: &'static str, problem: &'static str) -> Self {
        Self { column, problem }
    }
}

fn present(cell: &str) -> Option<&str> {
    (!cell.is_empty()).then_some(cell)
}

fn whole(column: &'static str, cell: &str) -> Result<u64, Unreadable> {
    let number = cell.parse().ok();
    // Beyond a century it is a mistake, and would overflow clocks.
    let number = number.filter(|number| *number < 1000 * 60 * 60 * 24 * 366 * 100);
    number.ok_or(Unreadable::new(column, "is no number of milliseconds"))
}

fn phone(cell: &str) -> Result<&str, Unreadable> {
    let digits = cell.strip_prefix('+').unwrap_or_default();
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let read = plain.then_some(cell);
    read.ok_or(Unreadable::new("phone", "is not + and digits"))
}

fn address(cell: &str) -> Result<Option<Address>, Unreadable> {
    let Some(text) = present(cell) else {
        return Ok(None);
    };
    let read = Address::parse(text).map(Some);
    read.ok_or(Unreadable::new("ip", "is no IP address"))
}

fn purpose(cell: &str) -> Result<Purpose, Unreadable> {
    let names = "is none of enrollment, sign_in, account_unlock, password_reset, other";
    Purpose::from_name(cell).ok_or(Unreadable::new("purpose", names))
}

fn label(cell: &str) -> Result<Label, Unreadable> {
    let read = Label::ALL.into_iter().find(|label| label.as_str() == cell);
    read.ok_or(Unreadable::new("label", "is neither legit nor attack"))
}

fn channels(cell: &str) -> Result<Channels, Unreadable> {
    let Some(text) = present(cell) else {
        return Ok(Channels::NONE);
    };
    let free = |name| FREE.into_iter().find(|channel| channel.as_str() == name);
    let read: Option<Channels> = text.split('+').map(free).collect();
    read.ok_or(Unreadable::new(
        "reachable",
        "is not of whatsapp and line, joined by +",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_written() {
        for line in [
            "0,+14155550123,u1,203.0.113.7,sign_in,legit,8000,whatsapp+line",
            "86400000,+447400123456,,,enrollment,attack,,",
            "5,+819012345678,u2,2001:db8::1,password_reset,legit,,line",
        ] {
            let row = Row::parse(line).unwrap_or_else(|problem| panic!("{line}: {problem}"));
            assert_eq!(row.to_string(), line);
        }
    }

    #[test]
    fn the_columns_mean_what_they_say() {
        let row = Row::parse("7,+14155550123,u1,,other,attack,,whatsapp").unwrap();
        assert_eq!(
            (row.offset_ms, row.phone, row.user),
            (7, "+14155550123", Some("u1"))
        );
        assert!(row.ip.is_none() && row.verifies_after_ms.is_none());
        assert_eq!((row.purpose, row.label), (Purpose::Other, Label::Attack));
        assert_eq!(row.reachable, Channels::NONE.with(Channel::Whatsapp));
    }

    #[test]
    fn a_mistake_is_named_and_never_shown() {
        let check = |line: &str, expect: &str| {
            let problem = Row::parse(line).err().map(|problem| problem.to_string());
            assert_eq!(problem.as_deref(), Some(expect), "{line}");
        };
        check("", "offset_ms is no number of milliseconds");
        check("-1,+1,,,,,,", "offset_ms is no number of milliseconds");
        check(
            "99999999999999999,+1,,,,,,",
            "offset_ms is no number of milliseconds",
        );
        check("0", "phone is missing");
        check("0,4155550123,,,,,,", "phone is not + and digits");
        check("0,+1 415,,,,,,", "phone is not + and digits");
        check("0,+14155550123,,home,,,,", "ip is no IP address");
        check(
            "0,+14155550123,,,login,,,",
            "purpose is none of enrollment, sign_in, account_unlock, password_reset, other",
        );
        check(
            "0,+14155550123,,,other,good,,",
            "label is neither legit nor attack",
        );
        check(
            "0,+14155550123,,,other,legit,soon,",
            "verifies_after_ms is no number of milliseconds",
        );
        check(
            "0,+14155550123,,,other,legit,,sms",
            "reachable is not of whatsapp and line, joined by +",
        );
        check("0,+14155550123,,,other,legit,", "reachable is missing");
        check(
            "0,+14155550123,,,other,legit,,,",
            "the line has more columns than eight",
        );
    }
}
