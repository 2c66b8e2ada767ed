//! Forms: how a format writes down what the domain has, and reads it again.
//!
//! A format is structs of its own, so that what is published changes by a new format and never by the way. Each
//! conversion takes the domain's struct apart by all of its fields: one that is new does not compile until every format
//! says what it does with it.

use crate::{Digest, ObjectName, Price, Secret, UnixSeconds};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

/// What a format has no words for, in words for whoever wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsayable(pub(super) &'static str);

/// What a format makes of a `D`.
pub(super) trait Form<D>: Sized {
    /// The form of `domain`.
    ///
    /// # Errors
    /// The form would say something else. Of a cap it must not say less: then the whole object is refused.
    fn write(domain: &D) -> Result<Self, Unsayable>;

    /// What of `domain` readers take for something else, although it can be written: something that is no cap, and of
    /// which the form says nothing.
    fn forgets(_domain: &D) -> Option<Unsayable> {
        None
    }

    /// What it says.
    fn read(self) -> D;
}

/// What is one text or one number, the same in every format: what it looks like never changes.
macro_rules! leaves {
    ($($leaf:ty),* $(,)?) => {$(
        impl Form<$leaf> for $leaf {
            fn write(domain: &$leaf) -> Result<Self, Unsayable> {
                Ok(domain.clone())
            }

            fn read(self) -> $leaf {
                self
            }
        }
    )*};
}

leaves!(bool, u8, u16, u32, u64, NonZeroU32, String, ObjectName, Digest, IpNet, Price, Secret, UnixSeconds);

impl<D, F: Form<D>> Form<Vec<D>> for Vec<F> {
    fn write(domain: &Vec<D>) -> Result<Self, Unsayable> {
        domain.iter().map(F::write).collect()
    }

    fn forgets(domain: &Vec<D>) -> Option<Unsayable> {
        domain.iter().find_map(F::forgets)
    }

    fn read(self) -> Vec<D> {
        self.into_iter().map(F::read).collect()
    }
}

impl<D, F: Form<D>> Form<Option<D>> for Option<F> {
    fn write(domain: &Option<D>) -> Result<Self, Unsayable> {
        domain.as_ref().map(F::write).transpose()
    }

    fn forgets(domain: &Option<D>) -> Option<Unsayable> {
        domain.as_ref().and_then(F::forgets)
    }

    fn read(self) -> Option<D> {
        self.map(F::read)
    }
}

impl<D, F: Form<D>> Form<BTreeMap<String, D>> for BTreeMap<String, F> {
    fn write(domain: &BTreeMap<String, D>) -> Result<Self, Unsayable> {
        domain.iter().map(|(name, one)| Ok((name.clone(), F::write(one)?))).collect()
    }

    fn forgets(domain: &BTreeMap<String, D>) -> Option<Unsayable> {
        domain.values().find_map(F::forgets)
    }

    fn read(self) -> BTreeMap<String, D> {
        self.into_iter().map(|(name, one)| (name, one.read())).collect()
    }
}

/// A duration as a whole number of milliseconds.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Millis(u64);

impl Form<Duration> for Millis {
    fn write(domain: &Duration) -> Result<Self, Unsayable> {
        Ok(Self(u64::try_from(domain.as_millis()).unwrap_or(u64::MAX)))
    }

