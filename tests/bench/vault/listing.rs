//! A full listing, page by page: each has to cost what the first did.

use reqwest::Method;
use serde::Serialize;
use strongroom_tests::vault::API_VERSION;
use tokio::time::{Duration, Instant};

use crate::subject::Subject;

/// Of how many pages the mean is taken, at the begin and at the end: one alone tells more of chance.
const PAGES: usize = 20;

/// What a full listing took.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listing {
    subject: String,
    secrets: u32,
    seconds: f64,
    pages: usize,
    /// The mean of the first pages.
    first_pages_milliseconds: f64,
    /// The mean of the last pages.
    last_pages_milliseconds: f64,
}

/// Fills an empty vault, and lists it at each of the sizes, which rise.
pub(crate) async fn measure(subject: &Subject, sizes: &[u32]) -> Vec<Listing> {
    let (mut listings, mut filled) = (Vec::new(), 0);
    for size in sizes {
        subject.fill(filled + 1..=*size).await;
        filled = *size;
        listings.push(list(subject, *size).await);
    }
    listings
}

async fn list(subject: &Subject, secrets: u32) -> Listing {
    eprintln!("==> {}: listing {secrets} secrets", subject.name);
    let mut next = Some(format!("/secrets?api-version={API_VERSION}"));
    let (mut times, mut found) = (Vec::new(), 0);
    let begin = Instant::now();
    while let Some(path) = next {
        let before = Instant::now();
        let page = subject.call(Method::GET, &path, None).await;
        times.push(before.elapsed());
        found += page["value"].as_array().expect("a page of secrets").len();
        next = page["nextLink"].as_str().map(str::to_owned);
    }
    let seconds = begin.elapsed().as_secs_f64();
    assert_eq!(found, secrets as usize, "each secret is listed once");
    let some = PAGES.min(times.len());
    Listing {
        subject: subject.name.clone(),
        secrets,
        seconds,
        pages: times.len(),
        first_pages_milliseconds: mean(&times[..some]),
        last_pages_milliseconds: mean(&times[times.len() - some..]),
    }
}

fn mean(times: &[Duration]) -> f64 {
    times.iter().sum::<Duration>().as_secs_f64() * 1e3 / times.len() as f64
}
