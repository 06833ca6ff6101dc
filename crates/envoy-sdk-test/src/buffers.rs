//! The rules by which a module reads and changes Envoy's buffers.

use envoy_sdk::Status;
use envoy_sdk::native_host::Answer;

use crate::stream::Way;

/// `proxy_buffer_type_t`, as far as it means something on a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BufferKind {
    /// The body of a request or a response: read as empty where there is none.
    Http(Way),
    /// Data from the client.
    Downstream,
    /// Data from the server.
    Upstream,
    /// The body of an HTTP call-out's answer: not found outside of its callback.
    CallResponseBody,
    /// A gRPC message.
    GrpcMessage,
    /// The argument of a foreign call into the module, which Envoy never makes.
    CallData,
    /// `vm_config.configuration`, which is always empty here.
    VmConfiguration,
    /// The plugin's configuration: found only while it is being configured.
    PluginConfiguration,
}

impl BufferKind {
    pub(crate) fn from_code(code: u32) -> Answer<Self> {
        Ok(match code {
            0 => Self::Http(Way::ToServer),
            1 => Self::Http(Way::ToClient),
            2 => Self::Downstream,
            3 => Self::Upstream,
            4 => Self::CallResponseBody,
            5 => Self::GrpcMessage,
            8 => Self::CallData,
            6 => Self::VmConfiguration,
            7 => Self::PluginConfiguration,
            _ => return Err(Status::BAD_ARGUMENT),
        })
    }
}

/// At most `max_size` octets from `start` on; what lies outside is left out without complaint.
pub(crate) fn read(buffer: &[u8], start: usize, max_size: usize) -> Vec<u8> {
    let start = start.min(buffer.len());
    let end = start.saturating_add(max_size).min(buffer.len());
    buffer[start..end].to_vec()
}

/// Writes `data` in front (`start` 0, in place of the first `size` octets) or behind (`start` at the end or
/// beyond, whatever `size` says). Anything in the middle is refused.
pub(crate) fn write(buffer: &mut Vec<u8>, start: usize, size: usize, data: &[u8]) -> Answer<()> {
    if start == 0 {
        buffer.splice(..size.min(buffer.len()), data.iter().copied());
        Ok(())
    } else if start >= buffer.len() {
        buffer.extend_from_slice(data);
        Ok(())
    } else {
        Err(Status::BAD_ARGUMENT)
    }
}

// The expectations are what Envoy 1.36.2 and 1.40.0 did.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_is_clipped() {
        let buffer = b"0123456789";
        assert_eq!(read(buffer, 3, 4), b"3456");
        assert_eq!(read(buffer, 8, 9), b"89");
        assert_eq!(read(buffer, 5, usize::MAX), b"56789");
        assert_eq!(read(buffer, 0, 0), b"");
        assert_eq!(read(buffer, usize::MAX, 5), b"");
    }

    fn written(start: usize, size: usize, data: &str) -> Result<String, Status> {
        let mut buffer = b"0123456789".to_vec();
        write(&mut buffer, start, size, data.as_bytes())?;
        Ok(String::from_utf8_lossy(&buffer).into_owned())
    }

    #[test]
    fn writing_in_front() {
        assert_eq!(written(0, 0, "PRE").as_deref(), Ok("PRE0123456789"));
        assert_eq!(written(0, 5, "X").as_deref(), Ok("X56789"));
        assert_eq!(written(0, 5, "").as_deref(), Ok("56789"));
        assert_eq!(written(0, 1_000, "ALL").as_deref(), Ok("ALL"));
        assert_eq!(written(0, 1_000, "").as_deref(), Ok(""));
    }

    #[test]
    fn writing_behind() {
        assert_eq!(written(10, 0, "APP").as_deref(), Ok("0123456789APP"));
        assert_eq!(written(1_000, 5, "APP").as_deref(), Ok("0123456789APP"));
        assert_eq!(written(usize::MAX, 0, "APP").as_deref(), Ok("0123456789APP"));
    }

    #[test]
    fn writing_in_the_middle_is_refused() {
        for size in [0, 2, 1_000] {
            assert_eq!(written(3, size, "MID"), Err(Status::BAD_ARGUMENT));
        }
    }

    #[test]
    fn an_empty_buffer_can_be_written() {
        let mut buffer = Vec::new();
        write(&mut buffer, 0, 0, b"LAST").unwrap();
        assert_eq!(buffer, b"LAST");
    }

    #[test]
    fn unknown_buffers_are_refused() {
        assert_eq!(BufferKind::from_code(9), Err(Status::BAD_ARGUMENT));
        assert_eq!(BufferKind::from_code(2), Ok(BufferKind::Downstream));
    }
}
