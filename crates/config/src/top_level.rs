//! The names of the sections: ours, the reference's other ones, and slips of the pen.

use crate::error::ConfigError;
use crate::section::Section;
use crate::suggest;

const OURS: [&str; 10] = [
    "clusterName",
    "server",
    "database",
    "authorizerConfiguration",
    "authenticationConfiguration",
    "jwtTokenConfiguration",
    "pipelineServiceClientConfiguration",
    "fernetConfiguration",
    "secretsManagerConfiguration",
    "strongroom",
];

/// Sections of the reference that mean nothing to us. Others that nobody knows are left alone too; these stand here since
/// some look like ours.
const OTHERS: [&str; 25] = [
    "applicationConfiguration",
    "applications",
    "assets",
    "basePath",
    "bulkOperation",
    "cache",
    "changeEventConfig",
    "elasticsearch",
    "email",
    "eventHandlerConfiguration",
    "eventMonitoringConfiguration",
    "health",
    "limits",
    "logging",
    "logStorageConfiguration",
    "metrics",
    "migrationConfiguration",
    "objectStorage",
    "operationalConfig",
    "rdf",
    "security",
    "serviceAccount",
    "slackEventPublishers",
    "swagger",
    "web",
];

/// Refuses a section whose name is nearly one of ours: it would be ignored, and its settings with it.
pub(crate) fn check(root: &Section<'_>) -> Result<(), ConfigError> {
    for (name, place) in root.keys() {
        if OURS.contains(&name) || OTHERS.contains(&name) {
            continue;
        }
        if let Some(known) = suggest::nearest(name, OURS) {
            return Err(ConfigError::new("there is no such section")
                .at(place)
                .key(name)
                .hint(format!("did you mean {known}?")));
        }
    }
    Ok(())
}
