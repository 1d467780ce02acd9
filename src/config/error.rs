//! What can be wrong with a setting. Each message names the setting and its place, and shows no secret.

use std::path::PathBuf;

/// A missing or wrong setting; the message names it and says what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SettingError {
    /// A setting without a default that nobody gave.
    #[error("{name} is not set: {hint} (environment, or `{key}` in liteflare.toml)")]
    Missing {
        /// The environment variable.
        name: &'static str,
        /// The key in `liteflare.toml`.
        key: &'static str,
        /// What belongs there.
        hint: &'static str,
    },
    /// A setting whose value cannot be understood.
    #[error("{place} is wrong: expected {expected}")]
    Wrong {
        /// The variable and its value, or the file, the line and the key; of a file no value, since a token may stand there.
        place: String,
        /// What is expected.
        expected: String,
    },
    /// A secret that cannot be one. The message does not show it.
    #[error("{place} is wrong: {problem}; copy it again")]
    WrongSecret {
        /// The variable, or the file, the line and the key.
        place: String,
        /// What it has that it cannot have.
        problem: &'static str,
    },
    /// A variable or a key that is none of ours, where a mistake must not go unseen.
    #[error("{place}: {advice}")]
    Unknown {
        /// The variable, or the file, the line and the key.
        place: String,
        /// The nearest right name, or all of them.
        advice: String,
    },
    /// An endpoint from another source than the secret that would go there.
    #[error(
        "{endpoint} names {host}, and would be sent {secret}: a secret goes only to Cloudflare, or where its own source says; \
         if you trust {host}, {mend}"
    )]
    Elsewhere {
        /// The endpoint's variable, or the file, the line and the key.
        endpoint: String,
        /// The host it names.
        host: String,
        /// The secret, and where it comes from.
        secret: String,
        /// What to do.
        mend: String,
    },
    /// `http://` to another machine.
    #[error(
        "{endpoint} names {host}: with http:// anybody on the way can read tokens and data; use https://, or, where the network is \
         yours alone, as between containers, {mend}"
    )]
    Clear {
        /// The endpoint's variable, or the file, the line and the key.
        endpoint: String,
        /// The host it names.
        host: String,
        /// Which setting allows it.
        mend: String,
    },
    /// A root's own file that names something outside of the root.
    #[error(
        "{place}: {path} is outside of {root}; a root's own file may only name what is inside. If you want this, set {name} in the \
         environment, or keep the settings in a file outside of the root (LITEFLARE_CONFIG)",
        path = .path.display(),
        root = .root.display()
    )]
    Outside {
        /// The file, the line and the key.
        place: String,
        /// The path, or where a glob begins.
        path: PathBuf,
        /// The application's root.
        root: PathBuf,
        /// The setting's variable.
        name: &'static str,
    },
    /// A link out of a root whose own file says with which secret, and so for whom, its files are taken.
    #[error(
        "{path} leads out of {root}, whose own liteflare.toml brings the secrets: whoever made the root would get what is there. If it \
         is yours, set the secrets in the environment, or keep the settings in a file outside of the root (LITEFLARE_CONFIG)",
        path = .path.display(),
        root = .root.display()
    )]
    LedOutside {
        /// The link, or what is reached by one.
        path: PathBuf,
        /// The application's root.
        root: PathBuf,
    },
    /// `liteflare.toml` may be somebody else's words.
    #[error("{path} {danger}, so it is not believed: {mend}", path = .path.display())]
    Distrusted {
        /// The file, a link to it, or the folder of either.
        path: PathBuf,
        /// Who may write it.
        danger: String,
        /// The command that mends it.
        mend: String,
    },
    /// The application's own settings file cannot be read, so nobody knows where its database and its media are.
    #[error(
        "{path}: {reason}; {name} says there where it keeps its database and its images. Correct it, or set LITEFLARE_DB and \
         LITEFLARE_R2_PATHS",
        path = .path.display(),
        name = crate::invokeai::NAME
    )]
    Application {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The application's database in memory, its files in a bucket: at its next start nothing would know of them.
    #[error(
        "{place} keeps {name}'s database in memory, and LITEFLARE_R2_BUCKET its files in R2, where nothing would refer to them after its \
         end: switch one of both off",
        name = crate::invokeai::NAME
    )]
    MemoryDatabase {
        /// Its variable, or its settings file, and the setting.
        place: String,
    },
    /// A bucket, in a process whose files do not come through the path hook.
    #[error(
        "LITEFLARE_R2_BUCKET is set, but in this process files would stay on the disk, since the path hook is not loaded: start it with \
         `liteflare run -- COMMAND`, or with LD_PRELOAD={library} in its environment, or unset LITEFLARE_R2_BUCKET if only the database \
         shall be in Cloudflare",
        library = .library.display()
    )]
    NotPreloaded {
        /// The library.
        library: PathBuf,
    },
    /// `liteflare.toml` cannot be read.
    #[error("{path}: {reason}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}
