//! The hook's body as it comes: read in one pass, tolerant of every spelling seen in Okta's pages and nothing believed.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A body that is no JSON object. It says where reading ended, never what stood there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no JSON object: reading ended at line {line}, column {column}")]
pub struct Unreadable {
    /// The line, from 1; zero for what is no text, or no object.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

/// Reads a body. Of a name that stands twice the last one counts; what is not understood counts as left out.
pub fn read(body: &[u8]) -> Result<Body<'_>, Unreadable> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Unreadable { line: 0, column: 0 });
    }
    // Looked at once: the reader would look at each of its seventy strings by itself.
    let body = str::from_utf8(body).map_err(|_| Unreadable { line: 0, column: 0 })?;
    serde_json::from_str(body).map_err(|problem| Unreadable {
        line: problem.line(),
        column: problem.column(),
    })
}

/// A string, or a number written in its digits. Everything else reads as absent.
#[derive(Default)]
pub struct Text<'a>(Option<Cow<'a, str>>);

impl<'a> Text<'a> {
    /// The text without space around it; `None` where it is absent or empty.
    pub fn get(&self) -> Option<&str> {
        let text = self.0.as_deref()?.trim();
        (!text.is_empty()).then_some(text)
    }

    fn of(text: impl Into<Cow<'a, str>>) -> Self {
        Self(Some(text.into()))
    }
}

/// An object whose fields are taken one by one as they come.
trait Object<'de>: Default {
    /// Takes the value of `name`, of whatever shape it is.
    fn take<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Declares the objects of the body, with the names of their fields on the wire.
macro_rules! objects {
    ($($(#[$doc:meta])* $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $kind:ident = $wire:literal,)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Default)]
        pub struct $name<'a> {
            $($(#[$field_doc])* pub $field: $kind<'a>,)*
        }

        impl<'de> Object<'de> for $name<'de> {
            fn take<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
                match name {
                    $($wire => self.$field = map.next_value()?,)*
                    // Read like any text, because that way the reader's limit on nesting holds.
                    _ => drop(map.next_value::<Text<'de>>()?),
                }
                Ok(())
            }
        }

        impl<'de> Deserialize<'de> for $name<'de> {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_any(Tolerant(PhantomData))
            }
        }
    )*};
}

objects! {
    /// The whole body.
    Body {
        /// Unique per hook request.
        event_id: Text = "eventId",
        /// When Okta sent the request.
        event_time: Text = "eventTime",
        /// The flow in which the code is needed.
        request_type: Text = "requestType",
        /// Everything else.
        data: Data = "data",
    }
    /// `data`.
    Data {
        /// What triggered the hook.
        context: Context = "context",
        /// The person.
        user: UserProfile = "userProfile",
        /// The code and where it goes.
        message: MessageProfile = "messageProfile",
    }
    /// `data.context`.
    Context {
        /// The API request that triggered the hook.
        request: ApiRequest = "request",
    }
    /// `data.context.request`.
    ApiRequest {
        /// Okta's id of it.
        id: Text = "id",
        /// Its address.
        url: Address = "url",
        /// The person's client, or a server that stands for it.
        ip_address: Text = "ipAddress",
    }
    /// `data.context.request.url`.
    Address {
        /// The path.
        value: Text = "value",
    }
    /// `data.userProfile`.
    UserProfile {
        /// First name.
        first_name: Text = "firstName",
        /// Last name.
        last_name: Text = "lastName",
        /// Login name.
        login: Text = "login",
        /// Okta's id of the person.
        user_id: Text = "userId",
        /// The same as one of Okta's guides names it.
        guide_user_id: Text = "userID",
    }
    /// `data.messageProfile`.
    MessageProfile {
        /// The rendered text with the code in it.
        template: Text = "msgTemplate",
        /// The same as Okta's guides name it.
        guide_template: Text = "messageTemplate",
        /// The number.
        phone_number: Text = "phoneNumber",
        /// When the code dies.
        expires: Text = "otpExpires",
        /// What the person chose: a message or a call.
        channel: Text = "deliveryChannel",
        /// The code.
        code: Text = "otpCode",
        /// The same as one of Okta's guides names it.
        guide_code: Text = "otp",
        /// The language.
        locale: Text = "locale",
    }
}

