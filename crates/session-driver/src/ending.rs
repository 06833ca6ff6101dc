//! How a connection ended, in a protocol's own words.

/// Declares the label of a filter's `connections_closed_total`: how the protocol says goodbye, and who closed a connection
/// on which that was not said last. Whoever declares one depends on `common-metrics`.
///
/// ```
/// use common_metrics::Label as _;
/// use session_driver::CloseCause;
///
/// session_driver::ending! {
///     /// QUIT was the client's last command.
///     Quit = "quit"
/// }
///
/// assert_eq!(Ending::Quit.as_str(), "quit");
/// assert_eq!(Ending::from(CloseCause::Server).as_str(), "server");
/// ```
#[macro_export]
macro_rules! ending {
    ($(#[doc = $doc:literal])+ $goodbye:ident = $value:literal) => {
        ::common_metrics::label! {
            /// How a connection ended.
            pub enum Ending: "ending" {
                $(#[doc = $doc])+
                $goodbye = $value,
                /// The client closed or reset first.
                Client = "client",
                /// The server closed or reset first.
                Server = "server",
                /// This Envoy closed. Envoy 1.36 does not tell a reset by the server from that.
                Local = "local",
                /// Not known.
                Unknown = "unknown",
            }
        }

        impl From<$crate::CloseCause> for Ending {
            fn from(cause: $crate::CloseCause) -> Self {
                match cause {
                    $crate::CloseCause::Client => Self::Client,
                    $crate::CloseCause::Server => Self::Server,
                    $crate::CloseCause::Local => Self::Local,
                    $crate::CloseCause::Unknown => Self::Unknown,
                }
            }
        }
    };
}
