//! Requests that an extension itself makes: HTTP and gRPC calls to Envoy's clusters.

mod grpc;
mod http;

pub use grpc::{GrpcCallId, GrpcError, GrpcMessage, GrpcRequest, GrpcStatus, GrpcStreamEvent, GrpcStreamId};
pub use http::{CallError, HttpCallId, HttpRequest, HttpResponse};
