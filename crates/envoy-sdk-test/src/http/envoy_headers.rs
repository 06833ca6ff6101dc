//! Header maps as Envoy keeps them.

use envoy_sdk::HeaderMap;

/// Headers or trailers inside Envoy: names in lower case, pseudo headers in front, order and duplicates kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EnvoyHeaders {
    entries: Vec<(Vec<u8>, Vec<u8>)>,
    kind: Kind,
}

/// What a map is for: it decides which headers Envoy keeps as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    RequestTrailers,
    Response,
    ResponseTrailers,
}

impl EnvoyHeaders {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { entries: Vec::new(), kind }
    }

    pub(crate) fn collect<'a>(kind: Kind, headers: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut map = Self::new(kind);
        headers.into_iter().for_each(|(name, value)| map.add(name, value));
        map
    }

    pub(crate) fn collect_pairs(kind: Kind, pairs: &[(Vec<u8>, Vec<u8>)]) -> Self {
        Self::collect(kind, pairs.iter().map(|(name, value)| (name.as_slice(), value.as_slice())))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The first value with this name.
    pub(crate) fn get(&self, name: &[u8]) -> Option<&[u8]> {
        let name = self.key(name);
        self.entries.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_slice())
    }

    /// All values with this name, joined with commas: how Envoy answers the attributes `request.headers.*`.
    pub(crate) fn joined(&self, name: &[u8]) -> Option<Vec<u8>> {
        let name = self.key(name);
        let values =
            self.entries.iter().filter(|(other, _)| *other == name).map(|(_, value)| value.as_slice());
        let values = values.collect::<Vec<_>>();
        (!values.is_empty()).then(|| values.join(&b","[..]))
    }

    /// Adds a value. Of some headers there is never more than one: the values are joined.
    pub(crate) fn add(&mut self, name: &[u8], value: &[u8]) {
        let name = self.key(name);
        let single = super::single_headers::is_single(self.kind, &name);
        match self.entries.iter_mut().find(|(other, _)| single && *other == name) {
            Some((_, before)) if before.is_empty() => *before = value.to_vec(),
            Some(_) if value.is_empty() => {}
            Some((_, before)) => {
                before.push(b',');
                before.extend_from_slice(value);
            }
            None => self.insert(name, value.to_vec()),
        }
    }

    /// Puts one value in place of all that there are, behind the others.
    pub(crate) fn replace(&mut self, name: &[u8], value: &[u8]) {
        self.remove(name);
        self.insert(self.key(name), value.to_vec());
    }

    /// Puts one value where the first one stands: what Envoy does for its own purposes.
    pub(crate) fn set_in_place(&mut self, name: &[u8], value: &[u8]) {
        match self.entries.iter_mut().find(|(other, _)| other == name) {
            Some((_, before)) => *before = value.to_vec(),
            None => self.insert(name.to_vec(), value.to_vec()),
        }
    }

    pub(crate) fn set_if_absent(&mut self, name: &[u8], value: &[u8]) {
        if self.get(name).is_none() {
            self.insert(name.to_vec(), value.to_vec());
        }
    }

    pub(crate) fn remove(&mut self, name: &[u8]) {
        let name = self.key(name);
        self.entries.retain(|(other, _)| *other != name);
    }

    /// Takes everything out and puts these in.
    pub(crate) fn refill(&mut self, pairs: &[(Vec<u8>, Vec<u8>)]) {
        self.entries.clear();
        pairs.iter().for_each(|(name, value)| self.add(name, value));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.entries.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    pub(crate) fn snapshot(&self) -> HeaderMap {
        self.iter().map(|(name, value)| (String::from_utf8_lossy(name), value)).collect()
    }

    fn insert(&mut self, name: Vec<u8>, value: Vec<u8>) {
        let is_pseudo = |name: &[u8]| name.starts_with(b":");
        let at = match is_pseudo(&name) {
            true => self.entries.iter().take_while(|(other, _)| is_pseudo(other)).count(),
            false => self.entries.len(),
        };
        self.entries.insert(at, (name, value));
    }

    fn key(&self, name: &[u8]) -> Vec<u8> {
        let name = name.to_ascii_lowercase();
        if self.kind == Kind::Request && name == b"host" { b":authority".to_vec() } else { name }
    }
}

/// A list of names and values in the form of the ABI; nothing at all for none.
pub(crate) fn encode<'a>(headers: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Vec<u8> {
    let (mut sizes, mut octets, mut count) = (Vec::new(), Vec::new(), 0_u32);
    for text in headers.flat_map(|(name, value)| [name, value]) {
        count += 1;
        sizes.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        octets.extend_from_slice(text);
        octets.push(0);
    }
    if count == 0 {
        return Vec::new();
    }
    [&(count / 2).to_le_bytes()[..], &sizes, &octets].concat()
}

