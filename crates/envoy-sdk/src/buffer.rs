//! Windows onto Envoy's buffers.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use crate::abi::host::{self, BufferKind};
use crate::error::Result;

/// The data that a callback presents. Nothing is copied into the extension before it asks.
///
/// Ranges are clipped to what there is. In a Wasm module each read is one host call and one copy: read what you need,
/// once, and drop it when you have looked at it, because one piece of up to 64 KiB at a time has its memory ready.
///
/// ```
/// use envoy_sdk::{NetworkContext, Result};
///
/// /// Puts a line in front of the first data, and takes the client's own first octet away.
/// fn edit(cx: &NetworkContext<'_>) -> Result<()> {
///     let buffer = cx.buffer();
///     let before = buffer.len();
///     let first = buffer.chunks(..1)?.into_bytes();
///     buffer.drain(first.len())?;
///     buffer.prepend(b"HELLO\r\n")?;
///     assert_eq!(buffer.len(), before + 6);
///     Ok(())
/// }
/// # use envoy_sdk::{ConfigureContext, FilterStatus, Module, NetworkFilter, NetworkFilterFactory};
/// # #[derive(serde::Deserialize)]
/// # struct Config {}
/// # struct Edit;
/// # impl NetworkFilter for Edit {
/// #     fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _: bool) -> Result<FilterStatus> {
/// #         edit(cx).map(|()| FilterStatus::Continue)
/// #     }
/// # }
/// # impl NetworkFilterFactory for Edit {
/// #     const NAME: &'static str = "edit";
/// #     type Config = Config;
/// #     type Filter = Edit;
/// #     fn configure(_: Config, _: &mut ConfigureContext<'_>) -> Result<Self> { Ok(Self) }
/// #     fn new_filter(&self, _: &mut NetworkContext<'_>) -> Result<Self> { Ok(Self) }
/// # }
/// # let mut envoy = envoy_sdk_test::FakeEnvoy::new(|| Module::new().network_filter::<Edit>()).configure("{}")?;
/// # assert_eq!(envoy.connect().client_sends("xyz").received, b"HELLO\r\nyz");
/// # Ok::<(), envoy_sdk_test::Refused>(())
/// ```
#[derive(Debug)]
pub struct Buffer<'cx> {
    kind: BufferKind,
    /// As it is now: the callback's context keeps it.
    len: &'cx Cell<usize>,
}

impl<'cx> Buffer<'cx> {
    pub(crate) fn new(kind: BufferKind, len: &'cx Cell<usize>) -> Self {
        Self { kind, len }
    }

    /// How many octets there are.
    pub fn len(&self) -> usize {
        self.len.get()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The octets of a range, as a sequence of slices; `..` for all of them.
    ///
    /// # Errors
    /// When Envoy refuses the read.
    pub fn chunks(&self, range: impl RangeBounds<usize>) -> Result<Chunks<'cx>> {
        let (start, size) = clip(range, self.len());
        let lent = match size {
            0 => host::Lent::default(),
            size => host::lend_buffer(self.kind, start, size)?,
        };
        Ok(Chunks { lent, callback: PhantomData })
    }

    /// Takes octets away from the front.
    ///
    /// # Errors
    /// When Envoy refuses the write.
    pub fn drain(&self, octets: usize) -> Result<()> {
        let octets = octets.min(self.len());
        host::write_buffer(self.kind, 0, octets, &[])?;
        self.len.set(self.len().saturating_sub(octets));
        Ok(())
    }

    /// Puts octets in front.
    ///
    /// # Errors
    /// When Envoy refuses the write.
    pub fn prepend(&self, octets: &[u8]) -> Result<()> {
        host::write_buffer(self.kind, 0, 0, octets)?;
        self.len.set(self.len().saturating_add(octets.len()));
        Ok(())
    }

    /// Puts octets behind.
    ///
    /// # Errors
    /// When Envoy refuses the write.
    pub fn append(&self, octets: &[u8]) -> Result<()> {
        host::write_buffer(self.kind, self.len(), 0, octets)?;
        self.len.set(self.len().saturating_add(octets.len()));
        Ok(())
    }

    /// Replaces everything.
    ///
    /// # Errors
    /// When Envoy refuses the write.
    pub fn replace(&self, octets: &[u8]) -> Result<()> {
        host::write_buffer(self.kind, 0, self.len(), octets)?;
        self.len.set(octets.len());
        Ok(())
    }
}

/// Reads a range of a buffer that has so many octets, clipped to these.
pub(crate) fn read(kind: BufferKind, range: impl RangeBounds<usize>, len: usize) -> Result<Vec<u8>> {
    match clip(range, len) {
        (_, 0) => Ok(Vec::new()),
        (start, size) => Ok(host::read_buffer(kind, start, size)?),
    }
}

/// Where a range begins, and how much of it there is among so many octets.
fn clip(range: impl RangeBounds<usize>, len: usize) -> (usize, usize) {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => len,
    };
    (start, end.min(len).saturating_sub(start))
}

/// Octets of a buffer. Under Proxy-Wasm they come as one owned piece; another ABI may lend many.
///
/// ```
/// use envoy_sdk::{NetworkContext, Result};
///
/// /// Counts line ends without putting the pieces together.
/// fn lines(cx: &NetworkContext<'_>) -> Result<usize> {
///     let chunks = cx.buffer().chunks(..)?;
///     Ok(chunks.iter().flatten().filter(|octet| **octet == b'\n').count())
/// }
/// ```
#[derive(Debug)]
pub struct Chunks<'cx> {
    lent: host::Lent,
    /// What is lent is there during the callback only.
    callback: PhantomData<&'cx ()>,
}

impl Chunks<'_> {
    /// The pieces, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        host::pieces(&self.lent)
    }

    /// All of it in one piece.
    pub fn into_bytes(self) -> Vec<u8> {
        host::into_bytes(self.lent)
    }
}
