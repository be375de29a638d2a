//! Phone numbers: read in any writing, kept in one canonical form, printed masked.

use std::{cell::Cell, fmt};

use rlibphonenumber::{
    PHONE_NUMBER_UTIL, PhoneNumber as Parsed, PhoneNumberFormat, PhoneNumberType, Region,
};

/// An ISO 3166-1 alpha-2 country, upper case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Country([u8; 2]);

impl Country {
    /// Reads a country that has phone numbers, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let region = Region::from_code(text).ok()?;
        PHONE_NUMBER_UTIL.get_country_code_for_region(region)?;
        Self::of(region)
    }

    /// The two letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("ZZ")
    }

    fn of(region: Region) -> Option<Self> {
        let letters = region.as_region_str().as_bytes().try_into().ok()?;
        Some(Self(letters))
    }

    fn region(self) -> Option<Region> {
        Region::from_code(self.as_str()).ok()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What kind of line a number belongs to, by the numbering plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NumberType {
    /// A mobile phone.
    Mobile,
    /// A landline.
    FixedLine,
    /// Either: the plan does not tell them apart, as in the United States.
    FixedLineOrMobile,
    /// Free for the caller.
    TollFree,
    /// The caller pays extra.
    PremiumRate,
    /// The caller pays a part.
    SharedCost,
    /// Voice over IP.
    Voip,
    /// A number that follows a person.
    PersonalNumber,
    /// A pager.
    Pager,
    /// A company's universal access number.
    Uan,
    /// A voice mail box.
    VoiceMail,
    /// The plan does not say.
    Unknown,
}

impl NumberType {
    /// Every type.
    pub const ALL: [Self; 12] = [
        Self::Mobile,
        Self::FixedLine,
        Self::FixedLineOrMobile,
        Self::TollFree,
        Self::PremiumRate,
        Self::SharedCost,
        Self::Voip,
        Self::PersonalNumber,
        Self::Pager,
        Self::Uan,
        Self::VoiceMail,
        Self::Unknown,
    ];

    /// The name used in configuration and decisions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mobile => "mobile",
            Self::FixedLine => "fixed_line",
            Self::FixedLineOrMobile => "fixed_line_or_mobile",
            Self::TollFree => "toll_free",
            Self::PremiumRate => "premium_rate",
            Self::SharedCost => "shared_cost",
            Self::Voip => "voip",
            Self::PersonalNumber => "personal_number",
            Self::Pager => "pager",
            Self::Uan => "uan",
            Self::VoiceMail => "voice_mail",
            Self::Unknown => "unknown",
        }
    }

    /// The type of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    fn of(kind: PhoneNumberType) -> Self {
        match kind {
            PhoneNumberType::Mobile => Self::Mobile,
            PhoneNumberType::FixedLine => Self::FixedLine,
            PhoneNumberType::FixedLineOrMobile => Self::FixedLineOrMobile,
            PhoneNumberType::TollFree => Self::TollFree,
            PhoneNumberType::PremiumRate => Self::PremiumRate,
            PhoneNumberType::SharedCost => Self::SharedCost,
            PhoneNumberType::VoIP => Self::Voip,
            PhoneNumberType::PersonalNumber => Self::PersonalNumber,
            PhoneNumberType::Pager => Self::Pager,
            PhoneNumberType::UAN => Self::Uan,
            PhoneNumberType::VoiceMail => Self::VoiceMail,
            PhoneNumberType::Unknown => Self::Unknown,
        }
    }
}

/// Reads the numbering plans, which takes some milliseconds, so that no number has to wait for them.
pub fn warm_up() {
    // Any number will do; what it is does not matter.
    let _: Option<PhoneNumber> = PhoneNumber::parse("+14155550123");
}

/// Whether a number with as many digits as this text may be valid, whatever they are; much quicker than to read it.
pub fn may_be_whole(text: &str) -> bool {
    Parsed::parse(text, None).is_ok_and(|parsed| PHONE_NUMBER_UTIL.is_possible_number(&parsed))
}

thread_local! {
    /// The number that was read last. A door reads a number, and the gateway behind it, in the same process, reads its
    /// E.164 form right after: to look through the plans again would be the dearest part of that.
    static LAST: Cell<Option<PhoneNumber>> = const { Cell::new(None) };
}

/// A valid phone number in its one canonical form. It prints masked.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PhoneNumber {
    /// All digits of the E.164 form; country codes never start with zero, so a number is enough.
    digits: u64,
    calling_code: u16,
    country: Option<Country>,
    kind: NumberType,
}

