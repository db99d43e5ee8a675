//! The cases that every provider passes.
