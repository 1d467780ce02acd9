//! Answers that send the client elsewhere, which it never does: what is said of one.

use http::header::{HeaderMap, LOCATION};
use http::status::StatusCode;
use reqwest::Url;

/// What an answer that redirects says, for a message. Of the goal only the host, since there may be secrets in the rest.
pub(crate) fn redirect(status: StatusCode, head: &HeaderMap) -> Option<String> {
    if !status.is_redirection() || status == StatusCode::NOT_MODIFIED {
        return None;
    }
    let goal = head.get(LOCATION).and_then(|goal| Url::parse(goal.to_str().ok()?).ok());
    let goal = goal.map_or_else(|| "another path".into(), |goal| goal.origin().ascii_serialization());
    Some(format!("this endpoint redirects to {goal}, where nothing was sent"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, goal: &str) -> Option<String> {
        let head = HeaderMap::from_iter([(LOCATION, goal.parse().unwrap())]);
        redirect(StatusCode::from_u16(status).unwrap(), &head)
    }

    #[test]
    fn only_the_host_of_a_redirects_goal_is_said() {
        for status in [300, 301, 302, 303, 307, 308] {
            let said = said(status, "http://me:HIDDEN@other.example:81/HIDDEN?token=HIDDEN#HIDDEN").unwrap();
            assert!(said.contains(" http://other.example:81,") && !said.contains("HIDDEN"), "{said}");
        }
        assert!(said(307, "/HIDDEN").unwrap().contains("another path"));
        assert!(redirect(StatusCode::FOUND, &HeaderMap::new()).is_some());
        assert!(said(304, "http://other.example").is_none() && said(200, "http://other.example").is_none());
    }
}
