//! Values as servers spell them: numbers as strings, booleans as 0 and 1, nothing as null.
//!
//! Every spelling seen in captured payloads is accepted. A list or an object in place of a value is
//! an error, and the caller turns it into an unsupported row.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How a scalar is read. `None` means that there is no value: null, an empty string, or a number
/// out of range.
pub(crate) trait Scalar: Sized {
    const EXPECTED: &'static str;

    fn from_unsigned(value: u64) -> Option<Self>;
    fn from_signed(value: i64) -> Option<Self>;
    fn from_float(value: f64) -> Option<Self>;
    fn from_text(text: &str) -> Option<Self>;

    fn from_bool(value: bool) -> Option<Self> {
        Self::from_unsigned(u64::from(value))
    }
}

impl Scalar for u64 {
    const EXPECTED: &'static str = "a number that is not negative";

    fn from_unsigned(value: u64) -> Option<Self> {
        Some(value)
    }

    fn from_signed(value: i64) -> Option<Self> {
        Self::try_from(value).ok()
    }

    fn from_float(value: f64) -> Option<Self> {
        i64::from_float(value).and_then(Self::from_signed)
    }

    fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        text.parse().ok().or_else(|| Self::from_float(text.parse().ok()?))
    }
}

impl Scalar for i64 {
    const EXPECTED: &'static str = "a number";

    /// Numbers above the range keep their bits. They are opaque counters, compared for equality
    /// only.
    fn from_unsigned(value: u64) -> Option<Self> {
        Some(value.cast_signed())
    }

    fn from_signed(value: i64) -> Option<Self> {
        Some(value)
    }

    fn from_float(value: f64) -> Option<Self> {
        // 2^53: above it, a float no longer says which integer it stands for.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        #[expect(clippy::cast_possible_truncation, reason = "the range was just checked")]
        (value.abs() < EXACT).then_some(value as Self)
    }

    fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        let unsigned = || text.parse().ok().and_then(Self::from_unsigned);
        let float = || text.parse().ok().and_then(Self::from_float);
        text.parse().ok().or_else(unsigned).or_else(float)
    }
}

impl Scalar for f64 {
    const EXPECTED: &'static str = "a number";

    #[expect(clippy::cast_precision_loss, reason = "ratings and the like, never ids or counters")]
    fn from_unsigned(value: u64) -> Option<Self> {
        Some(value as Self)
    }

    #[expect(clippy::cast_precision_loss, reason = "ratings and the like, never ids or counters")]
    fn from_signed(value: i64) -> Option<Self> {
        Some(value as Self)
    }

    fn from_float(value: f64) -> Option<Self> {
        Some(value)
    }

    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok().filter(|value: &Self| value.is_finite())
    }
}

impl Scalar for bool {
    const EXPECTED: &'static str = "true, false, 0 or 1";

    fn from_unsigned(value: u64) -> Option<Self> {
        Some(value != 0)
    }

    fn from_signed(value: i64) -> Option<Self> {
        Some(value != 0)
    }

    fn from_float(value: f64) -> Option<Self> {
        Some(value != 0.0)
    }

    fn from_text(text: &str) -> Option<Self> {
        match text.trim() {
            "1" | "true" | "True" => Some(true),
            "0" | "false" | "False" => Some(false),
            _ => None,
        }
    }
}

impl Scalar for String {
    const EXPECTED: &'static str = "text";

    fn from_unsigned(value: u64) -> Option<Self> {
        Some(value.to_string())
    }

    fn from_signed(value: i64) -> Option<Self> {
        Some(value.to_string())
    }

    fn from_float(value: f64) -> Option<Self> {
        Some(value.to_string())
    }

    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }

    fn from_bool(value: bool) -> Option<Self> {
        Some(value.to_string())
    }
}

struct ScalarVisitor<T>(PhantomData<T>);

impl<T: Scalar> Visitor<'_> for ScalarVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(T::from_unsigned(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(T::from_signed(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(T::from_float(value))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(T::from_bool(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(T::from_text(text))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Reads a scalar, for `#[serde(deserialize_with)]`.
pub(crate) fn scalar<'de, T: Scalar, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(ScalarVisitor(PhantomData))
}

