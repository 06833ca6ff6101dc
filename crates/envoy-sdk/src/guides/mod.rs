//! Guides: how to come here from elsewhere, and how to do what every extension does.
//!
//! | coming from | |
//! |---|---|
//! | [`from_cpp`], [`from_cpp_host`] | Envoy's C++ interfaces: each class and method, and what takes its place |
//! | [`from_proxy_wasm`], [`from_proxy_wasm_streams`] | the `proxy-wasm` crate: each method, host call and type, and what takes its place |
//!
//! | how to | |
//! |---|---|
//! | [`configure`] | take a configuration, refuse a wrong one |
//! | [`share_statistics`] | count, and see it in Prometheus |
//! | [`call_out`] | ask others over HTTP and gRPC, wait, give up |
//! | [`log_safely`] | write to Envoy's log what belongs there |
//! | [`handle_errors`] | know what an error or a panic costs |
//! | [`mod@test`] | test without an Envoy, and with one |
//!
//! There is no code here but that of the pages, which is compiled and run as tests. The pages are Markdown files
//! beside this module's source.

/// Makes a module of a page. Links to other pages are defined in front: a page defines them once more for readers of the
/// file, and the first definition counts.
macro_rules! page {
    ($name:ident, $title:literal, $file:literal) => {
        #[doc = concat!("# ", $title, "\n")]
        #[doc = "\n[Configure]: configure\n[Share statistics]: share_statistics\n[Call out]: call_out"]
        #[doc = "[Log safely]: log_safely\n[Handle errors]: handle_errors\n[Test]: mod@test"]
        #[doc = "[From a C++ filter]: from_cpp\n[What filters use]: from_cpp_host"]
        #[doc = "[From proxy-wasm]: from_proxy_wasm\n[Streams, host calls, types]: from_proxy_wasm_streams\n"]
        #[doc = include_str!($file)]
        pub mod $name {}
    };
}

page!(from_cpp, "From a C++ Envoy filter to envoy-sdk", "from_cpp.md");
page!(from_cpp_host, "From a C++ Envoy filter to envoy-sdk: what filters use", "from_cpp_host.md");
page!(from_proxy_wasm, "From proxy-wasm to envoy-sdk", "from_proxy_wasm.md");
page!(
    from_proxy_wasm_streams,
    "From proxy-wasm to envoy-sdk: streams, host calls, types",
    "from_proxy_wasm_streams.md"
);
page!(configure, "How to configure", "configure.md");
page!(share_statistics, "How to share statistics", "share_statistics.md");
page!(call_out, "How to call out", "call_out.md");
page!(log_safely, "How to log safely", "log_safely.md");
page!(handle_errors, "How to handle errors", "handle_errors.md");
page!(test, "How to test", "test.md");