    fn read(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

/// What may be unknown, and is where the form would say it wrongly.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct OrUnknown<F>(Option<F>);

impl<D, F: Form<D>> Form<Option<D>> for OrUnknown<F> {
    fn write(domain: &Option<D>) -> Result<Self, Unsayable> {
        Ok(Self(domain.as_ref().and_then(|domain| F::write(domain).ok())))
    }

    fn forgets(domain: &Option<D>) -> Option<Unsayable> {
        let domain = domain.as_ref()?;
        F::write(domain).err().or_else(|| F::forgets(domain))
    }

    fn read(self) -> Option<D> {
        self.0.map(F::read)
    }
}

/// For `deserialize_with`: a field that may be null, but must be there. A cap that is missing is not no cap.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    T::deserialize(from)
}

/// A form that has what the domain's type has: fields, what a type wraps (`as`), or values with or without something in
/// them. Values that it `lacks` it cannot say. Of optional fields that it lacks somebody decides which it `refuses` and
/// which it `forgets` where they are given: readers take them for absent. All else that is lacking is written by hand.
macro_rules! form {
    (
        $(#[$meta:meta])*
        struct $name:ident of $domain:ty { $($(#[$field_meta:meta])* $field:ident: $form:ty,)* }
        $(refuses { $($refused:ident: $why:literal,)* })?
        $(forgets { $($forgotten:ident: $what:literal,)* })?
    ) => {
        #[derive(serde::Serialize, serde::Deserialize)]
        $(#[$meta])*
        pub(super) struct $name { $($(#[$field_meta])* $field: $form,)* }

        impl $crate::published::form::Form<$domain> for $name {
            fn write(domain: &$domain) -> Result<Self, $crate::published::form::Unsayable> {
                type Domain = $domain;
                let Domain { $($field,)* $($($refused,)*)? $($($forgotten: _,)*)? } = domain;
                $($(if $refused.is_some() {
                    return Err($crate::published::form::Unsayable($why));
                })*)?
                Ok(Self { $($field: $crate::published::form::Form::write($field)?,)* })
            }

            fn forgets(domain: &$domain) -> Option<$crate::published::form::Unsayable> {
                type Domain = $domain;
                let Domain { $($field,)* $($($refused: _,)*)? $($($forgotten,)*)? } = domain;
                None$(.or_else(|| <$form as $crate::published::form::Form<_>>::forgets($field)))*
                    $($(.or_else(|| $forgotten.as_ref().map(|_| $crate::published::form::Unsayable($what))))*)?
            }

            fn read(self) -> $domain {
                type Domain = $domain;
                let Self { $($field,)* } = self;
                Domain {
                    $($field: $crate::published::form::Form::read($field),)*
                    $($($refused: None,)*)?
                    $($($forgotten: None,)*)?
                }
            }
        }
    };
    ($(#[$meta:meta])* struct $name:ident of $domain:ty as $form:ty) => {
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        $(#[$meta])*
        pub(super) struct $name($form);

        impl $crate::published::form::Form<$domain> for $name {
            fn write(domain: &$domain) -> Result<Self, $crate::published::form::Unsayable> {
                Ok(Self($crate::published::form::Form::write(&domain.0)?))
            }

            fn forgets(domain: &$domain) -> Option<$crate::published::form::Unsayable> {
                <$form as $crate::published::form::Form<_>>::forgets(&domain.0)
            }

            fn read(self) -> $domain {
                type Domain = $domain;
                Domain { 0: $crate::published::form::Form::read(self.0) }
            }
        }
    };
    ($(#[$meta:meta])* enum $name:ident of $domain:ty { $($value:ident($form:ty),)+ }) => {
        #[derive(serde::Serialize, serde::Deserialize)]
        $(#[$meta])*
        pub(super) enum $name { $($value($form),)+ }

        impl $crate::published::form::Form<$domain> for $name {
            fn write(domain: &$domain) -> Result<Self, $crate::published::form::Unsayable> {
                type Domain = $domain;
                Ok(match domain {
                    $(Domain::$value(one) => Self::$value($crate::published::form::Form::write(one)?),)+
                })
            }

            fn forgets(domain: &$domain) -> Option<$crate::published::form::Unsayable> {
                type Domain = $domain;
                match domain {
                    $(Domain::$value(one) => <$form as $crate::published::form::Form<_>>::forgets(one),)+
                }
            }

            fn read(self) -> $domain {
                type Domain = $domain;
                match self { $(Self::$value(one) => Domain::$value($crate::published::form::Form::read(one)),)+ }
            }
        }
    };
    (
        enum $name:ident of $domain:ty { $($value:ident,)* } $(lacks { $($lacking:ident: $what:literal,)* })?
    ) => {
        #[derive(serde::Serialize, serde::Deserialize)]
        pub(super) enum $name { $($value,)* }

        #[cfg(test)]
        impl $name {
            /// Every value.
            pub(super) const ALL: &'static [Self] = &[$(Self::$value,)*];
        }

        impl $crate::published::form::Form<$domain> for $name {
            fn write(domain: &$domain) -> Result<Self, $crate::published::form::Unsayable> {
                type Domain = $domain;
                match domain {
                    $(Domain::$value => Ok(Self::$value),)*
                    $($(Domain::$lacking => Err($crate::published::form::Unsayable($what)),)*)?
                }
            }

            fn read(self) -> $domain {
                type Domain = $domain;
                match self { $(Self::$value => Domain::$value,)* }
            }
        }
    };
}

pub(super) use form;