/// The longest list that is read. A row of two bytes can take a hundred times more memory, so the
/// limit of the body does not limit the memory. A page has far fewer rows.
const LIST_LIMIT: usize = 100_000;

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = seq.next_element()? {
            if list.len() == LIST_LIMIT {
                return Err(A::Error::custom(format!("a list of more than {LIST_LIMIT} entries")));
            }
            list.push(entry);
        }
        Ok(list)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }
}

/// Reads a list. Null and a missing list are empty lists.
pub(crate) fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_any(ListVisitor(PhantomData))
}

/// An object. Without this type, serde would also read a list of the fields' values as the object.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

/// Reads a key as servers write it: digits, and no other spelling of the same number.
pub(crate) fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let padded = text.len() > 1 && text.starts_with('0');
    text.parse().ok().filter(|_| digits && !padded)
}

/// Reads a text without a copy: `read` borrows it, and nothing is allocated.
pub(crate) struct Peek<F>(pub(crate) F);

impl<T, F: FnOnce(&str) -> T> Visitor<'_> for Peek<F> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some((self.0)(text)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// `Err` for a value of a type that makes no sense.
    fn read<T: Scalar>(value: &Value) -> Result<Option<T>, ()> {
        scalar::<T, _>(value).map_err(|_| ())
    }

    #[test]
    fn numbers_come_in_every_spelling() {
        for (value, unsigned, signed) in [
            (json!(5), Ok(Some(5)), Ok(Some(5))),
            (json!("5"), Ok(Some(5)), Ok(Some(5))),
            (json!(" 5 "), Ok(Some(5)), Ok(Some(5))),
            (json!(5.0), Ok(Some(5)), Ok(Some(5))),
            (json!("5.9"), Ok(Some(5)), Ok(Some(5))),
            (json!(true), Ok(Some(1)), Ok(Some(1))),
            (json!(-5), Ok(None), Ok(Some(-5))),
            (json!(""), Ok(None), Ok(None)),
            (json!("five"), Ok(None), Ok(None)),
            (json!(null), Ok(None), Ok(None)),
            (json!(1e300), Ok(None), Ok(None)),
            (
                json!(8_457_612_157_631_014_061_u64),
                Ok(Some(8_457_612_157_631_014_061)),
                Ok(Some(8_457_612_157_631_014_061)),
            ),
            (
                json!("8457612157631014061"),
                Ok(Some(8_457_612_157_631_014_061)),
                Ok(Some(8_457_612_157_631_014_061)),
            ),
            (json!(u64::MAX), Ok(Some(u64::MAX)), Ok(Some(-1))),
            (json!(u64::MAX.to_string()), Ok(Some(u64::MAX)), Ok(Some(-1))),
            (json!([5]), Err(()), Err(())),
            (json!({"a": 5}), Err(()), Err(())),
        ] {
            assert_eq!(read::<u64>(&value), unsigned, "{value} as u64");
            assert_eq!(read::<i64>(&value), signed, "{value} as i64");
        }
    }

    #[test]
    fn booleans_and_texts_come_in_every_spelling() {
        for (value, boolean, text) in [
            (json!(true), Ok(Some(true)), Ok(Some("true"))),
            (json!(1), Ok(Some(true)), Ok(Some("1"))),
            (json!("1"), Ok(Some(true)), Ok(Some("1"))),
            (json!("true"), Ok(Some(true)), Ok(Some("true"))),
            (json!(0), Ok(Some(false)), Ok(Some("0"))),
            (json!("0"), Ok(Some(false)), Ok(Some("0"))),
            (json!("maybe"), Ok(None), Ok(Some("maybe"))),
            (json!(null), Ok(None), Ok(None)),
            (json!(7.5), Ok(Some(true)), Ok(Some("7.5"))),
            (json!({}), Err(()), Err(())),
        ] {
            assert_eq!(read::<bool>(&value), boolean, "{value} as bool");
            let text = text.map(|text: Option<&str>| text.map(str::to_owned));
            assert_eq!(read::<String>(&value), text, "{value} as text");
        }
    }
}
