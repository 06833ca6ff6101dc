//! Requests that an extension itself makes: HTTP and gRPC calls to Envoy's clusters.

mod grpc;
mod http;

pub use grpc::{
    GrpcCallError, GrpcCallId, GrpcMessage, GrpcRequest, GrpcStatus, GrpcStreamEvent, GrpcStreamId,
};
pub use http::{HttpCallError, HttpCallId, HttpRequest, HttpResponse};
