//! Azure Key Vault, through Microsoft's crates.
