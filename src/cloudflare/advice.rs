//! What to do about an answer of D1, R2 or the API beside them: one sentence for each, for all who tell of it.

/// What to do, told in two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// At the end of an error's own sentence: what to look at. May be empty.
    pub brief: &'static str,
    /// By itself, as `liteflare doctor` has it.
    pub full: &'static str,
}

/// The API did not answer.
pub const NO_API: &str = "check the network and LITEFLARE_D1_API";

/// R2 did not answer.
pub const NO_R2: &str = "check the network and LITEFLARE_R2_ENDPOINT";

/// What answers does not answer as R2 does.
pub const CHECK_R2: &str = "check LITEFLARE_R2_ENDPOINT, and what is in between";

/// The API does not take the token for one.
pub const BAD_TOKEN: &str = "copy CLOUDFLARE_API_TOKEN again, or create a new token in the dashboard";

/// What to do when D1 refuses with this HTTP status.
pub fn about_d1(status: u16) -> Advice {
    let token =
        "check CLOUDFLARE_API_TOKEN (it must be allowed to edit D1) and the account's id (CLOUDFLARE_ACCOUNT_ID)";
    let (brief, full) = match status {
        300..=399 => ("correct LITEFLARE_D1_API", "LITEFLARE_D1_API names something that is not D1's API: correct it"),
        401 => (token, "the API does not know CLOUDFLARE_API_TOKEN: copy it again"),
        403 => (
            token,
            "the token may not use D1 in this account: give it the permission D1 Edit, or correct CLOUDFLARE_ACCOUNT_ID",
        ),
        404 => (
            "check LITEFLARE_D1_DATABASE, CLOUDFLARE_ACCOUNT_ID and LITEFLARE_D1_API",
            "there is no such database or account: correct LITEFLARE_D1_DATABASE or CLOUDFLARE_ACCOUNT_ID, or run `liteflare init`",
        ),
        _ => ("", "see what D1 says"),
    };
    Advice { brief, full }
}

/// What to do when a quota or a size is reached, by D1's words. Waiting a moment does not help.
pub fn about_d1_limit(message: &str) -> Option<&'static str> {
    const LIMITS: [(&str, &str); 5] = [
        ("free tier daily", "the free plan's quota for today is used up until 00:00 UTC; Workers Paid has none"),
        (
            "Exceeded maximum DB size",
            "a database may have 500 MB on the free plan and 10 GB on Workers Paid: delete rows",
        ),
        (
            "maximum account storage limit",
            "an account may have 5 GB on the free plan: delete databases, or take Workers Paid",
        ),
        ("Too many API requests by single", GATEWAY_LIMIT),
        ("Too many subrequests", GATEWAY_LIMIT),
    ];
    LIMITS.iter().find(|(said, _)| message.contains(said)).map(|(_, advice)| *advice)
}

const GATEWAY_LIMIT: &str =
    "the gateway's Worker has a limit of queries a request, which is 50 on the free plan: take Workers Paid";

/// What to do when R2 refuses with this HTTP status and S3 error code.
pub fn about_r2(status: u16, code: &str) -> Advice {
    let keys = "check R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY, or that CLOUDFLARE_API_TOKEN may edit R2";
    let (brief, full) = match (status, code) {
        (_, "NoSuchBucket") => (
            "create the bucket or check LITEFLARE_R2_BUCKET",
            "there is no such bucket: correct LITEFLARE_R2_BUCKET, or run `liteflare init`",
        ),
        (_, "RequestTimeTooSkewed") => ("set this machine's clock", "set this machine's clock"),
        (300..=399, _) => {
            ("correct LITEFLARE_R2_ENDPOINT", "LITEFLARE_R2_ENDPOINT names something that is not R2: correct it")
        }
        (401, _) => (
            keys,
            "R2 does not know the key: correct R2_ACCESS_KEY_ID, or leave both keys out to derive them from the token",
        ),
        (403, _) => (
            keys,
            "R2 does not accept the key: correct R2_SECRET_ACCESS_KEY, or give the token the permission Workers R2 Storage Edit",
        ),
        (404, _) => (
            "check LITEFLARE_R2_ENDPOINT",
            "correct LITEFLARE_R2_ENDPOINT; a gateway needs R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY",
        ),
        _ => ("", "see what R2 says"),
    };
    Advice { brief, full }
}
