//! The metadata server, started as `strongroom serve`.

use std::path::{Path, PathBuf};

use reqwest::{Client, Method, RequestBuilder};

use crate::running::free_port;
use crate::{Program, Running, http};

/// A running `strongroom serve`.
#[derive(Debug)]
pub struct MetadataServer {
    folder: PathBuf,
    port: u16,
    running: Running,
    client: Client,
}

impl MetadataServer {
    /// Starts a server with the configuration `folder/openmetadata.yaml` and waits until it is ready. Its data lie in
    /// `folder/data`; the ports of the file must come from `SERVER_PORT` and `SERVER_ADMIN_PORT`, or be left out.
    ///
    /// # Panics
    /// If it does not get ready.
    pub async fn start(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let port = free_port();
        let running = Program::new(folder)
            .args(["serve", "-c", "openmetadata.yaml", "--data-dir", "data"])
            .env("SERVER_PORT", port.to_string())
            .env("SERVER_ADMIN_PORT", free_port().to_string())
            .envs(variables.iter().copied())
            .start(folder, "serve");
        let mut server = Self { folder: folder.to_owned(), port, running, client: http::client() };
        let client = server.client.clone();
        let health = server.url("/api/v1/system/health");
        server.running.ready(|| Some(client.clone()), &health).await;
        server
    }

    /// The process.
    pub fn running(&mut self) -> &mut Running {
        &mut self.running
    }

    /// The port of the API.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The address of a path of the API.
    pub fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    /// A request without a token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }
}
