//! The vault over HTTPS: the wire facts of Key Vault and Entra ID, row by row, on a real listener.

mod harness;
mod secrets;