impl PhoneNumber {
    /// Reads a number that starts with `+`; `None` when it does not, does not parse, or is not valid.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.strip_prefix('+')?;
        if let Some(last) = LAST.get().filter(|last| last.is_written(digits)) {
            return Some(last);
        }
        canonical(text, None)
    }

    /// Reads a number as identity providers write it: with `+`, or as digits that are read in the default country *and*
    /// as if `+` stood before them. `None` when neither is valid, or when both are and differ.
    pub fn parse_lenient(text: &str, default: Option<Country>) -> Option<Self> {
        let text = text.trim();
        if text.starts_with('+') {
            return Self::parse(text);
        }
        let international = canonical(&format!("+{text}"), None);
        let national = default.and_then(|country| canonical(text, Some(country)));
        match (national, international) {
            (Some(national), Some(other)) if national != other => None,
            (national, international) => national.or(international),
        }
    }

    /// Whether these are the digits of its E.164 form, and nothing else.
    fn is_written(&self, digits: &str) -> bool {
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        plain && digits.parse() == Ok(self.digits)
    }

    /// The number as E.164 with `+`, for the wire of a provider and for nothing else.
    pub fn expose_e164(&self) -> String {
        plus(self.digits)
    }

    /// The code that callers from abroad dial for its country or network.
    pub fn calling_code(&self) -> u16 {
        self.calling_code
    }

    /// The digits after the calling code, for the wire of a provider and for nothing else.
    pub fn expose_national(&self) -> String {
        let digits = self.digits.to_string();
        let code = self.calling_code.to_string().len();
        digits[code..].to_owned()
    }

    /// All digits of the E.164 form as one number, for comparing with prefixes and for nothing else.
    pub fn expose_digits(&self) -> u64 {
        self.digits
    }

    /// All digits of the canonical form as one number: the key of limits. The two writings of an Argentine mobile (with
    /// and without the 9 that callers from abroad dial) are one key.
    pub fn key(&self) -> u64 {
        const WITH_NINE: u64 = 5_490_000_000_000;
        const WITHOUT: u64 = 540_000_000_000;
        // A mobile there has ten digits after the 9, and nothing else has as many or begins with it.
        self.digits
            .checked_sub(WITH_NINE)
            .filter(|rest| *rest < 10_000_000_000)
            .map_or(self.digits, |rest| WITHOUT + rest)
    }

    /// The number as E.164 with `+` in the one form that all its writings share, for hashing and for nothing else: where it
    /// differs from the E.164 form, no provider need know it.
    pub fn expose_canonical(&self) -> String {
        plus(self.key())
    }

    /// Where the number belongs; `None` for numbers of no country.
    pub fn country(&self) -> Option<Country> {
        self.country
    }

    /// What kind of line it is.
    pub fn kind(&self) -> NumberType {
        self.kind
    }

    /// The number with all but calling code and last two digits as stars.
    pub fn masked(&self) -> String {
        let mut masked = self.expose_e164();
        // The plus stands before the code.
        let code = 1 + self.calling_code.checked_ilog10().unwrap_or(0) as usize + 1;
        let last = masked.len().saturating_sub(2).max(code);
        masked.replace_range(code..last, &STARS[..last - code]);
        masked
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// As many as a number has digits at most, and some.
const STARS: &str = "********************";

fn plus(digits: u64) -> String {
    // At most fifteen digits. Nothing is formatted: every message needs this form several times.
    let mut text = String::with_capacity(16);
    text.push('+');
    text.push_str(itoa::Buffer::new().format(digits));
    text
}

fn canonical(text: &str, default: Option<Country>) -> Option<PhoneNumber> {
    let mut parsed = Parsed::parse(text, default.and_then(Country::region)).ok()?;
    drop_old_mexican_prefix(&mut parsed);
    // The plans know a type of every valid number and of no other; to ask for both would be to look twice.
    let kind = parsed.get_type();
    if matches!(kind, PhoneNumberType::Unknown) {
        return None;
    }
    let e164 = parsed.format_as(PhoneNumberFormat::E164);
    let number = PhoneNumber {
        digits: e164.strip_prefix('+')?.parse().ok()?,
        calling_code: u16::try_from(parsed.country_code).ok()?,
        country: parsed.get_region_code().and_then(Country::of),
        kind: NumberType::of(kind),
    };
    LAST.set(Some(number));
    Some(number)
}

/// Until 2019 callers from abroad put a 1 before Mexican mobile numbers (+52 1 55 …); many address books still do.
fn drop_old_mexican_prefix(parsed: &mut Parsed) {
    let national = parsed.national_number;
    if parsed.country_code == 52 && (10_000_000_000..20_000_000_000).contains(&national) {
        parsed.national_number = national - 10_000_000_000;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> PhoneNumber {
        PhoneNumber::parse(text).unwrap_or_else(|| panic!("{text} is a number"))
    }

    #[test]
    fn ten_writings_are_one_number() {
        let one = parse("+14155552671");
        for text in [
            "+1 415 555 2671",
            "+1 (415) 555-2671",
            "+1-415-555-2671",
            "+1.415.555.2671",
            " +14155552671 ",
            "+1 415 555 26 71",
            "+1/415/5552671",
            "+１４１５５５５２６７１",
            "+1 415 555-2671 ",
        ] {
            assert_eq!(parse(text), one, "{text:?}");
        }
        let us = Country::parse("us");
        assert_eq!(PhoneNumber::parse_lenient("(415) 555-2671", us), Some(one));
        assert_eq!(one.kind(), NumberType::FixedLineOrMobile);
        assert_eq!(one.country(), us);
    }

    #[test]
    fn mexican_and_argentine_mobiles_have_one_key() {
        assert_eq!(parse("+52 1 55 1234 5678"), parse("+52 55 1234 5678"));
        assert_eq!(parse("+54 11 15 2345 6789"), parse("+54 9 11 2345 6789"));
        assert_eq!(
            parse("+54 9 11 2345 6789").key(),
            parse("+54 11 2345 6789").key()
        );
        for text in ["+54 9 11 2345 6789", "+54 11 2345 6789"] {
            assert_eq!(parse(text).expose_canonical(), "+541123456789");
        }
        assert_eq!(
            parse("+54 9 11 2345 6789").expose_e164(),
            "+5491123456789",
            "which is what providers are sent"
        );
        let elsewhere = parse("+52 55 1234 5678");
        assert_eq!(elsewhere.expose_canonical(), elsewhere.expose_e164());
    }

    #[test]
    fn digits_are_read_both_ways_and_a_conflict_is_refused() {
        let check = |text: &str, country: Option<&str>, expect: Option<&str>| {
            let read = PhoneNumber::parse_lenient(text, country.and_then(Country::parse));
            assert_eq!(read.map(|n| n.expose_e164()).as_deref(), expect, "{text}");
        };
        check("819012345678", None, Some("+819012345678"));
        check("819012345678", Some("JP"), Some("+819012345678"));
        check("090-1234-5678", Some("JP"), Some("+819012345678"));
        check("09012345678", None, None);
        // +65 6123 4567 is Singapore; in Austria the same digits are a local number.
        let both = PhoneNumber::parse_lenient("6561234567", Country::parse("AT"));
        let austrian = PhoneNumber::parse("+436561234567");
        assert!(austrian.is_none() || both.is_none());
        // A ten-digit US number that is also a valid Singapore number with its calling code.
        check("6502530000", Some("US"), Some("+16502530000"));
    }

    #[test]
    fn nonsense_is_no_number() {
        for bad in [
            "",
            "+",
            "abc",
            "+999123456789",
            "14155552671",
            "+1415555",
            "++1",
            "+0",
        ] {
            assert!(PhoneNumber::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn numbers_print_masked() {
        let number = parse("+819012345678");
        assert_eq!(number.to_string(), "+81********78");
        assert_eq!(format!("{number:?}"), "+81********78");
        assert_eq!(number.expose_e164(), "+819012345678");
    }

    #[test]
    fn types_and_countries() {
        let check = |text: &str, kind: NumberType, country: Option<&str>| {
            let number = parse(text);
            assert_eq!(number.kind(), kind, "{text}");
            assert_eq!(
                number.country().map(|c| c.to_string()).as_deref(),
                country,
                "{text}"
            );
        };
        check("+819012345678", NumberType::Mobile, Some("JP"));
        check("+442079460000", NumberType::FixedLine, Some("GB"));
        check("+18005551234", NumberType::TollFree, Some("US"));
        check("+19002345678", NumberType::PremiumRate, Some("US"));
        check("+4740612345", NumberType::Mobile, Some("NO"));
        check("+39 06 1234567", NumberType::FixedLine, Some("IT"));
        check("+870301234567", NumberType::Mobile, None);
    }

    proptest! {
        #[test]
        fn a_number_is_read_exactly_when_the_plans_call_it_valid(
            code in prop::sample::select(vec![1, 7, 39, 44, 49, 52, 54, 81, 86, 91, 599, 800, 870]),
            rest in "[0-9]{5,12}",
        ) {
            let text = format!("+{code}{rest}");
            let valid = Parsed::parse(&text, None).is_ok_and(|mut parsed| {
                drop_old_mexican_prefix(&mut parsed);
                parsed.is_valid()
            });
            prop_assert_eq!(PhoneNumber::parse(&text).is_some(), valid);
        }

        #[test]
        fn no_text_panics_and_the_mask_hides_the_middle(text in "\\PC{0,30}") {
            if let Some(number) = PhoneNumber::parse(&text) {
                let full = number.expose_e164();
                prop_assert_ne!(number.to_string(), full);
                prop_assert_eq!(PhoneNumber::parse(&number.expose_e164()), Some(number));
            }
        }
    }
}
