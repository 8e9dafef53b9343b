//! The bytes that scripts and gateway exchange: the part of MessagePack that
//! Redis's `cmsgpack` writes and reads. Text and bytes are one type there.

/// The bytes are not what the reader expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The largest whole number a script can hold: it counts in doubles.
pub(super) const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Writes a script's argument.
#[derive(Debug, Default)]
pub(super) struct Packer {
    bytes: Vec<u8>,
    /// Where the nine bytes of a moment begin, and the moment.
    moments: Vec<(usize, u64)>,
}

impl Packer {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(capacity),
            moments: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// The places and values of the moments written so far.
    pub(super) fn moments(&self) -> &[(usize, u64)] {
        &self.moments
    }

    /// A time, whose place is noted: in any year of ours it takes nine bytes.
    pub(super) fn moment(&mut self, at_ms: u64) -> &mut Self {
        if at_ms > u64::from(u32::MAX) {
            self.moments.push((self.bytes.len(), at_ms));
        }
        self.number(at_ms)
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that are packed already, or stand outside of any array.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Puts two bytes in the place of others.
    pub(super) fn overwrite(&mut self, at: usize, bytes: [u8; 2]) {
        if let Some(place) = self.bytes.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(&bytes);
        }
    }

    pub(super) fn zeros(&mut self, count: usize) {
        self.bytes.resize(self.bytes.len() + count, 0);
    }

    /// Announces an array of `length` values, which must follow.
    pub(super) fn array(&mut self, length: usize) -> &mut Self {
        match u16::try_from(length) {
            Ok(short @ 0..=15) => self.bytes.push(0x90 | short.to_le_bytes()[0]),
            Ok(long) => self.tagged(0xdc, &long.to_be_bytes()),
            // No caller has so many; the script will refuse what cannot be read.
            Err(_) => self.bytes.push(0xc1),
        }
        self
    }

    /// A whole number; beyond [`NUMBER_MAX`] it counts as that.
    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        let number = number.min(NUMBER_MAX);
        if let Ok(byte) = u8::try_from(number) {
            if byte >= 0x80 {
                self.bytes.push(0xcc);
            }
            self.bytes.push(byte);
        } else if let Ok(short) = u16::try_from(number) {
            self.tagged(0xcd, &short.to_be_bytes());
        } else if let Ok(long) = u32::try_from(number) {
            self.tagged(0xce, &long.to_be_bytes());
        } else {
            self.tagged(0xcf, &number.to_be_bytes());
        }
        self
    }

    pub(super) fn flag(&mut self, is_set: bool) -> &mut Self {
        self.number(u64::from(is_set))
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let length = bytes.len();
        match (
            u8::try_from(length),
            u16::try_from(length),
            u32::try_from(length),
        ) {
            (Ok(short @ 0..=31), _, _) => self.bytes.push(0xa0 | short),
            (Ok(short), _, _) => self.tagged(0xd9, &[short]),
            (Err(_), Ok(long), _) => self.tagged(0xda, &long.to_be_bytes()),
            (Err(_), Err(_), Ok(longest)) => self.tagged(0xdb, &longest.to_be_bytes()),
            (Err(_), Err(_), Err(_)) => self.bytes.push(0xc1),
        }
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Lua's `false`: `nil` would make a hole in the array.
    pub(super) fn nothing(&mut self) -> &mut Self {
        self.bytes.push(0xc2);
        self
    }

    pub(super) fn bytes_or_nothing(&mut self, bytes: Option<&[u8]>) -> &mut Self {
        match bytes {
            Some(bytes) => self.bytes(bytes),
            None => self.nothing(),
        }
    }

    pub(super) fn text_or_nothing(&mut self, text: Option<&str>) -> &mut Self {
        self.bytes_or_nothing(text.map(str::as_bytes))
    }

    fn tagged(&mut self, tag: u8, rest: &[u8]) {
        self.bytes.push(tag);
        self.bytes.extend_from_slice(rest);
    }
}