/// Reads the form of the ABI. What cannot be read is an empty list to Envoy.
pub(crate) fn decode(octets: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    try_decode(octets).unwrap_or_default()
}

fn try_decode(octets: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let (count, rest) = take_u32(octets)?;
    let sizes_len = usize::try_from(count).ok()?.checked_mul(8)?;
    let (mut sizes, mut texts) = rest.split_at_checked(sizes_len)?;
    let mut take_text = || {
        let (size, rest) = take_u32(sizes)?;
        sizes = rest;
        let (text, rest) = texts.split_at_checked(size as usize)?;
        texts = rest.split_first()?.1; // behind each text stands a zero
        Some(text.to_vec())
    };
    (0..count).map(|_| Some((take_text()?, take_text()?))).collect()
}

fn take_u32(octets: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = octets.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}

// The expectations are what Envoy 1.36.2 and 1.40.0 did.
#[cfg(test)]
mod tests {
    use super::*;

    fn map(kind: Kind, headers: &[(&str, &str)]) -> EnvoyHeaders {
        EnvoyHeaders::collect(kind, headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
    }

    fn text(map: &EnvoyHeaders) -> String {
        let pairs =
            map.iter().map(|(name, value)| format!("{}={}", name.escape_ascii(), value.escape_ascii()));
        pairs.collect::<Vec<_>>().join("; ")
    }

    const REQUEST: [(&str, &str); 6] =
        [(":method", "GET"), (":path", "/"), ("X-A", "1"), ("x-dup", "1"), ("x-mid", "m"), ("x-dup", "2")];

    #[test]
    fn one_value_is_read_the_first() {
        let map = map(Kind::Request, &[("x-dup", "1"), ("x-dup", "2"), (":authority", "a.b")]);
        assert_eq!(map.get(b"X-Dup"), Some(&b"1"[..]));
        assert_eq!(map.joined(b"x-dup").as_deref(), Some(&b"1,2"[..]));
        assert_eq!(map.get(b"Host"), Some(&b"a.b"[..]));
        assert_eq!((map.get(b""), map.joined(b"nothing")), (None, None));
    }

    #[test]
    fn adding() {
        let mut map = map(Kind::Request, &REQUEST);
        for (name, value) in [
            ("x-a", "2"),
            ("content-type", "a"),
            ("Content-Type", "b"),
            (":path", "/x"),
            ("host", "h"),
            ("", "v"),
        ] {
            map.add(name.as_bytes(), value.as_bytes());
        }
        assert_eq!(
            text(&map),
            ":method=GET; :path=/,/x; :authority=h; x-a=1; x-dup=1; x-mid=m; x-dup=2; x-a=2; content-type=a,b; =v"
        );
    }

    #[test]
    fn replacing_moves_to_the_end() {
        let mut map = map(Kind::Request, &REQUEST);
        for (name, value) in [("X-DUP", "only"), (":method", "PUT"), ("new", ""), ("x-a", "b")] {
            map.replace(name.as_bytes(), value.as_bytes());
        }
        assert_eq!(text(&map), ":path=/; :method=PUT; x-mid=m; x-dup=only; new=; x-a=b");
    }

    #[test]
    fn removing_and_refilling() {
        let mut map = map(Kind::Request, &REQUEST);
        for name in ["x-dup", "X-A", "nothing", ""] {
            map.remove(name.as_bytes());
        }
        assert_eq!(text(&map), ":method=GET; :path=/; x-mid=m");
        let pairs = [("b", "1"), (":path", "/y"), ("A", "2"), ("b", "3")];
        map.refill(&pairs.map(|(name, value)| (name.into(), value.into())));
        assert_eq!(text(&map), ":path=/y; b=1; a=2; b=3");
    }

    #[test]
    fn the_form_of_the_abi() {
        let map = map(Kind::RequestTrailers, &[("a", "1"), ("b", ""), ("a", "\u{ff}")]);
        let octets = encode(map.iter());
        assert_eq!(decode(&octets).len(), 3);
        let mut back = EnvoyHeaders::new(Kind::RequestTrailers);
        back.refill(&decode(&octets));
        assert_eq!(back, map);
        assert_eq!(encode(std::iter::empty()), b"");
        for broken in [&b""[..], b"abc", b"\x01\0\0\0", &octets[..octets.len() - 1], &[0xff; 12]] {
            assert_eq!(decode(broken), [], "{broken:?}");
        }
    }
}
