//! LIMIT, handed on to D1 where that changes nothing but the work.

use sqlite_loadable::table::{Constraint, ConstraintOperator, IndexInfo};

use crate::value::Value;

/// The LIMIT of a query that takes all rows as they come: no other term, order or offset stands between them and the LIMIT.
/// `taken`: so many terms are the table's own business.
pub fn of_all<'c>(info: &IndexInfo, constraints: &'c mut [Constraint], taken: usize) -> Option<&'c mut Constraint> {
    if constraints.len() != taken + 1 || !info.order_bys().is_empty() {
        return None;
    }
    constraints.iter_mut().find(|constraint| constraint.usable() && constraint.op() == Some(ConstraintOperator::LIMIT))
}

/// The number; a negative one is no limit.
pub fn value(argument: Option<Value>) -> Option<i64> {
    match argument {
        Some(Value::Integer(limit)) if limit >= 0 => Some(limit),
        _ => None,
    }
}
