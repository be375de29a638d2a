//! The languages in which we have words of our own, for eyes and for ears: what a message says when its caller gave no
//! text, and what a call says.

/// Words in one language. `{brand}`, `{code}` and `{minutes}` are its places.
#[derive(Debug)]
pub struct Words {
    /// The language, and a script where the language alone does not tell it.
    pub tag: &'static str,
    /// Tags that voices are known by; the first one where the recipient's region has none of its own.
    voices: &'static [&'static str],
    /// The voice of regions that none of the others is for, where it is not the first one.
    elsewhere: &'static str,
    /// The message of a tenant with a brand.
    branded: &'static str,
    /// The message of a tenant without one.
    plain: &'static str,
    /// How long the code lives: less than a minute, one, several.
    expires: [&'static str; 3],
    /// What a call says; the code comes twice, for who picked up a pen too late.
    spoken: &'static str,
    /// What stands between two characters of a spoken code, so that each is read by itself.
    pause: &'static str,
}

/// Each text is one SMS, also with a brand of 16 characters, where it has letters that GSM does not know: then an SMS
/// has room for 70 characters only.
const LANGUAGES: [Words; 8] = [
    Words {
        tag: "en",
        voices: &["en-US", "en-GB", "en-AU", "en-IN"],
        elsewhere: "en-US",
        branded: "Your {brand} verification code is {code}. ",
        plain: "Your verification code is {code}. ",
        expires: [
            "It expires in less than a minute.",
            "It expires in 1 minute.",
            "It expires in {minutes} minutes.",
        ],
        spoken: "Your code is {code}. Again: {code}.",
        pause: ", ",
    },
    Words {
        tag: "es",
        voices: &["es-ES", "es-MX", "es-US"],
        elsewhere: "es-MX",
        branded: "Su código de {brand} es {code}. ",
        plain: "Su código de verificación es {code}. ",
        expires: [
            "Caduca en menos de 1 minuto.",
            "Caduca en 1 minuto.",
            "Caduca en {minutes} minutos.",
        ],
        spoken: "Su código es {code}. Repito: {code}.",
        pause: ", ",
    },
    Words {
        tag: "fr",
        voices: &["fr-FR", "fr-CA"],
        elsewhere: "fr-FR",
        branded: "Votre code de vérification {brand} est {code}. ",
        plain: "Votre code de vérification est {code}. ",
        expires: [
            "Il expire dans moins d'une minute.",
            "Il expire dans 1 minute.",
            "Il expire dans {minutes} minutes.",
        ],
        spoken: "Voici votre code : {code}. Je répète : {code}.",
        pause: ", ",
    },
    Words {
        tag: "de",
        voices: &["de-DE"],
        elsewhere: "de-DE",
        branded: "Ihr Bestätigungscode für {brand} lautet {code}. ",
        plain: "Ihr Bestätigungscode lautet {code}. ",
        expires: [
            "Er läuft in weniger als einer Minute ab.",
            "Er läuft in 1 Minute ab.",
            "Er läuft in {minutes} Minuten ab.",
        ],
        // A digit before a full stop is an ordinal in German: "3." is read as "dritte".
        spoken: "Ihr Code lautet: {code}; ich wiederhole: {code}; auf Wiederhören.",
        pause: ", ",
    },
    Words {
        tag: "ja",
        voices: &["ja-JP"],
        elsewhere: "ja-JP",
        branded: "{brand}の認証コードは{code}です。",
        plain: "認証コードは{code}です。",
        expires: [
            "有効期限は1分未満です。",
            "有効期限は1分です。",
            "有効期限は{minutes}分です。",
        ],
        spoken: "認証コードは、{code}です。繰り返します。{code}です。",
        pause: "、",
    },
    Words {
        tag: "pt",
        voices: &["pt-BR", "pt-PT"],
        elsewhere: "pt-PT",
        branded: "O seu código {brand} é {code}. ",
        plain: "O seu código de verificação é {code}. ",
        expires: [
            "Expira em menos de 1 minuto.",
            "Expira em 1 minuto.",
            "Expira em {minutes} minutos.",
        ],
        spoken: "O seu código é {code}. Repito: {code}.",
        pause: ", ",
    },
    Words {
        tag: "zh-Hans",
        voices: &["zh-CN"],
        elsewhere: "zh-CN",
        branded: "【{brand}】您的验证码是{code}，",
        plain: "您的验证码是{code}，",
        expires: ["1分钟内有效。", "1分钟内有效。", "{minutes}分钟内有效。"],
        spoken: "您的验证码是：{code}。重复一遍：{code}。",
        pause: "，",
    },
    Words {
        tag: "zh-Hant",
        voices: &["zh-TW", "zh-HK"],
        elsewhere: "zh-TW",
        branded: "【{brand}】您的驗證碼是{code}，",
        plain: "您的驗證碼是{code}，",
        expires: ["1分鐘內有效。", "1分鐘內有效。", "{minutes}分鐘內有效。"],
        spoken: "您的驗證碼是：{code}。重複一遍：{code}。",
        pause: "，",
    },
];

/// Our words in the language of a tag; `None` where we have none in it.
pub fn known(locale: &str) -> Option<&'static Words> {
    let mut parts = subtags(locale);
    let language = parts.next()?;
    if language.eq_ignore_ascii_case("zh") {
        let traditional = |part: &str| {
            let marks = ["Hant", "TW", "HK", "MO"];
            marks.iter().any(|mark| part.eq_ignore_ascii_case(mark))
        };
        let tag = if parts.any(traditional) {
            "zh-Hant"
        } else {
            "zh-Hans"
        };
        return LANGUAGES.iter().find(|words| words.tag == tag);
    }
    let mut languages = LANGUAGES.iter();
    languages.find(|words| words.tag.eq_ignore_ascii_case(language))
}

