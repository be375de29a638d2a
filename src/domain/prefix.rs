//! Digits with which numbers begin: ranges that operators name, and never a whole number.

use std::borrow::Cow;

use super::phone::{PhoneNumber, may_be_whole};

/// Digits of E.164 at most.
const MOST: usize = 15;

/// How many digits a range leaves open at least.
const OPEN: usize = 4;

/// Digits after the calling code that a number has at least where the plan allows numbers of any length: in Germany three
/// digits after an area code are valid, and nobody's.
const SOMEBODYS: usize = 7;

/// Why a text names no range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPrefix {
    /// It is not `+` with 1 to 11 digits after it, the first of them not 0.
    Form,
    /// It says of whole numbers all but the last few digits, or all.
    Whole,
}

/// Reads a range, such as `+4474001`: its digits in canonical form.
pub fn parse(text: &str) -> Result<String, BadPrefix> {
    let digits = text.trim().strip_prefix('+').ok_or(BadPrefix::Form)?;
    let fits = (1..=MOST - OPEN).contains(&digits.len());
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    if !fits || !plain || digits.starts_with('0') {
        return Err(BadPrefix::Form);
    }
    if tells_a_number(digits) {
        return Err(BadPrefix::Whole);
    }
    Ok(canonical(digits).into_owned())
}

/// The digits as numbers have them in canonical form: without the 9 of Argentine mobiles and the old 1 of Mexican ones.
/// What ends with the 9 itself stays: without it, it would be all of the country.
pub fn canonical(digits: &str) -> Cow<'_, str> {
    let marks = [("549", "54"), ("521", "52")];
    let without = marks.into_iter().find_map(|(mark, code)| {
        let rest = digits.strip_prefix(mark).filter(|rest| !rest.is_empty())?;
        Some(format!("{code}{rest}"))
    });
    without.map_or(Cow::Borrowed(digits), Cow::Owned)
}

/// Whether the digits leave fewer than four open of every number that begins with them, or are one. Where a plan has
/// numbers of several lengths, the longest ones decide: otherwise no range of them could be named.
fn tells_a_number(digits: &str) -> bool {
    let whole = (0..OPEN).any(|more| has_numbers(digits, more));
    if !whole || !has_numbers(digits, OPEN) {
        return whole;
    }
    let number = PhoneNumber::parse(&format!("+{digits}"));
    number.is_some_and(|number| number.expose_national().len() >= SOMEBODYS)
}

/// Whether there are valid numbers of these and so many more digits. Plans look at the first digits of a number and hardly
/// ever at its last two.
fn has_numbers(digits: &str, more: usize) -> bool {
    if !may_be_whole(&format!("+{digits}{:0<more$}", "")) {
        return false;
    }
    let varied = more.min(2);
    (0..10_usize.pow(u32::try_from(varied).unwrap_or(0))).any(|tail| {
        let tail = if more == 0 {
            String::new()
        } else {
            format!("{tail:0varied$}")
        };
        PhoneNumber::parse(&format!("+{digits}{tail:0<more$}")).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_leaves_four_digits_open_and_a_whole_number_is_none() {
        let check = |text: &str, expect: Option<BadPrefix>| {
            assert_eq!(parse(text).err(), expect, "{text}");
        };
        let (form, whole) = (Some(BadPrefix::Form), Some(BadPrefix::Whole));
        // The United States, Britain, France and Singapore have numbers of one length.
        for (range, number) in [
            ("+1415555", "+14155550123"),
            ("+44740012", "+447400123456"),
            ("+3361234", "+33612345678"),
            ("+659123", "+6591234567"),
        ] {
            for length in 2..=number.len() {
                let expect = (length > range.len()).then_some(BadPrefix::Whole);
                // What is too long for a range is refused as such.
                let expect = expect
                    .filter(|_| length <= 12)
                    .or_else(|| (length > 12).then_some(BadPrefix::Form));
                check(&number[..length], expect);
            }
        }
        // Germany's mobiles have ten or eleven digits, Austria's any number, and landlines of both too.
        check("+491512345", None);
        check("+4915123456", whole);
        check("+491761234", None);
        check("+49176123456", whole);
        check("+4930", None);
        check("+49301234", None);
        check("+493012345", whole);
        check("+4930123456", whole);
        check("+43664123", None);
        check("+436641234", whole);
        check("+431", None);
        // A country of few people.
        check("+683", None);
        check("+6834", whole);
        // What no number begins with.
        check("+1000", None);
        check("+999", None);
        for bad in ["", "+", "44", "+0", "+44a", "+491512345678", "+44 74"] {
            check(bad, form);
        }
        assert_eq!(parse(" +1415 ").as_deref(), Ok("1415"));
    }

    #[test]
    fn two_writings_of_a_range_are_one() {
        let check = |text: &str, expect: &str| {
            assert_eq!(parse(text).as_deref(), Ok(expect), "{text}");
        };
        check("+549112345", "54112345");
        check("+54112345", "54112345");
        check("+5491", "541");
        check("+549", "549");
        check("+52155", "5255");
        check("+5255", "5255");
    }
}
