//! The host's functions in a native program: forwarded to whatever [`Host`] the thread has installed.
//!
//! With this, every program that contains an extension links and runs natively. Without a host installed
//! each call is answered with `Unimplemented`.

use std::cell::RefCell;
use std::rc::Rc;

use crate::error::Status;

/// What a host call answers: a value, or a status other than `Ok`.
pub type Answer<T> = Result<T, Status>;

/// A list of names and values, as header maps are.
pub type Pairs<'a> = &'a [u8];

const REFUSED: Status = Status::UNIMPLEMENTED;

/// The host side of Proxy-Wasm 0.2.1, one method for each of the functions that the `proxy-wasm` crate can import.
///
/// Numbers and serialised maps are those of the ABI. Every method refuses unless it is implemented.
#[allow(unused_variables, missing_docs, clippy::too_many_arguments)]
pub trait Host {
    fn log(&self, level: u32, message: &[u8]) -> Answer<()> {
        Err(REFUSED)
    }
    fn log_level(&self) -> Answer<u32> {
        Err(REFUSED)
    }
    fn current_time_nanoseconds(&self) -> Answer<u64> {
        Err(REFUSED)
    }
    fn set_tick_period_milliseconds(&self, period: u32) -> Answer<()> {
        Err(REFUSED)
    }
    fn buffer_bytes(&self, buffer: u32, start: usize, max_size: usize) -> Answer<Option<Vec<u8>>> {
        Err(REFUSED)
    }
    fn set_buffer_bytes(&self, buffer: u32, start: usize, size: usize, data: &[u8]) -> Answer<()> {
        Err(REFUSED)
    }
    fn header_map_pairs(&self, map: u32) -> Answer<Option<Vec<u8>>> {
        Err(REFUSED)
    }
    fn set_header_map_pairs(&self, map: u32, pairs: Pairs<'_>) -> Answer<()> {
        Err(REFUSED)
    }
    fn header_map_value(&self, map: u32, key: &[u8]) -> Answer<Option<Vec<u8>>> {
        Err(REFUSED)
    }
    fn replace_header_map_value(&self, map: u32, key: &[u8], value: &[u8]) -> Answer<()> {
        Err(REFUSED)
    }
    fn remove_header_map_value(&self, map: u32, key: &[u8]) -> Answer<()> {
        Err(REFUSED)
    }
    fn add_header_map_value(&self, map: u32, key: &[u8], value: &[u8]) -> Answer<()> {
        Err(REFUSED)
    }
    fn property(&self, path: &[u8]) -> Answer<Option<Vec<u8>>> {
        Err(REFUSED)
    }
    fn set_property(&self, path: &[u8], value: &[u8]) -> Answer<()> {
        Err(REFUSED)
    }
    fn shared_data(&self, key: &[u8]) -> Answer<(Option<Vec<u8>>, u32)> {
        Err(REFUSED)
    }
    fn set_shared_data(&self, key: &[u8], value: &[u8], cas: u32) -> Answer<()> {
        Err(REFUSED)
    }
    fn register_shared_queue(&self, name: &[u8]) -> Answer<u32> {
        Err(REFUSED)
    }
    fn resolve_shared_queue(&self, vm_id: &[u8], name: &[u8]) -> Answer<u32> {
        Err(REFUSED)
    }
    fn dequeue_shared_queue(&self, queue: u32) -> Answer<Option<Vec<u8>>> {
        Err(REFUSED)
    }
    fn enqueue_shared_queue(&self, queue: u32, value: &[u8]) -> Answer<()> {
        Err(REFUSED)
    }
    fn continue_stream(&self, stream: u32) -> Answer<()> {
        Err(REFUSED)
    }
    fn close_stream(&self, stream: u32) -> Answer<()> {
        Err(REFUSED)
    }
    fn send_local_response(
        &self,
        status_code: u32,
        details: &[u8],
        body: &[u8],
        headers: Pairs<'_>,
        grpc_status: i32,
    ) -> Answer<()> {
        Err(REFUSED)
    }
    fn http_call(
        &self,
        upstream: &[u8],
        headers: Pairs<'_>,
        body: &[u8],
        trailers: Pairs<'_>,
        timeout: u32,
    ) -> Answer<u32> {
        Err(REFUSED)
    }
    fn grpc_call(
        &self,
        upstream: &[u8],
        service: &[u8],
        method: &[u8],
        initial_metadata: Pairs<'_>,
        message: &[u8],
        timeout: u32,
    ) -> Answer<u32> {
        Err(REFUSED)
    }
    fn grpc_stream(
        &self,
        upstream: &[u8],
        service: &[u8],
        method: &[u8],
        initial_metadata: Pairs<'_>,
    ) -> Answer<u32> {
        Err(REFUSED)
    }
    fn grpc_send(&self, token: u32, message: &[u8], end_stream: bool) -> Answer<()> {
        Err(REFUSED)
    }
    fn grpc_cancel(&self, token: u32) -> Answer<()> {
        Err(REFUSED)
    }
    fn grpc_close(&self, token: u32) -> Answer<()> {
        Err(REFUSED)
    }
    fn grpc_status(&self) -> Answer<(u32, Option<Vec<u8>>)> {
        Err(REFUSED)
    }
    fn set_effective_context(&self, context: u32) -> Answer<()> {
        Err(REFUSED)
    }
    fn call_foreign_function(&self, name: &[u8], arguments: &[u8]) -> Answer<Option<Vec<u8>>> {
        Err(REFUSED)
    }
    fn done(&self) -> Answer<()> {
        Err(REFUSED)
    }
    fn define_metric(&self, kind: u32, name: &[u8]) -> Answer<u32> {
        Err(REFUSED)
    }
    fn metric(&self, id: u32) -> Answer<u64> {
        Err(REFUSED)
    }
    fn record_metric(&self, id: u32, value: u64) -> Answer<()> {
        Err(REFUSED)
    }
    fn increment_metric(&self, id: u32, offset: i64) -> Answer<()> {
        Err(REFUSED)
    }
}

