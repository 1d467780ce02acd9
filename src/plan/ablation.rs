//! Switches single rules off, in tests only: a comparison that does not fail without a rule proves nothing about it.

/// Rules a test may switch off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// R3: children that D1's foreign keys would touch.
    Closure,
    /// R4: rows whose unique columns changed are deleted first.
    Unique,
    /// R4: partial and expression indexes, and generated columns, count too.
    OpaqueUnique,
    /// R10: `sqlite_sequence`.
    Sequence,
    /// R14: tables that go are emptied while their children are.
    EmptyDropped,
    /// The refusal of rows whose foreign keys D1 cannot check.
    ForeignKeys,
    /// R15: rows are compared anew where an ALTER moves columns.
    CompareAll,
}

#[cfg(test)]
thread_local! {
    /// The rule that is off on this thread.
    pub(super) static OFF: std::cell::Cell<Option<Rule>> = const { std::cell::Cell::new(None) };
}

/// Whether a rule holds; outside of tests it always does.
#[cfg(test)]
pub(super) fn holds(rule: Rule) -> bool {
    OFF.get() != Some(rule)
}

/// Whether a rule holds; outside of tests it always does.
#[cfg(not(test))]
pub(super) const fn holds(_rule: Rule) -> bool {
    true
}
