//! The calls between host and VM, line by line as Envoy traces them.

use std::fmt;

use crate::failures::HostCall;

/// One line of what Envoy prints under `--component-log-level wasm:trace`, with addresses masked as `*`.
///
/// ```text
/// [host->vm] proxy_on_downstream_data(2, 5, 0)
/// [vm->host] env.proxy_get_buffer_bytes(2, 0, 5, *, *)
/// [host->vm] malloc(5)
/// [host<-vm] malloc return: *
/// [vm<-host] env.proxy_get_buffer_bytes return: 0
/// [host<-vm] proxy_on_downstream_data return: 0
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who calls whom.
    pub direction: Direction,
    /// The function, in the ABI's own words and without the module that it is imported from.
    pub function: &'static str,
    /// Whether the call begins or has ended.
    pub moment: Moment,
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Envoy calls the module.
    IntoVm,
    /// The module calls Envoy.
    IntoHost,
}

/// Begin and end of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The call begins, with these arguments.
    Begin(Vec<Argument>),
    /// The call has returned this; `None` for a function without a result.
    End(Option<Argument>),
}

/// What is passed in a call: WebAssembly knows numbers only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A number. Envoy prints all of them unsigned: -1 is 18446744073709551615.
    Number(u64),
    /// An address in the module's memory. It means nothing outside, and prints as `*`.
    Address,
}

impl Call {
    pub(crate) fn begin(direction: Direction, function: &'static str, arguments: Vec<Argument>) -> Self {
        Self { direction, function, moment: Moment::Begin(arguments) }
    }

    /// Whether this is the beginning of a call of this host function.
    pub(crate) fn is_call_of(&self, call: HostCall) -> bool {
        self.function == call.name() && matches!(self.moment, Moment::Begin(_))
    }

    pub(crate) fn end(direction: Direction, function: &'static str, result: Option<Argument>) -> Self {
        Self { direction, function, moment: Moment::End(result) }
    }
}

impl From<u32> for Argument {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u64> for Argument {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Argument {
    fn from(number: usize) -> Self {
        // A size in the module is 32 bits wide; a native test may ask for "everything" with usize::MAX.
        Self::Number(number.min(u32::MAX as usize) as u64)
    }
}

impl From<bool> for Argument {
    fn from(value: bool) -> Self {
        Self::Number(value.into())
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Address => f.write_str("*"),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (arrow, module) = match (self.direction, &self.moment) {
            (Direction::IntoVm, Moment::Begin(_)) => ("host->vm", ""),
            (Direction::IntoVm, Moment::End(_)) => ("host<-vm", ""),
            (Direction::IntoHost, Moment::Begin(_)) => ("vm->host", "env."),
            (Direction::IntoHost, Moment::End(_)) => ("vm<-host", "env."),
        };
        write!(f, "[{arrow}] {module}{}", self.function)?;
        match &self.moment {
            Moment::Begin(arguments) => {
                let arguments = arguments.iter().map(Argument::to_string).collect::<Vec<_>>();
                write!(f, "({})", arguments.join(", "))
            }
            Moment::End(Some(result)) => write!(f, " return: {result}"),
            Moment::End(None) => write!(f, " return: void"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_as_envoy_prints_them() {
        let increment = vec![4_u32.into(), u64::MAX.into()];
        let lines = [
            Call::begin(Direction::IntoVm, "_initialize", vec![]).to_string(),
            Call::end(Direction::IntoVm, "_initialize", None).to_string(),
            Call::begin(Direction::IntoHost, "proxy_increment_metric", increment).to_string(),
            Call::end(Direction::IntoHost, "proxy_increment_metric", Some(2_u32.into())).to_string(),
            Call::end(Direction::IntoVm, "malloc", Some(Argument::Address)).to_string(),
        ];
        assert_eq!(
            lines,
            [
                "[host->vm] _initialize()",
                "[host<-vm] _initialize return: void",
                "[vm->host] env.proxy_increment_metric(4, 18446744073709551615)",
                "[vm<-host] env.proxy_increment_metric return: 2",
                "[host<-vm] malloc return: *",
            ]
        );
    }
}
