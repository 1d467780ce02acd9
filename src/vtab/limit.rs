//! Passes LIMIT on to D1 where that cannot change the result.

use sqlite_loadable::table::{Constraint, ConstraintOperator, IndexInfo};

use crate::value::Value;

/// The query's LIMIT, if no other term, ORDER BY or OFFSET applies before it. `taken`: how many terms the table itself consumes.
pub(crate) fn of_all<'c>(
    info: &IndexInfo,
    constraints: &'c mut [Constraint],
    taken: usize,
) -> Option<&'c mut Constraint> {
    if constraints.len() != taken + 1 || !info.order_bys().is_empty() {
        return None;
    }
    constraints.iter_mut().find(|constraint| constraint.usable() && constraint.op() == Some(ConstraintOperator::LIMIT))
}

/// As in SQL, a negative number means no limit.
pub(crate) fn value(argument: Option<Value>) -> Option<i64> {
    match argument {
        Some(Value::Integer(limit)) if limit >= 0 => Some(limit),
        _ => None,
    }
}
