//! The home folders of the system's users, as `/etc/passwd` tells them.
//!
//! Python asks the system's name service, which may know further users, of a directory. Their homes stay text here.

use std::fs::File;
use std::io::Read as _;

/// Where the users are listed.
const USERS: &str = "/etc/passwd";

/// The longest list that is read, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// The home folder of a user by name, or of the one that this process runs as.
pub(crate) type Homes<'a> = &'a dyn Fn(Option<&str>) -> Option<String>;

/// [`Homes`] of this system.
pub(crate) fn of_the_system(user: Option<&str>) -> Option<String> {
    let mut text = String::new();
    File::open(USERS).ok()?.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    match user {
        Some(name) => find(&text, |found| found.name == name),
        None => {
            let id = rustix::process::getuid().as_raw().to_string();
            find(&text, |found| found.id == id)
        }
    }
}

struct User<'a> {
    name: &'a str,
    id: &'a str,
}

/// The home folder of the first user of whom it holds.
fn find(text: &str, wanted: impl Fn(&User<'_>) -> bool) -> Option<String> {
    text.lines().find_map(|line| {
        // name:password:id:group:comment:home:shell
        let mut parts = line.split(':');
        let (name, _, id) = (parts.next()?, parts.next()?, parts.next()?);
        let home = parts.nth(2)?;
        wanted(&User { name, id }).then(|| home.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name_and_by_id() {
        let text = "root:x:0:0:root:/root:/bin/sh\n# no user\nairflow:x:50000:0:first,second:/home/airflow:/bin/bash\nbroken:x:1\n";
        let by_name = |name: &str| find(text, |user| user.name == name);
        assert_eq!(by_name("airflow").as_deref(), Some("/home/airflow"));
        assert_eq!(find(text, |user| user.id == "0").as_deref(), Some("/root"));
        for nobody in ["", "air", "broken", "Root", "# no user"] {
            assert_eq!(by_name(nobody), None, "{nobody:?}");
        }
    }

    #[test]
    fn this_system_has_a_root() {
        assert!(of_the_system(Some("root")).is_some());
        assert_eq!(of_the_system(Some("nobody/knows:him")), None);
    }
}
