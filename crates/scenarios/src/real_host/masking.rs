//! What differs from run to run in Envoy's trace, masked: addresses as FakeEnvoy masks them, and delays.

/// Where a host function's arguments are addresses in the module's memory. They change with every build.
const ADDRESSES: &[(&str, &[usize])] = &[
    ("proxy_add_header_map_value", &[1, 3]),
    ("proxy_call_foreign_function", &[0, 2, 4, 5]),
    ("proxy_define_metric", &[1, 3]),
    ("proxy_dequeue_shared_queue", &[1, 2]),
    ("proxy_enqueue_shared_queue", &[1]),
    ("proxy_get_buffer_bytes", &[3, 4]),
    ("proxy_get_current_time_nanoseconds", &[0]),
    ("proxy_get_header_map_pairs", &[1, 2]),
    ("proxy_get_header_map_size", &[1]),
    ("proxy_get_header_map_value", &[1, 3, 4]),
    ("proxy_get_log_level", &[0]),
    ("proxy_get_metric", &[1]),
    ("proxy_get_property", &[0, 2, 3]),
    ("proxy_get_shared_data", &[0, 2, 3, 4]),
    ("proxy_get_status", &[0, 1, 2]),
    ("proxy_grpc_call", &[0, 2, 4, 6, 8, 11]),
    ("proxy_grpc_send", &[1]),
    ("proxy_grpc_stream", &[0, 2, 4, 6, 8]),
    ("proxy_http_call", &[0, 2, 4, 6, 9]),
    ("proxy_log", &[1]),
    ("proxy_register_shared_queue", &[0, 2]),
    ("proxy_remove_header_map_value", &[1]),
    ("proxy_replace_header_map_value", &[1, 3]),
    ("proxy_resolve_shared_queue", &[0, 2, 4]),
    ("proxy_send_local_response", &[1, 3, 5]),
    ("proxy_set_buffer_bytes", &[3]),
    ("proxy_set_header_map_pairs", &[1]),
    ("proxy_set_property", &[0, 2]),
    ("proxy_set_shared_data", &[0, 2]),
];

/// One line of Envoy's trace with its addresses as `*`; `None` for a line that is no call.
pub(super) fn masked(line: &str) -> Option<String> {
    if let Some(call) = line.strip_prefix("[vm->host] env.") {
        let (function, arguments) = call.strip_suffix(')')?.split_once('(')?;
        let addresses = ADDRESSES.iter().find(|(name, _)| *name == function).map_or(&[][..], |(_, at)| at);
        let mask = |(index, argument)| if addresses.contains(&index) { "*" } else { argument };
        let arguments: Vec<&str> = arguments.split(", ").enumerate().map(mask).collect();
        return Some(without_delay(&format!("[vm->host] env.{function}({})", arguments.join(", "))));
    }
    if line.starts_with("[host<-vm] malloc return: ") {
        return Some("[host<-vm] malloc return: *".to_owned());
    }
    let is_call = ["[host->vm] ", "[host<-vm] ", "[vm<-host] "].iter().any(|arrow| line.starts_with(arrow));
    is_call.then(|| line.to_owned())
}

/// The call without the period of the tick, unless it is turned off: the SDK sets what is left until the next timer, which
/// depends on how long a callback took.
pub(crate) fn without_delay(call: &str) -> String {
    const TICK: &str = "[vm->host] env.proxy_set_tick_period_milliseconds(";
    if call.starts_with(TICK) && !call.ends_with("(0)") { format!("{TICK}*)") } else { call.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_are_masked() {
        let reading = "[vm->host] env.proxy_get_buffer_bytes(2, 0, 5, 1048496, 1048500)";
        assert_eq!(masked(reading).unwrap(), "[vm->host] env.proxy_get_buffer_bytes(2, 0, 5, *, *)");
        let closing = "[vm->host] env.proxy_close_stream(2)";
        assert_eq!(masked(closing).unwrap(), closing);
        assert_eq!(masked("[host<-vm] malloc return: 1114344").unwrap(), "[host<-vm] malloc return: *");
        let nothing = "[vm->host] env.proxy_done()";
        assert_eq!(masked(nothing).unwrap(), nothing);
        let tick = "[vm->host] env.proxy_set_tick_period_milliseconds";
        assert_eq!(masked(&format!("{tick}(99)")).unwrap(), format!("{tick}(*)"));
        assert_eq!(masked(&format!("{tick}(0)")).unwrap(), format!("{tick}(0)"));
        assert_eq!(masked("~Wasm 5 remaining active"), None);
    }
}
