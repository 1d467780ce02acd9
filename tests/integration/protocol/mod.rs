//! The commit protocol: a commit is acknowledged exactly when D1 has it, whatever answers come; a conflict ends its transaction; large
//! commits have all of their parts or fail; and a D1 that is set back is noticed.

mod answers;
mod gate;
mod restore;
mod staging;