/// Our words in the language of a tag, or in English.
pub fn nearest(locale: &str) -> &'static Words {
    known(locale).unwrap_or(&LANGUAGES[0])
}

impl Words {
    /// A message that says whose code it is and how long it lives. `minutes` is 0 when that is less than one.
    pub fn message(&self, brand: &str, code: &str, minutes: u64) -> String {
        let pattern = if brand.is_empty() {
            self.plain
        } else {
            self.branded
        };
        let expires = self.expires[usize::try_from(minutes).map_or(2, |count| count.min(2))];
        let mut text =
            String::with_capacity(pattern.len() + expires.len() + brand.len() + code.len());
        let minutes = minutes.to_string();
        let places = [("brand", brand), ("code", code), ("minutes", &minutes)];
        fill(&mut text, pattern, &places);
        fill(&mut text, expires, &places);
        text
    }

    /// What a call says; `apart` is the code as [`Words::apart`] makes it.
    pub fn spoken(&self, apart: &str) -> String {
        let mut text = String::with_capacity(self.spoken.len() + 2 * apart.len());
        fill(&mut text, self.spoken, &[("code", apart)]);
        text
    }

    /// A code with its characters apart, so that a voice reads each by itself. Letters become capitals, as a small one
    /// would be read as a word where it is one, such as "a" in English.
    pub fn apart(&self, code: &str) -> String {
        apart(code, self.pause)
    }

    /// The tag of the voice that reads this language to people of a tag's region.
    pub fn voice(&self, locale: &str) -> &'static str {
        let of_region = |part: &str| {
            let mut voices = self.voices.iter();
            voices.find(|voice| voice[voice.len() - 2..].eq_ignore_ascii_case(part))
        };
        let is_region = |part: &str| match part.len() {
            2 => part.bytes().all(|byte| byte.is_ascii_alphabetic()),
            3 => part.bytes().all(|byte| byte.is_ascii_digit()),
            _ => false,
        };
        match subtags(locale).skip(1).find(|part| is_region(part)) {
            Some(region) => of_region(region).copied().unwrap_or(self.elsewhere),
            None => self.voices[0],
        }
    }
}

/// A code apart for a language in which we have no words.
pub fn apart_by_commas(code: &str) -> String {
    apart(code, ", ")
}

fn apart(code: &str, pause: &str) -> String {
    let mut text = String::with_capacity(code.len() * (1 + pause.len()));
    for c in code.chars() {
        if !text.is_empty() {
            text.push_str(pause);
        }
        text.push(c.to_ascii_uppercase());
    }
    text
}

fn subtags(locale: &str) -> impl Iterator<Item = &str> {
    locale.split(['-', '_'])
}

/// Adds a pattern of ours with its places filled.
fn fill(text: &mut String, pattern: &str, places: &[(&str, &str)]) {
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        let value = places.iter().find(|(place, _)| *place == name);
        text.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    text.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::segments::segments;

    #[test]
    fn messages_in_every_language() {
        let mut lines = Vec::new();
        for words in &LANGUAGES {
            for (brand, minutes) in [("Acme", 5), ("Acme", 1), ("", 5), ("", 0)] {
                lines.push(format!(
                    "{}: {}",
                    words.tag,
                    words.message(brand, "482913", minutes)
                ));
            }
        }
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn calls_in_every_language() {
        let spoken = |words: &Words| {
            let said = words.spoken(&words.apart("48b913"));
            format!("{}: {said}", words.voice(""))
        };
        let lines: Vec<_> = LANGUAGES.iter().map(spoken).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn a_message_of_ours_is_one_sms() {
        for words in &LANGUAGES {
            for minutes in [0, 1, 60] {
                let text = words.message("A brand of 16 ch", "482913", minutes);
                assert_eq!(segments(&text).count, 1, "{text}");
            }
        }
    }

    #[test]
    fn a_code_is_heard_twice_and_character_by_character() {
        for words in &LANGUAGES {
            let apart = words.apart("4a2");
            assert_eq!(apart, ["4", "A", "2"].join(words.pause));
            assert_eq!(words.spoken(&apart).matches(&apart).count(), 2);
        }
        assert_eq!(apart_by_commas("12"), "1, 2");
    }

    #[test]
    fn languages_by_tag() {
        let check = |locale: &str, expect: Option<&str>| {
            assert_eq!(known(locale).map(|words| words.tag), expect, "{locale}");
        };
        check("en", Some("en"));
        check("ja_JP", Some("ja"));
        check("PT-br", Some("pt"));
        check("zh", Some("zh-Hans"));
        check("zh-CN", Some("zh-Hans"));
        check("zh-hant-HK", Some("zh-Hant"));
        check("zh_TW", Some("zh-Hant"));
        check("sv", None);
        check("eng", None);
        check("", None);
        assert_eq!(nearest("sv").tag, "en");
    }

    #[test]
    fn voices_by_region() {
        let check = |locale: &str, expect: &str| {
            assert_eq!(nearest(locale).voice(locale), expect, "{locale}");
        };
        check("", "en-US");
        check("en-gb", "en-GB");
        check("en-NZ", "en-US");
        check("es", "es-ES");
        check("es_MX", "es-MX");
        check("es-419", "es-MX");
        check("es-AR", "es-MX");
        check("fr-CA", "fr-CA");
        check("fr-BE", "fr-FR");
        check("de-AT", "de-DE");
        check("ja", "ja-JP");
        check("pt", "pt-BR");
        check("pt-AO", "pt-PT");
        check("zh-Hans-SG", "zh-CN");
        check("zh-Hant", "zh-TW");
        check("zh-HK", "zh-HK");
        check("sv-SE", "en-US");
    }
}
