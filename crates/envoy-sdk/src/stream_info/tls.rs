//! What a TLS handshake has told, on either leg.

/// The attributes that `connection.*` and `upstream.*` have in common, as methods.
macro_rules! tls_attributes {
    ($of:ident, $group:literal) => {
        tls_attributes! { $of, $group,
            /// The subject of Envoy's own certificate, as `O=Org,CN=name`
            subject_local_certificate;
            /// The subject of the peer's certificate
            subject_peer_certificate;
            /// The first DNS name among the alternative names of Envoy's own certificate
            dns_san_local_certificate;
            /// The first DNS name among the alternative names of the peer's certificate
            dns_san_peer_certificate;
            /// The first URI among the alternative names of Envoy's own certificate
            uri_san_local_certificate;
            /// The first URI among the alternative names of the peer's certificate, such as a SPIFFE identity
            uri_san_peer_certificate;
            /// The SHA-256 digest of the peer's certificate, as 64 hexadecimal digits
            sha256_peer_certificate_digest;
            /// The peer's certificate, PEM of 1 KB and more, not on Envoy 1.36
            peer_certificate;
        }
    };
    ($of:ident, $group:literal, $(#[doc = $doc:literal] $name:ident;)*) => {
        impl $of {
            $(
                #[doc = concat!($doc, ": `", $group, ".", stringify!($name), "`. `None` without TLS.")]
                ///
                /// # Errors
                /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
                pub fn $name(&self) -> crate::Result<Option<crate::ByteString>> {
                    super::value::text(&[$group, stringify!($name)])
                }
            )*
        }
    };
}

pub(super) use tls_attributes;