thread_local! {
    static HOST: RefCell<Option<Rc<dyn Host>>> = const { RefCell::new(None) };
}

/// Makes `host` answer all host calls of this thread from now on; `None` refuses them all again.
pub fn install_host(host: Option<Rc<dyn Host>>) {
    HOST.with(|installed| *installed.borrow_mut() = host);
}

/// Asks the thread's host. The borrow ends before the host runs, so that it may install another one.
fn ask<T>(call: impl FnOnce(&(dyn Host + 'static)) -> Answer<T>) -> Answer<T> {
    let host = HOST.with(|installed| installed.borrow().clone());
    host.map_or(Err(REFUSED), |host| call(host.as_ref()))
}

fn code(answer: Answer<()>) -> u32 {
    answer.err().unwrap_or(Status::OK).code()
}

/// Writes a number where the guest wants it.
///
/// # Safety
/// `target` is valid for writing a `T`.
unsafe fn give<T>(answer: Answer<T>, target: *mut T) -> u32 {
    match answer {
        Ok(value) => {
            // SAFETY: promised by the caller.
            unsafe { target.write(value) };
            Status::OK.code()
        }
        Err(status) => status.code(),
    }
}

/// Hands a value over to the guest, as Envoy does: nothing for an empty one.
///
/// # Safety
/// `data` and `size` are valid for writing.
unsafe fn give_bytes(answer: Answer<Option<Vec<u8>>>, data: *mut *mut u8, size: *mut usize) -> u32 {
    match answer {
        Ok(value) => {
            let value = value.unwrap_or_default().into_boxed_slice();
            let len = value.len();
            let pointer = if len == 0 { std::ptr::null_mut() } else { Box::into_raw(value).cast::<u8>() };
            // SAFETY: promised by the caller.
            unsafe {
                data.write(pointer);
                size.write(len);
            }
            Status::OK.code()
        }
        Err(status) => status.code(),
    }
}

/// The octets that a guest passes; it may pass null for none.
///
/// # Safety
/// A non-null `data` is valid for reading `size` octets during the call.
unsafe fn octets<'a>(data: *const u8, size: usize) -> &'a [u8] {
    if data.is_null() || size == 0 {
        return &[];
    }
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts(data, size) }
}

/// Defines the symbols. The body of each turns pointers into slices and back, nothing more.
macro_rules! host_functions {
    ($(fn $name:ident($($argument:ident: $type:ty),* $(,)?) $body:block)*) => {
        $(
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name($($argument: $type),*) -> u32 {
                // SAFETY: the guest's SDK passes pointers that are valid for the call, as the ABI demands.
                #[allow(unused_unsafe)]
                unsafe { $body }
            }
        )*
    };
}

host_functions! {
    fn proxy_log(level: u32, data: *const u8, size: usize) {
        code(ask(|host| host.log(level, octets(data, size))))
    }
    fn proxy_get_log_level(level: *mut u32) {
        give(ask(Host::log_level), level)
    }
    fn proxy_get_current_time_nanoseconds(time: *mut u64) {
        give(ask(Host::current_time_nanoseconds), time)
    }
    fn proxy_set_tick_period_milliseconds(period: u32) {
        code(ask(|host| host.set_tick_period_milliseconds(period)))
    }
    fn proxy_get_buffer_bytes(buffer: u32, start: usize, max: usize, data: *mut *mut u8, size: *mut usize) {
        give_bytes(ask(|host| host.buffer_bytes(buffer, start, max)), data, size)
    }
    fn proxy_set_buffer_bytes(buffer: u32, start: usize, size: usize, data: *const u8, data_size: usize) {
        code(ask(|host| host.set_buffer_bytes(buffer, start, size, octets(data, data_size))))
    }
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) {
        give_bytes(ask(|host| host.header_map_pairs(map)), data, size)
    }
    fn proxy_set_header_map_pairs(map: u32, data: *const u8, size: usize) {
        code(ask(|host| host.set_header_map_pairs(map, octets(data, size))))
    }
    fn proxy_get_header_map_value(map: u32, key: *const u8, key_size: usize, data: *mut *mut u8, size: *mut usize) {
        give_bytes(ask(|host| host.header_map_value(map, octets(key, key_size))), data, size)
    }
    fn proxy_replace_header_map_value(map: u32, key: *const u8, key_size: usize, data: *const u8, size: usize) {
        code(ask(|host| host.replace_header_map_value(map, octets(key, key_size), octets(data, size))))
    }
    fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize) {
        code(ask(|host| host.remove_header_map_value(map, octets(key, key_size))))
    }
    fn proxy_add_header_map_value(map: u32, key: *const u8, key_size: usize, data: *const u8, size: usize) {
        code(ask(|host| host.add_header_map_value(map, octets(key, key_size), octets(data, size))))
    }
    fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) {
        give_bytes(ask(|host| host.property(octets(path, path_size))), data, size)
    }
    fn proxy_set_property(path: *const u8, path_size: usize, data: *const u8, size: usize) {
        code(ask(|host| host.set_property(octets(path, path_size), octets(data, size))))
    }
    fn proxy_get_shared_data(key: *const u8, key_size: usize, data: *mut *mut u8, size: *mut usize, cas: *mut u32) {
        match ask(|host| host.shared_data(octets(key, key_size))) {
            Ok((value, version)) => {
                cas.write(version);
                give_bytes(Ok(value), data, size)
            }
            Err(status) => status.code(),
        }
    }
    fn proxy_set_shared_data(key: *const u8, key_size: usize, data: *const u8, size: usize, cas: u32) {
        code(ask(|host| host.set_shared_data(octets(key, key_size), octets(data, size), cas)))
    }
    fn proxy_register_shared_queue(name: *const u8, name_size: usize, id: *mut u32) {
        give(ask(|host| host.register_shared_queue(octets(name, name_size))), id)
    }
    fn proxy_resolve_shared_queue(vm: *const u8, vm_size: usize, name: *const u8, name_size: usize, id: *mut u32) {
        give(ask(|host| host.resolve_shared_queue(octets(vm, vm_size), octets(name, name_size))), id)
    }
    fn proxy_dequeue_shared_queue(queue: u32, data: *mut *mut u8, size: *mut usize) {
        give_bytes(ask(|host| host.dequeue_shared_queue(queue)), data, size)
    }
    fn proxy_enqueue_shared_queue(queue: u32, data: *const u8, size: usize) {
        code(ask(|host| host.enqueue_shared_queue(queue, octets(data, size))))
    }
    fn proxy_continue_stream(stream: u32) {
        code(ask(|host| host.continue_stream(stream)))
    }
    fn proxy_close_stream(stream: u32) {
        code(ask(|host| host.close_stream(stream)))
    }
    fn proxy_send_local_response(
        status: u32, details: *const u8, details_size: usize, body: *const u8, body_size: usize,
        headers: *const u8, headers_size: usize, grpc_status: i32,
    ) {
        code(ask(|host| {
            let details = octets(details, details_size);
            host.send_local_response(status, details, octets(body, body_size), octets(headers, headers_size), grpc_status)
        }))
    }
    fn proxy_http_call(
        upstream: *const u8, upstream_size: usize, headers: *const u8, headers_size: usize, body: *const u8,
        body_size: usize, trailers: *const u8, trailers_size: usize, timeout: u32, token: *mut u32,
    ) {
        give(ask(|host| {
            let (upstream, headers) = (octets(upstream, upstream_size), octets(headers, headers_size));
            host.http_call(upstream, headers, octets(body, body_size), octets(trailers, trailers_size), timeout)
        }), token)
    }
    fn proxy_grpc_call(
        upstream: *const u8, upstream_size: usize, service: *const u8, service_size: usize, method: *const u8,
        method_size: usize, metadata: *const u8, metadata_size: usize, message: *const u8, message_size: usize,
        timeout: u32, token: *mut u32,
    ) {
        give(ask(|host| {
            let (upstream, service) = (octets(upstream, upstream_size), octets(service, service_size));
            let (method, metadata) = (octets(method, method_size), octets(metadata, metadata_size));
            host.grpc_call(upstream, service, method, metadata, octets(message, message_size), timeout)
        }), token)
    }
    fn proxy_grpc_stream(
        upstream: *const u8, upstream_size: usize, service: *const u8, service_size: usize, method: *const u8,
        method_size: usize, metadata: *const u8, metadata_size: usize, token: *mut u32,
    ) {
        give(ask(|host| {
            let (upstream, service) = (octets(upstream, upstream_size), octets(service, service_size));
            host.grpc_stream(upstream, service, octets(method, method_size), octets(metadata, metadata_size))
        }), token)
    }
    fn proxy_grpc_send(token: u32, data: *const u8, size: usize, end_stream: bool) {
        code(ask(|host| host.grpc_send(token, octets(data, size), end_stream)))
    }
    fn proxy_grpc_cancel(token: u32) {
        code(ask(|host| host.grpc_cancel(token)))
    }
    fn proxy_grpc_close(token: u32) {
        code(ask(|host| host.grpc_close(token)))
    }
    fn proxy_get_status(status: *mut u32, data: *mut *mut u8, size: *mut usize) {
        match ask(Host::grpc_status) {
            Ok((number, message)) => {
                status.write(number);
                give_bytes(Ok(message), data, size)
            }
            Err(status) => status.code(),
        }
    }
    fn proxy_set_effective_context(context: u32) {
        code(ask(|host| host.set_effective_context(context)))
    }
    fn proxy_call_foreign_function(
        name: *const u8, name_size: usize, arguments: *const u8, arguments_size: usize,
        data: *mut *mut u8, size: *mut usize,
    ) {
        let answer = ask(|host| host.call_foreign_function(octets(name, name_size), octets(arguments, arguments_size)));
        give_bytes(answer, data, size)
    }
    fn proxy_done() {
        code(ask(Host::done))
    }
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) {
        give(ask(|host| host.define_metric(kind, octets(name, name_size))), id)
    }
    fn proxy_get_metric(id: u32, value: *mut u64) {
        give(ask(|host| host.metric(id)), value)
    }
    fn proxy_record_metric(id: u32, value: u64) {
        code(ask(|host| host.record_metric(id, value)))
    }
    fn proxy_increment_metric(id: u32, offset: i64) {
        code(ask(|host| host.increment_metric(id, offset)))
    }
}

