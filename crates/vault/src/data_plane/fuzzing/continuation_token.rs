use axum::http::Uri;

use super::super::api_version;
use super::super::paging::{Listing, MAX_RESULTS, Page, seal};
use super::super::{Parameters, fault::Fault};
use super::{KEYRING, keyring};
use crate::fuzzing::altered;

const LISTINGS: [Listing<'static>; 4] =
    [Listing::Secrets, Listing::Deleted, Listing::Versions("a"), Listing::Versions("b")];

/// Longer ones are no URLs any more.
const LONGEST: usize = 8 * 1024;

/// No query leads into the middle of a listing but one with a token of this very listing, whole as it was given out.
pub fn continuation_token(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if text.len() > LONGEST {
        return;
    }
    if let Ok(parameters) = parameters(&text) {
        for listing in LISTINGS {
            if let Ok(page) = Page::read(&KEYRING, "v1", &parameters, listing) {
                assert_eq!(page.after, "", "a token that was not given out is taken");
                assert!((1..=MAX_RESULTS).contains(&page.asked.unwrap_or(MAX_RESULTS)));
                assert!((2..=MAX_RESULTS + 1).contains(&page.limit()));
            }
        }
        if let Ok(version) = api_version::check(parameters.get("api-version")) {
            // It goes into the link to the next page as it is.
            let plain =
                |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase() || b".-".contains(&byte);
            assert!(version.len() < 24 && version.bytes().all(plain), "{version}");
        }
    }

    for (index, listing) in LISTINGS.into_iter().enumerate() {
        let token = seal(&KEYRING, "v1", listing, &text);
        let page = page(&token, "v1", listing).expect("a token that was given out is taken");
        assert_eq!(page.after, text);
        if text.parse::<i64>().is_ok() {
            assert!(page.after_number().is_ok());
        }
        for (other, listing) in LISTINGS.into_iter().enumerate() {
            assert_eq!(self::page(&token, "v1", listing).is_ok(), other == index, "{other} for {index}");
        }
        assert!(self::page(&token, "v2", listing).is_err(), "a token of another vault is taken");
        let elsewhere = seal(&keyring(), "v1", listing, &text);
        assert!(self::page(&elsewhere, "v1", listing).is_err(), "a token of another service is taken");
        if let Some(altered) = altered(&token, input) {
            // The query's own characters may end the token early, and a plus is a space.
            let query = format!("$skiptoken={altered}");
            if let Ok(parameters) = parameters(&query)
                && parameters.get("$skiptoken") != Some(&token)
            {
                assert!(
                    Page::read(&KEYRING, "v1", &parameters, listing).is_err(),
                    "an altered token is taken"
                );
            }
        }
    }
}

fn page<'a>(token: &str, vault: &str, listing: Listing<'a>) -> Result<Page<'a>, Fault> {
    Page::read(&KEYRING, vault, &parameters(&format!("$skiptoken={token}"))?, listing)
}

fn parameters(query: &str) -> Result<Parameters, Fault> {
    let uri: Uri = format!("/secrets?{query}").parse().map_err(|_| Fault::internal())?;
    Parameters::of(&uri)
}
