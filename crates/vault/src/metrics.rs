//! The numbers that `/metrics` shows. Labels are words of this program only: never a name, a path or a host of a client's.

mod process;

use std::fmt::{self, Write as _};
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use axum::http::StatusCode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::audit::Subject;
use crate::operations;
use process::Process;

/// From a cached read to a request that runs into its time limit, in seconds.
const LATENCIES: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

type Number = Gauge<i64, AtomicI64>;

/// What a request was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Operation {
    Secrets(operations::Operation),
    /// A route beside the vaults, by a word of ours.
    Route(&'static str),
    /// Nothing that is served, or nothing that could be told before it was refused.
    Unknown,
}

impl EncodeLabelValue for Operation {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        match self {
            Self::Secrets(operation) => write!(encoder, "{operation:?}"),
            Self::Route(name) => encoder.write_str(name),
            Self::Unknown => encoder.write_str("Unknown"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: Operation,
    status: u16,
    /// Empty beside the vaults. Only vaults that exist get here.
    vault: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabel {
    operation: Operation,
}

/// Where tokens are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TokenEndpoint {
    Entra,
    MetadataService,
    AppService,
}

impl EncodeLabelValue for TokenEndpoint {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(match self {
            Self::Entra => "entra",
            Self::MetadataService => "imds",
            Self::AppService => "app_service",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    endpoint: TokenEndpoint,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

/// All numbers.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<OperationLabel, Histogram, fn() -> Histogram>,
    tokens: Family<TokenLabels, Counter>,
    purged: Counter,
    connections: Number,
    ready: Number,
    certificate_ends: Number,
    resident: Number,
    descriptors: Number,
}

/// Numbers that other parts keep.
#[derive(Debug)]
pub(crate) struct Sources {
    /// How many writes each transaction had.
    pub(crate) groups: Histogram,
    /// How long each transaction took, in seconds.
    pub(crate) commits: Histogram,
    /// Calls that were refused since the audit trail took no line about them.
    pub(crate) unrecorded: Counter,
}

impl Metrics {
    /// Starts to count. `now` in Unix seconds.
    pub(crate) fn new(now: i64, sources: Sources) -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(LATENCIES)),
            tokens: Family::default(),
            purged: Counter::default(),
            connections: Number::default(),
            ready: Number::default(),
            certificate_ends: Number::default(),
            resident: Number::default(),
            descriptors: Number::default(),
        };
        metrics.register(now, sources);
        metrics
    }

    fn register(&mut self, now: i64, sources: Sources) {
        let registry = &mut self.registry;
        let begun = Number::default();
        begun.set(now);
        registry.register("process_start_time_seconds", "When the vault was opened, in Unix seconds", begun);
        registry.register("process_resident_memory_bytes", "Resident memory in bytes", self.resident.clone());
        registry.register("process_open_fds", "Open descriptors", self.descriptors.clone());
        let own = registry.sub_registry_with_prefix("strongroom_vault");
        own.register("build", "The program", Info::new(BuildLabels { version: env!("CARGO_PKG_VERSION") }));
        own.register(
            "requests",
            "Requests answered on the port with TLS, by operation, status and vault",
            self.requests.clone(),
        );
        own.register(
            "request_duration_seconds",
            "Time from the request's head to the answer's head",
            self.durations.clone(),
        );
        own.register("token_requests", "Token requests, by endpoint and result", self.tokens.clone());
        own.register(
            "secrets_purged",
            "Deleted secrets purged because their time was up",
            self.purged.clone(),
        );
        own.register("commit_writes", "How many writes were committed together", sources.groups);
        own.register("commit_duration_seconds", "How long a group's transaction took", sources.commits);
        own.register(
            "audit_unrecorded",
            "Calls refused since the audit trail took no line about them",
            sources.unrecorded,
        );
        own.register("connections_open", "Open connections on the port with TLS", self.connections.clone());
        own.register("ready", "1 if /readyz answers 200", self.ready.clone());
        own.register(
            "certificate_expiry_timestamp_seconds",
            "When the server's certificate ends, in Unix seconds",
            self.certificate_ends.clone(),
        );
    }

    /// Counts a request that was answered. `route` is the pattern that its path matched, beside the vaults.
    pub(crate) fn count_request(
        &self,
        subject: &Subject,
        route: Option<&str>,
        status: StatusCode,
        took: Duration,
    ) {
        let operation = match (subject.operation, route) {
            (Some(operation), _) => Operation::Secrets(operation),
            (None, Some(pattern)) => Operation::Route(word_for(pattern)),
            (None, None) => Operation::Unknown,
        };
        let vault = subject.vault.clone().unwrap_or_default();
        let labels = RequestLabels { operation, status: status.as_u16(), vault };
        self.requests.get_or_create(&labels).inc();
        self.durations.get_or_create(&OperationLabel { operation }).observe(took.as_secs_f64());
    }

