//! One file for each section of `openmetadata.yaml` that is ours.

pub mod authentication;
pub mod authorizer;
pub mod database;
pub mod fernet;
pub mod jwt;
pub mod pipeline;
pub mod secrets_manager;
pub mod server;
pub mod strongroom;
