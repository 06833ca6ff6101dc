//! The files that the controller, its tools and Kerberos clients read.

use std::net::Ipv4Addr;

use super::SambaOptions;
use super::rules::{DNS_DOMAIN, HOST, NETBIOS_DOMAIN, REALM, SERVICE_HOST};
use crate::instance::{CERTIFICATE_PATH, KEY_PATH};

pub(super) const SMB_CONF: &str = "/etc/samba/smb.conf";

/// Where clients' configurations and tickets are, so that they are removed with the instance.
pub(super) const TICKETS: &str = "srv/tickets";

/// File attributes that Windows wants go into a database of its own: not every file system here has them.
pub(super) const ATTRIBUTES: [&str; 2] =
    ["vfs objects = dfs_samba4 acl_xattr xattr_tdb", "xattr_tdb:file = /var/lib/samba/private/xattr.tdb"];

pub(super) fn smb_conf(address: Ipv4Addr, options: SambaOptions) -> String {
    let [objects, file] = ATTRIBUTES;
    let strong = if options.requires_signing { "yes" } else { "no" };
    format!(
        "[global]
netbios name = DC1
realm = {REALM}
workgroup = {NETBIOS_DOMAIN}
server role = active directory domain controller
server services = ldap, kdc
interfaces = {address}/8
bind interfaces only = yes
disable netbios = yes
ldap server require strong auth = {strong}
tls certfile = {CERTIFICATE_PATH}
tls keyfile = {KEY_PATH}
tls cafile = {CERTIFICATE_PATH}
{objects}
{file}
# The directory server names each search at level 5, without a class of its own.
log level = 5 ldb:1 auth:1 auth_audit:1 auth_json_audit:5
"
    )
}

pub(super) fn hosts(address: Ipv4Addr) -> String {
    format!("{address} {HOST} dc1\n127.0.0.1 {SERVICE_HOST} localhost\n")
}

/// The kind of key that a session gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SessionKey {
    /// AES, as everybody uses it: tokens of RFC 4121.
    #[default]
    Aes,
    /// RC4, as old clients use it: tokens of RFC 1964 and RFC 4757.
    Rc4,
}

/// Names are taken as they are: a look-up of 127.0.0.1 would turn up this machine's name, for which there is no
/// service.
pub(super) fn krb5_conf(address: Ipv4Addr, key: SessionKey) -> String {
    let ciphers = match key {
        SessionKey::Aes => "",
        SessionKey::Rc4 => "  allow_weak_crypto = true\n  permitted_enctypes = rc4-hmac\n",
    };
    format!(
        "[libdefaults]
  default_realm = {REALM}
  dns_lookup_realm = false
  dns_lookup_kdc = false
  dns_canonicalize_hostname = false
  rdns = false
{ciphers}[realms]
  {REALM} = {{
    kdc = {address}
  }}
[domain_realm]
  .{DNS_DOMAIN} = {REALM}
  localhost = {REALM}
"
    )
}
