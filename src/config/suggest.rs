//! The word that somebody meant when they misspelt it.

/// The known word that is nearest to a misspelt one, where it is near enough to be meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer words are no key of ours, and comparing them would take long.
    if word.len() > 64 {
        return None;
    }
    let distance =
        |known: &&str| strsim::damerau_levenshtein(&word.to_lowercase(), &known.to_lowercase());
    let nearest = known.into_iter().min_by_key(distance)?;
    (distance(&nearest) <= 1 + nearest.len() / 4).then_some(nearest)
}

/// ` (did you mean "failover"?)`, or nothing.
pub(super) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |nearest| {
        format!(" (did you mean \"{nearest}\"?)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let check = |word: &str, expect| {
            assert_eq!(
                nearest(word, ["failover", "auth", "preview", "url"]),
                expect,
                "{word}"
            );
        };
        check("failver", Some("failover"));
        check("Fialover", Some("failover"));
        check("uath", Some("auth"));
        check("URL", Some("url"));
        check("secrets", None);
        check("x", None);
        check(&"failover".repeat(9), None);
        assert_eq!(nearest("a", []), None);
    }
}
