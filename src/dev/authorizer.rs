//! What D1 lets a statement do: the decisions of workerd's SQLite authorizer.
//! In: an action that SQLite is about to compile. Out: allow or deny; SQLite writes the error text for a denial.

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

pub(super) fn decide(context: &AuthContext<'_>) -> Authorization {
    if is_allowed(context) { Authorization::Allow } else { Authorization::Deny }
}

fn is_allowed(context: &AuthContext<'_>) -> bool {
    // For this action SQLite passes the database as the first argument; what rusqlite calls the database name is a dropped column's.
    if let AuthAction::AlterTable { database_name, table_name } = context.action {
        return database_name == "main" && is_allowed_name(table_name);
    }
    match context.database_name {
        None | Some("main") => is_allowed_in_main(&context.action),
        Some("temp") => is_allowed_in_temp(&context.action),
        Some(_) => false,
    }
}

fn is_allowed_in_main(action: &AuthAction<'_>) -> bool {
    match *action {
        AuthAction::Select | AuthAction::Recursive | AuthAction::Analyze { .. } => true,
        AuthAction::CreateTable { table_name: name }
        | AuthAction::Delete { table_name: name }
        | AuthAction::DropTable { table_name: name }
        | AuthAction::Insert { table_name: name }
        | AuthAction::Read { table_name: name, .. }
        | AuthAction::Update { table_name: name, .. }
        | AuthAction::CreateView { view_name: name }
        | AuthAction::DropView { view_name: name }
        | AuthAction::Reindex { index_name: name } => is_allowed_name(name),
        AuthAction::CreateIndex { index_name: name, table_name }
        | AuthAction::DropIndex { index_name: name, table_name }
        | AuthAction::CreateTrigger { trigger_name: name, table_name }
        | AuthAction::DropTrigger { trigger_name: name, table_name } => {
            is_allowed_name(name) && is_allowed_name(table_name)
        }
        AuthAction::Pragma { pragma_name, pragma_value } => is_allowed_pragma(pragma_name, pragma_value),
        // Case-insensitive: `DEFAULT CURRENT_TIMESTAMP` arrives as it was written.
        AuthAction::Function { function_name } => FUNCTIONS.iter().any(|name| name.eq_ignore_ascii_case(function_name)),
        AuthAction::CreateVtable { module_name, .. } | AuthAction::DropVtable { module_name, .. } => {
            ["fts5", "fts5vocab"].iter().any(|name| name.eq_ignore_ascii_case(module_name))
        }
        // Includes BEGIN and SAVEPOINT: the batch is the only transaction.
        _ => false,
    }
}

// Compiling ALTER TABLE and DROP looks at sqlite_temp_master; creating anything there is denied.
fn is_allowed_in_temp(action: &AuthAction<'_>) -> bool {
    match *action {
        AuthAction::Read { table_name, .. } | AuthAction::Update { table_name, .. } => is_allowed_name(table_name),
        _ => false,
    }
}

/// Names beginning with `_cf_` are Cloudflare's own; `dbstat` is a table of rusqlite's SQLite, not of D1's.
fn is_allowed_name(name: &str) -> bool {
    name != "dbstat" && !name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("_cf_"))
}

fn is_allowed_pragma(name: &str, value: Option<&str>) -> bool {
    match name {
        "table_list" => true,
        "data_version" => value.is_none(),
        "case_sensitive_like"
        | "foreign_keys"
        | "defer_foreign_keys"
        | "ignore_check_constraints"
        | "legacy_alter_table"
        | "recursive_triggers"
        | "reverse_unordered_selects" => value.is_none_or(is_boolean),
        "table_info" | "table_xinfo" | "foreign_key_list" | "index_info" | "index_list" | "index_xinfo" => {
            value.is_some_and(is_allowed_name)
        }
        "foreign_key_check" | "quick_check" => value.is_none_or(is_allowed_name),
        "optimize" => value.is_none_or(|value| value.parse::<i32>().is_ok()),
        _ => false,
    }
}

fn is_boolean(value: &str) -> bool {
    let value = value.trim_matches(['\'', '"']);
    ["true", "false", "yes", "no", "on", "off", "1", "0"].iter().any(|word| word.eq_ignore_ascii_case(value))
}

/// The functions workerd 2026-07-30 allows and its SQLite 3.47 has.
const FUNCTIONS: &[&str] = &[
    // https://www.sqlite.org/lang_corefunc.html
    "abs",
    "changes",
    "char",
    "coalesce",
    "concat",
    "concat_ws",
    "format",
    "glob",
    "hex",
    "ifnull",
    "iif",
    "instr",
    "last_insert_rowid",
    "length",
    "like",
    "likelihood",
    "likely",
    "lower",
    "ltrim",
    "nullif",
    "octet_length",
    "printf",
    "quote",
    "random",
    "randomblob",
    "replace",
    "round",
    "rtrim",
    "sign",
    "substr",
    "substring",
    "total_changes",
    "trim",
    "typeof",
    "unhex",
    "unicode",
    "unlikely",
    "upper",
    "zeroblob",
    // https://www.sqlite.org/lang_datefunc.html
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "datetime",
    "julianday",
    "strftime",
    "time",
    "timediff",
    "unixepoch",
    // https://www.sqlite.org/lang_aggfunc.html
    "avg",
    "count",
    "group_concat",
    "max",
    "min",
    "string_agg",
    "sum",
    "total",
    // https://www.sqlite.org/windowfunctions.html#biwinfunc
    "cume_dist",
    "dense_rank",
    "first_value",
    "lag",
    "last_value",
    "lead",
    "nth_value",
    "ntile",
    "percent_rank",
    "rank",
    "row_number",
    // https://www.sqlite.org/lang_mathfunc.html
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "ceil",
    "cos",
    "cosh",
    "degrees",
    "exp",
    "floor",
    "ln",
    "log",
    "log2",
    "mod",
    "pi",
    "pow",
    "radians",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "trunc",
    // https://www.sqlite.org/json1.html
    "->",
    "->>",
    "json",
    "json_array",
    "json_array_length",
    "json_each",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_insert",
    "json_object",
    "json_patch",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_set",
    "json_tree",
    "json_type",
    "json_valid",
    "jsonb",
    "jsonb_array",
    "jsonb_extract",
    "jsonb_group_array",
    "jsonb_group_object",
    "jsonb_insert",
    "jsonb_object",
    "jsonb_patch",
    "jsonb_remove",
    "jsonb_replace",
    "jsonb_set",
    // https://www.sqlite.org/fts5.html
    "bm25",
    "highlight",
    "match",
    "snippet",
    // Called internally by ALTER TABLE.
    "sqlite_drop_column",
    "sqlite_rename_column",
    "sqlite_rename_quotefix",
    "sqlite_rename_table",
    "sqlite_rename_test",
];
