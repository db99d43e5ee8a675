//! The name that a misspelt one was probably meant to be.

/// The candidate nearest to `name`, if it is near enough for a slip of the pen: another case, `_` or `-` between the
/// words, a letter too many, too few, wrong or swapped (one in four at most, or one in three letters).
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = plain(name);
    candidates
        .into_iter()
        .map(|candidate| {
            let known = plain(candidate);
            // The ending that most sections share says nothing about the rest.
            let (wanted, known) = match (stem(&wanted), stem(&known)) {
                (Some(wanted), Some(known)) => (wanted, known),
                _ => (wanted.as_str(), known.as_str()),
            };
            let distance = strsim::damerau_levenshtein(wanted, known);
            (distance, known.chars().count().max(wanted.chars().count()), candidate)
        })
        .filter(|(distance, length, _)| distance * 4 <= *length || (*distance == 1 && *length == 3))
        .min_by_key(|(distance, ..)| *distance)
        .map(|(.., candidate)| candidate)
}

fn stem(name: &str) -> Option<&str> {
    name.strip_suffix("configuration").or_else(|| name.strip_suffix("config"))
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
    fn a_long_ending_that_names_share_does_not_make_them_alike() {
        assert_eq!(nearest("eventConfiguration", ["fernetConfiguration"]), None);
        assert_eq!(nearest("fermetConfiguration", ["fernetConfiguration"]), Some("fernetConfiguration"));
    }

    #[test]
    fn another_word_is_no_slip() {
        for word in ["region", "suffix", "tx", "x", ""] {
            assert_eq!(nearest(word, KEYS), None, "{word}");
        }
    }
}