    /// Counts a request for a token.
    pub(crate) fn count_token(&self, endpoint: TokenEndpoint, issued: bool) {
        let result = if issued { "issued" } else { "refused" };
        self.tokens.get_or_create(&TokenLabels { endpoint, result }).inc();
    }

    /// Counts secrets that were purged on schedule.
    pub(crate) fn count_purged(&self, secrets: u64) {
        self.purged.inc_by(secrets);
    }

    /// Sets when the server's certificate ends, in Unix seconds.
    pub(crate) fn set_certificate_end(&self, seconds: i64) {
        self.certificate_ends.set(seconds);
    }

    /// When the server's certificate ends, in Unix seconds; 0 if that is not known.
    pub(crate) fn certificate_end(&self) -> i64 {
        self.certificate_ends.get()
    }

    pub(crate) fn set_connections(&self, open: usize) {
        self.connections.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.set(i64::from(ready));
    }

    /// All numbers of now, in the text format of OpenMetrics.
    pub(crate) fn encode(&self) -> Result<String, fmt::Error> {
        let Process { resident, descriptors } = Process::look();
        self.resident.set(resident);
        self.descriptors.set(descriptors);
        let mut text = String::with_capacity(16 * 1024);
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// A word for a route: a pattern has braces, and says nothing to whoever reads a chart.
fn word_for(pattern: &str) -> &'static str {
    if pattern == "/tenants" || pattern.starts_with("/subscriptions") || pattern.starts_with("/metadata/") {
        return "ResourceManager";
    }
    let ends: [(&str, &str); 5] = [
        ("/token", "Token"),
        ("/openid-configuration", "OpenIdConfiguration"),
        ("/keys", "SigningKeys"),
        ("/instance", "InstanceDiscovery"),
        ("/healthz", "Health"),
    ];
    ends.into_iter().find(|(end, _)| pattern.ends_with(end)).map_or("Other", |(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_operation_status_and_vault() {
        let groups = Histogram::new([1.0, 8.0]);
        groups.observe(3.0);
        let sources = Sources { groups, commits: Histogram::new(LATENCIES), unrecorded: Counter::default() };
        let metrics = Metrics::new(1_800_000_000, sources);
        let took = Duration::from_millis(2);
        let get = Subject {
            vault: Some("v1".into()),
            name: Some("hunter2".into()),
            operation: Some(operations::Operation::GetSecret),
            ..Subject::default()
        };
        metrics.count_request(&get, None, StatusCode::OK, took);
        metrics.count_request(&get, None, StatusCode::TOO_MANY_REQUESTS, took);
        let nothing = Subject::default();
        metrics.count_request(&nothing, Some("/{tenant}/oauth2/v2.0/token"), StatusCode::OK, took);
        metrics.count_request(&nothing, None, StatusCode::NOT_FOUND, took);
        metrics.count_token(TokenEndpoint::AppService, false);
        metrics.count_purged(3);
        let text = metrics.encode().unwrap();
        for line in [
            "strongroom_vault_requests_total{operation=\"GetSecret\",status=\"200\",vault=\"v1\"} 1",
            "strongroom_vault_requests_total{operation=\"GetSecret\",status=\"429\",vault=\"v1\"} 1",
            "strongroom_vault_requests_total{operation=\"Token\",status=\"200\",vault=\"\"} 1",
            "strongroom_vault_requests_total{operation=\"Unknown\",status=\"404\",vault=\"\"} 1",
            "strongroom_vault_request_duration_seconds_bucket{le=\"0.0025\",operation=\"GetSecret\"} 2",
            "strongroom_vault_token_requests_total{endpoint=\"app_service\",result=\"refused\"} 1",
            "strongroom_vault_secrets_purged_total 3",
            "strongroom_vault_commit_writes_bucket{le=\"8.0\"} 1",
            "strongroom_vault_audit_unrecorded_total 0",
            "process_start_time_seconds 1800000000",
        ] {
            assert!(text.lines().any(|known| known == line), "{line} is not in\n{text}");
        }
        assert!(text.contains("strongroom_vault_build_info{version=") && text.ends_with("# EOF\n"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}
