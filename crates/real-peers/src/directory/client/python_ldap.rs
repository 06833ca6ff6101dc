//! python-ldap, from Debian's packages: with the Python, libldap and Cyrus SASL that it was built for.

use std::path::Path;

use anyhow::Result;

use super::{Access, Dialogue, Request, order};
use crate::debian::Program;

pub(super) fn run(bundle: &Path, access: &Access, requests: &[Request]) -> Result<Dialogue> {
    let mut command = Program::of(bundle)?.python(include_str!("python_ldap_client.py"))?;
    if let Some(tickets) = order::tickets(access, requests) {
        command.env("KRB5_CONFIG", &tickets.config).env("KRB5CCNAME", &tickets.cache);
    }
    order::run(&mut command, access, requests)
}
