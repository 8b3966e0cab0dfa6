//! Numbers and texts as few bytes, and back. Reading is total: any bytes give a value or
//! [`Malformed`].

/// These bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed")]
pub struct Malformed;

/// Result of reading.
pub type Read<T> = Result<T, Malformed>;

/// Seven bits a byte, lowest first.
pub fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The difference of two numbers, small when they are close, exact for any two.
pub fn put_difference(out: &mut Vec<u8>, value: u64, base: u64) {
    let difference = value.wrapping_sub(base) as i64;
    put(out, ((difference << 1) ^ (difference >> 63)) as u64);
}

/// Length and bytes.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Reads from the front of bytes.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> Read<u8> {
        let (first, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*first)
    }

    /// A number.
    #[inline]
    pub fn number(&mut self) -> Read<u64> {
        match self.0.split_first() {
            // Most are.
            Some((short, rest)) if *short < 0x80 => {
                self.0 = rest;
                Ok(u64::from(*short))
            }
            _ => self.long_number(),
        }
    }

    #[inline]
    fn long_number(&mut self) -> Read<u64> {
        let Some(eight) = self.0.first_chunk().copied().map(u64::from_le_bytes) else {
            return self.any_number();
        };
        // The first byte without the high bit is the last one of the number.
        let ends = !eight & 0x8080_8080_8080_8080;
        if ends == 0 {
            return self.any_number();
        }
        let bits = ends.trailing_zeros();
        self.0 = &self.0[bits as usize / 8 + 1..];
        // Its bytes, then their seven bits pushed together: in pairs, fours and eights.
        let sevens = eight & (u64::MAX >> (63 - bits)) & 0x7f7f_7f7f_7f7f_7f7f;
        let pairs = (sevens & 0x007f_007f_007f_007f) | (sevens & 0x7f00_7f00_7f00_7f00) >> 1;
        let fours = (pairs & 0x0000_3fff_0000_3fff) | (pairs & 0x3fff_0000_3fff_0000) >> 2;
        Ok((fours & 0x0fff_ffff) | (fours & 0x0fff_ffff_0000_0000) >> 4)
    }

    /// Of any length, and at the end of the bytes.
    fn any_number(&mut self) -> Read<u64> {
        let mut value = 0;
        for (index, byte) in self.0.iter().enumerate().take(10) {
            let bits = u64::from(byte & 0x7f);
            if index == 9 && bits > 1 {
                return Err(Malformed);
            }
            value |= bits << (7 * index);
            if byte & 0x80 == 0 {
                self.0 = &self.0[index + 1..];
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    /// Leaves so many numbers out.
    #[inline]
    pub fn skip(&mut self, numbers: usize) -> Read<()> {
        for _ in 0..numbers {
            let last = self.0.iter().position(|byte| byte & 0x80 == 0);
            let last = last.filter(|last| *last < 10).ok_or(Malformed)?;
            self.0 = &self.0[last + 1..];
        }
        Ok(())
    }

    /// What [`put_difference`] wrote.
    pub fn difference(&mut self, base: u64) -> Read<u64> {
        let raw = self.number()?;
        Ok(base.wrapping_add((raw >> 1) ^ (raw & 1).wrapping_neg()))
    }

    /// A number that fits.
    pub fn small(&mut self) -> Read<u32> {
        u32::try_from(self.number()?).map_err(|_| Malformed)
    }

    /// How many things follow, each at least one byte: never more than there are bytes.
    pub fn count(&mut self) -> Read<usize> {
        let count = usize::try_from(self.number()?).map_err(|_| Malformed)?;
        (count <= self.0.len()).then_some(count).ok_or(Malformed)
    }

    /// So many bytes.
    pub fn bytes(&mut self, length: usize) -> Read<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// What [`put_text`] wrote.
    pub fn text(&mut self) -> Read<&'a str> {
        let length = self.count()?;
        std::str::from_utf8(self.bytes(length)?).map_err(|_| Malformed)
    }

    /// Leaves out what [`put_text`] wrote.
    pub fn skip_text(&mut self) -> Read<()> {
        let length = self.count()?;
        self.bytes(length).map(|_| ())
    }

    /// Nothing may follow.
    pub fn end(&self) -> Read<()> {
        self.0.is_empty().then_some(()).ok_or(Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_put_is_read(value: u64, base: u64, text: String) {
            let mut out = Vec::new();
            put(&mut out, value);
            put_difference(&mut out, value, base);
            put_text(&mut out, &text);
            let mut reader = Reader(&out);
            prop_assert_eq!(reader.number(), Ok(value));
            prop_assert_eq!(reader.difference(base), Ok(value));
            prop_assert_eq!(reader.text(), Ok(text.as_str()));
            prop_assert_eq!(reader.end(), Ok(()));
        }

        #[test]
        fn numbers_of_every_length_are_read_wherever_they_are(bits in 0..64u32, more in 0..12usize) {
            for value in [u64::MAX >> bits, 1 << bits, (1 << bits) - 1] {
                let mut out = Vec::new();
                put(&mut out, value);
                let length = out.len();
                out.resize(length + more, 0xff);
                let mut reader = Reader(&out);
                prop_assert_eq!(reader.number(), Ok(value));
                prop_assert_eq!(reader.0.len(), more);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let mut reader = Reader(&bytes);
            while reader.number().is_ok() {}
            let _ = Reader(&bytes).text();
            let _ = Reader(&bytes).count();
        }
    }

    #[test]
    fn a_number_too_long_is_refused() {
        assert_eq!(Reader(&[0xff; 10]).number(), Err(Malformed));
        let most = [&[0xff; 9][..], &[1]].concat();
        assert_eq!(Reader(&most).number(), Ok(u64::MAX));
        let over = [&[0xff; 9][..], &[2]].concat();
        assert_eq!(Reader(&over).number(), Err(Malformed));
    }
}
