use super::{EncodeError, Format, Reader, Value, WireError, Writer};
use std::ops::RangeInclusive;

/// A request or a response: the outermost struct of a frame.
pub trait Message<'a>: Value<'a> + Default {
    /// The message's name.
    const NAME: &'static str;
    /// The API's number.
    const KEY: i16;
    /// The versions in which the message exists here.
    const VERSIONS: RangeInclusive<i16>;
    /// The first version with varint lengths and tagged fields (KIP-482).
    const FLEXIBLE_FROM: i16;

    /// Reads the message. Bytes that follow it are left in the reader.
    ///
    /// # Errors
    /// What is wrong with the bytes; [`WireError::UnsupportedVersion`].
    fn decode(reader: &mut Reader<'a>, version: i16) -> Result<Self, WireError> {
        let format = Self::format(version).ok_or(WireError::UnsupportedVersion {
            message: Self::NAME,
            version,
        })?;
        Self::read(reader, format)
    }

    /// Writes the message.
    ///
    /// # Errors
    /// What the version cannot express.
    fn encode(&self, writer: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let format = Self::format(version).ok_or(EncodeError::UnsupportedVersion {
            message: Self::NAME,
            version,
        })?;
        self.write(writer, format)
    }

    /// How this version lies on the wire, `None` if there is no such version.
    fn format(version: i16) -> Option<Format> {
        Self::VERSIONS.contains(&version).then_some(Format {
            version,
            flexible: version >= Self::FLEXIBLE_FROM,
        })
    }
}

/// Turns structs with version ranges into types that read and write themselves.
///
/// ```text
/// message! {
///     /// Every struct and field is documented.
///     SomeRequest<'a> (key 3, versions 0..=13, flexible 9) {   // only on the outermost struct
///         /// A field: name, type, versions; in this order, all optional:
///         name: Option<&'a str>, 0.., nullable 12.., tag 1, default None, else ignored;
///     }
/// }
/// ```
///
/// - `nullable`: the versions in which an `Option` may be `None`; without it, all of them.
/// - `tag`: a tagged field; it is written only when it differs from its default. Tags ascend.
/// - `default`: what a version without the field yields; without it, the type's default.
/// - `else ignored`: in versions without the field it is dropped when written; without this,
///   setting it there is [`EncodeError::UnsupportedField`].
macro_rules! message {
    (@default $type:ty;) => { <$type as Default>::default() };
    (@default $type:ty; $default:expr) => { $default };
    (@given) => { false };
    (@given $given:tt) => { true };
    (@use $($used:tt)*) => {};
    (@message $name:ident [$type:ty]) => {};
    (@message $name:ident [$type:ty] ($key:expr) ($all:expr) ($flexible:expr)) => {
        impl<'a> $crate::wire::Message<'a> for $type {
            const NAME: &'static str = stringify!($name);
            const KEY: i16 = $key;
            const VERSIONS: std::ops::RangeInclusive<i16> = $all;
            const FLEXIBLE_FROM: i16 = $flexible;
        }
    };
    ($(
        $(#[$doc:meta])*
        $name:ident $(<$lifetime:lifetime>)?
        $((key $key:expr, versions $all:expr, flexible $flexible:expr))?
        {$(
            $(#[$field_doc:meta])*
            $field:ident: $type:ty, $versions:expr
            $(, nullable $nullable:expr)?
            $(, tag $tag:literal)?
            $(, default $default:expr)?
            $(, else $ignored:ident)?
            ;
        )*}
    )+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name $(<$lifetime>)? {$(
            $(#[$field_doc])*
            pub $field: $type,
        )*}

        impl $(<$lifetime>)? Default for $name $(<$lifetime>)? {
            fn default() -> Self {
                Self {$(
                    $field: $crate::wire::message!(@default $type; $($default)?),
                )*}
            }
        }

        impl<'a> $crate::wire::Value<'a> for $name $(<$lifetime>)? {
            fn size_min(format: $crate::wire::Format) -> usize {
                let mut size = usize::from(format.flexible);
                $(
                    if !$crate::wire::message!(@given $($tag)?)
                        && ($versions).contains(&format.version)
                    {
                        size += <$type as $crate::wire::Value>::size_min(format);
                    }
                )*
                size
            }

            fn read(
                reader: &mut $crate::wire::Reader<'a>,
                format: $crate::wire::Format,
            ) -> Result<Self, $crate::wire::WireError> {
                let mut message = Self::default();
                $(
                    if !$crate::wire::message!(@given $($tag)?)
                        && ($versions).contains(&format.version)
                    {
                        $(
                            let nullable = ($nullable).contains(&format.version);
                            let position = reader.position();
                        )?
                        message.$field = <$type as $crate::wire::Value>::read(reader, format)?;
                        $(
                            $crate::wire::message!(@use $nullable);
                            if !nullable && message.$field.is_none() {
                                return Err($crate::wire::WireError::UnexpectedNull { position });
                            }
                        )?
                    }
                )*
                if format.flexible {
                    reader.tagged_fields(|tag, _value| match tag {
                        $($(
                            $tag if ($versions).contains(&format.version) => {
                                message.$field = $crate::wire::Value::read(_value, format)?;
                                Ok(true)
                            }
                        )?)*
                        _ => Ok(false),
                    })?;
                }
                Ok(message)
            }

            fn write(
                &self,
                writer: &mut $crate::wire::Writer,
                format: $crate::wire::Format,
            ) -> Result<(), $crate::wire::EncodeError> {
                let defaults = Self::default();
                let mut _tags = 0;
                $(
                    let tagged = $crate::wire::message!(@given $($tag)?);
                    let ignored = $crate::wire::message!(@given $($ignored)?);
                    if !($versions).contains(&format.version) {
                        if !ignored && self.$field != defaults.$field {
                            return Err($crate::wire::EncodeError::UnsupportedField {
                                message: stringify!($name),
                                field: stringify!($field),
                                version: format.version,
                            });
                        }
                    } else if tagged {
                        let set = self.$field != defaults.$field;
                        _tags += u32::from(set);
                    } else {
                        $(
                            if !($nullable).contains(&format.version) && self.$field.is_none() {
                                return Err($crate::wire::EncodeError::NullField {
                                    message: stringify!($name),
                                    field: stringify!($field),
                                    version: format.version,
                                });
                            }
                        )?
                        $crate::wire::Value::write(&self.$field, writer, format)?;
                    }
                )*
                if format.flexible {
                    writer.unsigned_varint(_tags);
                    $($(
                        if ($versions).contains(&format.version)
                            && self.$field != defaults.$field
                        {
                            writer.tagged_field($tag, |writer| {
                                $crate::wire::Value::write(&self.$field, writer, format)
                            })?;
                        }
                    )?)*
                }
                Ok(())
            }
        }

        impl $(<$lifetime>)? $crate::wire::Struct for $name $(<$lifetime>)? {}

        $crate::wire::message!(
            @message $name [$name $(<$lifetime>)?] $(($key) ($all) ($flexible))?
        );
    )+};
}
pub(crate) use message;
