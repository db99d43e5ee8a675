//! Going through a listing, page by page.

use azure_core::http::pager::PagerContinuation;
use azure_core::http::{PageIterator, Response};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use super::client::{AzureProvider, model};
use super::failure::Doing;
use crate::{ErrorKind, Result, SecretProperties};

/// The most pages of one listing: a quarter of a million secrets. What goes on longer is a server that goes in circles.
const MAX_PAGES: usize = 10_000;

const GOES_WRONG: &str = "is there a Key Vault behind that URL, or a proxy in between?";

impl AzureProvider {
    /// The pages of a listing, each bounded in time, one after the other.
    pub(super) fn pages<'a, P>(
        &'a self,
        doing: Doing<'a>,
        pages: azure_core::Result<PageIterator<Response<P>>>,
        items: fn(P) -> Vec<Result<SecretProperties>>,
    ) -> BoxStream<'a, Result<SecretProperties>>
    where
        P: serde::de::DeserializeOwned + Send + 'a,
        Response<P>: Send,
    {
        let pages = match pages {
            Ok(pages) => pages,
            Err(error) => return stream::iter([Err(doing.explain(&error))]).boxed(),
        };
        let start = (pages, doing, 0_usize);
        stream::try_unfold(start, move |(mut pages, doing, count)| async move {
            if count >= MAX_PAGES {
                let why = format!("the listing does not end after {MAX_PAGES} pages");
                return Err(doing.fail(ErrorKind::Other, &why).with_hint(GOES_WRONG));
            }
            let before = link(pages.continuation());
            let page = tokio::time::timeout(self.call_timeout, pages.next())
                .await
                .map_err(|_| doing.timed_out(self.call_timeout.as_secs_f64()))?;
            let Some(page) = page else { return Ok(None) };
            let page = model(&doing, page)?;
            if before.is_some() && before == link(pages.continuation()) {
                let why = "a page of the listing names itself as the next";
                return Err(doing.fail(ErrorKind::Other, why).with_hint(GOES_WRONG));
            }
            Ok(Some((stream::iter(items(page)), (pages, doing, count + 1))))
        })
        .try_flatten()
        .boxed()
    }
}

fn link(continuation: Option<&PagerContinuation>) -> Option<String> {
    continuation.map(ToString::to_string)
}
