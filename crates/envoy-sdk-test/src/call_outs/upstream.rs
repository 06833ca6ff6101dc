//! Whom a gRPC call-out goes to: a cluster's name, or a serialised `envoy.config.core.v3.GrpcService`.

use prost::Message;

/// The upstream of a gRPC call-out, as Envoy understands it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Upstream {
    /// The name itself.
    Name(String),
    /// A message that names a cluster.
    Service(String),
    /// A message for Google's gRPC client, which Envoy's official builds do not contain.
    Google,
    /// A message without any target: Envoy aborts.
    Nothing,
}

#[derive(Clone, PartialEq, Message)]
struct GrpcService {
    #[prost(message, optional, tag = "1")]
    envoy_grpc: Option<EnvoyGrpc>,
    #[prost(bytes = "vec", optional, tag = "2")]
    google_grpc: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct EnvoyGrpc {
    #[prost(string, tag = "1")]
    cluster_name: String,
}

impl Upstream {
    /// Envoy tries the message first, and skips fields that it does not know: a name such as `auth-grpc` is one.
    pub(crate) fn read(octets: &[u8]) -> Self {
        match GrpcService::decode(octets) {
            Ok(GrpcService { google_grpc: Some(_), .. }) => Self::Google,
            Ok(GrpcService { envoy_grpc: Some(target), .. }) => Self::Service(target.cluster_name),
            Ok(_) => Self::Nothing,
            Err(_) => Self::Name(String::from_utf8_lossy(octets).into_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Envoy 1.36.2 and 1.40.0 took them; at "nothing" the process ended.
    #[test]
    fn names_and_messages() {
        assert_eq!(Upstream::read(b"grpc"), Upstream::Name("grpc".to_owned()));
        assert_eq!(Upstream::read(b"nosuch"), Upstream::Name("nosuch".to_owned()));
        assert_eq!(Upstream::read(b"\xff\xff\xff"), Upstream::Name("\u{fffd}".repeat(3)));
        let message = |name: &str| {
            let envoy_grpc = Some(EnvoyGrpc { cluster_name: name.to_owned() });
            GrpcService { envoy_grpc, google_grpc: None }.encode_to_vec()
        };
        assert_eq!(Upstream::read(&message("auth-grpc")), Upstream::Service("auth-grpc".to_owned()));
        for name in ["", "hi", "etcd1", "auth-grpc"] {
            assert_eq!(Upstream::read(name.as_bytes()), Upstream::Nothing, "{name:?}");
        }
        let google = GrpcService { envoy_grpc: None, google_grpc: Some(vec![]) };
        assert_eq!(Upstream::read(&google.encode_to_vec()), Upstream::Google);
    }
}
