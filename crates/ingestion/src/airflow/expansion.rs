//! How Airflow puts variables and home folders into its settings.

use strongroom_config::expandvars;
use strongroom_secrets::SecretValue;

use super::homes::{self, Homes};
use crate::Environment;

/// How often the variables are put in before it is held to go on for ever.
const MAX_ROUNDS: usize = 64;

/// The longest text that may come out, in bytes.
pub(crate) const MAX_BYTES: usize = 64 << 10;

/// The variables in a setting hold one another, or make it too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the variables in it hold one another, or make it too long")]
pub struct Endless;

/// Puts in `$X` and `${X}` and then a leading `~` or `~user`, again and again until nothing changes. (Airflow itself would not
/// end where variables hold one another.) The home folders are those of `HOME` and of the system's users.
///
/// # Errors
/// [`Endless`].
pub fn expand(text: &str, environment: Environment<'_>) -> Result<SecretValue, Endless> {
    expand_with(text, environment, &homes::of_the_system)
}

/// The same, with the home folders of users handed in.
pub(crate) fn expand_with(
    text: &str,
    environment: Environment<'_>,
    homes: Homes<'_>,
) -> Result<SecretValue, Endless> {
    let mut current = SecretValue::new(text);
    for _ in 0..MAX_ROUNDS {
        let variables = expandvars(current.expose(), environment).map_err(|_| Endless)?;
        let next = SecretValue::new(home(SecretValue::new(variables).expose(), environment, homes));
        if next.len() > MAX_BYTES {
            return Err(Endless);
        }
        if next == current {
            return Ok(next);
        }
        current = next;
    }
    Err(Endless)
}

/// Python's `os.path.expanduser`. A user whom the system does not know leaves the text as it is.
fn home(text: &str, environment: Environment<'_>, homes: Homes<'_>) -> String {
    let Some(rest) = text.strip_prefix('~') else { return text.to_owned() };
    let (name, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let home = match name {
        "" => environment("HOME").or_else(|| homes(None)),
        name => homes(Some(name)),
    };
    let Some(home) = home else { return text.to_owned() };
    let path = format!("{}{rest}", home.trim_end_matches('/'));
    if path.is_empty() { "/".to_owned() } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, Endless> {
        let environment = |name: &str| {
            let value = match name {
                "HOME" => "/home/airflow/",
                "A" => "$B",
                "B" => "${C}x",
                "C" => "~",
                "H" => "~/x",
                "SELF" => "$SELF",
                "LOOP" => "${POOL}",
                "POOL" => "$LOOP",
                "GROWS" => "$GROWS$GROWS",
                _ => return None,
            };
            Some(value.to_owned())
        };
        expand_with(text, &environment, &known).map(|value| value.expose().to_owned())
    }

    fn known(user: Option<&str>) -> Option<String> {
        let home = match user {
            None => "/home/by-id",
            Some("root") => "/root",
            Some("daemon") => "/",
            Some(_) => return None,
        };
        Some(home.to_owned())
    }

    #[test]
    fn variables_are_put_in_until_nothing_changes() {
        assert_eq!(expanded("a$A").unwrap(), "a~x");
        assert_eq!(expanded("$H").unwrap(), "/home/airflow/x");
        assert_eq!(expanded("$UNSET ${UNSET}").unwrap(), "$UNSET ${UNSET}");
        assert_eq!(expanded("$SELF").unwrap(), "$SELF");
        assert_eq!(expanded("").unwrap(), "");
    }

    #[test]
    fn a_leading_tilde_is_the_home_folder() {
        for (text, becomes) in [
            ("~", "/home/airflow"),
            ("~/airflow", "/home/airflow/airflow"),
            ("a~", "a~"),
            ("~$UNSET", "~$UNSET"),
        ] {
            assert_eq!(expanded(text).unwrap(), becomes, "{text}");
        }
        let without_a_variable = |homes| expand_with("~/x", &|_| None, homes).unwrap();
        assert_eq!(without_a_variable(&known).expose(), "/home/by-id/x");
        assert_eq!(without_a_variable(&|_| None).expose(), "~/x");
        let of_root = |text| expand(text, &|name| (name == "HOME").then(|| "/".to_owned())).unwrap();
        assert_eq!((of_root("~").expose(), of_root("~/x").expose()), ("/", "/x"));
    }

    #[test]
    fn a_leading_tilde_with_a_name_is_the_home_folder_of_that_user() {
        for (text, becomes) in [
            ("~root", "/root"),
            ("~root/x/~root", "/root/x/~root"),
            ("~daemon", "/"),
            ("~daemon/x", "/x"),
            ("~nobody-knows/x", "~nobody-knows/x"),
            ("~root$UNSET", "~root$UNSET"),
            ("~ro$NOTHING", "~ro$NOTHING"),
        ] {
            assert_eq!(expanded(text).unwrap(), becomes, "{text}");
        }
    }

    #[test]
    fn variables_that_hold_one_another_end() {
        for endless in ["$LOOP", "$GROWS"] {
            assert_eq!(expanded(endless), Err(Endless), "{endless}");
        }
    }
}
