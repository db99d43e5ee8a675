//! Pages of a listing.
//!
//! The link to the next page carries a token that says behind which entry it goes on. The token is encrypted and bound to
//! vault and listing: clients cannot read one, make one, or use one elsewhere. It holds no state of the server, so it
//! survives writes in between and restarts.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::answer::Answer;
use super::bundle::Bundle;
use super::fault::Fault;
use super::{Context, Parameters};
use crate::keys::{Binding, Keyring};
use crate::store::Record;

pub(super) const MAX_RESULTS: u32 = 25;

/// What is listed; part of the binding.
#[derive(Debug, Clone, Copy)]
pub(super) enum Listing<'a> {
    Secrets,
    Versions(&'a str),
    Deleted,
}

impl Listing<'_> {
    fn path(self) -> String {
        match self {
            Self::Secrets => "/secrets".to_owned(),
            Self::Versions(name) => format!("/secrets/{name}/versions"),
            Self::Deleted => "/deletedsecrets".to_owned(),
        }
    }

    /// Where a listing goes on behind this entry.
    fn position(self, record: &Record) -> String {
        match self {
            Self::Versions(_) => record.id.to_string(),
            Self::Secrets | Self::Deleted => record.name.to_ascii_lowercase(),
        }
    }
}

/// The answer of a listing. The last page says `"nextLink": null`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    value: Vec<Bundle<'a>>,
    next_link: Option<String>,
}

/// The page that is asked for.
pub(super) struct Page<'a> {
    listing: Listing<'a>,
    results: u32,
    /// As asked for; `None` if the client left it to us.
    pub(super) asked: Option<u32>,
    /// Empty for the first page.
    pub(super) after: String,
}

impl<'a> Page<'a> {
    /// Reads `maxresults` and `$skiptoken`.
    pub(super) fn parse(
        context: &Context<'_>,
        parameters: &Parameters,
        listing: Listing<'a>,
    ) -> Result<Self, Fault> {
        Self::read(&context.service.keyring, &context.vault.key, parameters, listing)
    }

    /// The same for a vault that is named.
    pub(super) fn read(
        keyring: &Keyring,
        vault: &str,
        parameters: &Parameters,
        listing: Listing<'a>,
    ) -> Result<Self, Fault> {
        let asked = match parameters.get("maxresults") {
            None => None,
            Some(text) => Some(
                text.parse().ok().filter(|count| (1..=MAX_RESULTS).contains(count)).ok_or_else(|| {
                    Fault::bad_parameter(format!("The parameter maxresults must be from 1 to {MAX_RESULTS}."))
                })?,
            ),
        };
        let after = match parameters.get("$skiptoken") {
            None => String::new(),
            Some(token) => open(keyring, vault, listing, token).ok_or_else(|| {
                Fault::bad_parameter("The parameter $skiptoken is not one of this listing's.")
            })?,
        };
        Ok(Self { listing, results: asked.unwrap_or(MAX_RESULTS), asked, after })
    }

    /// How many entries to read: one more than fit on the page tells whether there is a next one.
    pub(super) fn limit(&self) -> u32 {
        self.results + 1
    }

    /// The number behind which a listing of versions goes on.
    pub(super) fn after_number(&self) -> Result<i64, Fault> {
        if self.after.is_empty() {
            return Ok(0);
        }
        self.after.parse().map_err(|_| Fault::internal())
    }

    /// Makes the answer of at most [`limit`](Self::limit) records.
    pub(super) fn answer<'r>(
        &self,
        context: &Context<'_>,
        records: &'r [Record],
        entry: impl Fn(&'r Record) -> Bundle<'r>,
    ) -> Result<Answer, Fault> {
        let (shown, rest) = records.split_at(records.len().min(self.results as usize));
        let next_link = match shown.last() {
            Some(last) if !rest.is_empty() => Some(self.link(context, &self.listing.position(last))),
            _ => None,
        };
        Answer::json(&Listed { value: shown.iter().map(entry).collect(), next_link })
    }

    fn link(&self, context: &Context<'_>, position: &str) -> String {
        let Context { host, api_version, .. } = context;
        let token = seal(&context.service.keyring, &context.vault.key, self.listing, position);
        let path = self.listing.path();
        let asked = self.asked.map(|count| format!("&maxresults={count}")).unwrap_or_default();
        format!("https://{host}{path}?api-version={api_version}&$skiptoken={token}{asked}")
    }
}

fn binding(vault: &str, listing: Listing<'_>) -> Binding {
    Binding::new("skiptoken", &[vault, &listing.path().to_ascii_lowercase()])
}

/// The token that says where a listing goes on.
pub(super) fn seal(keyring: &Keyring, vault: &str, listing: Listing<'_>, position: &str) -> String {
    let sealed = keyring.seal(&binding(vault, listing), position.as_bytes());
    let mut bytes = sealed.key.to_be_bytes().to_vec();
    bytes.extend_from_slice(&sealed.bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn open(keyring: &Keyring, vault: &str, listing: Listing<'_>, token: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (key, sealed) = bytes.split_first_chunk::<8>()?;
    let opened = keyring.unseal(&binding(vault, listing), i64::from_be_bytes(*key), sealed).ok()?;
    String::from_utf8(opened.to_vec()).ok()
}