/// Calls into the module, as Envoy does: the exports of the `proxy-wasm` crate.
pub mod exports {
    macro_rules! exports {
        ($($(#[$meta:meta])* fn $name:ident = $symbol:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
            mod symbols {
                unsafe extern "C" {
                    $(pub(super) fn $symbol($($argument: $type),*) $(-> $result)?;)*
                }
            }
            $(
                $(#[$meta])*
                pub fn $name($($argument: $type),*) $(-> $result)? {
                    // SAFETY: the crate's exports take numbers only and are safe functions there.
                    unsafe { symbols::$symbol($($argument),*) }
                }
            )*
        };
    }

    exports! {
        /// A plugin (`parent` 0) or a stream of one comes into being.
        fn context_create = proxy_on_context_create(context: u32, parent: u32);
        /// The VM starts; `false` refuses.
        fn vm_start = proxy_on_vm_start(context: u32, configuration_size: usize) -> bool;
        /// The plugin is configured; `false` refuses.
        fn configure = proxy_on_configure(context: u32, configuration_size: usize) -> bool;
        /// The plugin's timer fires.
        fn tick = proxy_on_tick(context: u32);
        /// A connection is accepted; 0 continues, 1 pauses.
        fn new_connection = proxy_on_new_connection(context: u32) -> u32;
        /// Data from the client; 0 continues, 1 pauses.
        fn downstream_data = proxy_on_downstream_data(context: u32, size: usize, end_of_stream: bool) -> u32;
        /// Data from the server; 0 continues, 1 pauses.
        fn upstream_data = proxy_on_upstream_data(context: u32, size: usize, end_of_stream: bool) -> u32;
        /// The client's side is closed.
        fn downstream_close = proxy_on_downstream_connection_close(context: u32, peer: u32);
        /// The server's side is closed.
        fn upstream_close = proxy_on_upstream_connection_close(context: u32, peer: u32);
        /// The client's headers; 0 continues, 1 pauses. So with every callback of an HTTP stream.
        fn request_headers = proxy_on_request_headers(context: u32, headers: usize, end_of_stream: bool) -> u32;
        /// A piece of the client's body.
        fn request_body = proxy_on_request_body(context: u32, size: usize, end_of_stream: bool) -> u32;
        /// The client's trailers.
        fn request_trailers = proxy_on_request_trailers(context: u32, trailers: usize) -> u32;
        /// The server's headers, or those of a local reply.
        fn response_headers = proxy_on_response_headers(context: u32, headers: usize, end_of_stream: bool) -> u32;
        /// A piece of the server's body.
        fn response_body = proxy_on_response_body(context: u32, size: usize, end_of_stream: bool) -> u32;
        /// The server's trailers.
        fn response_trailers = proxy_on_response_trailers(context: u32, trailers: usize) -> u32;
        /// The answer of an HTTP call-out; no headers when it failed.
        fn http_call_response = proxy_on_http_call_response(context: u32, token: u32, headers: usize, body_size: usize, trailers: usize);
        /// The first metadata of a gRPC stream.
        fn grpc_receive_initial_metadata = proxy_on_grpc_receive_initial_metadata(context: u32, token: u32, headers: u32);
        /// A message of a gRPC call or stream.
        fn grpc_receive = proxy_on_grpc_receive(context: u32, token: u32, size: usize);
        /// The last metadata of a gRPC stream.
        fn grpc_receive_trailing_metadata = proxy_on_grpc_receive_trailing_metadata(context: u32, token: u32, trailers: u32);
        /// A gRPC call has failed, or a gRPC stream has ended.
        fn grpc_close = proxy_on_grpc_close(context: u32, token: u32, status: u32);
        /// Something is in a queue that the plugin has registered.
        fn queue_ready = proxy_on_queue_ready(context: u32, queue: u32);
        /// The connection is over.
        fn done = proxy_on_done(context: u32) -> bool;
        /// The connection is about to be logged.
        fn log = proxy_on_log(context: u32);
        /// The context goes.
        fn delete = proxy_on_delete(context: u32);
    }
}
