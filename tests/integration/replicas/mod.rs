//! A process's copy of a database while others change it: what open connections see when it is read anew, how old a read may be, and
//! how long the copy stays.

mod age;
mod anew;
mod kept;
