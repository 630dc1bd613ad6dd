//! What flatc made of `schema/*.fbs`; `tools/generate-schema.sh` makes it anew.
#![expect(
    unsafe_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::undocumented_unsafe_blocks,
    clippy::derivable_impls,
    clippy::extra_unused_lifetimes,
    reason = "generated code; every buffer is verified before use"
)]

mod catalog_generated;
mod checkpoint_generated;

pub(super) use catalog_generated::corelane::storage::catalog;
pub(super) use checkpoint_generated::corelane::storage::checkpoint;
