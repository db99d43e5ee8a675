//! The result as a table.

use serde_json::Value;

/// Prints it.
pub(crate) fn print(result: &Value) {
    let start = &result["start"];
    println!("Start ({} times, on a data folder that exists)", start["starts"]);
    println!("{:>10.1}  ms to the first answer, median", number(&start["medianMilliseconds"]));
    println!("{:>10.1}  ms, the worst", number(&start["worstMilliseconds"]));
    println!("{:>10.1}  MB resident ten seconds after", megabytes(&start["idleMemoryBytes"]));
    let memory = &result["memory"];
    println!("{:>10.1}  MB resident with {} secrets", megabytes(&memory["residentBytes"]), memory["secrets"]);
    println!("{:>10.1}  MB at the peak of all that follows", megabytes(&memory["peakBytes"]));
    if memory["peerResidentBytes"].is_number() {
        println!("{:>10.1}  MB, the peer with its secrets", megabytes(&memory["peerResidentBytes"]));
    }

    println!("\n      conn.  subject          per s      p50 ms      p99 ms  CPU µs/call    ratio");
    for load in list(&result["load"]) {
        let ours = number(&load["subjects"][0]["perSecond"]);
        for subject in list(&load["subjects"]) {
            println!(
                "{:<4} {:>6.0}  {:<12} {:>9.0} {:>11.2} {:>11.2} {:>12.0} {:>8.2}",
                text(&load["operation"]),
                number(&load["connections"]),
                text(&subject["subject"]),
                number(&subject["perSecond"]),
                number(&subject["p50Microseconds"]) / 1e3,
                number(&subject["p99Microseconds"]) / 1e3,
                number(&subject["cpuMicroseconds"]),
                ours / number(&subject["perSecond"]),
            );
        }
    }
    println!("(ratio: strongroom's calls per second to the subject's)");

    println!("\nlist secrets  subject        seconds    pages  first pages ms  last pages ms");
    for listing in list(&result["listing"]) {
        println!(
            "{:>12.0}  {:<12} {:>9.2} {:>8.0} {:>15.2} {:>14.2}",
            number(&listing["secrets"]),
            text(&listing["subject"]),
            number(&listing["seconds"]),
            number(&listing["pages"]),
            number(&listing["firstPagesMilliseconds"]),
            number(&listing["lastPagesMilliseconds"]),
        );
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn megabytes(value: &Value) -> f64 {
    number(value) / 1e6
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
