//! `server`: where the API and the admin endpoint listen.

use crate::error::ConfigError;
use crate::found::Found;
use crate::section::{Keys, Section};

/// The port of the API, unless another is configured.
pub const DEFAULT_PORT: u16 = 8585;

/// The port of the admin endpoint, unless another is configured.
pub const DEFAULT_ADMIN_PORT: u16 = 8586;

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// The address or host name of the API: `0.0.0.0` with a configuration file, as in the reference; `127.0.0.1` without.
    pub host: String,
    /// The port of the API; 0 lets the system choose.
    pub port: u16,
    /// The address or host name of the admin endpoint (`/healthcheck`).
    pub admin_host: String,
    /// The port of the admin endpoint; 0 lets the system choose.
    pub admin_port: u16,
}

const SERVER: Keys = Keys {
    ours: &["applicationConnectors", "adminConnectors"],
    others: &[
        "adminContextPath",
        "allowedMethods",
        "applicationContextPath",
        "connector",
        "detailedJsonProcessingExceptionMapper",
        "dumpAfterStart",
        "dumpBeforeStop",
        "enableThreadNameFilter",
        "enableVirtualThreads",
        "gid",
        "group",
        "gzip",
        "idleThreadTimeout",
        "maxQueuedRequests",
        "maxThreads",
        "minThreads",
        "nofileHardLimit",
        "nofileSoftLimit",
        "registerDefaultExceptionMappers",
        "requestLog",
        "responseMeteredLevel",
        "rootPath",
        "serverPush",
        "shutdownGracePeriod",
        "startsAsRoot",
        "stopAtShutdown",
        "type",
        "uid",
        "umask",
        "user",
    ],
    open: true,
};

const CONNECTOR: Keys = Keys {
    ours: &["type", "bindHost", "port"],
    others: &[
        "acceptQueueSize",
        "acceptorThreads",
        "headerCacheSize",
        "httpCompliance",
        "idleTimeout",
        "inheritChannel",
        "inputBufferSize",
        "keyStorePassword",
        "keyStorePath",
        "keyStoreType",
        "maxRequestHeaderSize",
        "maxResponseHeaderSize",
        "minRequestDataPerSecond",
        "minResponseDataPerSecond",
        "outputBufferSize",
        "requestCookieCompliance",
        "responseCookieCompliance",
        "reuseAddress",
        "selectorThreads",
        "trustStorePassword",
        "trustStorePath",
        "trustStoreType",
        "uriCompliance",
        "useDateHeader",
        "useForwardedHeaders",
        "useProxyProtocol",
        "useServerHeader",
    ],
    open: true,
};

pub(crate) fn read(root: &Section<'_>, default_host: &str) -> Result<ServerSettings, ConfigError> {
    let section = root.section("server", &SERVER)?;
    let (host, port) =
        connector(&section, "applicationConnectors", "SERVER_PORT", default_host, DEFAULT_PORT)?;
    let (admin_host, admin_port) =
        connector(&section, "adminConnectors", "SERVER_ADMIN_PORT", default_host, DEFAULT_ADMIN_PORT)?;
    Ok(ServerSettings { host, port, admin_host, admin_port })
}

/// The first connector of a list; the reference allows several, we listen on one.
fn connector(
    section: &Section<'_>,
    key: &str,
    port_variable: &str,
    default_host: &str,
    default_port: u16,
) -> Result<(String, u16), ConfigError> {
    let connectors = section.sections(key, &CONNECTOR)?;
    if connectors.len() > 1 {
        section.source().warn(format!(
            "{}: only the first of {} connectors is used",
            section.path_of(key),
            connectors.len()
        ));
    }
    let connector = match connectors.into_iter().next() {
        Some(connector) => connector,
        None => section.nothing(&format!("{key}[0]")),
    };
    if let Some(kind) = connector.text("type", &[])?
        && kind.text() != "http"
    {
        return Err(kind
            .fault("only plain HTTP is supported")
            .hint("use type: http, and let a proxy in front of the server speak HTTPS"));
    }
    let host = connector
        .text("bindHost", &["SERVER_HOST"])?
        .map_or_else(|| default_host.to_owned(), Found::into_text);
    Ok((host, connector.port("port", &[port_variable], default_port)?))
}
