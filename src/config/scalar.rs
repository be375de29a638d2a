//! What an unquoted word of YAML is by the core schema of YAML 1.2: nothing, true or false, a number, or a text.

use serde_json::{Number, Value};

/// The value of an unquoted word; `None` for a number that has no finite value.
pub(super) fn read(text: &str) -> Option<Value> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_infinite(text) => return None,
        _ => match integer(text) {
            Some(number) => Value::Number(number),
            None if is_float(text) => float(text)?,
            None => Value::String(text.to_owned()),
        },
    })
}

/// Whether YAML 1.1, which Helm and other tools read, takes the word for true or false, while YAML 1.2 and we take it
/// for a text. The answer is what 1.1 reads.
pub(super) fn old_boolean(text: &str) -> Option<bool> {
    let same_case = |word: &str| {
        let (first, rest) = word.split_at(1);
        let title = format!("{}{rest}", first.to_uppercase());
        text == word || text == title || text == word.to_uppercase()
    };
    if ["y", "yes", "on"].iter().any(|word| same_case(word)) {
        return Some(true);
    }
    let no = ["n", "no", "off"].iter().any(|word| same_case(word));
    no.then_some(false)
}

fn is_infinite(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

fn integer(text: &str) -> Option<Number> {
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.starts_with('+') || digits.starts_with('-') && text.starts_with('+') {
        return None;
    }
    let unsigned = digits.parse::<u64>().map(Number::from);
    unsigned
        .or_else(|_| digits.parse::<i64>().map(Number::from))
        .ok()
}

fn radix(digits: &str, radix: u32) -> Option<Number> {
    // A sign is no digit, although the parser of the standard library takes one.
    let plain = digits.chars().all(|c| c.is_digit(radix));
    let value = plain.then(|| u64::from_str_radix(digits, radix));
    value?.ok().map(Number::from)
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            exponent.strip_prefix(['-', '+']).unwrap_or(exponent),
        ),
        None => (unsigned, "0"),
    };
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let some = !whole.is_empty() || !fraction.is_empty();
    some && digits(whole) && digits(fraction) && !exponent.is_empty() && digits(exponent)
}

/// A float without a fraction becomes a whole number: JSON Schema calls it one, the types that read it later do not.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the value is whole and well inside the range, as was just asked"
)]
fn float(text: &str) -> Option<Value> {
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    let exact = value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0;
    if exact {
        return Some(Value::from(value as i64));
    }
    Number::from_f64(value).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_by_the_core_schema() {
        let check = |text: &str, expect: Value| assert_eq!(read(text), Some(expect), "{text:?}");
        check("", json!(null));
        check("~", json!(null));
        check("Null", json!(null));
        check("nULL", json!("nULL"));
        check("True", json!(true));
        check("yes", json!("yes"));
        check("NO", json!("NO"));
        check("12", json!(12));
        check("-12", json!(-12));
        check("+15005550006", json!(15_005_550_006_u64));
        check("18446744073709551615", json!(u64::MAX));
        check("0o17", json!(15));
        check("0x1F", json!(31));
        check("0x+1", json!("0x+1"));
        check("0x", json!("0x"));
        check("007", json!(7));
        check("1.5", json!(1.5));
        check(".5", json!(0.5));
        check("3.0", json!(3));
        check("1e3", json!(1000));
        check("+-1", json!("+-1"));
        check("++1", json!("++1"));
        check("1_000", json!("1_000"));
        check("1:30", json!("1:30"));
        check(".", json!("."));
        check("e3", json!("e3"));
        check("1e", json!("1e"));
        check("300ms", json!("300ms"));
        check("0.0.0.0:8080", json!("0.0.0.0:8080"));
        for endless in [".inf", "-.INF", ".nan", "1e999"] {
            assert_eq!(read(endless), None, "{endless}");
        }
    }

    #[test]
    fn words_that_older_tools_take_for_booleans() {
        let check = |text, expect| assert_eq!(old_boolean(text), expect, "{text}");
        for word in ["NO", "No", "no", "n", "N", "off", "OFF"] {
            check(word, Some(false));
        }
        for word in ["Y", "yes", "On"] {
            check(word, Some(true));
        }
        for word in ["nO", "oN", "true", "", "SE", "none"] {
            check(word, None);
        }
    }
}
