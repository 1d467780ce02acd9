//! What a connection may compile, by its task. In: an action that SQLite is about to compile. Out: allow or deny. SQLite asks when a
//! statement is prepared, never for a row.

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use super::Task;

/// The decisions for a task.
pub(super) fn of(task: Task) -> impl FnMut(AuthContext<'_>) -> Authorization + Send + 'static {
    move |context: AuthContext<'_>| {
        if is_allowed(task, &context.action) { Authorization::Allow } else { Authorization::Deny }
    }
}

/// Whatever is not named is denied: ATTACH and DETACH (VACUUM INTO is an ATTACH), virtual tables, temporary objects, ANALYZE.
fn is_allowed(task: Task, action: &AuthAction<'_>) -> bool {
    let writes = matches!(task, Task::Build | Task::Rehearse);
    match *action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Transaction { .. } => true,
        AuthAction::Function { function_name } => !REACHING_OUT.iter().any(|name| is(name, function_name)),
        AuthAction::Pragma { pragma_name, pragma_value } => is_allowed_pragma(task, pragma_name, pragma_value),
        AuthAction::CreateTable { .. }
        | AuthAction::CreateIndex { .. }
        | AuthAction::CreateView { .. }
        | AuthAction::CreateTrigger { .. }
        | AuthAction::Reindex { .. } // filling a new index
        | AuthAction::Delete { .. } => writes,
        AuthAction::Insert { table_name } | AuthAction::Update { table_name, .. } => {
            writes || (task == Task::Describe && TEMPORARY_SCHEMA.contains(&table_name))
        }
        AuthAction::DropTable { .. }
        | AuthAction::DropIndex { .. }
        | AuthAction::DropView { .. }
        | AuthAction::DropTrigger { .. }
        | AuthAction::AlterTable { .. }
        | AuthAction::Savepoint { .. } => task == Task::Rehearse,
        AuthAction::CreateTempView { .. } => task == Task::Describe,
        // Compiled with the views that ALTER TABLE or an application's query names, and not run.
        AuthAction::Recursive => matches!(task, Task::Describe | Task::Rehearse),
        _ => false,
    }
}

fn is(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Where a temporary view is entered.
const TEMPORARY_SCHEMA: [&str; 2] = ["sqlite_temp_master", "sqlite_temp_schema"];

/// Functions of SQLite's own programs and extensions that open files, load or run code. Those that are not built in are named in case
/// they ever are.
const REACHING_OUT: &[&str] =
    &["load_extension", "fts3_tokenizer", "readfile", "writefile", "lsmode", "edit", "eval", "fsdir", "zipfile"];

fn is_allowed_pragma(task: Task, name: &str, value: Option<&str>) -> bool {
    match name {
        "table_list" | "table_info" | "table_xinfo" | "index_list" | "index_xinfo" | "foreign_key_list" => true,
        "user_version" | "application_id" | "encoding" => {
            value.is_none() || matches!(task, Task::Build | Task::Rehearse)
        }
        // They only read. ALTER TABLE ADD COLUMN runs the first, too.
        "quick_check" | "integrity_check" | "foreign_key_check" => true,
        _ => false,
    }
}
