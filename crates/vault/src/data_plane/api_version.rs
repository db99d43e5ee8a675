//! The `api-version` parameter: every version from 7.0 on, dated ones, previews of both, and 2016-10-01.

use super::fault::Fault;

/// The year from which on versions are dates.
const FIRST_DATED_YEAR: u32 = 2025;

/// Checks a request's version and hands it back.
pub(super) fn check(given: Option<&str>) -> Result<&str, Fault> {
    match given {
        None | Some("") => Err(Fault::bad_parameter("The parameter api-version is missing from the URL.")),
        Some(version) if is_known(version) => Ok(version),
        Some(_) => Err(Fault::bad_parameter(
            "This api-version is not known: use one from 7.0 on (7.6, say), a dated one (2025-07-01), or 2016-10-01.",
        )),
    }
}

fn is_known(version: &str) -> bool {
    let (base, preview) = match version.split_once("-preview") {
        Some((base, rest)) => (base, Some(rest)),
        None => (version, None),
    };
    let number_of_preview = preview.is_none_or(|rest| {
        rest.is_empty() || rest.strip_prefix('.').is_some_and(|number| number_in(number, 1..=2).is_some())
    });
    if !number_of_preview {
        return false;
    }
    if base == "2016-10-01" {
        return preview.is_none();
    }
    match base.split_once('.') {
        Some((major, minor)) => {
            number_in(major, 1..=2).is_some_and(|major| major >= 7) && number_in(minor, 1..=2).is_some()
        }
        None => is_date(base),
    }
}

fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut part = |digits| parts.next().and_then(|part| number_in(part, digits..=digits));
    let (Some(year), Some(month), Some(day)) = (part(4), part(2), part(2)) else { return false };
    let calendar =
        u8::try_from(month).ok().and_then(|month| time::Month::try_from(month).ok()).is_some_and(|month| {
            i32::try_from(year)
                .ok()
                .zip(u8::try_from(day).ok())
                .is_some_and(|(year, day)| time::Date::from_calendar_date(year, month, day).is_ok())
        });
    parts.next().is_none() && year >= FIRST_DATED_YEAR && calendar
}

fn number_in(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
    (digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_send_is_known() {
        for version in [
            "2016-10-01",
            "7.0",
            "7.1",
            "7.4",
            "7.6",
            "7.10",
            "8.0",
            "7.6-preview",
            "7.6-preview.2",
            "2025-07-01",
            "2026-04-01",
            "2025-06-01-preview",
            "2027-12-31-preview.1",
        ] {
            assert!(is_known(version), "{version}");
        }
    }

    #[test]
    fn what_never_was_a_version_is_not() {
        for version in [
            "6.9",
            "7",
            "7.",
            ".7",
            "7.0.1",
            "7.x",
            "2015-06-01",
            "2016-10-01-preview",
            "2016-10-02",
            "2025-13-01",
            "2025-02-30",
            "2025-7-1",
            "2025-07-01-beta",
            "7.6-previews",
            "7.6-preview.x",
            "v7.0",
            " 7.0",
            "7.0 ",
        ] {
            assert!(!is_known(version), "{version}");
        }
    }
}
