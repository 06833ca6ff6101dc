//! How the filter serves the document, on an Envoy that is made up.

use background_refresh::{DOCUMENT_KEY, module};
use envoy_sdk_test::{FakeEnvoy, HttpRequest};

fn envoy() -> FakeEnvoy {
    FakeEnvoy::new(module)
        .root_id("document-serve")
        .configure(r#"{"path": "/document", "content_type": "text/plain"}"#)
        .expect("a configuration that is taken")
}

fn count(envoy: &FakeEnvoy, answer: &str) -> u64 {
    envoy.stats().total("document_requests_total", &[("answer", answer)])
}

#[test]
fn the_document_is_served_as_it_is_now() {
    let mut envoy = envoy();
    for document in ["first", "second"] {
        envoy.set_shared_data(DOCUMENT_KEY, document);
        let exchange = envoy.http_request(HttpRequest::get("/document?x=1"));
        let received = exchange.received_by_client();
        assert_eq!((received.status(), &*received.body), (Some(200), document.as_bytes()));
        assert_eq!(received.header("content-type").as_deref(), Some("text/plain"));
        assert!(exchange.received_by_server().is_empty());
    }
    assert_eq!((count(&envoy, "document"), count(&envoy, "missing")), (2, 0));
}

#[test]
fn before_there_is_one_the_answer_is_503() {
    let mut envoy = envoy();
    let exchange = envoy.http_request(HttpRequest::get("/document"));
    assert_eq!(exchange.received_by_client().status(), Some(503));
    assert_eq!(exchange.response_code_details().as_deref(), Some("document_missing"));
    assert_eq!(count(&envoy, "missing"), 1);
}

#[test]
fn everything_else_passes() {
    let mut envoy = envoy();
    envoy.set_shared_data(DOCUMENT_KEY, "document");
    for path in ["/", "/document/", "/Document", "/documents"] {
        assert!(envoy.http_request(HttpRequest::get(path)).received_by_server().ended, "{path}");
    }
    assert_eq!(envoy.stats().total("document_requests_total", &[]), 0);
}

#[test]
fn the_root_id_chooses_the_extension() {
    let refused = FakeEnvoy::new(module).root_id("document").configure("{}").unwrap_err().to_string();
    assert!(refused.contains("background-refresh, document-serve"), "{refused}");
}