/// Reads an object; anything else reads as an empty one.
struct Tolerant<T>(PhantomData<T>);

impl<'de, T: Object<'de>> Visitor<'de> for Tolerant<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut object = T::default();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            object.take(name.0.as_deref().unwrap_or_default(), &mut map)?;
        }
        Ok(object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<T, A::Error> {
        skip(items).map(|()| T::default())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        Ok(T::default())
    }
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyText)
    }
}

struct AnyText;

impl<'de> Visitor<'de> for AnyText {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text::of(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text::of(text.to_owned()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Text<'de>, E> {
        Ok(Text::of(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Text<'de>, E> {
        Ok(Text::of(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Text<'de>, E> {
        // `8.1e11` is a number of whole digits. Beyond 2^53 the digits are no longer those that were sent: better no
        // code than a wrong one.
        let exact = number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0;
        Ok(Text(exact.then(|| format!("{number:.0}").into())))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Text<'de>, E> {
        Ok(Text(None))
    }

    fn visit_unit<E: Error>(self) -> Result<Text<'de>, E> {
        Ok(Text(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Text<'de>, A::Error> {
        skip(items).map(|()| Text(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
        while map.next_entry::<Text<'de>, Text<'de>>()?.is_some() {}
        Ok(Text(None))
    }
}

fn skip<'de, A: SeqAccess<'de>>(mut items: A) -> Result<(), A::Error> {
    while items.next_element::<Text<'de>>()?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(body: &str) -> Option<String> {
        let read = read(body.as_bytes()).expect("an object");
        read.data.message.code.get().map(str::to_owned)
    }

    fn code_of(value: &str) -> Option<String> {
        code(&format!(
            r#"{{"data":{{"messageProfile":{{"otpCode":{value}}}}}}}"#
        ))
    }

    #[test]
    fn texts_and_numbers_are_texts() {
        let check = |value: &str, expect: Option<&str>| {
            assert_eq!(code_of(value).as_deref(), expect, "{value}");
        };
        check(r#""482913""#, Some("482913"));
        check(r#"" 004829 ""#, Some("004829"));
        check(r#""48\u0032913""#, Some("482913"));
        check("482913", Some("482913"));
        check("18446744073709551615", Some("18446744073709551615"));
        check("-5", Some("-5"));
        check("4.82913e5", Some("482913"));
        check("184467440737095516150", None);
        check("4.5", None);
        check(r#""""#, None);
        check("null", None);
        check("true", None);
        check("[1,[2]]", None);
        check(r#"{"a":{"b":1}}"#, None);
    }

    #[test]
    fn the_last_of_a_name_counts_and_strange_shapes_are_empty() {
        let message =
            |inner: &str| code(&format!(r#"{{"data":{{"messageProfile":{{{inner}}}}}}}"#));
        let twice = message(r#""otpCode":"1","other":{"otpCode":"3"},"otpCode":"2""#);
        assert_eq!(twice.as_deref(), Some("2"));
        for data in ["1", "-1", "1.5", "true", "null", r#""x""#, "[{}]", "{}"] {
            assert_eq!(code(&format!(r#"{{"data":{data}}}"#)), None, "{data}");
        }
    }

    #[test]
    fn what_is_no_object_is_unreadable() {
        let deep = format!(r#"{{"future":{}{}}}"#, "[".repeat(9000), "]".repeat(9000));
        let open = "[".repeat(60_000);
        let unclosed = format!(r#"{{"data":{open}"#);
        for body in [
            "",
            "  ",
            "null",
            "[]",
            "\"{}\"",
            "{",
            "{}x",
            "{\"a\":\"\u{1}\"}",
            "otp=482913&to=1",
            &open,
            &unclosed,
            &deep,
        ] {
            assert!(read(body.as_bytes()).is_err());
        }
        assert!(read(b"{\"a\":\"\xff\"}").is_err());
        let problem = read(b"{\"otpCode\":\"482913\" 1").err();
        assert!(!format!("{problem:?}").contains("4829"));
    }
}
