//! A second ABI, for tests: a host in the same process that lends its buffers piece by piece and defines metrics only
//! while a plugin is configured, as Envoy's dynamic modules do.
//!
//! It knows what a filter of a TCP connection needs; everything else it answers with `Unimplemented`.

pub mod driver;
pub(crate) mod host;

/// How a kind of extension's streams get their contexts: here, by being asked for.
#[derive(Clone, Copy)]
pub(crate) struct Contexts;

impl Contexts {
    pub(crate) const NETWORK: Self = Self;
    pub(crate) const HTTP: Self = Self;
}

/// Nothing has to be installed: the [`driver`] calls the VM itself.
pub(crate) fn install() {}
