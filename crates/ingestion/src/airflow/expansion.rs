//! How Airflow puts variables and the home folder into its settings.

use strongroom_config::expandvars;
use strongroom_secrets::SecretValue;

use crate::Environment;

/// How often the variables are put in before it is held to go on for ever.
const MAX_ROUNDS: usize = 64;

/// The longest text that may come out, in bytes.
const MAX_BYTES: usize = 64 << 10;

/// The variables in a setting hold one another, or make it too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the variables in it hold one another, or make it too long")]
pub struct Endless;

/// Puts in `$X` and `${X}` and then a leading `~`, again and again until nothing changes. (Airflow itself would not end where
/// variables hold one another.) `~name`, another user's home, stays as it is.
///
/// # Errors
/// [`Endless`].
pub fn expand(text: &str, environment: Environment<'_>) -> Result<SecretValue, Endless> {
    let mut current = SecretValue::new(text);
    for _ in 0..MAX_ROUNDS {
        let variables = expandvars(current.expose(), environment).map_err(|_| Endless)?;
        let next = SecretValue::new(home(SecretValue::new(variables).expose(), environment));
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

/// Python's `os.path.expanduser`, for one's own home.
fn home(text: &str, environment: Environment<'_>) -> String {
    let Some(rest) = text.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/')) else {
        return text.to_owned();
    };
    let Some(home) = environment("HOME") else { return text.to_owned() };
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
        expand(text, &environment).map(|value| value.expose().to_owned())
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
            ("~user/x", "~user/x"),
            ("~$UNSET", "~$UNSET"),
        ] {
            assert_eq!(expanded(text).unwrap(), becomes, "{text}");
        }
        assert_eq!(expand("~/x", &|_| None).unwrap().expose(), "~/x");
        let of_root = |text| expand(text, &|name| (name == "HOME").then(|| "/".to_owned())).unwrap();
        assert_eq!((of_root("~").expose(), of_root("~/x").expose()), ("/", "/x"));
    }

    #[test]
    fn variables_that_hold_one_another_end() {
        for endless in ["$LOOP", "$GROWS"] {
            assert_eq!(expanded(endless), Err(Endless), "{endless}");
        }
    }
}
