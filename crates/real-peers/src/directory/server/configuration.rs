//! slapd's configuration.

use crate::directory::rules::{ADMIN_DN, ADMIN_PASSWORD, PEOPLE, POLICIES, REALM, SUFFIX};
use crate::instance::{CERTIFICATE_PATH, KEY_PATH};

/// Where clients' certificates are trusted from.
pub(super) const TRUSTED_PATH: &str = "/etc/ldap/trusted.pem";
/// The configuration's place in the root.
pub(super) const PATH: &str = "/etc/ldap/slapd.conf";

/// The text of `slapd.conf`.
pub(super) fn slapd_conf(size_limit: u32) -> String {
    format!(
        "include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload dds
moduleload ppolicy
moduleload sssvlv
moduleload syncprov
pidfile /run/slapd.pid
sizelimit {size_limit}
threads 4

TLSCertificateFile {CERTIFICATE_PATH}
TLSCertificateKeyFile {KEY_PATH}
TLSCACertificateFile {TRUSTED_PATH}
# For SASL EXTERNAL. A client without a certificate is none the worse.
TLSVerifyClient allow

sasl-host localhost
# Every mechanism, also those that show the password.
sasl-secprops none
authz-regexp ^uid=([^,]+)(,cn=[^,]+)?,cn=(plain|login|cram-md5|digest-md5|scram-sha-[0-9]+|gssapi|gss-spnego),cn=auth$ uid=$1,{PEOPLE}
authz-regexp ^cn=([^,]+)$ uid=$1,{PEOPLE}
# In clear text: SASL mechanisms that prove a secret need to know it.
password-hash {{CLEARTEXT}}

database mdb
suffix {SUFFIX}
rootdn {ADMIN_DN}
rootpw {ADMIN_PASSWORD}
directory /var/lib/ldap
# Bytes of address space, not of disk.
maxsize 4294967296
# What is lost when the machine crashes was worth nothing.
dbnosync
index objectClass,uid,cn,sn,mail,departmentNumber,uidNumber,member eq
index entryCSN,entryUUID eq
access to attrs=userPassword by self =xw by anonymous auth by * none
access to * by self write by * read

overlay dds
dds-max-ttl 86400
dds-default-ttl 3600

overlay sssvlv
sssvlv-max 16
sssvlv-maxperconn 16
sssvlv-maxkeys 4

overlay syncprov
syncprov-sessionlog 100

overlay ppolicy
ppolicy_default cn=default,{POLICIES}
ppolicy_use_lockout
"
    )
}

/// What slapd's Kerberos needs to know. That its service may be called by any of its host's names is for
/// clients that know it as 127.0.0.1.
pub(super) fn krb5_conf() -> String {
    format!(
        "[libdefaults]
  default_realm = {REALM}
  dns_lookup_kdc = false
  dns_canonicalize_hostname = false
  rdns = false
  ignore_acceptor_hostname = true
"
    )
}
