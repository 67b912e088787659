//! Finds secrets in bytes: compiled once from rules, then pure over what it is shown.
mod hyperscan;
