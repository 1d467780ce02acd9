// What an error of the D1 binding says about the batch: that it was not applied, or nothing certain.
import { Refusal } from "./envelope";

// What D1 says when SQLite, or the check before it, refused the statement; all of it was rolled back.
const REFUSED =
  /: SQLITE_[A-Z]+\b|^D1_TYPE_ERROR|parameter|must contain only one statement|did not contain a statement|No SQL statements|To execute a transaction/;
// SQLite failed underneath: what became of the batch is open.
const UNDECIDED = /SQLITE_(BUSY|IOERR|FULL|NOMEM|INTERRUPT|CORRUPT|CANTOPEN|PROTOCOL|NOTADB|INTERNAL)\b/;
// A quota, a size or a number of queries that is reached: nothing was begun, and waiting a moment does not help.
const LIMIT =
  /has exceeded D1's|Exceeded maximum DB size|maximum account storage limit|Too many API requests by single|Too many subrequests/;
// Nothing was begun, and it passes. The client knows it by these words, as it does where the REST API says them.
const LATER = /Currently processing a long-running/;

/** The refusal in an error, if nothing was applied. Anything else (a reset, a lost connection, an overload) leaves that open. */
export function refusal(error: unknown): Refusal | undefined {
  const message = error instanceof Error ? error.message : String(error);
  const refused = REFUSED.test(message) && !UNDECIDED.test(message);
  return refused || LIMIT.test(message) || LATER.test(message) ? new Refusal(400, 7500, message) : undefined;
}
