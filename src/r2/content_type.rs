//! Which content type an object has.

/// The content type that belongs to a key: that of its extension.
pub fn content_type(key: &str) -> &'static str {
    mime_guess::from_path(key).first_raw().unwrap_or("application/octet-stream")
}