/// Reads what a script packed. Never panics and never reads past the end.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The length of the array that begins here. At most as many as bytes are left.
    pub(super) fn array(&mut self) -> Result<usize, Malformed> {
        let length = match self.byte()? {
            tag @ 0x90..=0x9f => usize::from(tag & 0x0f),
            0xdc => usize::from(u16::from_be_bytes(self.fixed()?)),
            _ => return Err(Malformed),
        };
        (length <= self.rest.len())
            .then_some(length)
            .ok_or(Malformed)
    }

    /// An array of exactly `length` values begins here.
    pub(super) fn array_of(&mut self, length: usize) -> Result<(), Malformed> {
        (self.array()? == length).then_some(()).ok_or(Malformed)
    }

    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        u64::try_from(self.signed()?).map_err(|_| Malformed)
    }

    pub(super) fn signed(&mut self) -> Result<i64, Malformed> {
        Ok(match self.byte()? {
            tag @ 0x00..=0x7f => i64::from(tag),
            tag @ 0xe0..=0xff => i64::from(i8::from_be_bytes([tag])),
            0xcc => i64::from(self.byte()?),
            0xcd => i64::from(u16::from_be_bytes(self.fixed()?)),
            0xce => i64::from(u32::from_be_bytes(self.fixed()?)),
            0xcf => i64::try_from(u64::from_be_bytes(self.fixed()?)).map_err(|_| Malformed)?,
            0xd0 => i64::from(i8::from_be_bytes(self.fixed()?)),
            0xd1 => i64::from(i16::from_be_bytes(self.fixed()?)),
            0xd2 => i64::from(i32::from_be_bytes(self.fixed()?)),
            0xd3 => i64::from_be_bytes(self.fixed()?),
            _ => return Err(Malformed),
        })
    }

    /// A number that fits the type asked for.
    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Malformed> {
        T::try_from(self.number()?).map_err(|_| Malformed)
    }

    pub(super) fn flag(&mut self) -> Result<bool, Malformed> {
        match self.number()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = match self.byte()? {
            tag @ 0xa0..=0xbf => usize::from(tag & 0x1f),
            0xd9 => usize::from(self.byte()?),
            0xda => usize::from(u16::from_be_bytes(self.fixed()?)),
            0xdb => usize::try_from(u32::from_be_bytes(self.fixed()?)).map_err(|_| Malformed)?,
            _ => return Err(Malformed),
        };
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// As many bytes as the type asked for holds.
    pub(super) fn exact<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Malformed> {
        self.bytes()?.try_into().map_err(|_| Malformed)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed)
    }

    /// What `read` reads, unless Lua's `false` stands here.
    pub(super) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        if self.rest.first() == Some(&0xc2) {
            self.byte()?;
            return Ok(None);
        }
        read(self).map(Some)
    }

    /// As many values as the array that begins here holds.
    pub(super) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let length = self.array()?;
        (0..length).map(|_| read(self)).collect()
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.rest.split_first().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*first)
    }

    fn fixed<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Malformed> {
        let (fixed, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*fixed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_is_read_back(
            number in 0..=NUMBER_MAX,
            bytes in proptest::collection::vec(any::<u8>(), 0..70_000),
            length in 0..1000_usize,
        ) {
            let mut packer = Packer::default();
            packer.array(3).number(number).bytes(&bytes).nothing();
            packer.array(length);
            for _ in 0..length {
                packer.number(1);
            }
            let packed = packer.finish();
            let mut reader = Reader::new(&packed);
            prop_assert_eq!(reader.array(), Ok(3));
            prop_assert_eq!(reader.number(), Ok(number));
            prop_assert_eq!(reader.bytes(), Ok(bytes.as_slice()));
            prop_assert_eq!(reader.optional(Reader::number), Ok(None));
            prop_assert_eq!(reader.list(Reader::number).map(|list| list.len()), Ok(length));
            prop_assert!(reader.is_at_end());
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let reader = || Reader::new(&bytes);
            _ = reader().array();
            _ = reader().signed();
            _ = reader().bytes();
            _ = reader().text();
            _ = reader().exact::<16>();
            _ = reader().list(|reader| reader.optional(Reader::flag));
        }
    }
}
