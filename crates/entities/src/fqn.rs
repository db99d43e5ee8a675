//! Fully qualified names, and the hashes by which rows are found.
//!
//! A fully qualified name (FQN) is the names from the root down with a dot between them (`service.pipeline`); a name that
//! holds a dot or a quote stands in double quotes. The database finds rows by the MD5 of the parts, quotes included. It is
//! a key, not a protection.

use md5::{Digest, Md5};

/// The name as it stands in a fully qualified name: in quotes if it holds a dot or a quote.
pub fn quote_name(name: &str) -> String {
    if name.contains(['.', '"']) { format!("\"{}\"", name.replace('"', "\\\"")) } else { name.to_owned() }
}

/// The name without the quotes that [`quote_name`] put around it.
pub fn unquote_name(part: &str) -> String {
    match part.strip_prefix('"').and_then(|part| part.strip_suffix('"')) {
        Some(inside) => inside.replace("\\\"", "\""),
        None => part.to_owned(),
    }
}

/// The parts of a fully qualified name, quoted where they are. Joined with dots they give the name again.
pub fn split_fqn(fqn: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    let mut previous = None;
    for char in fqn.chars() {
        let part = parts.last_mut().expect("there is always a part");
        match char {
            '"' if quoted && previous == Some('\\') => part.push(char),
            '"' if quoted || part.is_empty() => {
                quoted = !quoted;
                part.push(char);
            }
            '.' if !quoted => parts.push(String::new()),
            _ => part.push(char),
        }
        previous = Some(char);
    }
    parts
}

/// The `fqnHash` of a fully qualified name: the MD5 of each part, joined with dots.
pub fn fqn_hash(fqn: &str) -> String {
    split_fqn(fqn).iter().map(|part| name_hash(part)).collect::<Vec<_>>().join(".")
}

/// The `nameHash` of a fully qualified name of one part: its MD5 in lower-case hexadecimal.
pub fn name_hash(fqn: &str) -> String {
    Md5::digest(fqn.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_plain_name_is_hashed_as_it_is() {
        assert_eq!(name_hash("my_svc"), "49d578263213f49b383be70b803260f4");
        assert_eq!(name_hash("pg_shop"), "6a82431613b31b3b90f5b64fac878c36");
    }

    #[test]
    fn a_name_with_a_dot_is_hashed_with_its_quotes() {
        let fqn = quote_name("pg.dotted name");
        assert_eq!(fqn, "\"pg.dotted name\"");
        assert_eq!(name_hash(&fqn), "5bc05e19e46998cab9ac9dc6859ff353");
        assert_eq!(fqn_hash(&fqn), "5bc05e19e46998cab9ac9dc6859ff353");
    }

    #[test]
    fn a_space_alone_needs_no_quotes() {
        assert_eq!(quote_name("pg shop"), "pg shop");
    }

    #[test]
    fn a_pipeline_is_hashed_part_by_part() {
        assert_eq!(
            fqn_hash("pg_shop.pg_shop_dbt_cloud"),
            "6a82431613b31b3b90f5b64fac878c36.f7e755ae1caf809d9145dd028420bfea"
        );
    }

    #[test]
    fn a_dot_in_quotes_does_not_split() {
        assert_eq!(split_fqn(r#""a.b".c."d\".e""#), [r#""a.b""#, "c", r#""d\".e""#]);
        assert_eq!(unquote_name(r#""d\".e""#), r#"d".e"#);
        assert_eq!(split_fqn(""), [""]);
        assert_eq!(split_fqn("a..b"), ["a", "", "b"]);
    }

    proptest! {
        #[test]
        fn names_come_back_out_of_a_qualified_name(service in r#"[a-z. "ü]{1,8}"#, pipeline in r#"[a-z. "ü]{1,8}"#) {
            let fqn = format!("{}.{}", quote_name(&service), quote_name(&pipeline));
            let names: Vec<_> = split_fqn(&fqn).iter().map(|part| unquote_name(part)).collect();
            prop_assert_eq!(names, [service, pipeline]);
        }

        #[test]
        fn the_parts_joined_give_the_text(text in any::<String>(), quoted in r#"[a".\\]{0,12}"#) {
            prop_assert_eq!(split_fqn(&text).join("."), text);
            prop_assert_eq!(split_fqn(&quoted).join("."), quoted);
        }
    }
}
