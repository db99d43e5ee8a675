//! The name that a misspelt one was probably meant to be.

/// The candidate nearest to `name`, if it is near enough for a slip of the pen: another case, `_` or `-` between the
/// words, a letter too many, too few, wrong or swapped (one in four at most).
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = plain(name);
    candidates
        .into_iter()
        .map(|candidate| {
            let known = plain(candidate);
            let distance = strsim::damerau_levenshtein(&wanted, &known);
            (distance, known.chars().count().max(wanted.chars().count()), candidate)
        })
        .filter(|(distance, length, _)| distance * 4 <= *length)
        .min_by_key(|(distance, ..)| *distance)
        .map(|(.., candidate)| candidate)
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const KEYS: [&str; 4] = ["secretsManager", "prefix", "tags", "parameters"];

    #[test]
    fn slips_of_the_pen_find_their_key() {
        for (slip, key) in [
            ("secretManager", "secretsManager"),
            ("secrets_manager", "secretsManager"),
            ("SecretsManager", "secretsManager"),
            ("prefx", "prefix"),
            ("tgas", "tags"),
            ("paramaters", "parameters"),
        ] {
            assert_eq!(nearest(slip, KEYS), Some(key), "{slip}");
        }
    }

    #[test]
    fn another_word_is_no_slip() {
        for word in ["region", "suffix", "x", ""] {
            assert_eq!(nearest(word, KEYS), None, "{word}");
        }
    }
}
