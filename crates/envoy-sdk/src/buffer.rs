//! Windows onto Envoy's buffers.

use std::marker::PhantomData;
use std::ops::Range;

use crate::abi::host::{self, BufferKind};
use crate::error::Result;

/// The data that a callback presents. Nothing is copied into the extension before it asks.
///
/// Ranges are clipped to what there is. In a Wasm module each read is one host call and one allocation of
/// just that size: read what you need, once.
#[derive(Debug)]
pub struct Buffer<'cx> {
    kind: BufferKind,
    len: usize,
    /// Envoy's buffer is only there during the callback.
    callback: PhantomData<&'cx ()>,
}

impl Buffer<'_> {
    pub(crate) fn new(kind: BufferKind, len: usize) -> Self {
        Self { kind, len, callback: PhantomData }
    }

    /// How many octets there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The octets of a range, as a sequence of slices.
    ///
    /// # Errors
    /// When Envoy refuses the read.
    pub fn chunks(&self, range: Range<usize>) -> Result<Chunks> {
        let end = range.end.min(self.len);
        let len = end.saturating_sub(range.start);
        let octets = if len == 0 { Vec::new() } else { host::read_buffer(self.kind, range.start, len)? };
        Ok(Chunks { octets })
    }

    /// Takes octets away from the front.
    ///
    /// # Errors
    /// When Envoy refuses the write.
    pub fn drain(&mut self, octets: usize) -> Result<()> {
        let octets = octets.min(self.len);
        host::write_buffer(self.kind, 0, octets, &[])?;
        self.len = self.len.saturating_sub(octets);
        Ok(())
    }

    /// Puts octets in front.
    ///
    /// # Errors
    /// When Envoy refuses the write.
    pub fn prepend(&mut self, octets: &[u8]) -> Result<()> {
        host::write_buffer(self.kind, 0, 0, octets)?;
        self.len = self.len.saturating_add(octets.len());
        Ok(())
    }

    /// Puts octets behind.
    ///
    /// # Errors
    /// When Envoy refuses the write.
    pub fn append(&mut self, octets: &[u8]) -> Result<()> {
        host::write_buffer(self.kind, self.len, 0, octets)?;
        self.len = self.len.saturating_add(octets.len());
        Ok(())
    }

    /// Replaces everything.
    ///
    /// # Errors
    /// When Envoy refuses the write.
    pub fn replace(&mut self, octets: &[u8]) -> Result<()> {
        host::write_buffer(self.kind, 0, self.len, octets)?;
        self.len = octets.len();
        Ok(())
    }
}

/// Octets of a buffer. Under this ABI they come as one owned piece; another ABI may lend many.
#[derive(Debug)]
pub struct Chunks {
    octets: Vec<u8>,
}

impl Chunks {
    /// The pieces, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(self.octets.as_slice())
    }

    /// All of it in one piece.
    pub fn into_bytes(self) -> Vec<u8> {
        self.octets
    }
}
