//! Values that no output may show.

/// A value that must not reach a log: its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<String>) -> Secret {
        Secret(value.into())
    }

    /// The secret itself, for the one header it belongs in.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// That it is there, and roughly how long it is: enough to see that half of it was copied, and no more.
    pub fn masked(value: &str) -> &'static str {
        match value.len() {
            0 => "empty",
            1..20 => "set (hidden; under 20 characters)",
            20..=64 => "set (hidden; 20 to 64 characters)",
            _ => "set (hidden; over 64 characters)",
        }
    }
}

/// A secret as it was found. Only `access`, which knows where it may go, opens it.
pub struct Sealed(Secret);

impl Sealed {
    /// Seals a secret.
    pub(super) fn new(secret: Secret) -> Sealed {
        Sealed(secret)
    }

    /// For `access` alone.
    pub(super) fn open(self) -> Secret {
        self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}
