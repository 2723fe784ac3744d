//! Ids: 16 bytes, UUIDv7, so that the order of ids is the order of time. Minting needs a clock and the
//! kernel's randomness and lives in the engine.

use crate::{Error, UnixMicros};
use std::{fmt, str::FromStr};

/// Lays out a UUIDv7 from an instant and ten random bytes. The twelve bits after the millisecond are its fraction
/// (RFC 9562, section 6.2, method 3), so that ids of one process sort within it too; 62 bits stay random.
const fn version_7(at: UnixMicros, random: [u8; 10]) -> [u8; 16] {
    let [_, _, t0, t1, t2, t3, t4, t5] = at.millis().to_be_bytes();
    let [_, _, r2, r3, r4, r5, r6, r7, r8, r9] = random;
    let fraction = (at.0.rem_euclid(1_000) * 4_096 / 1_000) as u16;
    let [f0, f1] = fraction.to_be_bytes();
    [t0, t1, t2, t3, t4, t5, 0x70 | f0, f1, 0x80 | (r2 & 0x3f), r3, r4, r5, r6, r7, r8, r9]
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// Makes the id of something that happened at `at`; the ten bytes must come from the kernel, so
            /// that forked processes never mint the same id.
            pub const fn new(at: UnixMicros, random: [u8; 10]) -> Self {
                $name(version_7(at, random))
            }

            /// The smallest id of that millisecond: a bound for range scans by time.
            pub const fn first_at(at: UnixMicros) -> Self {
                let [_, _, t0, t1, t2, t3, t4, t5] = at.millis().to_be_bytes();
                $name([t0, t1, t2, t3, t4, t5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
            }

            /// Reads an id from its 16 bytes.
            ///
            /// # Errors
            /// [`Error::NotAnId`] when there are not exactly 16.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, Error> {
                <[u8; 16]>::try_from(bytes)
                    .map($name)
                    .map_err(|_| Error::NotAnId(format!("{} bytes", bytes.len())))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                for (position, byte) in self.0.iter().enumerate() {
                    if matches!(position, 4 | 6 | 8 | 10) {
                        f.write_str("-")?;
                    }
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                let not_an_id = || Error::NotAnId(text.to_owned());
                let mut bytes = [0u8; 16];
                let mut digits = text.chars().filter(|c| *c != '-');
                for byte in &mut bytes {
                    let mut nibble = || digits.next().and_then(|c| c.to_digit(16)).ok_or_else(not_an_id);
                    let (high, low) = (nibble()?, nibble()?);
                    *byte = u8::try_from(high * 16 + low).map_err(|_| not_an_id())?;
                }
                if digits.next().is_some() { Err(not_an_id()) } else { Ok($name(bytes)) }
            }
        }
    };
}

id! {
    /// One attempt: one try of one request at one provider. The primary key of the ledger.
    AttemptId
}
id! {
    /// One request: what the agent asked for once. Joins the attempts made for it.
    RequestId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_are_version_7() {
        let early = AttemptId::new(UnixMicros(1_763_000_000_000_000), [0xff; 10]);
        let within = AttemptId::new(UnixMicros(1_763_000_000_000_001), [0; 10]);
        let late = AttemptId::new(UnixMicros(1_763_000_000_001_000), [0; 10]);
        assert!(early < within && within < late);
        assert_eq!(early.0[6] >> 4, 7);
        assert_eq!(early.0[8] >> 6, 0b10);
        assert!(AttemptId::first_at(UnixMicros(1_763_000_000_001_000)) <= late);
    }

    #[test]
    fn text_form_reads_back() {
        let id = RequestId::new(UnixMicros(1_763_000_000_000_000), [7; 10]);
        assert_eq!(id.to_string().parse::<RequestId>().unwrap(), id);
        assert_eq!(id.to_string().len(), 36);
        assert!("not-an-id".parse::<RequestId>().is_err());
        assert!(format!("{id}0").parse::<RequestId>().is_err());
    }
}
